"""The stages in a row: collect, read configuration, interpret, read logs, timeline, findings, causes, result.

A newcomer reads this module first. Each stage is a function from values to values; files are opened only by `collect`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from importlib.metadata import version

from logcorr import causes, plugins, timeline
from logcorr.assumptions import assumptions
from logcorr.casework import case_of, jobs_seen, reinterpreted, runs_seen
from logcorr.collect import quotes
from logcorr.configuration import host_zone
from logcorr.outcome import Analysis
from logcorr.reading import Paths, Zones, names, read, writers, zones
from logcorr.repair import Repair, mended
from logcorr.report import document
from logcorr.rules import Rule, crashes, findings_of, sound
from logcorr.semantics.reader import Reader
from logcorr.semantics.understanding import understand
from logcorr.suppression import Acceptance, suppress
from logcorr.timeline.handled import survivors_apart
from logcorr.timeline.jobs import runs_apart
from logcorr.timeline.skew import one_clock


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
    given, reader = read(paths), Reader()
    understood = understand(given.facts, given.files, reader)
    told = timeline.build(
        given.artifacts, given.logs, given.facts,
        zones=zones(tz), service_of=writers(given), names=names(given), since=since, until=until,
    )  # fmt: skip
    zone = host_zone(zones(tz), given.facts, told.sources)
    case = one_clock(jobs_seen(runs_seen(survivors_apart(runs_apart(case_of(given, understood, told, zone)))), reader))
    installed = plugins.rules()
    asked = (*installed.values(), *rules)
    found, ran = findings_of(case, asked)
    findings, accepted, useless = suppress(found, given.configured, accept, ran=asked)
    repair = Repair(
        case=case, world=understood.world, artifacts=given.artifacts, parsers=given.parsers, rules=sound(asked, ran),
        interpret=partial(reinterpreted, case, zone=zone, reader=reader),
    )  # fmt: skip
    unfound = crashes(asked, ran)
    judgement, failures = mended(causes.judge(case, findings, whole=not unfound), findings, repair)
    problems = (*given.problems, *understood.problems, *told.problems, *useless, *given.parsers.problems, *installed.problems)
    result = document.build(
        case, findings, judgement,
        artifacts=given.artifacts,
        problems=(*problems, *unfound, *failures),
        rules_run=ran,
        quote=partial(quotes, given.artifacts),
        assumptions=assumptions(case, judgement, accepted),
        version=version("logcorr"),
    )  # fmt: skip
    return Analysis(
        result=result, timeline=case.timeline, told=case.events, sources=case.sources,
        findings=findings, causes=judgement.causes, zone=zone, repair=repair,
    )  # fmt: skip
