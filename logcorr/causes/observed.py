"""What logs say that a health check was answered: the log of requests, or the script's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from msgspec import Struct

from logcorr.causes.follow import Times
from logcorr.lazily import np, pl
from logcorr.model.behaviour import Probe
from logcorr.model.case import Behaviour, Case, ProbeAnswer, ProvedEffect
from logcorr.model.source import Span
from logcorr.timeline.requests import requests_told
from logcorr.timeline.scripts import printed, said
from logcorr.timeline.select import seconds

SOON_S, RUN_S = 10.0, 120.0
"""A script asks within so long of its start, and has tried again for the last time."""

CURL = r"\bcurl: \((\d{1,2})\) "
RETURNED = r"(?:curl: \(22\) The requested URL returned error:|\bERROR) (\d{3})\b"
"""How curl tells how it ended, and curl and wget of a status."""

FEWEST, NEARLY_ALL, MOST = 4, 0.9, 0.6
"""So many answers, and of those since the first bad one so great a share; of what others get at the time of the proxy's own."""

ALIVE = 500
"""A server that answers below this is not down: who takes its answer for a failure misreads it."""


TOLD = r"20\d|30[0-8]|4[0-3]\d|451"
"""Statuses below that, as a script may write them: no other numbers of three digits."""


class Observed(Struct, frozen=True):
    """`probe` got `status`, which it does not expect, on `rows` (in time order), nearly all since the first of them.

    `before` is how many answers were as expected until then. `by` is the line of configuration that says so, where it is the
    proxy's own answer: then it tells nothing of what stands behind it, and may come and go. `via` is where another proxy is
    named that the check goes through, with what the log of that tells of it.
    """

    probe: Probe
    status: int
    rows: pl.DataFrame
    before: int
    by: Span | None = None
    via: tuple[Span, pl.DataFrame] | None = None


def observed(case: Case, behaviour: Behaviour, effect: ProvedEffect, ticks: Times) -> Observed | None:
    """The answer that a check nearly always gets since some moment, or by the proxy's own, by the first log that tells of it."""
    for answered in effect.probes:
        for rows in (requests(case, answered.probe, ticks), *_words(case, behaviour), _printed(case, ticks)):
            found = _misread(effect, answered, rows)
            if found and (found.status < ALIVE or _for_everybody(case, found)):
                return found
    return None


def _for_everybody(case: Case, found: Observed) -> bool:
    """Whether at the time of such answers others got the same: what the proxy says by itself it says to all."""
    rows = after_runs(requests_told(case), seconds(found.rows), RUN_S / 4)
    others = rows.join(found.rows, on=["file", "line"], how="anti")
    return others.height >= FEWEST and int((others["status"] == found.status).sum()) >= MOST * others.height


def _misread(effect: ProvedEffect, answered: ProbeAnswer, rows: pl.DataFrame) -> Observed | None:
    """The bad answers among rows with their `status`, if they are all alike and nearly all since the first."""
    told = rows["status"].unique(maintain_order=True)
    wanted = {status: _satisfies(effect, answered.probe, status) for status in told}
    good = [wanted[status] for status in rows["status"]]
    if None in good or False not in good:
        return None
    first = good.index(False)
    bad = rows[first:].filter(~pl.Series(good[first:], dtype=pl.Boolean))
    status = int(bad["status"][0])
    alike = bad.filter(pl.col("status") == status)
    by = _own(answered, status)
    lasts = status < ALIVE and alike.height >= NEARLY_ALL * (rows.height - first)
    if alike.height < FEWEST or not (lasts or (by and alike.height >= NEARLY_ALL * bad.height)):
        return None
    return Observed(answered.probe, status, alike.drop("status"), first, None if lasts else by)


def _own(answered: ProbeAnswer, status: int) -> Span | None:
    """The line by which the proxy gives such an answer by itself, whatever stands behind it."""
    answers = (*answered.answers, *answered.if_here)
    own = next((one for one in answers if one.status == status and not one.upstream), None)
    said = [span for text, span in own.trace if text.startswith(f"return {status}")] if own else []
    return next(iter(said), own.at if own else None)


def _satisfies(effect: ProvedEffect, probe: Probe, status: int) -> bool | None:
    """Whether an answer is what the script wants; None where it does not look at the status, or nobody knows.

    A status that the script tells apart in no other way has the fate of one whose fate is known.
    """
    place = f"{probe.tool} at {probe.span}: HTTP "
    told = re.compile(rf"{re.escape(place)}(\d+)")
    fates = {int(name[1]): runs for text, runs in effect.proof.cases if (name := told.fullmatch(text))}
    alike = [runs for known, runs in fates.items() if _told_apart(probe, known) == _told_apart(probe, status)]
    if probe.yields == "status" and alike:
        return all(runs is False for runs in alike)
    if probe.yields == "status":
        known = bool(probe.expects) and all(value.isdigit() for value in probe.expects)
        return str(status) in probe.expects if known else None
    return status < 400 if probe.yields == "exit" and probe.fails_on_error else None


def _told_apart(probe: Probe, status: int) -> tuple[bool, ...]:
    """How a status answers to each text that the script compares it with."""
    return tuple(_meets(str(status), text) for text in probe.expects)


def _meets(status: str, text: str) -> bool:
    less, more = text.startswith("<"), text.startswith(">")
    bound = text.lstrip("<>=")
    if (less or more) and bound.isdigit():
        return (status < bound if less else status > bound) or ("=" in text and status == bound)
    return fnmatchcase(status, text)


def requests(case: Case, probe: Probe, ticks: Times) -> pl.DataFrame:
    """The requests for a probe's address soon after its runs, with their `status`."""
    path = urlsplit(probe.url or "").path or "/"
    its = (pl.col("method") == probe.method) & (pl.col("path") == path) & pl.lit(bool(probe.url))
    return after_runs(requests_told(case).filter(its).drop("method", "path"), ticks, SOON_S)


def after_runs(rows: pl.DataFrame, ticks: Times, within_s: float) -> pl.DataFrame:
    """The rows so soon after one of the runs; stamps may be cut to the second."""
    at = seconds(rows)
    last = np.searchsorted(ticks, at + 1.0, side="right") - 1
    near = (last >= 0) & (at - ticks[np.maximum(last, 0)] <= within_s) if len(ticks) else np.zeros(len(at), dtype=bool)
    return rows.filter(pl.Series(near, dtype=pl.Boolean))


def _printed(case: Case, ticks: Times) -> pl.DataFrame:
    """What curl and wget themselves print of a status during its runs."""
    return after_runs(case.once(by_tools), ticks, RUN_S).with_columns(_status(RETURNED)).drop_nulls("status")


def by_tools(case: Case) -> pl.DataFrame:
    """What curl and wget themselves print of how they ended, in whatever log."""
    return printed(case, rf"{CURL}|{RETURNED}")


def _words(case: Case, behaviour: Behaviour) -> Iterator[pl.DataFrame]:
    """The lines of each message in which the script writes a status, with it."""
    rows = said(case, (behaviour,))
    for pieces, _ in behaviour.says:
        for piece in (one for one in pieces if len(one.strip()) > 1):
            yield rows.with_columns(_status(rf"{re.escape(piece.strip())}\W{{0,3}}({TOLD})(?:\D|$)")).drop_nulls("status")


def _status(pattern: str) -> pl.Expr:
    return pl.col("message").str.extract(pattern, 1).cast(pl.Int64, strict=False).alias("status")
