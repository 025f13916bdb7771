"""What all stages before it found, put together as the one case that rules and causes see."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import cache

from msgspec.structs import replace

from logcorr import timeline
from logcorr.configuration import schedules
from logcorr.lazily import np, npt, pl
from logcorr.model.case import Behaviour, Case, Schedule, kept
from logcorr.model.facts import Fact, ScheduledJob
from logcorr.model.source import Artifact, Span
from logcorr.reading import Input
from logcorr.semantics.reader import Reader
from logcorr.semantics.schedule import repeat
from logcorr.semantics.understanding import Understanding, understand
from logcorr.timeline.jobs import LIFE, STARTS, unit_of
from logcorr.timeline.offsets import zone_of
from logcorr.timeline.orders import ACTS

CRON_RAN = r"^\((\S+)\) CMD \((.*)\)\s*$"
OF_THE_SYSTEM = r"\brun-parts\b|^\s*(?:test|\[|command -v) |/usr/(?:s?bin|lib|libexec)/|\bdebian-sa1\b"
"""Jobs that the distribution's packages bring."""

CRONS_FOLDERS = ("cron.hourly", "cron.daily", "cron.weekly", "cron.monthly")
FEWEST_RUNS, MOST_MINUTES, MOST_COMMANDS = 4, 6, 100

ONE_START_S = 10.0
USUAL_SLACK_S = 60.0
"""systemd may put a timer off by so much where it says nothing of it (AccuracySec=)."""

FEW_LINES = 2_000
"""A file of so many lines is kept when a rule has asked for it: others ask for the same, and files are many."""


def case_of(given: Input, understood: Understanding, told: timeline.Timeline, zone: str) -> Case:
    """The case of what was collected, understood and logged; `zone` is that of the host."""
    times = [time for source in told.sources for time in (source.first, source.last) if time]
    window = (min(times), max(times)) if times else None
    return Case(
        facts=given.facts,
        sources=told.sources,
        logged=told.logged,
        files=given.files,
        behaviours=understood.behaviours,
        schedules=schedules(understood, window, zone),
        entities=understood.entities,
        stack=understood.stack,
        window=window,
        records=_records(told.logs),
        lines=_lines(given.artifacts),
    )


def reinterpreted(case: Case, facts: tuple[Fact, ...], *, zone: str, reader: Reader) -> Case:
    """The case with other facts: the logs are as they were."""
    understood = understand(facts, case.files, reader)
    other = replace(
        case,
        facts=facts,
        behaviours=understood.behaviours,
        schedules=schedules(understood, case.window, zone),
        entities=understood.entities,
        stack=understood.stack,
    )
    return jobs_seen(runs_seen(other), reader)


def runs_seen(case: Case) -> Case:
    """The case with the runs of timers that count from their last one, or wait at random: only a log tells when those were."""
    timers = [one for one in case.schedules if one.job.command.startswith(STARTS)]
    counting = [one for one in timers if (not len(one.ticks) and repeat(one.job)) or one.job.slack_s > USUAL_SLACK_S]
    if not counting or "syslog" not in {source.source for source in case.sources}:
        return case
    told = case.records("syslog").filter(pl.col("message").str.contains(LIFE)).select("time", "message").collect().drop_nulls()
    parts = told["message"].str.extract_groups(LIFE).struct
    begun = told.with_columns(unit=parts.field("2")).filter(parts.field("1").is_in(["Starting", "Started"])).sort("time")
    seen = {one.job: begun.filter(pl.col("unit") == unit_of(one.job))["time"] for one in counting}
    known = (replace(one, runs=_apart(seen[one.job])) if len(seen.get(one.job, ())) else one for one in case.schedules)
    return replace(case, schedules=tuple(known))


def jobs_seen(case: Case, reader: Reader) -> Case:
    """The case with the jobs that cron's log tells of and no collected table lists.

    What they do is known where their scripts were collected, or their commands say it; else only those count that run often.
    """
    listed = {one.job.command.strip() for one in case.schedules}
    told = case.happened("job.started").drop_nulls("time").sort("time")
    parts = told["message"].str.extract_groups(CRON_RAN).struct
    ran = told.with_columns(user=parts.field("1"), command=parts.field("2").str.strip_chars()).drop_nulls("command")
    others = ran.filter(~pl.col("command").is_in(listed) & (~_of_the_system() | _acts(case)))
    zones = {source.path: zone_of(source.zone) for source in case.sources}
    groups = [rows for _, rows in others.group_by("user", "command", maintain_order=True)]
    often = sorted(groups, key=lambda rows: -rows.height)[:MOST_COMMANDS]
    found = [_seen_job(rows, zones[rows["file"][0]]) for rows in often]
    return _interpreted(case, found, reader) if found else case


