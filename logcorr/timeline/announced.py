"""Times for which somebody had announced that a service would be down, or tried hard: maintenance, tests under load, drills."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.timeline.notes import READ
from logcorr.timeline.offsets import zone_of

Span = tuple[float, float, str]
"""From when to when, in epoch seconds, and the line that announces it."""

WORDS = (
    r"(?i)\b(?:maintenance|(?:load|stress|soak)[- ]?test\w*|fire ?drill|chaos (?:day|test)|failover (?:test|drill)"
    r"|planned (?:downtime|outage)|scheduled downtime|wartung\w*|lasttest\w*|mantenimiento|prueba de carga|manutenção"
    r"|teste de carga|manutenzione|test di carico|onderhoud|underhåll|konserwacj\w+|test de charge)\b"
    r"|維護|维护|壓力測試|压测|メンテナンス|負荷試験|점검"
)
SPAN = regex(
    r"(?P<date>\d{4}-\d\d-\d\d|\d\d?\.\d\d?\.\d{4})[ T,]+(?:from |von |de |da |van )?(?P<from>\d\d:\d\d)"
    r" ?(?:-|–|—|to|until|till|bis|hasta|até|a|à|tot) ?(?P<to>\d\d:\d\d)(?: ?(?P<zone>UTC|GMT|Z|[+-]\d\d:\d\d)\b)?"
)
"""`2026-08-19 04:00-04:15 UTC  Node maintenance`."""

WHOLE = regex(
    r"(?i)\b(?:(?:load|stress|soak)[- ]?test|chaos|failover|drill|lasttest|de carga|di carico"
    r"|node|server|host|cluster|site|database|system|platform|production|network|datacent|all services"
    r"|datenbank|seite|rechner|anlage|servidor|base de dat|sitio|serveur|base de donn|sito)|資料庫|数据库|主機|伺服器|サーバ|서버"
)
"""What concerns every service."""

OFF = regex(
    r"(?i)\b(?:cancel\w*|postpon\w*|not needed|no impact|moved to|abgesagt|verschoben"
    r"|entfällt|annul\w*|cancelad\w*|aplazad\w*)\b|取消|延期"
)

MOST_LINES = 2_000
SLACK_S = 120.0


def within(case: Case, times: npt.NDArray[np.float64], subject: str) -> bool:
    """Whether all of these times (epoch seconds) lie in spans, or hardly later, announced for the subject or for everything."""
    names = {subject, *(name for one in case.entities for name in one.names), *(one.service or "" for one in case.sources)} - {""}
    named = re.compile(rf"(?i)(?<![\w-])(?:{'|'.join(map(re.escape, sorted(names)))})(?![\w-])") if names else None
    spans = [one for one in case.once(announced) if WHOLE.search(one[2]) or (named and named.search(one[2]))]
    return bool(len(times)) and all(any(begin <= time <= end + SLACK_S for begin, end, _ in spans) for time in times.tolist())


def announced(case: Case) -> tuple[Span, ...]:
    """The spans that notes tell of; where no zone is told, in each that the logs are in."""
    logs = {source.path for source in case.sources if source.format not in READ}
    zones = list(dict.fromkeys([*(source.zone for source in case.sources if not source.zone_assumed), "UTC"]))
    return tuple(span for path in sorted(case.files - logs) for span in _told(case, path, zones))


def _told(case: Case, path: str, zones: list[str]) -> Iterator[Span]:
    lines = case.lines(path).head(MOST_LINES).filter(pl.col("text").str.contains(WORDS)).select("text").collect()["text"]
    for text, found in ((text, SPAN.search(text)) for text in lines):
        if not found or OFF.search(text):
            continue
        own = {"UTC": "UTC", "GMT": "UTC", "Z": "UTC"}.get(found["zone"] or "", found["zone"])
        for zone in [own] if own else zones:
            begin, end = (_instant(found["date"], found[which], zone) for which in ("from", "to"))
            if begin and end:
                yield begin.timestamp(), (end if end > begin else end + timedelta(days=1)).timestamp(), text


def _instant(date: str, clock: str, zone: str) -> datetime | None:
    day, month, year = reversed(date.split("-")) if "-" in date else date.split(".")
    try:
        return (
            datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02}T{clock}").replace(tzinfo=zone_of(zone)).astimezone(UTC)
        )
    except (ValueError, OverflowError):  # no such day
        return None
