"""A collected diff lowers an age at which somebody closes what is idle, and since then uses of what is kept open fail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import counted
from logcorr.rules._idle_closers import CHANGES, FIX, LONGER, REFUTE, SHOWS, SPREAD
from logcorr.rules._settings import settings
from logcorr.timeline.dates import dated
from logcorr.timeline.notes import DAY_S, instants, within, zones_of
from logcorr.timeline.select import cite, seconds

LINE = regex(
    r"(?i)^(?P<sign>[-+])\s*(?P<name>timeout\s+(?:client|server|tunnel)|[\w.-]*(?:idle|wait|interactive)[\w.-]*timeout[\w.-]*|proxy_timeout)"
    r"['\"]?\s*[:=]?\s*['\"]?(?P<number>\d+(?:\.\d+)?)\s?(?P<unit>ms|us|sec|seconds|s|min|m|h|d)?\b"
)
MILLISECONDS = regex(r"(?i)timeout\s|mysql-|.*(?:idle_(?:in_transaction_)?session_|millis)")
"""What HAProxy, ProxySQL, PostgreSQL and pools call the settings whose numbers count milliseconds where no unit stands there."""

WHEN = regex(r"^(?:Commit)?Date:\s+(?P<said>\S.*)")
"""How git tells of a commit when it was made."""

WITHIN_S = 2 * DAY_S
"""What was lowered is felt so soon, or something else is why."""

CALM_S = 1800.0
"""So long before it the application's log tells of no such use."""

SEEN = 0.75


class _Lowered(Struct, frozen=True):
    """The line of a diff that lowers a setting, with the seconds that it was and is, and when that was."""

    place: Span
    text: str
    was: float
    now: float
    when: tuple[float, float]


def lowered(case: Case, lost: pl.DataFrame) -> Finding | None:
    """None where uses failed before, too, all at one moment, or where no diff tells of it."""
    at = seconds(lost)
    if len({second // 60 for second in at.tolist()}) < SPREAD:
        return None
    files = set(lost["file"])
    begun = min((source.first.timestamp() for source in case.sources if source.path in files and source.first), default=at[0])
    for one in _changes(case):
        early, late = one.when
        if early <= at[0] <= late + WITHIN_S and begun <= min(early, at[0] - CALM_S) and (at >= early).all():
            return _finding(case, lost, one)
    return None


def _changes(case: Case) -> Iterator[_Lowered]:
    """The settings that a diff gives a lower value than the line that it takes away."""
    logs = {source.path for source in case.sources}
    for path in sorted(case.files - logs):
        lines = case.lines(path).filter(pl.col("text").str.contains(r"^[-+]|^(?:Commit)?Date:")).select("line", "text").collect()
        when: tuple[float, float] | None = None
        were: dict[str, float] = {}
        for line, text in lines.iter_rows():
            if date := WHEN.match(text):
                when, were = _when(case, date["said"]), {}
            found = LINE.match(text)
            if found is None or when is None:
                continue
            name, value = " ".join(found["name"].split()), _seconds(found)
            if found["sign"] == "-":
                were[name] = value
            elif value < were.get(name, 0.0):
                yield _Lowered(Span(path, line), text[1:].strip(), were[name], value, when)


def _seconds(found: re.Match[str]) -> float:
    unit = found["unit"] or ("ms" if MILLISECONDS.match(found["name"]) else "s")
    return float(found["number"]) * LONGER[unit.lower()]


def _when(case: Case, text: str) -> tuple[float, float] | None:
    said = dated(text)
    times = list(instants(case, said, (), zones_of(case))) if said else []
    return (min(times), max(times) + within(said)) if said and times else None


def _finding(case: Case, lost: pl.DataFrame, one: _Lowered) -> Finding:
    set_by = [span for span, _ in settings(case, rf"^\s*{re.escape(one.text)}\s*$")][:1]
    found = counted(
        lost,
        str(lost["service"][0] or lost["source"][0]),
        claim(
            "idle_connection_lost.lowered",
            "since {setting} was lowered at {place}, {count} uses of connections failed that were kept open, and none before",
            setting=" ".join(one.text.split()),
            place=str(one.place),
            count=lost.height,
        ),
        REFUTE,
    )
    return replace(
        found,
        confidence=SEEN,
        evidence=(
            *(Evidence(span, "closes what is idle for so long", shows=SHOWS) for span in set_by),
            Evidence(one.place, "the change", shows=CHANGES),
            *cite(lost, shows=SHOWS),
        ),
        measured={**found.measured, "was": one.was, "now": one.now},
        fix=FIX,
    )
