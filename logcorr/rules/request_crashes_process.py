"""A process dies each time one particular request comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby

from msgspec import Struct

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._exceptions import Thrown, own_line, thrown
from logcorr.rules._items import Item, item, marked
from logcorr.rules._requests import asked
from logcorr.timeline.lifecycles import OWN_ENDS, Downtime, stopped
from logcorr.timeline.select import cite, instants

UNTOLD = ("process.exited", "process.started")
"""Ends of which nothing says whether somebody asked for them; an exception must say so."""

HEADER = "while reading response header"
NEAR_S = 3.0
LONGEST_RESTART_S = 15.0
"""Where only the next start is known, the request that ended the process came at most so long before it."""

FEWEST = 3
LEAST_SHARE = 0.8
MOST_ANSWERED = 0.25
KEYS = (("method", "uri"), ("method", "path"), ("client", "method", "path"))
"""How a request is told from others, the most particular first: what is sent along in a body nobody logs."""


class _Poison(Struct, frozen=True, kw_only=True):
    """A kind of request, at how many of the ends it broke off, and how often it was asked for and answered.

    `at_once`: it was answered before the process ended.
    """

    name: str
    ended: int
    broken: pl.DataFrame
    asked: int
    answered: int
    seen: pl.DataFrame
    at_once: bool = False


@rule(code="NODE003", title="One particular request crashes a process", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares what broke off when a process died with how that request fares otherwise."""
    own = [stop for stop in case.once(stopped) if stop.kind in (*OWN_ENDS, *UNTOLD)]
    often = {service: ends for service, stops in groupby(own, lambda stop: stop.service) if len(ends := list(stops)) >= FEWEST}
    broken = _broken(case) if often else pl.DataFrame()
    for service, ends in often.items():
        poison = _poison(case, broken, ends) if broken.height else None
        exceptions = _exceptions(case, len(ends))
        if poison and (exceptions or all(stop.kind in OWN_ENDS for stop in ends)):
            yield _finding(case, service, ends, poison, exceptions)
        elif exceptions and not poison:
            yield from _of_exceptions(case, service, ends, exceptions)


def _of_exceptions(case: Case, service: str, ends: Sequence[Downtime], exceptions: Sequence[Thrown]) -> Iterator[Finding]:
    """What came just before each exception, where no request broke off for it."""
    if found := item(case, exceptions) or marked(case, exceptions):
        yield _of_item(case, service, ends, found, exceptions)
    elif poison := _answered(case, ends):
        yield _finding(case, service, ends, poison, exceptions)


