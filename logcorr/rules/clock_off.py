"""A host's clock is off: what others stamp is not valid yet there, or what it stamps is not taken elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, counted, rule
from logcorr.rules._settings import settings
from logcorr.rules._time_sync import drift, stopped
from logcorr.rules._words import sought, telling
from logcorr.timeline.select import cite, lines_like

EARLY = sought(
    r"(?i)\bjwt not active\b|\bNotBeforeError\b|\bImmatureSignature"
    r"|\btoken (?:is |was )?(?:not yet valid|used (?:before issued|too early)|issued in the future)"
    r"|\b(?:iat|nbf|timestamp|issue(?:d|[- ]?instant)?|not[- ]?before)\b(?: \S+){0,3} in the future\b"
    r"|\bclock (?:skew|difference|drift)\b.*\b(?:detected|too (?:great|large|high|big)|exceeds|exceeded|is too|against peer)\b"
    r"|\bcurrent time \S+ is before\b|\b(?:token|assertion|signature|request|ticket)\b.* from the future\b"
    r"|\bRequestTimeTooSkewed\b|\bclock skew too great\b|\bKRB_AP_ERR_SKEW\b|\bsignature not yet current\b"
    r"|\boutside of the recvWindow\b|\bahead of the server's time\b|\bCERT_NOT_YET_VALID\b|\bcertificate is not yet valid\b",
    "not active", "NotBefore", "ImmatureSignature", "not yet valid", "before issued", "too early", "the future", "TooSkewed",
    "skew too great", "clock skew", "clock difference", "clock drift", "is before", "ERR_SKEW", "not yet current",
    "recvWindow", "ahead of the server", "NOT_YET_VALID",
)  # fmt: skip
"""How libraries word it that a stamp lies in the future: of tokens, signed requests, Kerberos' tickets, certificates."""

ASKED_FOR = r"(?i)\b(?:must|should|shall|has to|have to|needs? to)(?: not)? (?:be|lie) in the future\b"
"""How a form words that it wants a later day."""

STAMP = r"\b(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)"
EPOCH = r"\b(1[6-9]\d{8}|2[01]\d{8})\b"

UNSYNCHRONISED = (
    r"(?i)^\s*(?:System clock|NTP) synchronized:\s+no\b|^NTPSynchronized=no|^\s*Leap status\s*:\s*Not synchroni[sz]ed"
    r"|^\s*unsynchroni[sz]ed\b"
)
"""timedatectl(1), chronyc(1), ntpstat(1)."""

UNANSWERED = (
    r"(?i)\btimed out waiting for reply from (\S+)|\bsource (\S+) offline\b|\bno selectable sources\b"
    r"|\bno (?:server|time server) (?:suitable|reachable|available)\b"
)
"""systemd-timesyncd, chronyd, ntpd and sntp."""

SYNCHRONISED = (
    r"(?i)\b(?:initial synchronization to|synchronized to|contacted) time server\b|\bselected source\b|\bsynchroni[sz]ed to \d"
)
"""And how they tell that one did answer."""

ASKS = r"^\s*(?:NTP\s*=\s*\S|(?:server|pool|peer)\s+[\w.:-]+)"
CLOCKS = ("timesyncd", "chrony", "ntp")
CLOSED = r"\bpolicy drop\b|^\s*:INPUT DROP\b|-P INPUT DROP\b"
OPENED = r"\b(?:123|ntp)\b"
"""A firewall that drops what no rule lets in, and the port of time servers."""

FEWEST, BACK_S, MOST_LINES = 3, 5.0, 10_000
SURE, LIKELY, UNKNOWN = 0.92, 0.8, 0.6
SHOWS = "clocks_disagree"


class _Told(Struct, frozen=True):
    """What is known of the clock: who is asked in vain and where that is set, captures, who stopped it from being kept, and what
    the log's own stamps and numbers show: seconds a day."""

    unanswered: tuple[Evidence, ...]
    asked: tuple[Evidence, ...]
    captured: tuple[Evidence, ...]
    stepped: tuple[Evidence, ...]
    stopped: tuple[Evidence, ...]
    early_s: float | None
    drift: float | None

    @property
    def sure(self) -> float:
        proofs = [self.unanswered, self.captured, self.stepped, self.stopped, self.drift, self.early_s]
        return (UNKNOWN, LIKELY, SURE)[min(sum(map(bool, proofs)), 2)]


