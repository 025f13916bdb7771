"""What people and scripts wrote down of their changes: logs of releases, notes, git's log. Few entries, each with a date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.dates import Dated, dated
from logcorr.timeline.offsets import zone_of

READ = ("script_log", "stamped_text")
"""Formats of text with dates; other logs are programs' own."""

HOSTS = ("syslog", "journal")
"""Logs of many programs."""

CODE = (".js", ".mjs", ".cjs", ".ts", ".py", ".rb", ".go", ".php", ".json", ".yml", ".yaml", ".sql", ".gz", ".html", ".css")
MOST = 400
"""A file of more entries is no record of changes."""

LOOKING = (
    r"(?:cd|ls|ll|cat|less|more|tail|head|z?e?grep|zcat|ps|h?top|df|du|free|curl|dig|exit|history|man|which|journalctl|dmesg|stat|wc"
    r"|diff|ss|netstat|lsof|last|uptime|systemctl (?:status|show|cat|is-\w+|list-[\w-]+)|service \S+ status|crontab (?:\S+ )*-l"
    r"|nginx -[tTvV]|git (?:log|status|diff|show)|docker(?:[ -]compose)? (?:ps|logs|stats|inspect|top|events))(?![\w.-])"
)
"""Commands that change nothing."""

LOOKS = regex(rf"^(?:#\d{{10}}\n|: \d{{10}}:\d+;| *\d+ +[\d/.-]+ [\d:]+ +)(?:sudo )?{LOOKING}")
"""Such a command in a shell's history."""

DAY_S, MINUTE_S, SECOND_S = 86400.0, 60.0, 2.0

FEW_DAYS = 3


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
    logs = {source.path for source in case.sources if source.format not in READ or source.service}
    records = case.once(_records)
    told = {*(logs - records), *(fact.span.path for fact in case.facts)}
    zones = zones_of(case)
    paths = [path for path in sorted(case.files - told) if not path.endswith(CODE) or path in records]
    read = {source.path for source in case.sources}
    return tuple(
        entry for path in paths for entry in [*_entries(case, path, zones)] or (_events(case, path) if path in read else ())
    )


def zones_of(case: Case) -> list[tzinfo]:
    """The zones in which a date may be meant that names none: those of the logs, and UTC."""
    return list(dict.fromkeys([*(zone_of(source.zone) for source in case.sources if not source.zone_assumed), UTC]))


def _records(case: Case) -> frozenset[str]:
    """The logs that no program of the case keeps: short ones that tell of nothing that happens to a service."""
    services = {name for entity in case.entities for name in entity.names}
    happening = case.events.filter(pl.col("kind") != "deploy.started").select("file").unique().collect()
    short = {one.path for one in case.sources if one.lines <= MOST and one.service not in services and one.source not in HOSTS}
    return frozenset(short - set(happening["file"]))


def _events(case: Case, path: str) -> Iterator[Entry]:
    """The events of a log as entries, where its stamps stand around its lines."""
    rows = case.timeline.filter(pl.col("file") == path).select("time", "line", "message").drop_nulls().head(MOST).collect()
    for time, line, message in rows.iter_rows():
        yield Entry(Span(path, line), (message,), (time.timestamp(),), SECOND_S)


def _entries(case: Case, path: str, zones: Sequence[tzinfo]) -> Iterator[Entry]:
    rows = case.lines(path).select("line", "text").head(10 * MOST + 1).collect()
    lines = [(line, text, dated(text)) for line, text in rows.iter_rows()]
    heads = [number for number, (_, _, said) in enumerate(lines) if said]
    if len(heads) > MOST or len(lines) > 10 * MOST:
        return
    under = days_of(case)
    for number, end in pairwise([*heads, len(lines)]):
        line, _, said = lines[number]
        assert said
        under = said.days or under
        times = tuple(dict.fromkeys(instants(case, said, under, zones)))
        texts = tuple(text for _, text, _ in lines[number:end])
        if times and not LOOKS.search("\n".join(texts)):
            yield Entry(Span(path, line), texts, times, within(said))


def within(said: Dated) -> float:
    """How long the time lasts that a date stands for: what it leaves out may be anything."""
    return SECOND_S if said.epoch or len(said.clock) > len("14:20") else MINUTE_S if said.clock else DAY_S


def days_of(case: Case) -> tuple[tuple[int | None, int, int], ...]:
    """The days of which the logs tell, where they are few: those of a time that names none."""
    first, last = case.window or (None, None)
    if first is None or last is None or last - first > timedelta(days=FEW_DAYS):
        return ()
    days = ((first + timedelta(days=number)).date() for number in range(-1, FEW_DAYS + 2))
    return tuple((day.year, day.month, day.day) for day in days if day <= last.date() + timedelta(days=1))


def instants(case: Case, said: Dated, under: Sequence[tuple[int | None, int, int]], zones: Sequence[tzinfo]) -> Iterator[float]:
    """The instants that a date may mean, `under` these days where it names none: in each zone, and in each year of the logs."""
    if said.epoch:
        yield said.epoch
        return
    years = sorted({year for one in case.window or () for year in (one.year - 1, one.year)})
    for year, month, day in said.days or under:
        for zone in [zone_of("+00:00" if said.zone == "Z" else said.zone)] if said.zone else zones:
            for told in [year] if year else years:
                try:
                    stamp = f"{told:04}-{month:02}-{day:02}T{said.clock or '00:00'}"
                    yield datetime.fromisoformat(stamp).replace(tzinfo=zone).timestamp()
                except (ValueError, OverflowError):  # no such day
                    continue
