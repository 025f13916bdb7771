"""What logs say that a health check was answered: the log of requests, or the script's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import Struct

from logcorr.causes.follow import Times
from logcorr.lazily import np, pl
from logcorr.model.behaviour import Probe
from logcorr.model.case import Behaviour, Case, ProvedEffect
from logcorr.timeline.scripts import said
from logcorr.timeline.select import seconds

SOON_S = 10.0
"""A script asks within so long of its start."""

FEWEST, NEARLY_ALL = 4, 0.9
"""So many answers, and of those since the first bad one so great a share."""

ALIVE = 500
"""A server that answers below this is not down: who takes its answer for a failure misreads it."""


TOLD = r"20\d|30[0-8]|4[0-3]\d|451"
"""Statuses below that, as a script may write them: no other numbers of three digits."""


class Observed(Struct, frozen=True):
    """`probe` got `status`, which it does not expect, on `rows` (in time order), nearly all since the first of them.

    `before` is how many answers were as expected until then.
    """

    probe: Probe
    status: int
    rows: pl.DataFrame
    before: int


def observed(case: Case, behaviour: Behaviour, effect: ProvedEffect, ticks: Times) -> Observed | None:
    """The answer that a check nearly always gets since some moment, by the first log that tells of it."""
    for probe in (one.probe for one in effect.probes):
        for rows in (_requests(case, probe, ticks), *_words(case, behaviour)):
            found = _misread(probe, rows)
            if found:
                return found
    return None


def _misread(probe: Probe, rows: pl.DataFrame) -> Observed | None:
    """The bad answers among rows with their `status`, if they are all alike and nearly all since the first."""
    good = [_satisfies(probe, status) for status in rows["status"]]
    if None in good or False not in good:
        return None
    first = good.index(False)
    bad = rows[first:].filter(~pl.Series(good[first:], dtype=pl.Boolean))
    status = int(bad["status"][0])
    alike = bad.filter(pl.col("status") == status)
    if status >= ALIVE or alike.height < FEWEST or alike.height < NEARLY_ALL * (rows.height - first):
        return None
    return Observed(probe, status, alike.drop("status"), first)


def _satisfies(probe: Probe, status: int) -> bool | None:
    """Whether an answer is what the script wants; None where it does not look at the status."""
    if probe.yields == "status":
        known = bool(probe.expects) and all(value.isdigit() for value in probe.expects)
        return str(status) in probe.expects if known else None
    return status < 400 if probe.yields == "exit" and probe.fails_on_error else None


def _requests(case: Case, probe: Probe, ticks: Times) -> pl.DataFrame:
    """The requests for its address soon after its runs, with their `status`."""
    path = urlsplit(probe.url or "").path or "/"
    pattern = rf"^{probe.method} {re.escape(path)}(?:\?\S*)?(?: HTTP/[\d.]+)? (\d{{3}})\b"
    asked = case.timeline.filter(pl.col("message").str.contains(pattern) & pl.col("time").is_not_null())
    rows = asked.sort("time", maintain_order=True).collect() if probe.url else case.happened()
    at = seconds(rows)
    last = np.searchsorted(ticks, at + 1.0, side="right") - 1
    near = (last >= 0) & (at - ticks[np.maximum(last, 0)] <= SOON_S) if len(ticks) else np.zeros(len(at), dtype=bool)
    return rows.filter(pl.Series(near, dtype=pl.Boolean)).with_columns(_status(pattern))


def _words(case: Case, behaviour: Behaviour) -> Iterator[pl.DataFrame]:
    """The lines of each message in which the script writes a status, with it."""
    rows = said(case, (behaviour,))
    for pieces, _ in behaviour.says:
        for piece in (one for one in pieces if len(one.strip()) > 1):
            yield rows.with_columns(_status(rf"{re.escape(piece.strip())}\W{{0,3}}({TOLD})(?:\D|$)")).drop_nulls("status")


def _status(pattern: str) -> pl.Expr:
    return pl.col("message").str.extract(pattern, 1).cast(pl.Int64, strict=False).alias("status")
