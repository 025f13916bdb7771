"""A job whose runs can overlap takes a lock: a run that finds the last one still going gives way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import added
from logcorr.lazily import regex
from logcorr.model.claim import claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding

OUTPUT = regex(r"\s*\d*>>?\s*(?:&\d|[^\s;|&<>()'\"`$]+)")
PLAIN = regex(r"(?!cd\s|\w+=)[^\s;|&<>()'\"`$\\%{}]+(?:\s+[^\s;|&<>()'\"`$\\%{}]+)*")
"""One command and its arguments, nothing that the shell would take apart: only that can follow flock."""


@fix("runs_can_overlap")
def job_lock(finding: Finding, folder: Folder) -> Iterator[Change]:
    """flock(1) before the command, which ends at once (-n) while another run holds the file."""
    place = finding.evidence[0].span
    text = folder.text(place.path)
    command = next((script for script in folder.case.of(Script) if script.span == place), None)
    if not text or not command or not PLAIN.fullmatch(OUTPUT.sub("", command.text)):
        return
    name = re.sub(r"\W+", "-", command.text.split()[0].rpartition("/")[2].partition(".")[0])
    said = claim("patch.job_lock", "a run gives way while another one holds {lock}", lock=f"/tmp/{name}.lock")
    at = text.bounds(place.line)[0] + command.column
    yield Change(path=place.path, edits=(added(at, f"flock -n /tmp/{name}.lock "),), claim=said)