def _with_path(rows: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    return rows.lazy().with_columns(pl.col("uri").str.extract(r"^([^?]*)", 1).alias("path"))


def _broken(case: Case) -> pl.DataFrame:
    """Requests that the upstream left without an answer."""
    events = case.happened("upstream.closed_early", "upstream.reset").filter(
        pl.col("message").str.contains(HEADER, literal=True) & pl.col("time").is_not_null()
    )
    return _with_path(asked(case, events)).collect()


def _poison(case: Case, broken: pl.DataFrame, ends: Sequence[Downtime]) -> _Poison | None:
    """The most particular request that breaks off at nearly every end, and hardly ever succeeds."""
    near = _at_ends(broken, ends)
    access = _access(case)
    for key in KEYS:
        of_end = near.select("end", *key).unique(maintain_order=True).group_by(key, maintain_order=True).len("ends")
        best = of_end.sort("ends", descending=True, maintain_order=True).head(1)
        if not best.height or best["ends"][0] < LEAST_SHARE * len(ends):
            continue
        seen = access.filter(*(pl.col(name) == best[name][0] for name in key)).collect()
        answered = seen.filter(pl.col("status") < 500).height
        if answered <= MOST_ANSWERED * best["ends"][0]:
            return _Poison(
                name=" ".join(map(str, best.row(0)[:-1])),
                ended=best["ends"][0],
                broken=near.join(best, on=list(key), how="inner", maintain_order="left"),
                asked=seen.height,
                answered=answered,
                seen=seen,
            )
    return None


def _answered(case: Case, ends: Sequence[Downtime]) -> _Poison | None:
    """The request that was answered shortly before nearly every end, and hardly ever else: what it began went on after that."""
    access = _access(case)
    times = pl.LazyFrame({"ended": [stop.ended for stop in ends]}, schema={"ended": pl.Datetime("us", "UTC")}).sort("ended")
    logs = [source.path for source in case.sources if source.format == "nginx_access"]
    told = case.timeline.filter(pl.col("file").is_in(logs) & pl.col("time").is_not_null()).select("time", "file", "line")
    near = told.sort("time").join_asof(
        times.with_row_index("end"), left_on="time", right_on="ended", strategy="forward", tolerance=timedelta(seconds=NEAR_S)
    )
    found = near.drop_nulls("end").join(access.filter(pl.col("status") < 500), on=["file", "line"]).sort("time", "line").collect()
    for key in KEYS[:2]:
        of_end = found.group_by(key, maintain_order=True).agg(pl.col("end").n_unique().alias("ends"), pl.len().alias("count"))
        best = of_end.sort("ends", descending=True, maintain_order=True).head(1)
        if not best.height or best["ends"][0] < LEAST_SHARE * len(ends):
            continue
        seen = access.filter(*(pl.col(name) == best[name][0] for name in key)).collect()
        if seen.height <= (1 + MOST_ANSWERED) * best["ends"][0]:
            return _Poison(
                name=" ".join(map(str, best.row(0)[:-2])),
                ended=best["ends"][0],
                broken=found.join(best, on=list(key), how="semi", maintain_order="left"),
                asked=seen.height,
                answered=seen.height,
                seen=seen,
                at_once=True,
            )
    return None


def _at_ends(broken: pl.DataFrame, ends: Sequence[Downtime]) -> pl.DataFrame:
    """What broke off close to an end, with that end's number."""
    times = broken["time"].dt.epoch("us").to_numpy() / 1e6
    parts = []
    for number, stop in enumerate(ends):
        at = stop.ended.timestamp()
        since = at - (LONGEST_RESTART_S if stop.kind == "process.started" else NEAR_S)
        hit = (times >= since) & (times <= at + NEAR_S)
        parts.append(broken.filter(pl.Series(hit)).with_columns(end=pl.lit(number)))
    return pl.concat([broken.clear().with_columns(end=pl.lit(0)), *parts])


def _access(case: Case) -> pl.LazyFrame:
    """Every request that the proxy logged, by what tells it from others."""
    told = case.records("nginx_access")
    if "request" not in told.collect_schema():
        texts = dict.fromkeys((name for key in KEYS for name in (*key, "file")), pl.String)
        return pl.LazyFrame(schema=pl.Schema({**texts, "status": pl.Int16, "line": pl.UInt32, "lines": pl.UInt32}))
    request = pl.col("request")
    columns = told.select(
        "file",
        "line",
        "lines",
        "client",
        pl.col("status"),
        request.str.extract(r"^(\S+)", 1).alias("method"),
        request.str.extract(r"^\S+ (\S+)", 1).alias("uri"),
    )
    return _with_path(columns)


def _exceptions(case: Case, ends: int) -> Sequence[Thrown]:
    """The exception that comes about as often as the process dies; of several, the first that does."""
    proxy = {source.path for source in case.sources if source.format.startswith("nginx")}
    for path in sorted({source.path for source in case.sources} - proxy):
        found = list(thrown(case, path))
        for message, count in Counter(one.message for one in found).most_common():
            if LEAST_SHARE * ends <= count <= ends / LEAST_SHARE:
                return [one for one in found if one.message == message]
    return ()


def _finding(case: Case, service: str, ends: Sequence[Downtime], poison: _Poison, exceptions: Sequence[Thrown]) -> Finding:
    code = own_line(case, exceptions[0]) if exceptions else None
    clients = Counter(poison.broken["client"].to_list()).most_common(1)
    return Finding(
        confidence=_confidence(poison, exceptions),
        claim=_claim(service, len(ends), poison),
        evidence=(
            *([Evidence(code, "the line that threw", shows="request_crashes_process")] if code else []),
            *(Evidence(one.span, "the exception", shows="request_crashes_process") for one in exceptions[:1]),
            Evidence(ends[0].end, "the process ended", shows="crash_ends_process"),
            *cite(poison.broken, _asker(clients), most=3, shows="request_crashes_process"),
            *_access_lines(poison),
        ),
        would_refute=claim("request_crashes_process.refute", "such a request that was answered, or an end without one"),
        subject=service,
        measured=_measured(ends, poison, clients),
        times=instants(poison.broken.sort("time").unique("end", keep="first", maintain_order=True)),
        fix=claim(
            "request_crashes_process.fix",
            "let the code answer what it cannot handle (400, 404), and catch what is thrown outside of the handler",
        ),
    )


def _claim(service: str, ends: int, poison: _Poison) -> Claim:
    numbers: dict[str, str | int] = {"service": service, "total": ends, "count": poison.ended, "request": poison.name}
    asked = max(poison.asked, poison.ended)
    if poison.at_once:
        return claim(
            "request_crashes_process.answered",
            "{service} died {total} times, {count} times just after it had answered {request}, which was asked for {asked} times",
            asked=asked,
            **numbers,
        )
    return claim(
        "request_crashes_process.found",
        "{service} died {total} times, {count} times just when {request} was asked for; "
        "of {asked} such requests {answered} were answered",
        asked=asked,
        answered=poison.answered,
        **numbers,
    )


def _of_item(case: Case, service: str, ends: Sequence[Downtime], found: Item, exceptions: Sequence[Thrown]) -> Finding:
    code = own_line(case, exceptions[0])
    return Finding(
        confidence=0.92 if code else 0.85,
        claim=claim(
            "request_crashes_process.item",
            "{service} died {total} times, {count} times just at “{item}”; {others} others of its kind went well",
            service=service,
            total=len(ends),
            count=found.rows.height,
            item=found.name,
            others=found.others,
        ),
        evidence=(
            *([Evidence(code, "the line that threw", shows="request_crashes_process")] if code else []),
            *(Evidence(one.span, "the exception", shows="request_crashes_process") for one in exceptions[:1]),
            *cite(found.rows, "what it was at work on", most=3, shows="request_crashes_process"),
            Evidence(ends[0].end, "the process ended", shows="crash_ends_process"),
        ),
        would_refute=claim("request_crashes_process.item_refute", "the same item done, or an end at another one"),
        subject=service,
        measured={"ends": len(ends), "with_item": found.rows.height, "others": found.others},
        times=instants(found.rows),
        fix=claim(
            "request_crashes_process.item_fix",
            "put aside what fails (a queue for it, a limit of tries), and let the code refuse what it cannot handle",
        ),
    )


def _asker(clients: Sequence[tuple[str, int]]) -> str:
    return f"client {clients[0][0]}" if clients and clients[0][0] else ""


def _confidence(poison: _Poison, exceptions: Sequence[Thrown]) -> float:
    """Sure only where the request never succeeds, and the process itself says what it died of."""
    if not poison.asked:
        return 0.8
    if poison.at_once:
        return 0.92 if poison.asked == poison.ended else 0.85
    return 0.95 if exceptions and not poison.answered else 0.85


def _access_lines(poison: _Poison) -> Iterator[Evidence]:
    rows = poison.seen.head(1).iter_rows(named=True)
    yield from (
        Evidence(
            Span(row["file"], row["line"], row["line"] + row["lines"] - 1), "in the access log", shows="request_crashes_process"
        )
        for row in rows
    )


def _measured(ends: Sequence[Downtime], poison: _Poison, clients: Sequence[tuple[str, int]]) -> Mapping[str, str | int | float]:
    times = np.array([stop.ended.timestamp() for stop in ends])
    return {
        "ends": len(ends),
        "with_request": poison.ended,
        "asked": poison.asked,
        "answered": poison.answered,
        "interval_s": round(float(np.median(np.diff(times))), 1),
        **({"client": clients[0][0]} if clients else {}),
    }