def _of_the_system() -> pl.Expr:
    return pl.col("command").str.contains(OF_THE_SYSTEM)


def _acts(case: Case) -> pl.Expr:
    """Whether a command ends processes by its words, or runs the scripts of a folder of which some were collected."""
    folders = [folder for folder in CRONS_FOLDERS if any(f"{folder}/" in path for path in case.files)]
    return pl.col("command").str.contains(ACTS.pattern) | pl.any_horizontal(
        pl.lit(False), *(pl.col("command").str.contains(folder, literal=True) for folder in folders)
    )


def _interpreted(case: Case, seen: Sequence[Schedule], reader: Reader) -> Case:
    """The case with those of these jobs that run often or end something, and with what they do."""
    understood = understand((*case.facts, *(one.job for one in seen)), case.files, reader)
    told = [replace(one, behaviours=_known(understood.of_job[one.job])) for one in seen]
    count = [
        one for one in told if _ends(one) or (len(one.ticks) >= FEWEST_RUNS and not re.search(OF_THE_SYSTEM, one.job.command))
    ]
    if not count:
        return case
    before = (replace(one, behaviours=understood.of_job.get(one.job, one.behaviours)) for one in case.schedules)
    return replace(case, behaviours=understood.behaviours, schedules=(*before, *count))


def _known(does: Sequence[Behaviour]) -> tuple[Behaviour, ...]:
    """What a command does; nothing where nothing of it is known."""
    return tuple(does) if any(one.effects for one in does) or all(one.understood for one in does) else ()


def _ends(schedule: Schedule) -> bool:
    return any(effect.ends_processes for one in schedule.behaviours for effect in one.effects)


def _seen_job(rows: pl.DataFrame, zone: tzinfo) -> Schedule:
    minutes = sorted({time.astimezone(zone).minute for time in rows["time"]})
    job = ScheduledJob(
        span=Span(rows["file"][0], rows["line"][0]),
        schedule=f"minutes {', '.join(map(str, minutes))}" if len(minutes) <= MOST_MINUTES else "the log's word",
        scheduler="cron",
        command=rows["command"][0],
        user=rows["user"][0],
    )
    return Schedule(job=job, runs=rows["time"].dt.epoch("us").to_numpy() / 1e6)


def _apart(times: pl.Series) -> npt.NDArray[np.float64]:
    """Epoch seconds; a unit that says that it starts and then that it has started began but once."""
    at = times.dt.epoch("us").to_numpy() / 1e6
    return at[np.diff(at, prepend=-np.inf) > ONE_START_S]


def _records(logs: Sequence[timeline.Parsed]) -> Callable[[str], pl.LazyFrame]:
    """For a format's name, the typed frame of all its logs; without rows and columns where there are none."""

    @cache
    def records(name: str) -> pl.LazyFrame:
        those = [one for one in logs if one.log.artifact.format == name]
        if not those:
            return pl.LazyFrame()
        whole = pl.concat(map(_typed, those), how="diagonal_relaxed")
        return kept(whole, sum(one.log.artifact.line_count for one in those))

    return records


def _typed(one: timeline.Parsed) -> pl.LazyFrame:
    return one.events.select(*one.log.schema.names(), pl.lit(one.log.artifact.path).alias("file"))


def _lines(artifacts: Sequence[Artifact]) -> Callable[[str], pl.LazyFrame]:
    """For a path, the text of its lines, in file order."""

    @cache
    def lines(path: str) -> pl.LazyFrame:
        parts = [artifact for artifact in artifacts if artifact.path == path]
        if not parts:
            return pl.LazyFrame(schema={"line": pl.UInt32, "text": pl.String})
        frames = [part.lines for part in parts]
        whole = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed").sort("line", maintain_order=True)
        return kept(whole, sum(part.line_count for part in parts), FEW_LINES)

    return lines
