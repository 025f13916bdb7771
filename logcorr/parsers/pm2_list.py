"""What `pm2 ls` prints, as a table or (`-m`) as blocks.

    │ 0  │ api  │ default │ 1.0.0 │ fork │ 6522 │ 3s │ 14 │ online │ 0% │ 51.6mb │ deploy │ disabled │

Format: pm2's lib/API/UX/pm2-ls.js and pm2-ls-minimal.js; ages are cut to their largest unit (helpers.js).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Process
from logcorr.model.source import Artifact, Sample, Span
from logcorr.parsers import configuration_parser

_HEADER = regex(r"\s*│\s*(?:id|App name|name)\s*│.*(?:↺|restart).*")
_BLOCK = regex(r"\+--- (?P<name>\S.*)")
_MEMBER = regex(r"(?P<key>[a-zA-Z][\w ]*?) : (?P<value>.*)")
_NAMES = {"App name": "name", "↺": "restarts", "restart": "restarts", "restarted": "restarts"}
_AGE = regex(r"(?P<count>\d+)(?P<unit>[smhDMY])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "D": 86400, "M": 2592000, "Y": 31536000}


def _recognise(sample: Sample) -> float:
    table = any(map(_HEADER.fullmatch, sample.lines))
    blocks = any(map(_BLOCK.fullmatch, sample.lines)) and any(line.startswith("restarted : ") for line in sample.lines)
    return 0.95 if table or blocks else 0.0


@configuration_parser(title="pm2 ls", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact]:
    """A process an application."""
    lines = artifact.text().split("\n")
    for span, cells in (*_rows(artifact, lines), *_blocks(artifact, lines)):
        if cells.get("name"):
            yield _process(span, cells)


def _rows(artifact: Artifact, lines: list[str]) -> Iterator[tuple[Span, Mapping[str, str]]]:
    names: list[str] = []
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.strip().strip("│").split("│")]
        if _HEADER.fullmatch(line):
            names = [_NAMES.get(cell, cell) for cell in cells]
        elif names and len(cells) == len(names):
            yield artifact.span(number), dict(zip(names, cells, strict=True))


def _blocks(artifact: Artifact, lines: list[str]) -> Iterator[tuple[Span, Mapping[str, str]]]:
    for first, line in enumerate(lines):
        head = _BLOCK.fullmatch(line)
        if head is None:
            continue
        members = {}
        last = first
        while last + 1 < len(lines) and (member := _MEMBER.fullmatch(lines[last + 1])):
            members[_NAMES.get(member["key"], member["key"])] = member["value"].strip()
            last += 1
        yield artifact.span(first + 1, last + 1), {"name": head["name"], **members}


def _process(span: Span, cells: Mapping[str, str]) -> Process:
    age = _AGE.fullmatch(cells.get("uptime", ""))
    return Process(
        span=span,
        name=cells["name"],
        pid=_number(cells.get("pid", "")) or None,
        user=cells.get("user") or None,
        state=cells.get("status") or None,
        up_s=float(int(age["count"]) * _UNIT_S[age["unit"]]) if age else None,
        restarts=_number(cells.get("restarts", "")),
    )


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
