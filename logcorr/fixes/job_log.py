"""What a job says goes to the system's log instead of nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.fixes import Change, Folder, fix
from logcorr.lazily import regex
from logcorr.model.claim import claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Edit, Finding

SILENT = regex(r"\s*(?:>>?\s*/dev/null\s+2>\s*&1|&>>?\s*/dev/null|>>?\s*/dev/null\s+2>>?\s*/dev/null)\s*$")

NAME = regex(r"(?P<name>[\w-]+)(?:\.\w+)?(?:\s|$)")
"""The last part of the path of the program that a command begins with, without its suffix."""


@fix("job_output_discarded")
def job_log(finding: Finding, folder: Folder) -> Iterator[Change]:
    """A pipe into logger(1), which writes the time beside each line."""
    place = finding.evidence[0].span
    text = folder.text(place.path)
    job = next((one for one in folder.case.of(ScheduledJob) if one.span == place), None)
    name = NAME.match(job.command.split()[0].rpartition("/")[2]) if job and job.scheduler == "cron" else None
    start, end = text.bounds(place.line) if text else (0, 0)
    silent = SILENT.search(text.plain[start:end]) if text else None
    if text and name and silent and not re.search(r"[;&|]", text.plain[start : start + silent.start()]):
        said = claim("patch.job_log", "what the job says goes to the system's log, as {name}", name=name["name"])
        edit = Edit(start=start + silent.start(), end=end, text=f" 2>&1 | logger -t {name['name']}")
        yield Change(path=place.path, edits=(edit,), claim=said)
