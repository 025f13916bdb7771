"""Times for which somebody had announced that a service would be down, or tried hard: maintenance, tests under load, drills."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
DATE = regex(
    r"(?<![\d.:/-])(?:(?P<iso>\d{4}-\d\d-\d\d)|(?P<first>\d\d?)[./](?P<second>\d\d?)(?:[./](?P<year>\d{4}))?)(?![\d:]|\.\d)"
)
HOURS = regex(
    r"(?<![\d:.])(?P<from>\d\d?[:h]\d\d) ?(?:Uhr |hrs? ?|h )?"
    r"(?:-|–|—|to|until|till|and|bis|und|hasta|y|até|e|a|à|às|as|et|tot|en|till|och|til|og|do)(?: las| les)? ?"
    r"(?P<to>\d\d?[:h]\d\d)(?![:\d])(?: ?(?P<zone>UTC|GMT|Z|[+-]\d\d:\d\d)\b)?"
)
"""`2026-08-19 04:00-04:15 UTC  Node maintenance`; `am 19.08. zwischen 04:00 und 04:15`."""

SENT = regex(r"(?i)^\W*(?:date|sent|datum|gesendet|enviado|fecha|data|envoyé|inviato|verzonden|skickat|寄件日期)\b.*\d")
"""When a letter was written, which is not of what it tells."""

SHORT, SEVERAL, MONTHS = 40, 2, 12

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
    """Of a short notice of one span by all of it: its date may stand on another line than its hours; else by single lines."""
    read = case.lines(path).head(MOST_LINES).select("text")
    telling = read.filter(pl.col("text").str.contains(WORDS)).collect()["text"]
    dated = [text for text in telling if HOURS.search(text) and DATE.search(text)]
    lines = read.head(SHORT + 1).collect()["text"].to_list() if len(telling) and len(dated) < SEVERAL else []
    if 0 < len(lines) <= SHORT:
        own = [text for text in lines if not SENT.match(text)]
        found = [one for text in dated or own for one in _spans(case, "\n".join(own), [text, *own], zones)]
    else:
        found = [one for text in dated for one in _spans(case, text, [text], zones)]
    yield from dict.fromkeys(found)


def _spans(case: Case, notice: str, lines: Sequence[str], zones: list[str]) -> Iterator[Span]:
    """The span that the first of these lines tells, its date by the first of them that has one."""
    hours = HOURS.search(lines[0])
    dated = next((found for text in lines if (found := DATE.search(text))), None)
    if not hours or not dated or OFF.search(notice):
        return
    own = {"UTC": "UTC", "GMT": "UTC", "Z": "UTC"}.get(hours["zone"] or "", hours["zone"])
    for zone in [own] if own else zones:
        for day in _days(case, dated):
            begin, end = (_instant(day, hours[which], zone) for which in ("from", "to"))
            if begin and end:
                yield begin.timestamp(), (end if end > begin else end + timedelta(days=1)).timestamp(), notice


def _days(case: Case, dated: re.Match[str]) -> list[str]:
    """The dates that are meant, `2026-08-16`; one without its year is of a year of the logs."""
    if dated["iso"]:
        return [dated["iso"]]
    years = [dated["year"]] if dated["year"] else sorted({str(time.year) for time in case.window or ()})
    first, second = int(dated["first"]), int(dated["second"])
    day, month = (second, first) if second > MONTHS else (first, second)
    return [f"{year}-{month:02}-{day:02}" for year in years]


def _instant(day: str, clock: str, zone: str) -> datetime | None:
    hour, minute = re.split("[:h.]", clock)
    try:
        return datetime.fromisoformat(f"{day}T{int(hour):02}:{minute}").replace(tzinfo=zone_of(zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # no such day
        return None
