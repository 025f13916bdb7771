"""The stages in a row: collect, read configuration, interpret, read logs, timeline, findings, causes, result.

A newcomer reads this module first. Each stage is a function from values to values; files are opened only by `collect`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from logcorr import causes, plugins, timeline
from logcorr.collect import quotes
from logcorr.comparison import Side, compare
from logcorr.configuration import host_zone, schedules
from logcorr.model.case import Case, Source
from logcorr.model.claim import Claim, claim
from logcorr.model.facts import Fact
from logcorr.model.result import Cause, Finding, Judgement, Patch
from logcorr.model.source import Artifact, Problem, Span
from logcorr.reading import Input, Paths, Zones, names, read, writers, zones
from logcorr.repair import Repair, mended
from logcorr.report import document, sarif
from logcorr.rules import CRASHED, Rule, findings_of
from logcorr.semantics import schedule
from logcorr.semantics.reader import Reader
from logcorr.semantics.understanding import Understanding, understand
from logcorr.suppression import Acceptance, Accepted, suppress
from logcorr.timeline.clocks import zone_of
from logcorr.timeline.skew import one_clock

SHORTEST_S = 1e-6
"""Stamps are told apart to a microsecond."""


class Analysis(Struct, frozen=True, kw_only=True, eq=False):
    """What one analysis found.

    `timeline` is every event, lazily; `events` those whose kind is known; `sources` how each log was read; `zone` is the host's.
    `result` is the document that every report is made from (`docs/result.md`).
    """

    result: dict[str, Any]
    timeline: pl.LazyFrame
    events: pl.DataFrame
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]
    zone: str = "UTC"
    repair: Repair | None = None

    def compared(self, after: Analysis, *, changed: datetime | None = None) -> Analysis:
        """The same with `comparison` in the document: what became of it in a folder collected after a change.

        `changed` is when the change was made (an aware datetime): what the second folder tells of the time before does not count,
        nor what lies before the end of this one. Raises ValueError for an analysis that was made from a saved result.
        """
        if self.repair is None or after.repair is None:
            raise ValueError("a saved result holds no timeline to compare")
        before = Side(self.repair.case, self.findings, self.causes)
        seen = self.repair.case.window[1].timestamp() + SHORTEST_S if self.repair.case.window else 0.0
        since = max(seen, changed.timestamp()) if changed else seen
        later = Side(after.repair.case, after.findings, since=since)
        told = compare(before, later, partial(_due, self.repair.case, zone_of(self.zone)))
        return replace(self, result={**self.result, "comparison": told})

    def patches(self) -> tuple[Patch, ...]:
        """A proved patch for each finding that has one (docs/fixes.md); they can be applied together."""
        return self.repair.patches(self.findings)[0] if self.repair else ()

    def to_markdown(self, lang: str = "en", *, templates: Path | None = None, most: int | None = None) -> str:
        """The postmortem in a language (`en`, `zh-TW`), by one's own `templates` if given, in at most so many bytes."""
        from logcorr.report import markdown  # jinja2 is not needed to look at a terminal

        return markdown.render(self.result, lang, templates, most)

    def to_html(self, lang: str = "en", *, templates: Path | None = None) -> str:
        """The postmortem as one HTML file that needs nothing else."""
        from logcorr.report import html

        return html.render(self.result, lang, templates)

    def to_json(self) -> str:
        """The result document."""
        return document.to_json(self.result)

    def to_sarif(self) -> str:
        """The causes, and the findings that stand in configuration, as SARIF 2.1.0."""
        return sarif.render(self.result)

    def redacted(self) -> Analysis:
        """The same with secrets and identities taken out of the document (docs/redaction.md)."""
        from logcorr.report.redaction import redacted  # not needed to look at a terminal

        return replace(self, result=redacted(self.result))

    def write(self, path: str | Path, lang: str = "en", *, templates: Path | None = None, most: int | None = None) -> None:
        """Write a report; the suffix decides the format (`.md`, `.html`, `.json`, `.sarif`).

        What people wrote into the report that is there is kept. Raises LogcorrError for any other suffix, and if people wrote
        where it cannot be kept.
        """
        from logcorr.report import render

        render.write(self.result, Path(path), lang, templates=templates, most=most)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        from logcorr.report import html

        return html.frame(self.to_html())