@rule(code="NET007", title="A host's clock is off", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Lines by which something is not valid yet, with what daemons, captures and the log's own stamps tell of the clock."""
    for service, early in by_service(telling(case, EARLY).filter(~pl.col("message").str.contains(ASKED_FOR))):
        if early.height >= FEWEST:
            yield _finding(service, early, _told(case, early))


def _told(case: Case, early: pl.DataFrame) -> _Told:
    vain = _vain(case, early["time"][0])
    named = [vain["message"].str.extract(UNANSWERED, group).drop_nulls() for group in (1, 2)]
    servers = {name.partition(":")[0] for names in named for name in names}
    captured, ahead_s, drifts = tuple(_captured(case)), _early(early), drift(early)
    return _Told(
        unanswered=(*cite(vain, "its time server does not answer", most=3, shows="dependency_fails"), *_shut(case, vain)),
        asked=tuple(_asked(case, servers)) if vain.height else (),
        captured=captured,
        stepped=tuple(_stepped(case, str(early["file"][0]))),
        stopped=stopped(case, early["time"][0], off=bool(captured or ahead_s or drifts)),
        early_s=ahead_s,
        drift=drifts,
    )


def _vain(case: Case, since: datetime) -> pl.DataFrame:
    """What tells that no time server answers, but for what was over before then: one answered after it."""
    told = case.timeline.filter(pl.col("message").str.contains(f"{UNANSWERED}|{SYNCHRONISED}")).collect()
    answered = pl.col("message").str.contains(SYNCHRONISED)
    last = told.filter(answered & (pl.col("time") < since))["time"].max()
    vain = told.filter(~answered)
    return vain if last is None else vain.filter(pl.col("time").is_null() | (pl.col("time") > last))


def _asked(case: Case, servers: set[str]) -> Iterator[Evidence]:
    """The one line that names the time servers, if it names one of those that do not answer."""
    found = [(span, text) for span, text in settings(case, ASKS) if any(name in span.path for name in CLOCKS)]
    if len(found) == 1 and (not servers or any(name in found[0][1] for name in servers)):
        yield Evidence(found[0][0], "who is asked for the time, and nobody else", shows="dependency_fails")


def _shut(case: Case, vain: pl.DataFrame) -> Iterator[Evidence]:
    """The firewall that lets nothing in on the port of time servers."""
    closed = [span for span, _ in settings(case, CLOSED)] if vain.height else []
    for span in closed:
        if not list(lines_like(case, Span(span.path, 1, MOST_LINES), OPENED)):
            yield Evidence(span, "lets nothing in on UDP port 123", shows="dependency_fails")


def _captured(case: Case) -> Iterator[Evidence]:
    for path in sorted(case.files - {source.path for source in case.sources}):
        for span, _ in lines_like(case, Span(path, 1, MOST_LINES), UNSYNCHRONISED):
            yield Evidence(span, "the clock is not synchronised", shows=SHOWS)


def _stepped(case: Case, path: str) -> Iterator[Evidence]:
    """Where the stamps of the log go back."""
    rows = case.timeline.filter((pl.col("file") == path) & pl.col("time").is_not_null()).select("line", "time").collect()
    rows = rows.sort("line")
    back = np.diff(rows["time"].dt.epoch("us").to_numpy()) / 1e6
    if len(back) and back.min() <= -BACK_S:
        yield Evidence(Span(path, int(rows["line"][int(back.argmin()) + 1])), "the log's own time goes back here", shows=SHOWS)


def _early(early: pl.DataFrame) -> float | None:
    """By how much at most what was refused was stamped later than the line that refuses it; None where no line tells it."""
    message = pl.col("message")
    written = message.str.extract(STAMP, 1).str.replace(" ", "T").str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    epoch = pl.from_epoch(message.str.extract(EPOCH, 1).cast(pl.Int64, strict=False), time_unit="s")
    ahead = (pl.coalesce(written, epoch).dt.replace_time_zone("UTC") - pl.col("time")).dt.total_microseconds() / 1e6
    known = early.select(ahead.alias("ahead"))["ahead"].drop_nulls().to_numpy()
    return float(known.max()) if len(known) >= FEWEST and (known > 0).mean() >= 0.9 else None


def _finding(service: str, early: pl.DataFrame, told: _Told) -> Finding:
    place = next((one.span for one in (*told.stopped, *told.asked, *told.captured, *told.unanswered)), None)
    found = counted(early, service, _claim(service, early, told, place), REFUTE)
    first = (*told.asked, *told.captured) if told.asked else (*told.captured, *told.unanswered)
    others = told.unanswered if told.asked else ()
    return replace(
        found,
        confidence=told.sure,
        evidence=(*told.stopped, *first, *others, *told.stepped, *cite(early, shows=SHOWS)),
        measured={**found.measured}
        | ({"early_s": round(told.early_s, 1)} if told.early_s else {})
        | ({"drift_s_a_day": round(told.drift, 1)} if told.drift else {}),
        fix=claim(
            "clock_off.fix",
            "set the clock and let it be kept: a time server that answers (UDP port 123 open), a second one, and an alarm on the "
            "offset; a few seconds of tolerance where stamps are checked",
        ),
    )


REFUTE = claim("clock_off.refute", "the same second on all hosts, asked for at once")


def _claim(service: str, early: pl.DataFrame, told: _Told, place: Span | None) -> Claim:
    count = early.height
    if place is None:
        return claim(
            "clock_off.found",
            "clocks disagree: {count} times {service} met something that was not valid yet by one of them",
            service=service,
            count=count,
        )
    if told.stopped:
        return claim(
            "clock_off.stopped",
            "nobody keeps a clock since it was stopped at {place}: {count} times {service} met something that was not valid yet",
            service=service,
            place=str(place),
            count=count,
        )
    if told.asked:
        return claim(
            "clock_off.unanswered",
            "the clock is off where {service} runs, for the time server at {place} does not answer: {count} times what another "
            "one stamped was not valid yet",
            service=service,
            place=str(place),
            count=count,
        )
    return claim(
        "clock_off.unsynchronised",
        "the clock is not synchronised where {service} runs ({place}): {count} times what another one stamped was not valid yet",
        service=service,
        place=str(place),
        count=count,
    )
