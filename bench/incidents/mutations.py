"""The same incident, changed in one way whose truth is known without looking at any result.

A mutation takes an incident's files and its truth and gives both anew, or None where the incident has nothing to change so.
What it may have taken away is allowed for: the verdict may then be weaker, never wrong.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

Files = Mapping[str, bytes]
Truth = Mapping[str, Any]

CRON_LINE = re.compile(r"^(?P<when>(?:[\d*/,-]+\s+){5})(?P<user>(?:root|[a-z][\w-]*)\s+(?=[/\w]))?(?P<command>\S.*)$")
CRONTAB = re.compile(r"(?:^|/)[^/]*cron[^/]*(?:/[^/]+)?$")
ACCESS_STAMP = re.compile(rb"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d) ")
ERROR_STAMP = re.compile(rb"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[", re.MULTILINE)
TEXT_LINE = re.compile(
    r"(?P<timestamp>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*) \[?(?P<level>error|warn|info|debug)\]?: (?P<message>.*)"
)
SHIFT = timedelta(seconds=75)
SCRIPT = re.compile(r"^[\w-]{4,}\.sh$")
NAMED = re.compile(r"^\s+container_name:\s*[\"']?([\w-]{4,})", re.MULTILINE)
UNIT = re.compile(r"(?:^|/)([\w-]{4,})\.service$")
KEPT = frozenset(
    {
        "nginx",
        "redis",
        "node",
        "docker",
        "cron",
        "backup",
        "restart",
        "health",
        "check",
        "server",
        "logrotate",
        "deploy",
        "release",
        "events",
        "inspect",
    }
)
"""Words that mean something: a program, an action."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What was collected, by path, and what really happened."""

    files: Files
    truth: Truth


def read(case: Path) -> Incident:
    """One incident of the fixtures."""
    root = case / "input"
    files = {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    return Incident(files, json.loads((case / "truth.json").read_text()))


def write(incident: Incident, folder: Path) -> None:
    """Lay the incident's files down below a folder."""
    for path, content in incident.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def names_shuffled(incident: Incident) -> Incident | None:
    """Scripts, containers and units go by other names; lines stay where they were."""
    words = sorted(set(_names(incident.files)) - KEPT, key=lambda word: (-len(word), word))
    if not words:
        return None
    pattern = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(map(re.escape, words)) + r")(?![A-Za-z0-9])")

    def renamed(text: str) -> str:
        return pattern.sub(lambda found: _other(found[0]), text)

    files = {renamed(path): _edited(path, content, renamed) for path, content in incident.files.items()}
    return Incident(files, json.loads(renamed(json.dumps(incident.truth))))


def _names(files: Files) -> Iterator[str]:
    for path, content in files.items():
        name = path.rpartition("/")[2]
        if SCRIPT.match(name):
            yield name.removesuffix(".sh")
        if unit := UNIT.search(path):
            yield unit[1]
        if name.endswith((".yml", ".yaml")):
            yield from NAMED.findall(content.decode(errors="replace"))


def _other(word: str) -> str:
    """Another word of the same length, the same one each time."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(
        letters[(letters.index(char) + 7 + place % 3) % 26] if char in letters else char for place, char in enumerate(word)
    )


def _edited(path: str, content: bytes, edit: Callable[[str], str]) -> bytes:
    packed = path.endswith(".gz")
    text = (gzip.decompress(content) if packed else content).decode("utf-8", "surrogateescape")
    changed = edit(text).encode("utf-8", "surrogateescape")
    return gzip.compress(changed, mtime=0) if packed else changed


def file_dropped(incident: Incident) -> Incident | None:
    """The largest file that the truth does not speak of was not collected: what is left must not mislead."""
    spoken = set(_spoken(incident.truth))
    others = [path for path in incident.files if path not in spoken]
    if not others:
        return None
    lost = max(others, key=lambda path: (len(incident.files[path]), path))
    files = {path: content for path, content in incident.files.items() if path != lost}
    return Incident(files, _weaker(incident.truth))


def culprit_dropped(incident: Incident) -> Incident | None:
    """The culprit's own file was not collected: nobody can be sure then, unless another right answer was."""
    truth = incident.truth
    lost = truth["culprit"]["file"]
    if truth["expected_no_incident"] or lost is None or lost not in incident.files:
        return None
    left = [place for place in truth.get("culprit_alternatives", ()) if place["file"] != lost]
    named = left or [place for place in truth.get("culprit_related", ()) if place["file"] != lost]
    accepted = ["suspected", "undetermined", *(["root-cause"] if named else [])]
    weaker = dict(_weaker(truth)) | {"culprit_alternatives": left, "verdict": accepted[-1], "verdict_accepted": accepted}
    return Incident({path: content for path, content in incident.files.items() if path != lost}, weaker)


def _spoken(truth: Truth) -> Iterator[str]:
    places = [truth["culprit"], *truth.get("culprit_alternatives", ()), *truth.get("culprit_related", ()), *truth["chain"]]
    places += [other for hop in truth["chain"] for other in hop.get("or", ())]
    yield from (place["file"] for place in places if place["file"])


