"""Whether what a manager ended was at work: what it says of the file, and what was answered and written until then."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.model.events import REQUEST_LOGS
from logcorr.rules._durations import span_s
from logcorr.rules._supervisors import CHECKED, COPIED, FEWEST, LIMIT, UPDATED, WATCHDOG, WATCHING, Ended, Pair
from logcorr.rules._unhealthy import answers, late, served
from logcorr.timeline.lifecycles import Downtime
from logcorr.timeline.select import moments, seconds, spans

SOURCES = regex(r"\.(?:[cm]?[jt]sx?|vue|svelte|py|rb|go|rs|php|java|kt|ex|css|s[ac]ss|less|html?|ejs|pug|hbs|j2|lock|sh)$")
SETTINGS = regex(r"\.(?:json|ya?ml|toml|ini|conf|xml)$|(?:^|/)\.env[^/]*$")
"""What people change, and want to see at work; a file of settings that changes again and again is written by a program."""

WANTED = (UPDATED, COPIED)
"""What is done on purpose, and in the open."""

NEARLY_ALL, WAKE_S, LATE_S = 0.8, 60.0, 5.0
WORDS = 60

DONE = r"(?i)\b[\d.]+ ?m?s\b|\b(?:done|finished|completed|ended|succeeded|sent|ok|200)\b"
"""How a line tells that a piece of work has ended."""

LAST_SHARE = 0.1
"""Of all lines of a sort, so many are the last before an end if it is what they tell of that does not come to its own."""

FAILED = (
    *("http.5xx", "upstream.refused", "upstream.closed_early", "upstream.reset", "upstream.timeout"),
    *("client.disconnected", "client.connect_failed", "client.reconnecting", "probe.failed"),
)


def written(case: Case, one: Ended) -> Ended | None:
    """The stops after changes of files that a program writes."""
    changed = [line.what for line, _ in one.pairs]
    return _enough(one, lambda pair: _is_written(pair[0].what, changed.count(pair[0].what) >= FEWEST))


def _is_written(path: str | None, again: bool) -> bool:
    """Whether a path is no source; where none is told, nobody changes sources so often."""
    return not path or not (SOURCES.search(path) or (SETTINGS.search(path) and not again))


def _enough(one: Ended, test: Callable[[Pair], bool]) -> Ended | None:
    pairs = tuple(pair for pair in one.pairs if test(pair))
    return Ended(one.service, one.saying, pairs) if len(pairs) >= FEWEST else None


def alive(case: Case, one: Ended) -> Ended | None:
    """Its stops by a watchdog, if before nearly all of them it had answered or written something.

    What hangs for all the time that it may be silent does neither in the last half of that.
    """
    half = span_s(one.pairs[0][0].what or "") / 2
    answered, own = answers(case), _own_lines(case, one.service)

    def lived(pair: Pair) -> bool:
        end = pair[0].time.timestamp()
        good = answered.filter(pl.col("at").is_between(end - half, end - 1))["good"]
        wrote = bool(((own >= end - half) & (own <= end - 1)).any())
        return wrote or (good.len() > 0 and bool(good.sum() >= NEARLY_ALL * good.len()))

    found = _enough(one, lived) if half else None
    return found if found and len(found.pairs) >= NEARLY_ALL * len(one.pairs) else None


def blocked(case: Case, one: Ended) -> Ended | None:
    """Its stops by a watchdog, if its own last line before nearly all of them is of one sort: it was at that for all the time."""
    limit = span_s(one.pairs[0][0].what or "")
    own = _own_rows(case, one.service)
    stops = pl.DataFrame({"time": [pair[0].time for pair in one.pairs]}, schema={"time": pl.Datetime("us", "UTC")})
    sort = pl.col("message").str.replace_all(r"\d+(?:\.\d+)?", "#")
    told = stops.sort("time").join_asof(
        own.with_columns(at=pl.col("time")), on="time", strategy="backward", tolerance=timedelta(seconds=limit + LATE_S)
    )
    sorts = told.drop_nulls("at").with_columns(sort=sort)
    most = sorts["sort"].value_counts(sort=True).head(1)
    if not most.height or most["count"][0] < NEARLY_ALL * len(one.pairs):
        return None
    last = sorts.filter(pl.col("sort") == most["sort"][0])
    if re.search(DONE, last["message"][0]) or last.height < LAST_SHARE * own.filter(sort == most["sort"][0]).height:
        return None
    return replace(one, last=spans(last), work=str(last["message"][0])[:WORDS])


def watched(case: Case, one: Ended) -> Ended | None:
    """Its stops by a watchdog, if it was at work."""
    return alive(case, one) or blocked(case, one)


def felt(case: Case, one: Ended) -> bool:
    """Whether failures come in the minute after these stops, and not as much at other times; or no log of requests tells.

    What is restarted while nobody asks, or others answer, is run as it was meant; an update or a copy was wanted, and must be
    felt. Who is away for longer than that minute is missed for as long.
    """
    began, away = zip(*sorted((at.timestamp(), _away_s(stop)) for at, stop in _times(one)), strict=True)
    times = np.array(began)
    logs = [(log.first, log.last) for log in case.sources if log.format in (*REQUEST_LOGS, "haproxy") and log.first and log.last]
    told = [any(first.timestamp() <= time <= last.timestamp() for first, last in logs) for time in times]
    if case.window is None or (np.mean(told) < NEARLY_ALL and one.saying.reason not in WANTED):
        return True
    failed = moments(case, *FAILED)
    last = np.maximum(np.searchsorted(times, failed + 1, side="right") - 1, 0)
    after = failed - times[last]
    share = float(((after >= -1) & (after <= np.array(away)[last])).mean()) if len(failed) else 0.0
    whole = (case.window[1] - case.window[0]).total_seconds()
    return share > float(np.minimum(np.diff(times, append=np.inf), away).sum()) / max(whole, WAKE_S)


def _times(one: Ended) -> Iterator[tuple[datetime, Downtime]]:
    return ((min(line.time, stop.ended), stop) for line, stop in one.pairs)


def _away_s(stop: Downtime) -> float:
    return max((stop.up - stop.ended).total_seconds(), WAKE_S) if stop.up else WAKE_S


def serving(case: Case, one: Ended) -> Ended | None:
    """All of them, if it answered others until then."""
    return one if served(case, _rows(one)) else None


def busy(case: Case, one: Ended, patience_s: float) -> bool:
    """Whether it answered most requests later than its check waits, in the minute in which that failed."""
    return late(case, _rows(one), patience_s, WAKE_S)


def _rows(one: Ended) -> pl.DataFrame:
    """When it was told to end, and up again."""
    ends = [(min(line.time, stop.ended), stop.up) for line, stop in one.pairs]
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(ends, schema={"time": instant, "up": instant}, orient="row")


def _own_lines(case: Case, service: str) -> npt.NDArray[np.float64]:
    """When the service wrote something itself."""
    return seconds(_own_rows(case, service))


def _own_rows(case: Case, service: str) -> pl.DataFrame:
    """What the service wrote itself, in time order; its manager's words on it are none."""
    managers = rf"^(?:{re.escape(service)}\.service\b|(?:Start|Stopp?)(?:ing|ed) )"
    own = (pl.col("service") == service) & ~pl.col("message").str.contains(managers)
    rows = case.timeline.filter(own & pl.col("time").is_not_null()).select("time", "file", "line", "lines", "message")
    return rows.collect().sort("time", maintain_order=True)


WORKED: Mapping[str, Callable[[Case, Ended], Ended | None]] = {
    WATCHING: written,
    LIMIT: lambda case, one: one,
    CHECKED: serving,
    WATCHDOG: watched,
    UPDATED: lambda case, one: one,
    COPIED: lambda case, one: one,
}
"""By the reason that the manager tells: the stops that it gives without need."""
