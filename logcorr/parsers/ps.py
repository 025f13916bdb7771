"""What `ps` prints: `ps aux`, `ps -ef`, or columns of one's own.

    deploy   40161 98.7  6.2 913220 62000 ?        Rl   10:00 120:01 node /srv/shop/server.js

Format: procps-ng's ps(1); busybox prints fewer columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Process
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_COMMANDS = ("COMMAND", "CMD")
_STARTS = ("START", "STIME", "STARTED")
_HEADER = regex(r"\s*(?:[A-Z%]+\s+)*PID\s+(?:[A-Z%]+\s+)*(?:COMMAND|CMD)\s*")
_ELAPSED = regex(r"(?:(?:(?P<days>\d+)-)?(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d\d)")
_FRAME = regex(r"\s*(?:```.*|[^\s].*[$#] .*|[$#] .*)?\s*")


def _recognise(sample: Sample) -> float:
    return 0.95 if any(map(_HEADER.fullmatch, sample.lines[:3])) else 0.0


@configuration_parser(title="ps", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A process a row below the header."""
    names: list[str] = []
    for number, line in enumerate(artifact.text().split("\n"), 1):
        if _HEADER.fullmatch(line):
            names = line.split()
        elif names and line.strip():
            found = _process(artifact, number, line, names)
            yield found or Problem(artifact.path, f"no process: {line.strip()}", number)
        elif not _FRAME.fullmatch(line):
            yield Problem(artifact.path, f"no process: {line.strip()}", number)


def _process(artifact: Artifact, number: int, line: str, names: list[str]) -> Process | None:
    """The cells are words, but for the command, which is last; a date as start (`Nov 14`) is one word to ps."""
    words = line.split(None, len(names) - 1)
    cells = dict(zip(names, words, strict=False))
    if len(words) != len(names) or not re.fullmatch(r"[0-9]{1,9}", cells["PID"]):
        return None
    return Process(
        span=artifact.span(number),
        command=next(cells[name] for name in _COMMANDS if name in cells),
        pid=int(cells["PID"]),
        user=cells.get("USER") or cells.get("UID"),
        state=cells.get("STAT") or cells.get("S"),
        started=next((cells[name] for name in _STARTS if name in cells), None),
        up_s=_seconds(cells.get("ELAPSED", "")),
    )


def _seconds(elapsed: str) -> float | None:
    """`[[days-]hours:]minutes:seconds`."""
    found = _ELAPSED.fullmatch(elapsed)
    if not found:
        return None
    part = {name: int(text or 0) for name, text in found.groupdict().items()}
    return float(((part["days"] * 24 + part["hours"]) * 60 + part["minutes"]) * 60 + part["seconds"])
