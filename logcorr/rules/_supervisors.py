"""What those who run a service write when they end it: a file changed, it takes too much, it was silent, it is copied."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TypeAlias

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules import _backups
from logcorr.rules._words import sought, telling
from logcorr.timeline.lifecycles import Downtime, stopped
from logcorr.timeline.signs import STARTS

WATCHING, LIMIT, CHECKED, WATCHDOG, UPDATED = "watching", "limit", "checked", "watchdog", "updated"
COPIED = "copied"

FEWEST = 3


class Saying(Struct, frozen=True):
    """How a manager says why it ends something.

    `pattern` may name `who` is ended, and `what` changed, is too much or was waited for. `sets` is what the lines hold that tell
    the manager to do so. `before` finds the service and what is wrong with it in a line just before, where it is told there.
    `fewest` are so many ends as are told of at least.
    """

    reason: str
    manager: str
    pattern: str
    sets: str
    before: str = ""
    fewest: int = FEWEST


SAYINGS = (
    Saying(
        WATCHING,
        "pm2",
        r"^Change detected (?:on path (?P<what>.+?) )?for app (?:name: )?(?P<who>\S+)",
        r"""\bwatch['"]?\s*:\s*(?:true|\[|['"])|\bpm2\b.*\s--watch\b""",
    ),
    Saying(WATCHING, "nodemon", r"\[nodemon\] restarting due to changes", r"\bnodemon\b"),
    Saying(
        WATCHING,
        "uvicorn",
        r"\b(?:WatchFiles|StatReload) detected changes? in '(?P<what>[^']+)'",
        r"--reload\b|\breload\s*=\s*True",
    ),
    Saying(
        WATCHING,
        "werkzeug",
        r"^(?: ?\* )?Detected change in '(?P<what>[^']+)', reloading",
        r"--(?:debug|reload)\b|\b(?:debug|use_reloader)\s*=\s*True|\bFLASK_(?:DEBUG|ENV)\b",
    ),
    Saying(WATCHING, "Django", r"^(?P<what>\S+) changed, reloading\.$", r"\bmanage\.py\b.*\brunserver\b"),
    Saying(WATCHING, "gunicorn", r"^Worker reloading: (?P<what>.+) modified", r"--reload\b|\breload\s*=\s*True"),
    Saying(WATCHING, "node", r"^Restarting '[^']+'$", r"\bnode\b.*\s--watch\b"),
    Saying(
        LIMIT,
        "pm2",
        r"restarted because it exceeds --max-memory-restart value \(current_memory=\d+ max_memory_limit=(?P<what>\d+)",
        r"max[-_]memory[-_]restart",
    ),
    *(
        Saying(reason, "monit", r"'(?P<who>[^']+)' (?:trying to (?:restart|stop)$|exec: )", sets, before)
        for reason, sets, before in (
            (LIMIT, "", r"^'([^']+)' .*matches resource limit \[(.+)\]"),
            (CHECKED, r"(?i)^\s*(?:if\s+)?failed\b.*\b(?:restart|exec)\b", r"^'([^']+)' failed (.+)$"),
        )
    ),
    Saying(
        WATCHDOG,
        "systemd",
        r"^(?P<who>\S+)\.service: Watchdog timeout \(limit (?P<what>[^)]+)\)",
        r"^\s*WatchdogSec\s*=",
    ),
    Saying(
        UPDATED,
        "watchtower",
        r"^Stopping /(?P<who>\S+) \([0-9a-f]{6,}\) with SIG",
        r"image\s*:.*watchtower|\bdocker\s+run\b.*watchtower",
    ),
)

COPYING = Saying(COPIED, "a backup", "", "", fewest=1)
"""Its words and whom it stops are read elsewhere."""

WORDS = (
    "Change detected ", "restarting due to changes", "detected change", " changed, reloading.", "Worker reloading",
    "exceeds --max-memory-restart", "' trying to ", "' exec: ", "matches resource limit", "' failed ", "Watchdog timeout (limit ",
    "Restarting '", " with SIG",
)  # fmt: skip
"""Each of these sentences holds one."""

SAYS = sought("|".join(map(re.escape, WORDS)), *WORDS)

NAMED = r"^'([^']+)' "
"""How monit's lines begin: with what they are about."""

BEFORE_S, SOON_S, STARTED_S, AT_ONCE_S = 2.0, 15.0, 60.0, 5.0
"""Who says that it ends a service does it at once, or lets it end; where only the start is told, that takes its time."""


class Told(Struct, frozen=True):
    """A line by which a manager tells of one end."""

    time: datetime
    span: Span
    service: str | None
    who: str | None
    what: str | None


