"""The stages in a row: collect, read configuration, interpret, read logs, timeline, findings, causes, result.

A newcomer reads this module first. Each stage is a function from values to values; files are opened only by `collect`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from logcorr import causes, plugins, timeline
from logcorr.collect import quotes
from logcorr.errors import LogcorrError
from logcorr.model.case import Case, Schedule, Source
from logcorr.model.claim import Claim, claim
from logcorr.model.facts import Fact, Setting, of_kind
from logcorr.model.result import Cause, Finding, Judgement
from logcorr.model.source import Artifact, Problem
from logcorr.parsers import LogParser, Parser
from logcorr.reading import Paths, Reading, read
from logcorr.report import document, sarif
from logcorr.rules import Rule, findings_of
from logcorr.semantics import schedule, topology
from logcorr.suppression import Accepted, suppress
from logcorr.timeline.clocks import zone_of

BEFORE = timedelta(seconds=900)
"""How far before the logs a job's runs still matter: their effects may be the first thing logged."""
NEXT_RUNS = 3
HOST_LOGS = ("cron", "syslog", "script", "nginx")
"""Logs written in the host's local time, the surest first: nginx may run in a container, which has a zone of its own."""

Zones = Mapping[str | None, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What one analysis found.

    `timeline` is every event, lazily; `events` those whose kind is known; `sources` how each log was read. `result` is the
    document that every report is made from (`docs/result.md`).
    """

    result: dict[str, Any]
    timeline: pl.LazyFrame
    events: pl.DataFrame
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]

    def to_markdown(self, lang: str = "en") -> str:
        """The postmortem in `lang` (`en`, `zh-TW`)."""
        from logcorr.report import markdown  # jinja2 is not needed to look at a terminal

        return markdown.render(self.result, lang)

    def to_json(self) -> str:
        """The result document."""
        return document.to_json(self.result)

    def to_sarif(self) -> str:
        """The findings in configuration and the causes as SARIF 2.1.0."""
        return sarif.render(self.result)

    def write(self, path: str | Path, lang: str = "en") -> None:
        """Write a report; the suffix decides the format (`.md`, `.json`, `.sarif`). Raises LogcorrError for any other."""
        suffix = Path(path).suffix
        if suffix not in (".md", ".json", ".sarif"):
            raise LogcorrError(f"no report is written as {suffix or 'a file without suffix'}", "use .md, .json or .sarif")
        text = self.to_markdown(lang) if suffix == ".md" else self.to_sarif() if suffix == ".sarif" else self.to_json()
        Path(path).write_text(text, encoding="utf-8", newline="\n")

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def analyze(
    paths: Paths,
    *,
    tz: str | Zones | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    rules: Iterable[Rule] = (),
) -> Analysis:
    """Analyse folders and files, and say what happened and why.

    `tz` is the zone of logs that carry none: one for all, or by source (`{"nginx": "Asia/Taipei", None: "UTC"}`). `since` and
    `until` bound the timeline (aware datetimes). `rules` are run beside those that are installed.

    Raises LogcorrError for a path that does not exist or an unknown zone, NothingRecognised if there is nothing to read.
    """
    reading = read(paths)
    logs = _logs(reading.parsers)
    told = timeline.build(
        reading.artifacts,
        logs,
        reading.configuration.facts,
        zones=_zones(tz),
        service_of=_writers(reading, logs),
        since=since,
        until=until,
    )
    case = _case(reading, told, _host_zone(_zones(tz), reading.configuration.facts, told.sources), logs)
    installed = plugins.rules()
    asked = [*installed.values(), *rules]
    found, ran = findings_of(case, asked)
    findings, accepted, unused = suppress(found, reading.configured, ran=asked)
    judgement = causes.judge(case, findings)
    problems = (*reading.problems, *told.problems, *unused, *reading.parsers.problems, *installed.problems)
    return Analysis(
        result=_document(
            case,
            findings=findings,
            judgement=judgement,
            accepted=accepted,
            artifacts=reading.artifacts,
            problems=problems,
            ran=ran,
        ),
        timeline=told.lazy,
        events=told.events,
        sources=told.sources,
        findings=findings,
        causes=judgement.causes,
    )


def _zones(tz: str | Zones | None) -> Zones:
    return {None: tz} if isinstance(tz, str) else tz or {}


def _logs(parsers: Mapping[str, Parser]) -> dict[str, LogParser]:
    return {name: parser for name, parser in parsers.items() if isinstance(parser, LogParser)}


def _writers(reading: Reading, logs: Mapping[str, LogParser]) -> Callable[[str], str | None]:
    """Which service writes a log."""
    sources = {
        artifact.path: logs[artifact.format].source
        for artifact in reading.artifacts
        if artifact.format and artifact.format in logs
    }
    understood = reading.understood
    return lambda path: topology.writer(path, sources.get(path, ""), understood.entities, understood.nginx)


def _records(
    artifacts: Sequence[Artifact], parsers: Mapping[str, LogParser], facts: tuple[Fact, ...]
) -> Callable[[str], pl.LazyFrame]:
    """For a format's name, the typed frame of all its logs; without rows and columns where there are none."""

    def records(name: str) -> pl.LazyFrame:
        frames = [
            parsers[name].events(artifact, facts).with_columns(pl.lit(artifact.path).alias("file"))
            for artifact in artifacts
            if artifact.format == name
        ]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.LazyFrame()

    return records


def _lines(artifacts: Sequence[Artifact]) -> Callable[[str], pl.LazyFrame]:
    """For a path, the text of its lines, in file order."""

    def lines(path: str) -> pl.LazyFrame:
        frames = [artifact.lines for artifact in artifacts if artifact.path == path]
        if not frames:
            return pl.LazyFrame(schema={"line": pl.UInt32, "text": pl.String})
        return pl.concat(frames, how="diagonal_relaxed").sort("line", maintain_order=True)

    return lines


def _host_zone(zones: Zones, facts: Sequence[Fact], sources: Sequence[Source]) -> str:
    """The zone in which the host's schedulers run: given, set, or that of the log nearest to them whose zone is known."""
    given = zones.get(None) or next((setting.value for setting in of_kind(Setting, facts) if setting.name == "TZ"), None)
    nearness = {one: (one.zone_assumed, HOST_LOGS.index(one.source)) for one in sources if one.source in HOST_LOGS}
    best = [one.zone for one, near in nearness.items() if near == min(nearness.values())]
    return given or (max(sorted(set(best)), key=best.count) if best else "UTC")


def _case(reading: Reading, told: timeline.Timeline, host_zone: str, logs: Mapping[str, LogParser]) -> Case:
    times = [time for source in told.sources for time in (source.first, source.last) if time]
    window = (min(times), max(times)) if times else None
    known = reading.configuration
    return Case(
        facts=known.facts,
        files=known.files,
        behaviours=known.behaviours,
        schedules=_schedules(known.schedules, window, zone_of(host_zone)),
        entities=known.entities,
        stack=known.stack,
        sources=told.sources,
        events=told.events,
        timeline=told.lazy,
        window=window,
        records=_records(reading.artifacts, logs, known.facts),
        lines=_lines(reading.artifacts),
    )


def _schedules(schedules: tuple[Schedule, ...], window: tuple[datetime, datetime] | None, host: tzinfo) -> tuple[Schedule, ...]:
    """The schedules with their runs while the logs tell, and the next ones after; where no log was collected, without any."""
    return tuple(_runs(one, *window, host) for one in schedules) if window else schedules


def _runs(one: Schedule, first: datetime, last: datetime, host: tzinfo) -> Schedule:
    return replace(
        one,
        ticks=schedule.ticks(one.job, first - BEFORE, last, host),
        next=schedule.next_runs(one.job, last, host, NEXT_RUNS),
    )


def _document(
    case: Case,
    *,
    findings: tuple[Finding, ...],
    judgement: Judgement,
    accepted: Sequence[Accepted],
    artifacts: Sequence[Artifact],
    problems: Sequence[Problem],
    ran: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    return document.build(
        case,
        findings,
        judgement,
        artifacts=artifacts,
        problems=problems,
        rules_run=ran,
        quotes=quotes(artifacts, document.spans(case, findings, judgement, artifacts)),
        assumptions=_assumptions(case, judgement, accepted),
        version=version("logcorr"),
    )


def _assumptions(case: Case, judgement: Judgement, accepted: Sequence[Accepted]) -> tuple[Claim, ...]:
    """What is taken for granted, once each: zones, what a proof from collected files cannot see, what comments accept."""
    excused = [
        claim(
            "assumption.accepted",
            "{place} accepts {code}: {reason}",
            place=str(one.ignore.comment),
            code=one.finding.code,
            reason=one.ignore.reason,
        )
        for one in accepted
    ]
    zones = [
        claim("assumption.zone", "{path} carries no time zone; {zone} is assumed", path=source.path, zone=source.zone)
        for source in case.sources
        if source.zone_assumed
    ]
    return tuple(dict.fromkeys([*zones, *_proof_assumptions(case, judgement), *excused]))


def _proof_assumptions(case: Case, judgement: Judgement) -> Iterator[Claim]:
    """What the proofs behind the causes rest on."""
    hops = {link.source for cause in judgement.causes for link in cause.chain}
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            if proved.effect.span not in hops:
                continue
            yield claim("assumption.files_in_force", "the collected scripts and configuration are those that were in force")
            for answered in proved.probes:
                if answered.answers:
                    yield claim(
                        "assumption.request_arrives",
                        "{url} leads to the collected server: no proxy variable, hosts entry or firewall stands in between",
                        url=str(answered.probe.url),
                    )
            for assumption in (
                *proved.proof.assumes,
                *(text for one in proved.probes for a in one.answers for text in a.assumes),
            ):
                yield claim("assumption.proof", "{assumption}", assumption=assumption)