def analyze(
    paths: Paths,
    *,
    tz: str | Zones | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    rules: Iterable[Rule] = (),
    accept: Sequence[Acceptance] = (),
) -> Analysis:
    """Analyse folders and files, and say what happened and why.

    `tz` is the zone of logs that carry none: one for all, or by source (`{"nginx": "Asia/Taipei", None: "UTC"}`). `since` and
    `until` bound the timeline (aware datetimes). `rules` are run beside those that are installed. `accept` says which findings in
    configuration are known, and why.

    Raises LogcorrError for a path that does not exist or an unknown zone, NothingRecognised if there is nothing to read.
    """
    given = read(paths)
    reader = Reader()
    understood = understand(given.facts, given.files, reader)
    told = timeline.build(
        given.artifacts,
        given.logs,
        given.facts,
        zones=zones(tz),
        service_of=writers(given),
        names=names(given),
        since=since,
        until=until,
    )
    zone = host_zone(zones(tz), given.facts, told.sources)
    case = one_clock(
        replace(
            _case(given, understood, told, zone),
            records=_records(told.logs),
            lines=_lines(given.artifacts),
        )
    )
    installed = plugins.rules()
    asked = (*installed.values(), *rules)
    found, ran = findings_of(case, asked)
    findings, accepted, useless = suppress(found, given.configured, accept, ran=asked)
    repair = Repair(
        case=case,
        world=understood.world,
        artifacts=given.artifacts,
        parsers=given.parsers,
        rules=[rule for rule, (_, outcome) in zip(asked, ran, strict=True) if not outcome.startswith(CRASHED)],
        interpret=lambda facts: _reinterpreted(case, facts, zone, reader),
    )
    judgement, crashes = mended(causes.judge(case, findings), findings, repair)
    problems = (
        *given.problems,
        *understood.problems,
        *told.problems,
        *useless,
        *given.parsers.problems,
        *installed.problems,
        *crashes,
    )
    return Analysis(
        result=_document(
            case,
            findings=findings,
            judgement=judgement,
            accepted=accepted,
            artifacts=given.artifacts,
            problems=problems,
            ran=ran,
        ),
        timeline=case.timeline,
        events=case.events,
        sources=case.sources,
        findings=findings,
        causes=judgement.causes,
        zone=zone,
        repair=repair,
    )


def _due(case: Case, zone: tzinfo, job: Span, start: float, end: float) -> Sequence[float]:
    """When the job that stands at a place is due."""
    found = [one.job for one in case.schedules if one.job.span == job]
    first, last = (datetime.fromtimestamp(time, UTC) for time in (start, end))
    return schedule.ticks(found[0], first, last, zone).tolist() if found else ()


def _reinterpreted(case: Case, facts: tuple[Fact, ...], zone: str, reader: Reader) -> Case:
    """The case with other facts: the logs are as they were."""
    understood = understand(facts, case.files, reader)
    return replace(
        case,
        facts=facts,
        behaviours=understood.behaviours,
        schedules=schedules(understood, case.window, zone),
        entities=understood.entities,
        stack=understood.stack,
    )


def _records(logs: Sequence[timeline.Log]) -> Callable[[str], pl.LazyFrame]:
    """For a format's name, the typed frame of all its logs; without rows and columns where there are none."""

    def records(name: str) -> pl.LazyFrame:
        parts = [(log, partial(_typed, log)) for log in logs if log.artifact.format == name]
        return timeline.scan(parts) if parts else pl.LazyFrame()

    return records


def _typed(log: timeline.Log, events: pl.LazyFrame) -> pl.LazyFrame:
    return events.select(*log.schema.names(), pl.lit(log.artifact.path).alias("file"))


def _lines(artifacts: Sequence[Artifact]) -> Callable[[str], pl.LazyFrame]:
    """For a path, the text of its lines, in file order."""

    def lines(path: str) -> pl.LazyFrame:
        frames = [artifact.lines for artifact in artifacts if artifact.path == path]
        if not frames:
            return pl.LazyFrame(schema={"line": pl.UInt32, "text": pl.String})
        return pl.concat(frames, how="diagonal_relaxed").sort("line", maintain_order=True)

    return lines


def _case(given: Input, understood: Understanding, told: timeline.Timeline, zone: str) -> Case:
    times = [time for source in told.sources for time in (source.first, source.last) if time]
    window = (min(times), max(times)) if times else None
    return Case(
        facts=given.facts,
        sources=told.sources,
        events=told.events,
        timeline=told.lazy,
        files=given.files,
        behaviours=understood.behaviours,
        schedules=schedules(understood, window, zone),
        entities=understood.entities,
        stack=understood.stack,
        window=window,
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
            place=str(one.by.place),
            code=one.finding.code,
            reason=one.by.reason,
        )
        for one in accepted
    ]
    zones = [
        claim("assumption.zone", "{path} carries no time zone; {zone} is assumed", path=source.path, zone=source.zone)
        for source in case.sources
        if source.zone_assumed
    ]
    skews = [_skew(source) for source in case.sources if source.skew_s]
    return tuple(dict.fromkeys([*zones, *skews, *_proof_assumptions(case, judgement), *excused]))


def _skew(source: Source) -> Claim:
    if source.skew_s > 0:
        return claim(
            "assumption.clock_ahead",
            "the clock behind {path} is {seconds:g} s ahead of the services': what it tells is moved to theirs",
            path=source.path,
            seconds=source.skew_s,
        )
    return claim(
        "assumption.clock_behind",
        "the clock behind {path} is {seconds:g} s slow, measured by the services': what it tells is moved to theirs",
        path=source.path,
        seconds=-source.skew_s,
    )


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
