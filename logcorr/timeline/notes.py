"""What people and scripts wrote down of their changes: logs of releases, notes, git's log. Few entries, each with a date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.offsets import zone_of

DATED = regex(
    r"^(?:[^\d\n]|\d(?!\d{0,3}[-/.])){0,24}?(?<![\w.])"
    r"(?:(?P<year>\d{4})[-/.](?P<month>\d\d)[-/.](?P<day>\d\d)"
    r"|(?P<one>\d\d?)[-/.](?P<two>\d\d?)[-/.](?P<year_last>\d{4})"
    r"|(?P<named>[A-Z][a-z]{2}) +(?P<named_day>\d\d?)(?= [\d:]{8} \d{4}))"
    r"(?:[T ,]+(?P<time>\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?)?"
    r"(?: (?P<year_named>\d{4}))?(?: ?(?P<zone>Z\b|[+-]\d\d:?\d\d))?(?!\w)"
)
"""A date near the beginning of a line, a time perhaps: `2026-05-19 14:20`, `[19/05/2026]`, `Date:   Tue May 19 14:20:00 2026`."""

MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
READ = ("script_log", "stamped_text")
"""Formats of text with dates; other logs are programs' own."""

CODE = (".js", ".mjs", ".cjs", ".ts", ".py", ".rb", ".go", ".php", ".json", ".yml", ".yaml", ".sql", ".gz", ".html", ".css")
MOST = 400
"""A file of more entries is no record of changes."""

DAY_S, MINUTE_S, SECOND_S = 86400.0, 60.0, 2.0


class Entry(Struct, frozen=True):
    """What was written under one date: the dated line, and those up to the next.

    `times` are the instants that the date may mean (epoch seconds): a zone, and which number is the day, may not be told. Each
    stands for the `within_s` that begin there: dates may leave out the time, times the seconds.
    """

    place: Span
    texts: tuple[str, ...]
    times: tuple[float, ...]
    within_s: float


def entries(case: Case) -> tuple[Entry, ...]:
    """The entries of every collected file that holds few of them, by file and line; not of configuration and programs' logs."""
    told = {source.path for source in case.sources if source.format not in READ or source.service}
    told |= {fact.span.path for fact in case.facts}
    zones = list(dict.fromkeys([*(zone_of(source.zone) for source in case.sources if not source.zone_assumed), UTC]))
    paths = (path for path in sorted(case.files - told) if not path.endswith(CODE))
    return tuple(entry for path in paths for entry in _entries(case, path, zones))


def _entries(case: Case, path: str, zones: Sequence[tzinfo]) -> Iterator[Entry]:
    rows = case.lines(path).select("line", "text").head(10 * MOST + 1).collect()
    lines = [(line, text, DATED.match(text[:120])) for line, text in rows.iter_rows()]
    heads = [number for number, (_, _, dated) in enumerate(lines) if dated]
    if len(heads) > MOST or len(lines) > 10 * MOST:
        return
    for number, end in pairwise([*heads, len(lines)]):
        line, _, dated = lines[number]
        times = tuple(dict.fromkeys(_instants(dated.groupdict(), zones))) if dated else ()
        if times and dated:
            stamp = dated["time"]
            within = DAY_S if not stamp else MINUTE_S if len(stamp) == len("14:20") else SECOND_S
            yield Entry(Span(path, line), tuple(text for _, text, _ in lines[number:end]), times, within)


def _instants(said: dict[str, str | None], zones: Sequence[tzinfo]) -> Iterator[float]:
    clock = said["time"] or "00:00"
    own = "+00:00" if said["zone"] == "Z" else said["zone"]
    for year, month, day in _days(said):
        for zone in [zone_of(own)] if own else zones:
            try:
                yield datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{clock}").replace(tzinfo=zone).timestamp()
            except ValueError:  # no such day
                continue


def _days(said: dict[str, str | None]) -> Iterator[tuple[int, int, int]]:
    """Year, month, day; both readings where either number may be the day."""
    if said["year"]:
        yield int(said["year"]), int(said["month"] or 0), int(said["day"] or 0)
    elif said["named"]:
        yield int(said["year_named"] or 0), MONTHS.find(said["named"]) // 3 + 1, int(said["named_day"] or 0)
    elif said["one"] and said["two"]:
        year, one, two = int(said["year_last"] or 0), int(said["one"]), int(said["two"])
        yield from dict.fromkeys([(year, two, one), (year, one, two)])
