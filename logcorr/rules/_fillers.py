"""Scheduled scripts that write under a new name each time and never remove what they wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl
from msgspec import Struct

from logcorr.model.case import Case, Schedule
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._deeds import expanded
from logcorr.rules._jobs import scripts_of
from logcorr.timeline.scripts import said

NEW_NAME = re.compile(
    r"(?P<folder>/[\w./-]+)/[^/\s\"']*(?:\$\(date\b|`date\b|\$\$|\$RANDOM|\$\{?(?:STAMP|TIMESTAMP|NOW|TODAY|DATE)\b)"
)
WRITES = re.compile(
    r">>?|\b(?:cp|mv|tar|zip|gzip|dd|tee|install|rsync|mkdir|split|pg_dump|mysqldump|mongodump|mongoexport|ffmpeg|convert)\b"
)
REMOVES = re.compile(r"\brm\b|-delete\b|\bunlink\b|\btmpreaper\b|\btmpwatch\b|\bshred\b|--delete\b|\blogrotate\b")


class Filler(Struct, frozen=True):
    """A schedule, the line that makes the new name, and the folder it goes to."""

    schedule: Schedule
    line: Span
    folder: str


def fillers(case: Case) -> Iterator[Filler]:
    """Scripts of jobs that do so, and that no collected script clears up after."""
    removed = [expanded(script) for script in case.of(Script)]
    for schedule in case.schedules:
        for script in scripts_of(case, schedule):
            for line, folder in _new_names(script):
                if not any(REMOVES.search(text) and folder in text for lines in removed for text in lines):
                    yield Filler(schedule, line, folder)


def _new_names(script: Script) -> Iterator[tuple[Span, str]]:
    """Lines that make a path with a part of its own each time, in a script that writes."""
    if not WRITES.search(script.text):
        return
    for number, text in enumerate(expanded(script)):
        found = NEW_NAME.search(text)
        if found and not text.lstrip().startswith("#"):
            yield Span(script.span.path, script.span.line + number), found["folder"]
            return


def complains(case: Case, schedule: Schedule, failed: pl.DataFrame) -> bool:
    """Whether the log that holds this job's own words tells of the full disk too."""
    files = set(said(case, schedule.behaviours)["file"])
    written = {path.rpartition("/")[2] for path in re.findall(r">>?\s*(\S+)", schedule.job.command)}
    told = set(failed["file"])
    return bool(files & told) or bool(written & {file.rpartition("/")[2] for file in told})
