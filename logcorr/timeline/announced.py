"""Times for which somebody had announced that a service would be down, or tried hard: maintenance, tests under load, drills."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.timeline.notes import READ
from logcorr.timeline.offsets import zone_of

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

MOST_LINES = 2_000
SLACK_S = 120.0


def within(case: Case, times: npt.NDArray[np.float64]) -> bool:
    """Whether all of these times (epoch seconds) lie in announced spans, or hardly later."""
    spans = case.once(announced)
    return bool(len(times)) and all(any(begin <= time <= end + SLACK_S for begin, end in spans) for time in times.tolist())


def announced(case: Case) -> tuple[tuple[float, float], ...]:
    """The spans that notes tell of, in epoch seconds; where no zone is told, in each that the logs are in."""
    logs = {source.path for source in case.sources if source.format not in READ}
    zones = list(dict.fromkeys([*(source.zone for source in case.sources if not source.zone_assumed), "UTC"]))
    return tuple(span for path in sorted(case.files - logs) for span in _told(case, path, zones))


def _told(case: Case, path: str, zones: list[str]) -> Iterator[tuple[float, float]]:
    lines = case.lines(path).head(MOST_LINES).filter(pl.col("text").str.contains(WORDS)).select("text").collect()["text"]
    for found in filter(None, map(SPAN.search, lines)):
        own = {"UTC": "UTC", "GMT": "UTC", "Z": "UTC"}.get(found["zone"] or "", found["zone"])
        for zone in [own] if own else zones:
            begin, end = (_instant(found["date"], found[which], zone) for which in ("from", "to"))
            if begin and end:
                yield begin.timestamp(), (end if end > begin else end + timedelta(days=1)).timestamp()


def _instant(date: str, clock: str, zone: str) -> datetime | None:
    day, month, year = reversed(date.split("-")) if "-" in date else date.split(".")
    try:
        return (
            datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02}T{clock}").replace(tzinfo=zone_of(zone)).astimezone(UTC)
        )
    except ValueError:  # no such day
        return None
