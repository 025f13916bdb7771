"""The same formats read line by line, as plainly as can be: slow, and what the fast parsers are compared with.

It shares no code with them. A digest counts the events and sums up every column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

Row = dict[str, object]

_ERROR = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] (?:(\d+)#(\d+): )?(?:\*(\d+) )?(.*)", re.ASCII)
_CONTEXT = re.compile(
    r', client: (?P<client>[^,"]+)(?:, server: (?P<server>[^,"]*))?(?:, request: "(?P<request>[^"]*|.*? HTTP/\d(?:\.\d)?)")?'
    r'(?:, upstream: "(?P<upstream>[^"]*)")?(?:, host: "(?P<host>[^"]*)")?(?:, referrer: "(?P<referrer>.*)")?'
)
_ACCESS = re.compile(
    r'(\S+) \S+ (.*?) \[([^\[\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"(?:\s.*)?',
    re.ASCII,
)
_WINSTON = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \[(\w+)\]: (.*)", re.ASCII)


def nginx_error(lines: list[str]) -> Iterator[Row]:
    """The message ends at the first place where its own quotes are closed and the fields run to the end of the line."""
    for line in lines:
        match = _ERROR.fullmatch(line)
        if match is None:
            continue
        rest = match[6]
        row: Row = {"time": _naive(match[1], "%Y/%m/%d %H:%M:%S"), "severity": match[2], "message": rest}
        row |= {"pid": _int(match[3]), "tid": _int(match[4]), "connection": _int(match[5])}
        for place in re.finditer(", client: ", rest):
            fields = _CONTEXT.fullmatch(rest, place.start())
            if fields and rest[: place.start()].count('"') % 2 == 0:
                row |= {"message": rest[: place.start()], **fields.groupdict()}
                break
        yield row


def nginx_access(lines: list[str]) -> Iterator[Row]:
    """`combined`, and what more a server may log behind it."""
    for line in lines:
        match = _ACCESS.fullmatch(line)
        if match is None:
            yield {"message": line}
            continue
        time = datetime.strptime(match[3], "%d/%b/%Y:%H:%M:%S %z").timestamp()
        row: Row = {"time": int(time), "message": f"{match[4]} {match[5]}", "client": match[1], "request": match[4]}
        row |= {"user": _dash(match[2]), "status": int(match[5]), "bytes": _int(_dash(match[6]))}
        yield row | {"referrer": _dash(match[7]), "user_agent": _dash(match[8])}


def winston(lines: list[str]) -> Iterator[Row]:
    """`ts [level]: message`; other lines belong to the event before."""
    for line in lines:
        match = _WINSTON.fullmatch(line)
        if match:
            yield {"time": _naive(match[1], "%Y-%m-%d %H:%M:%S"), "level": match[2], "message": match[3]}


def winston_json(lines: list[str]) -> Iterator[Row]:
    """An object a line."""
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        time = int(datetime.fromisoformat(event["timestamp"]).timestamp())
        yield {"time": time, "level": event["level"], "message": event["message"]}


READERS = {"nginx_error": nginx_error, "nginx_access": nginx_access, "winston": winston, "winston_json": winston_json}


def read(name: str, file: Path) -> list[Row]:
    """All events of a file."""
    text = file.read_bytes().decode()
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    return list(READERS[name](lines))


def digest(rows: list[Row], columns: list[str]) -> dict[str, object]:
    """For each column how many values there are, and their sum, or their bytes together."""
    found: dict[str, object] = {"events": len(rows)}
    for column in columns:
        values = [row[column] for row in rows if row.get(column) is not None]
        found[column] = [len(values), sum(len(value.encode()) if isinstance(value, str) else int(str(value)) for value in values)]
    return found


def _naive(text: str, format: str) -> int:
    return int(datetime.strptime(text, format).replace(tzinfo=UTC).timestamp())


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


def _dash(text: str) -> str | None:
    return None if text == "-" else text
