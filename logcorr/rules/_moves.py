"""Services that said that they listen at one address, and then at another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.lifecycles import ONE_START
from logcorr.timeline.select import texts

ADDRESS = regex(
    r"(?:https?://)?(?P<host>[\w.-]+|\[[0-9a-f:]+\])?:(?P<port>\d{2,5})\b"
    r"|\bport:? ?(?P<bare>\d{2,5})\b|\bon (?P<last>\d{2,5})(?![.\d:])"
    r"|unix(?:: ?(?://)?| socket )(?P<socket>/[^\s:,()]+)|(?<!\S)(?P<file>/[^\s:,()]+\.sock)\b"
)
FIELD = regex(r"(?:\"port\"\s*:\s*\"?|\bport=)(?P<port>\d{2,5})\b")

ANYWHERE = ("0.0.0.0", "*", "::", "[::]")


class Listening(Struct, frozen=True):
    """A service said that it listens: `host` is None where it gave only a port, `unix:/…` with port 0 for a unix socket."""

    service: str
    time: datetime
    host: str | None
    port: int
    span: Span

    def __str__(self) -> str:
        return f"{self.host or ''}:{self.port}" if self.port else str(self.host)

    def covers(self, other: Listening) -> bool:
        """Whether who asks at the other address is answered at this one."""
        return self.port == other.port and (other.host == self.host or (self.port > 0 and self.host in (None, *ANYWHERE)))


class Move(Struct, frozen=True):
    old: Listening
    new: Listening


def moves(case: Case) -> Iterator[Move]:
    """Services that said an address at one start and another at the next, and never the first one again."""
    told: dict[str, list[Listening]] = {}
    started = case.happened("process.started").filter(pl.col("time").is_not_null() & (pl.col("source") != "docker"))
    for row, text in zip(started.iter_rows(named=True), texts(case, started), strict=True):
        where = _address(row["message"], text)
        if where:
            service = row["service"] or row["file"]
            told.setdefault(service, []).append(Listening(service, row["time"], *where, Span(row["file"], row["line"])))
    found = [move for said in told.values() for move in _moved(said)]
    yield from sorted(found, key=lambda move: move.new.time)


def _moved(said: Sequence[Listening]) -> Iterator[Move]:
    for before, now in pairwise(_starts(said)):
        left = [old for old in before if not any(one.covers(old) for one in said if one.time >= now[0].time)]
        new = [one for one in now if not any(old.covers(one) for old in before)]
        if left and new:
            yield Move(left[0], new[0])


def _starts(said: Sequence[Listening]) -> list[list[Listening]]:
    """What a service says of its addresses, by start."""
    starts: list[list[Listening]] = []
    for one in said:
        if starts and one.time - starts[-1][0].time <= ONE_START:
            starts[-1].append(one)
        else:
            starts.append([one])
    return starts


def _address(message: str, line: str) -> tuple[str | None, int] | None:
    """Host and port of which a message tells, or a field beside it; of a unix socket its path, and no port."""
    found = ADDRESS.search(message)
    if not found:
        field = FIELD.search(line)
        return (None, int(field["port"])) if field else None
    port = int(found["port"] or found["bare"] or found["last"] or 0)
    return (found["host"] if port else f"unix:{found['socket'] or found['file']}"), port