def _weaker(truth: Truth) -> Truth:
    """The same truth, where less may be found."""
    if truth["expected_no_incident"]:
        return truth
    return dict(truth) | {
        "verdict_accepted": ["root-cause", "suspected", "undetermined"],
        "expected_confidence": "low",
        "chain": [],
    }


def clock_shifted(incident: Incident) -> Incident | None:
    """The proxy's clock is ahead by more than a minute; what it logs is the same."""
    edits = {path: _shifted(path, content) for path, content in incident.files.items() if not path.endswith(".gz")}
    changed = {path: content for path, content in edits.items() if content != incident.files[path]}
    return Incident({**incident.files, **changed}, _weaker(incident.truth)) if changed else None


def _shifted(path: str, content: bytes) -> bytes:
    del path
    moved = ACCESS_STAMP.sub(lambda found: b"[" + _later(found[1], "%d/%b/%Y:%H:%M:%S") + b" ", content)
    return ERROR_STAMP.sub(lambda found: _later(found[1], "%Y/%m/%d %H:%M:%S") + b" [", moved)


def _later(stamp: bytes, shape: str) -> bytes:
    return (datetime.strptime(stamp.decode(), shape) + SHIFT).strftime(shape).encode()  # noqa: DTZ007 - a log's local time


def format_swapped(incident: Incident) -> Incident | None:
    """JSON lines become text and the other way round, Docker's files what `docker logs -t` prints; lines stay in place."""
    changed = {path: other for path, content in incident.files.items() if (other := _swapped(content)) is not None}
    return Incident({**incident.files, **changed}, incident.truth) if changed else None


def _swapped(content: bytes) -> bytes | None:
    """The same log in another format, if nearly all of its lines are of one that is known here."""
    lines = content.split(b"\n")
    for swap in (_unwrapped, _as_text, _as_json):
        told = [swap(line) for line in lines]
        if sum(line is not None for line in told) >= 0.9 * sum(map(bool, lines)) > 5:
            return b"\n".join(line if new is None else new for line, new in zip(lines, told, strict=True))
    return None


def _record(line: bytes, keys: set[str]) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and keys <= record.keys() else None


def _unwrapped(line: bytes) -> bytes | None:
    record = _record(line, {"log", "stream", "time"})
    return f"{record['time']} {record['log'].rstrip()}".encode() if record else None


def _as_text(line: bytes) -> bytes | None:
    record = _record(line, {"timestamp", "level", "message"})
    if not record:
        return None
    rest = {key: value for key, value in record.items() if key not in ("timestamp", "level", "message", "service", "stack")}
    more = " " + json.dumps(rest, ensure_ascii=False) if rest else ""
    return f"{record['timestamp']} {record['level']}: {record['message']}{more}".encode()


def _as_json(line: bytes) -> bytes | None:
    found = TEXT_LINE.match(line.decode(errors="replace"))
    return json.dumps(found.groupdict(), ensure_ascii=False).encode() if found else None


def innocents_added(incident: Incident) -> Incident | None:
    """Harmless jobs run on the very same schedules."""
    tables = {path: content for path, content in incident.files.items() if CRONTAB.search(path) and _jobs(content)}
    if not tables:
        return None
    files, truth = dict(incident.files), deepcopy(dict(incident.truth))
    for number, (path, content) in enumerate(tables.items()):
        name = f"tidy-{number}.sh"
        lines = [f"{when}{user}/opt/tidy/{name}" for when, user in dict.fromkeys(_jobs(content))]
        files[path] = content.rstrip(b"\n") + b"\n" + "\n".join(lines).encode() + b"\n"
        files[f"opt/tidy/{name}"] = b"#!/bin/sh\n# keep the temporary folder small\nsleep 2\nfind /tmp/tidy -mtime +3 -print\n"
        first = len(content.rstrip(b"\n").split(b"\n")) + 1
        truth["innocent"] += [{"file": path, "line": first + place, "why": "does nothing"} for place in range(len(lines))]
    return Incident(files, truth)


def _jobs(content: bytes) -> list[tuple[str, str]]:
    found = (CRON_LINE.match(line) for line in content.decode(errors="replace").splitlines())
    return [(one["when"], one["user"] or "") for one in found if one]


def change_planted(incident: Incident) -> Incident | None:
    """Half a minute before it began something was changed that has nothing to do with it."""
    firsts = [one["first"] for one in incident.truth.get("measured", ()) if one.get("first")]
    if not firsts:
        return None
    before = datetime.fromisoformat(firsts[0]).replace(microsecond=0) - timedelta(seconds=30)
    note = (
        f"{before} deployment of handbook 12 started\n{before + timedelta(seconds=4)} deployment of handbook 12 done: 3 pages\n"
    )
    truth = deepcopy(dict(incident.truth))
    truth["innocent"].append({"file": "handbook-deploy.log", "line": None, "why": "only pages of a handbook"})
    return Incident({**incident.files, "handbook-deploy.log": note.encode()}, truth)


MUTATIONS: Mapping[str, Callable[[Incident], Incident | None]] = {
    "names shuffled": names_shuffled,
    "file dropped": file_dropped,
    "culprit dropped": culprit_dropped,
    "clock shifted": clock_shifted,
    "format swapped": format_swapped,
    "innocents added": innocents_added,
    "change planted": change_planted,
}
