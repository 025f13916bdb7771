"""What `docker ps`, `docker compose ps` and `docker-compose ps` print: any columns, and `--format json`.

    NAMES                    STATUS
    heart-whisper-mongodb    Up 4 days (healthy)

Ages are worded by go-units' HumanDuration (https://github.com/docker/go-units/blob/master/duration.go).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from logcorr.lazily import regex
from logcorr.model.facts import Container, Fact
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.parsers import configuration_parser

_HEADERS = {
    "CONTAINER ID": "id",
    "IMAGE": "image",
    "COMMAND": "command",
    "CREATED": "created",
    "RUNNING FOR": "created",
    "CREATED AT": "created at",
    "STATUS": "status",
    "STATE": "status",
    "PORTS": "ports",
    "NAMES": "name",
    "NAME": "name",
    "SERVICE": "service",
    "SIZE": "size",
    "LABELS": "labels",
    "MOUNTS": "mounts",
    "NETWORKS": "networks",
    "LOCAL VOLUMES": "volumes",
}
_HEADER_CELL = regex(r"\S+(?: \S+)*")
_WRAPPING_HEADER = regex(r"\s*Name\s{2,}Command\s{2,}State\b")
_STATUS = regex(
    r"""
    (?P<state>up|running|exit(?:ed)?|restarting|created|paused|dead|removal\ in\ progress)\b
    (?:\s*\((?P<code>-?\d{1,9})\))?
    (?:\s+(?P<bare_code>\d{1,9})$)?                       # docker-compose v1: Exit 137
    (?:\s+(?P<age>(?:less\ than\ a|about\ an?|\d{1,9})\s+\w+)(?:\s+ago)?)?
    (?:\s*\((?P<note>[^)]*)\))?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_AGE = regex(
    r"(?P<count>\d{1,9}|about an?|less than a)\s+(?P<unit>second|minute|hour|day|week|month|year)s?(?:\s+ago)?", re.IGNORECASE
)
_UNIT_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}
_HEALTH = {"healthy": True, "unhealthy": False}
_FRAME = regex(
    r"""
    \s* (?: ```.*
      | [^\#]* [$\#>] \s* (?:[^|]*[;&]\s*)? (?:sudo\s+)? (?:docker|docker-compose|podman) \s.*      # a prompt with the command
      | (?:sudo\s+)? docker (?:-compose|\ compose)? \s+ ps\b .*
      | \w{3}\ \w{3}\ [\ \d]\d\ \d\d:\d\d:\d\d\ .*\d{4}      # date
      | [-=]+
    )? \s*
    """,
    re.VERBOSE,
)


class _Column(NamedTuple):
    name: str
    start: int


def _recognise(sample: Sample) -> float:
    lines = [line for line in sample.lines if not _FRAME.fullmatch(line)]
    if lines and _WRAPPING_HEADER.match(lines[0]):
        return 0.95
    columns = _columns(lines[0]) if lines else ()
    if columns:
        first = _cells(lines[1], columns) if len(lines) > 1 else None
        return 0.95 if first is None or _STATUS.match(first.get("status", "")) else 0.3
    if lines and all(map(_json_row, lines)):
        return 0.95
    return 0.85 if lines and all(map(_bare_row, lines)) else 0.0


