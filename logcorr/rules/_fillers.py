"""Scheduled scripts that write under a new name each time, and that nothing removes what they wrote."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case, Schedule
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._jobs import scripts_of
from logcorr.rules._settings import settings
from logcorr.timeline.scripts import expanded, said
from logcorr.timeline.select import lines_like

MADE = r"\$\(date\b[^)]*\)|`date\b[^`]*`|\$\$|\$RANDOM|\$\{?(?:STAMP|TIMESTAMP|NOW|TODAY|DATE)\b\}?"
"""What differs each time."""

NEW_NAME = regex(rf"(?P<folder>/?(?:[\w.-]+/)+)(?P<before>[^/\s\"'$`>=]*)(?:{MADE})(?P<after>(?:{MADE}|[^/\s\"';|&)])*)")
DATED = regex(
    r"\s*(?:export |local |readonly )?(?P<name>\w+)=(?P<value>\"[^\"]*\"|(?:\$\([^)]*\)|`[^`]*`|\$(?!\()|[^\s;`$\"'])+)"
)

WRITES = regex(
    r">>?|\b(?:cp|mv|tar|zip|gzip|xz|zstd|dd|tee|install|rsync|mkdir|split|pg_dump|mysqldump|mongodump|mongoexport|ffmpeg|convert"
    r"|sqlite3|redis-cli|restic|curl|wget)\b"
)
REMOVES = regex(r"\brm\b|-delete\b|\bunlink\b|\btmpreaper\b|\btmpwatch\b|\bshred\b|--delete\b|\blogrotate\b")
LISTS = regex(r"^\s*for\b|=[\"']?\$\((?:ls|find)\b|\|\s*while\b")
REMOVES_NAMED = regex(r"\b(?:rm|unlink|shred)\b[^|;&\n]*\$")
"""A variable's files are removed: another line says which they are."""

AGED = r"^\s*[a-zA-Z]\S*\s+{}(?:/\S*)?\s+(?:\S+\s+){{3}}[~0-9a-z]*\d"
"""A line of tmpfiles.d(5) with an age: what is older is removed."""

GLOB = regex(r"[^\s\"'();|<>]*\*[^\s\"'();|<>]*")
LISTED_NAME = regex(r"(?:^|/|[._-])(?:ls|ll|du|find|tree|listing|files)(?:[._-]|$)")
MOST_LISTED = 2000
CD = regex(r"^\s*cd (?:-- )?[\"']?(?P<to>/[\w./-]*)[\"']?\s*(?:$|[;&|#])")


class _Name(Struct, frozen=True):
    """A file's name: what stands before and after the part that differs each time, and its folder."""

    line: Span
    folder: str
    before: str
    after: str

    def is_meant(self, glob: str) -> bool:
        """Whether a pattern may match such names."""
        first, last = glob.split("*")[0], glob.split("*")[-1]
        begins = first.startswith(self.before) or self.before.startswith(first) or "$" in first
        return begins and (last.endswith(self.after) or self.after.endswith(last) or "$" in last)


class Filler(Struct, frozen=True):
    """A schedule, the line that makes the new name, and the folder it goes to.

    `missed` is the line that removes from that folder, if one does: only what is called otherwise. `listed` shows such files.
    """

    schedule: Schedule
    line: Span
    folder: str
    missed: Span | None = None
    listed: tuple[Span, ...] = ()


def fillers(case: Case) -> Iterator[Filler]:
    """Scripts of jobs that do so, and that no collected script clears up after."""
    scripts = [(script, _placed(script)) for script in case.of(Script)]
    for schedule in case.schedules:
        for script in scripts_of(case, schedule):
            for name in _new_names(script):
                removals = [removal for one, lines in scripts for removal in _removals(one, lines, name)]
                if all(missed for _, missed in removals) and not any(settings(case, AGED.format(re.escape(name.folder)))):
                    own = [span for span, _ in removals if span.path == script.span.path]
                    yield Filler(schedule, name.line, name.folder, next(iter(own), None), tuple(_listed(case, name)))


def _placed(script: Script) -> Sequence[tuple[str, str]]:
    """The script's lines, dates that were put into variables before written out, each with the directory that `cd` tells."""
    directory = ""
    placed = []
    dated: dict[str, str] = {}
    for line in expanded(script):
        text = re.sub(r"\$\{?(\w+)\}?", lambda found: dated.get(found[1], found[0]), line)
        placed.append((text, directory))
        directory = found["to"] if (found := CD.match(text)) else directory
        if (setting := DATED.match(text)) and re.search(MADE, setting["value"]):
            dated[setting["name"]] = setting["value"].strip("\"'")
    return placed


def _new_names(script: Script) -> Iterator[_Name]:
    """The first path with a part of its own each time that a script names, if it writes."""
    if not WRITES.search(script.text):
        return
    for number, (text, directory) in enumerate(_placed(script)):
        found = NEW_NAME.search(text)
        folder = posixpath.join(directory, found["folder"].rstrip("/")) if found and found["folder"] else ""
        if found and folder.startswith("/") and not text.lstrip().startswith("#"):
            after = re.split(rf"{MADE}|\$\w*", found["after"])[-1]
            yield _Name(Span(script.span.path, script.span.line + number), folder, found["before"], after)
            return


def _removals(script: Script, lines: Sequence[tuple[str, str]], name: _Name) -> Iterator[tuple[Span, bool]]:
    """The lines that remove from the folder, and of each whether it means only files that are called otherwise."""
    named = REMOVES_NAMED.search(script.text)
    for number, (text, directory) in enumerate(lines):
        own = name.folder in text or (directory and _within(text, directory, name.folder))
        if own and (REMOVES.search(text) or (named and LISTS.search(text))):
            globs = [glob.rpartition("/")[2] for glob in GLOB.findall(text)]
            missed = bool(globs) and not any(map(name.is_meant, globs))
            yield Span(script.span.path, script.span.line + number), missed


def _within(text: str, directory: str, folder: str) -> bool:
    """Whether a line names the folder from the directory it works in."""
    relative = posixpath.relpath(folder, directory)
    return relative == "." or re.search(rf"(?<![\w./-])(?:\./)?{re.escape(relative)}(?![\w-])", text) is not None


def _listed(case: Case, name: _Name) -> Iterator[Span]:
    """The first and last lines of a captured listing that show such files."""
    if not name.before:
        return
    pattern = rf"(?:^|[\s/]){re.escape(name.before)}[\w.:-]*{re.escape(name.after)}$"
    for path in sorted(path for path in case.files if LISTED_NAME.search(path.rpartition("/")[2])):
        shown = [span for span, _ in lines_like(case, Span(path, 1, MOST_LISTED), pattern)]
        yield from dict.fromkeys((*shown[:1], *shown[-1:]))


def complains(case: Case, schedule: Schedule, failed: pl.DataFrame) -> bool:
    """Whether the log that holds this job's own words tells of the full disk too."""
    files = set(said(case, schedule.behaviours)["file"])
    written = {path.rpartition("/")[2] for path in re.findall(r">>?\s*(\S+)", schedule.job.command)}
    told = set(failed["file"])
    return bool(files & told) or bool(written & {file.rpartition("/")[2] for file in told})