Pair: TypeAlias = tuple[Told, Downtime]


class Ended(Struct, frozen=True):
    """A service, and its stops that follow what its manager said, each with that.

    Where it said the same each time before it was ended, those lines are `last`, and the `work` is what they say.
    """

    service: str
    saying: Saying
    pairs: tuple[Pair, ...]
    last: tuple[Span, ...] = ()
    work: str = ""


def ended(case: Case) -> Iterator[Ended]:
    """Every service that was ended three times or more as a manager says, by what it says."""
    told = _told(case)
    known: set[Span] = set()
    for service, found in groupby(case.once(stopped), lambda stop: stop.service) if told else ():
        stops, names = list(found), _names(case, service)
        for saying, lines in told:
            own = [one for one in lines if one.who is None or names.search(one.who)]
            pairs = tuple((line, stop) for stop in stops if (line := _before(stop, own)))
            known |= {line.span for line in own} if pairs else set()
            if len(pairs) >= saying.fewest:
                yield Ended(service, saying, pairs)
    yield from _told_alone(case, told, known)


def _told_alone(case: Case, told: Sequence[tuple[Saying, list[Told]]], known: Container[Span]) -> Iterator[Ended]:
    """The services of whose ends the manager alone tells: each line stands for one."""
    for saying, lines in told:
        alone = sorted((one for one in lines if one.who and one.span not in known), key=lambda one: (one.who or "", one.time))
        for who, found in groupby(alone, lambda one: one.who or ""):
            names = sorted({entity.name for entity in case.entities if _names(case, entity.name).search(who)})
            service = names[0] if names else who
            pairs = tuple((one, _downtime(service, one)) for one in found)
            if len(pairs) >= saying.fewest:
                yield Ended(service, saying, pairs)


def _downtime(service: str, told: Told) -> Downtime:
    return Downtime(service=service, ended=told.time, kind="process.terminating", end=told.span)


def _told(case: Case) -> list[tuple[Saying, list[Told]]]:
    """What managers say, in time order."""
    rows = telling(case, SAYS)
    copying = [Told(*told) for told in _backups.stopping(case)]
    said = [(saying, lines) for saying in SAYINGS if (lines := list(_lines(rows, saying)))] if rows.height else []
    return [*said, (COPYING, copying)] if copying else said


def _lines(rows: pl.DataFrame, saying: Saying) -> Iterator[Told]:
    pattern = re.compile(saying.pattern)
    near = rows.filter(pl.col("message").str.contains(saying.pattern))
    for time, file, line, lines, service, message in near.select(
        "time", "file", "line", "lines", "service", "message"
    ).iter_rows():
        found = pattern.search(message)
        if found:
            parts = found.groupdict()
            told = Told(time, Span(file, line, line + lines - 1), service, parts.get("who"), parts.get("what"))
            yield from _reason(rows, saying.before, told) if saying.before else [told]


def _reason(rows: pl.DataFrame, before: str, acts: Told) -> Iterator[Told]:
    """The last line before in which the manager named the service, if it gives the reason meant."""
    parts = pl.col("message").str.extract_groups(before).struct
    near = rows.with_columns(pl.col("message").str.extract(NAMED, 1).alias("of"), parts[1].alias("what")).filter(
        (pl.col("of") == acts.who)
        & pl.col("time").is_between(acts.time - timedelta(seconds=AT_ONCE_S), acts.time)
        & ~((pl.col("file") == acts.span.path) & (pl.col("line") >= acts.span.line))
    )
    for time, file, line, what in near.tail(1).drop_nulls("what").select("time", "file", "line", "what").iter_rows():
        yield Told(time, Span(file, line), acts.service, acts.who, what)


def _names(case: Case, service: str) -> re.Pattern[str]:
    """How managers may call it: the names that it goes by, and compose's for its containers."""
    return re.compile(rf"(?:^|[/_-])(?:{'|'.join(map(re.escape, sorted(case.called(service))))})(?:[_-]\d+)?$")


def _before(stop: Downtime, lines: Sequence[Told]) -> Told | None:
    """The last line that tells of this stop; the first of those that do at one moment."""
    within = STARTED_S if stop.kind in STARTS else SOON_S
    ours = (one for one in lines if _of_this(stop, one) and -BEFORE_S <= (stop.ended - one.time).total_seconds() <= within)
    return max(ours, key=lambda one: one.time, default=None)


def _of_this(stop: Downtime, line: Told) -> bool:
    """Whether the line names the service, or is in one of its logs; or comes at the very moment."""
    at_once = abs((stop.ended - line.time).total_seconds()) <= BEFORE_S
    return line.who is not None or stop.service == line.service or stop.end.path == line.span.path or at_once