@configuration_parser(title="docker ps", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A container a row."""
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(artifact.text().split("\n"), 1)]
    lines = [(number, line) for number, line in lines if not _FRAME.fullmatch(line)]
    wraps = any(_WRAPPING_HEADER.match(line) for _, line in lines)
    for span, cells in _wrapped_rows(artifact, lines) if wraps else _rows(artifact, lines):
        if re.fullmatch(r"[\w.,/-]+", cells.get("name", "")) and _STATUS.match(cells.get("status", "up")):
            yield _container(span, cells)
        else:
            yield Problem(artifact.path, f"no container: {cells['line']}", span.line)


def _rows(artifact: Artifact, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[Span, Mapping[str, str]]]:
    """The cells of each line, by the header above it; cells without a name are no container's."""
    columns: tuple[_Column, ...] = ()
    for number, line in lines:
        header = _columns(line)
        if header:
            columns = header
            continue
        cells = _json_row(line) or (_cells(line, columns) if columns else _bare_row(line)) or {}
        yield artifact.span(number), {"line": line.strip(), **cells}


def _wrapped_rows(artifact: Artifact, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[Span, Mapping[str, str]]]:
    """docker-compose v1's rows: its headers are centred, and long cells go on in the lines below, under their beginning."""
    row: dict[int, str] = {}
    first = last = 0
    for number, line in lines:
        words = {match.start(): match[0] for match in _HEADER_CELL.finditer(line)}
        cells = list(words.values())
        if len(cells) >= 3 and _STATUS.match(cells[2]):
            if row:
                yield artifact.span(first, last), _named(row)
            row, first = words, number
        elif row:
            row = {start: f"{text} {words[start]}" if start in words else text for start, text in row.items()}
        last = number
    if row:
        yield artifact.span(first, last), _named(row)


def _named(row: Mapping[int, str]) -> Mapping[str, str]:
    name, command, status, *ports = row.values()
    return {
        "line": " ".join(row.values()),
        "name": name.replace(" ", ""),
        "command": command,
        "status": status,
        "ports": " ".join(ports),
    }


def _columns(line: str) -> tuple[_Column, ...]:
    """The columns of a header line; none if it is no header. It names containers and tells something of them."""
    found = [(match[0].upper(), match.start()) for match in _HEADER_CELL.finditer(line.expandtabs(8))]
    columns = tuple(_Column(_HEADERS[word], start) for word, start in found if word in _HEADERS)
    names = {column.name for column in columns}
    return columns if len(columns) == len(found) and "name" in names and len(names) > 1 else ()


def _cells(line: str, columns: tuple[_Column, ...]) -> dict[str, str]:
    """A row's cells by the header's positions; by wide gaps where these do not fit (a pasted table)."""
    text = line.expandtabs(8)
    fits = all(column.start == 0 or not text[column.start - 1 : column.start].strip() for column in columns)
    pieces = re.split(r"\s{2,}", text.strip())
    if not fits and len(pieces) == len(columns):
        return {column.name: piece for column, piece in zip(columns, pieces, strict=True)}
    ends = [column.start for column in columns[1:]] + [len(text)]
    return {column.name: text[column.start : end].strip() for column, end in zip(columns, ends, strict=True)}


def _bare_row(line: str) -> dict[str, str] | None:
    """A row of `--format '{{.Names}}\\t{{.Status}}'`: no header, a status in one of the cells, a name in the first other."""
    pieces = re.split(r"\t|\s{2,}|:\s", line.strip())
    status = [piece for piece in pieces if _STATUS.fullmatch(piece)]
    others = [piece for piece in pieces if not _STATUS.fullmatch(piece)]
    if len(status) != 1 or not others or not re.fullmatch(r"[\w.-]+", others[0]):
        return None
    return {"name": others[0], "status": status[0]}


def _json_row(line: str) -> dict[str, str] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    name = found.get("Names") or found.get("Name")
    status = found.get("Status") or found.get("State")
    if not isinstance(name, str) or not isinstance(status, str):
        return None
    labels = dict(label.partition("=")[::2] for label in str(found.get("Labels", "")).split(","))
    return {
        "name": name,
        "status": status,
        "id": str(found.get("ID", "")),
        "image": str(found.get("Image", "")),
        "created": str(found.get("RunningFor", "")),
        "service": str(found.get("Service") or labels.get("com.docker.compose.service", "")),
        "project": str(found.get("Project") or labels.get("com.docker.compose.project", "")),
    }


def _container(span: Span, cells: Mapping[str, str]) -> Container:
    status = cells.get("status", "")
    found = _STATUS.match(status)
    words = found.groupdict(default="") if found else dict.fromkeys(_STATUS.groupindex, "")
    up = _age(words["age"]) if words["state"].lower() in {"up", "running"} else None
    created = _age(cells.get("created", ""))
    code = words["code"] or words["bare_code"]
    return Container(
        span=span,
        name=cells["name"].split(",")[0],
        image=cells.get("image") or None,
        status=status,
        up_s=up[0] if up else None,
        created_s=created[0] if created else None,
        age_resolution_s=(up or created or (0.0, 1.0))[1],
        healthy=_HEALTH.get(words["note"].lower()),
        exit_code=int(code) if code else None,
        service=cells.get("service") or None,
        project=cells.get("project") or None,
        id=cells.get("id") or None,
    )


def _age(text: str) -> tuple[float, float] | None:
    """An age and the unit it is given in, both in seconds."""
    found = _AGE.fullmatch(text.strip())
    if not found:
        return None
    unit = float(_UNIT_S[found["unit"].lower()])
    word = found["count"].lower()
    return (0.0 if word.startswith("less") else unit if word.startswith("about") else int(word) * unit), unit
