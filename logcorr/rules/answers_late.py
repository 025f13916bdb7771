"""Requests are answered, but far later than ever, at some times and not at others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from msgspec.structs import replace

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import counted, rule
from logcorr.rules._slow import slow
from logcorr.statistics.likelihood import log_binomial_tail

PHASE_S = 600.0
"""Slow requests that come so close together are of one phase."""

FEWEST, FEWEST_PHASES, MANY = 3, 2, 10
"""A phase has so many of them; there are so many phases, or one with many."""

CHANCE = 1e-3


@rule(code="NGX029", title="Requests are answered far later than usual, at some times", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Phases in which many more of the requests are slow than by chance, of those that an access log tells how long they took.

    Where others fail, it is those that need to be explained.
    """
    late = case.once(slow)
    phases = [rows for rows in _phases(late) if rows.height >= FEWEST]
    if not phases:
        return
    times = _times(case)
    telling = [rows for rows in phases if _unusual(rows, late.height, times)]
    if len(telling) >= FEWEST_PHASES or any(rows.height >= MANY for rows in telling):
        failed = case.happened("http.5xx").height >= FEWEST
        yield replace(_finding(pl.concat(telling), len(telling)), severity="warning" if failed else "error")


def _phases(late: pl.DataFrame) -> Iterator[pl.DataFrame]:
    came = late["came"].to_numpy()
    begins = np.flatnonzero(np.diff(came, prepend=-np.inf) > PHASE_S)
    yield from (late[first:end] for first, end in pairwise([*begins, len(came)]))


def _times(case: Case) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    told = case.records("nginx_access").select(pl.col("time").drop_nulls().dt.epoch("us") / 1e6).collect(engine="streaming")
    return np.sort(told["time"].to_numpy())


def _unusual(rows: pl.DataFrame, late: int, times: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether as many of the requests in this phase would hardly be slow by chance, wherever it might have begun."""
    came = rows["came"].to_numpy()
    first, last = came.min(), (came + rows["took"].to_numpy()).max()
    meanwhile = int(np.searchsorted(times, last, side="right") - np.searchsorted(times, first))
    by_chance = log_binomial_tail(max(meanwhile, rows.height), rows.height, late / len(times))
    return bool(by_chance + math.log(len(times)) < math.log(CHANCE))


def _finding(rows: pl.DataFrame, phases: int) -> Finding:
    longest = round(float(rows["took"].to_numpy().max()), 1)
    return counted(
        rows,
        str(rows["service"][0] or rows["source"][0]),
        claim(
            "answers_late.counted",
            "{count} requests were answered far later than usual, after up to {longest:g} s (phases: {phases})",
            count=rows.height,
            longest=longest,
            phases=phases,
        ),
        claim("answers_late.refute", "these requests ask for more than others of the same address do"),
    )
