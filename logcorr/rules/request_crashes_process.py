"""A process dies each time one particular request comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._exceptions import TOLD, Thrown, of_logs, own_line
from logcorr.rules._items import Item, item, marked
from logcorr.rules._poison import Poison, answered_before, broken_off, poison_of
from logcorr.timeline.lifecycles import OWN_ENDS, Downtime, stopped
from logcorr.timeline.select import cite, instants

UNTOLD = ("process.exited", "process.started")
"""Ends of which nothing says whether somebody asked for them; an exception must say so."""

FEWEST = 3
LEAST_SHARE = 0.8

DIED = rf"{TOLD}|segfault at |Segmentation fault|core dumped|terminate called|Fatal Python error|Assertion "
FEWEST_ALONE = 5
"""So often the request comes with an end and an end with the request, never one alone: no stack is needed then."""


@rule(code="NODE003", title="One particular request crashes a process", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares what broke off when a process died with how that request fares otherwise."""
    own = [stop for stop in case.once(stopped) if stop.kind in (*OWN_ENDS, *UNTOLD)]
    often = {service: ends for service, stops in groupby(own, lambda stop: stop.service) if len(ends := list(stops)) >= FEWEST}
    broken = broken_off(case) if often else pl.DataFrame()
    for service, ends in often.items():
        poison = poison_of(case, broken, ends) if broken.height else None
        exceptions = _exceptions(case, len(ends))
        if poison and (exceptions or all(stop.kind in OWN_ENDS for stop in ends)):
            yield _finding(case, service, ends, poison, exceptions)
        elif exceptions and not poison:
            yield from _of_exceptions(case, service, ends, exceptions)


def _of_exceptions(case: Case, service: str, ends: Sequence[Downtime], exceptions: Sequence[Thrown]) -> Iterator[Finding]:
    """What came just before each exception, where no request broke off for it."""
    if found := item(case, exceptions) or marked(case, exceptions):
        yield _of_item(case, service, ends, found, exceptions)
    elif poison := answered_before(case, ends):
        yield _finding(case, service, ends, poison, exceptions)


def _exceptions(case: Case, ends: int) -> Sequence[Thrown]:
    """The exception that comes about as often as the process dies; of several, the first that does."""
    for found in case.once(of_logs).values():
        for message, count in Counter(one.message for one in found).most_common():
            if LEAST_SHARE * ends <= count <= ends / LEAST_SHARE:
                return [one for one in found if one.message == message]
    return ()


def _finding(case: Case, service: str, ends: Sequence[Downtime], poison: Poison, exceptions: Sequence[Thrown]) -> Finding:
    code = own_line(case, exceptions[0]) if exceptions else None
    clients = Counter(poison.broken["client"].to_list()).most_common(1)
    return Finding(
        confidence=_confidence(poison, exceptions, own_words=_last_words(case, ends)),
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


def _claim(service: str, ends: int, poison: Poison) -> Claim:
    numbers: dict[str, str | int] = {"service": service, "total": ends, "count": poison.ended, "request": poison.name}
    asked = max(poison.asked, poison.ended)
    if poison.at_once:
        return claim(
            "request_crashes_process.answered",
            "{service} died {total} times, {count} times just after it had answered {request}, which was asked for {asked} times",
            asked=asked,
            **numbers,
        )
    if poison.before:
        return claim(
            "request_crashes_process.since",
            "{service} died {total} times, {count} times just when {request} was asked for; of {asked} such requests since the "
            "first time {answered} were answered, before it {before} were",
            asked=asked,
            answered=poison.answered,
            before=poison.before,
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


def _last_words(case: Case, ends: Sequence[Downtime]) -> bool:
    """Whether each end is told by what the process, its runtime or the kernel says of an error of its own."""
    told = pl.DataFrame({"file": [stop.end.path for stop in ends], "line": [stop.end.line for stop in ends]})
    lines = [
        case.lines(str(path)).filter(pl.col("line").is_in(same["line"].implode()) & pl.col("text").str.contains(DIED)).collect()
        for (path,), same in told.group_by("file", maintain_order=True)
    ]
    return sum(one.height for one in lines) == told.n_unique()


def _confidence(poison: Poison, exceptions: Sequence[Thrown], *, own_words: bool) -> float:
    """Sure only where the request never succeeds, and the process itself says what it died of."""
    if not poison.asked:
        return 0.8
    if poison.at_once:
        return 0.92 if poison.asked == poison.ended else 0.85
    if poison.answered or not (exceptions or own_words):
        return 0.85
    return 0.95 if exceptions else 0.92 if poison.asked == poison.ended >= FEWEST_ALONE else 0.85


def _access_lines(poison: Poison) -> Iterator[Evidence]:
    rows = poison.seen.head(1).iter_rows(named=True)
    yield from (
        Evidence(
            Span(row["file"], row["line"], row["line"] + row["lines"] - 1), "in the access log", shows="request_crashes_process"
        )
        for row in rows
    )


def _measured(ends: Sequence[Downtime], poison: Poison, clients: Sequence[tuple[str, int]]) -> Mapping[str, str | int | float]:
    times = np.array([stop.ended.timestamp() for stop in ends])
    return {
        "ends": len(ends),
        "with_request": poison.ended,
        "asked": poison.asked,
        "answered": poison.answered,
        "interval_s": round(float(np.median(np.diff(times))), 1),
        **({"client": clients[0][0]} if clients else {}),
    }
