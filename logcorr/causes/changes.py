"""What began a story: a change shortly before, tied to what failed by what it touches, never by its time alone.

A change is a script that somebody ran, a reload, or an entry in a record of changes. It touches a service that it acts on or
names, or a setting, a path, an address or a file that it names and that the chain of the cause rests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.causes.versions import CHANGES, VERSION, another_version, notes_of, older_copies
from logcorr.causes.weighing import Hypothesis
from logcorr.lazily import pl, regex
from logcorr.model.case import Behaviour, Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile, Script
from logcorr.model.result import Cause, Finding, Link
from logcorr.model.source import Span
from logcorr.timeline.notes import MINUTE_S, READ, Entry, entries
from logcorr.timeline.scripts import appended_to, code_of, expanded, messages, own_words
from logcorr.timeline.select import cite, spans

FELT = ("termination_closes_connections", "termination_refuses_connections", "failure_reaches_clients", "crash_ends_process",
        "supervisor_restarts_process", "process_terminates")  # fmt: skip
"""Mechanisms whose lines tell what came of it, and not of what it rests on."""

JUST_BEFORE_S, RUNS_BEFORE, LATE_S = 600.0, 1.5, 2.0
"""What reaches a service shows within so long, or at the first run after; stamps are cut to the second."""

LONG_BEFORE_S = 14 * 86400.0
"""A change of the very thing may show later: when it is asked for, or is full."""

SELDOM, AROUND_S, ONE_RUN_S = 5, 3600.0, 600.0
"""A record of changes has entries in no more minutes than this of the hour before and after; what a program writes as it goes has
in more. A run of a script is over within ten minutes."""

MOST, MOST_IN_ALL, SELDOM_TYPED = 4, 6, 2
"""So many lines of records are cited, and so many with what stands beside them. What is typed more often is a job's."""

WRITES = r"(?:\b(?:cp|mv|ln|install|rsync|tee|envsubst|patch)\b|\bsed\b.* -i|> ?)[^#]*?(?<![\w.-])\.?%s(?![\w/-]|\.\w)"
"""How a script puts a file of this name in its place, or changes it."""

NAME = regex(
    r"(?<![\w-])--[a-z][\w-]{2,}"  # an option
    r"|(?<![\w.])[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+"  # a setting
    r"|(?<=[\w\"' =/])/[\w-]+(?:[/.][\w-]+)*"  # a path
    r"|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?"  # an address
    r"|(?<=:)\d{4,5}\b"  # a port
)
EVERYWHERE = regex(
    r"127\.0\.0\.1|0\.0\.0\.0|/(?:dev|bin|sbin|usr|lib|proc)(?:/.*)?|/(?:etc|tmp|run|opt|srv|home|var(?:/(?:log|lib|run))?)|/etc/\w+"
)
"""Names that say nothing: every machine has them."""


class Touched(Struct, frozen=True):
    """What a cause rests on: services by all their names, settings, paths and addresses, lines of configuration and their files.

    Its first sign was at `since` (epoch seconds). A change that reached a service lies between `early` and that.
    """

    services: frozenset[str]
    names: frozenset[str]
    lines: tuple[Span, ...]
    since: float
    early: float

    @property
    def files(self) -> frozenset[str]:
        """The names of the files that hold these lines."""
        return frozenset(span.path.rpartition("/")[2] for span in self.lines)


class Tie(Struct, frozen=True):
    """A line that tells of a change, and what it touches."""

    evidence: Evidence
    what: str


def begun(case: Case, causes: Sequence[Cause], hypotheses: Sequence[Hypothesis], findings: Sequence[Finding]) -> list[Cause]:
    """The causes, each with the change that began it, where something ties one to it."""
    struck = {one.cause.culprit: one for one in sorted(hypotheses, key=lambda one: one.cause.confidence)}
    subjects = {one.id: one.subject for one in findings}
    return [_begun(case, one, struck[one.culprit], subjects) for one in causes]


def _begun(case: Case, cause: Cause, struck: Hypothesis, subjects: Mapping[str, str]) -> Cause:
    if not len(struck.ends.times):
        return cause
    named = {struck.service, *subjects.get(struck.finding, "").split(", ")} - {""}
    touched = _touched(case, cause, named, float(struck.ends.times[0]))
    cited = {(one.span.path, one.span.line) for link in cause.chain for one in link.evidence}
    ties = _new(_ties(case, touched), cited)[:MOST]
    told = [*(one.evidence for one in ties), *(one for link in cause.chain if link.mechanism == CHANGES for one in link.evidence)]
    versions = {version for one in told for text in _texts(case, one.span) for version in VERSION.findall(text)}
    beside = (
        *another_version(case, touched.services, touched.early, touched.since + LATE_S),
        *older_copies(case, touched.lines),
        *notes_of(case, versions, touched.names),
    )
    found = _new((*ties, *(Tie(*one) for one in beside)), cited)[:MOST_IN_ALL]
    return replace(cause, chain=tuple(_with(cause.chain, found))) if found else cause


def _new(ties: Iterable[Tie], cited: set[tuple[str, int]]) -> list[Tie]:
    """Those whose line the chain does not cite yet, each line once."""
    firsts: dict[tuple[str, int], Tie] = {}
    for one in ties:
        firsts.setdefault((one.evidence.span.path, one.evidence.span.line), one)
    return [one for place, one in firsts.items() if place not in cited]


def _with(chain: Sequence[Link], found: Sequence[Tie]) -> Iterator[Link]:
    """The chain with a first link to the change, or with what was found added to the one it has."""
    evidence = tuple(one.evidence for one in found)
    if any(link.mechanism == CHANGES for link in chain):
        for link in chain:
            yield replace(link, evidence=(*link.evidence, *evidence)) if link.mechanism == CHANGES else link
        return
    yield Link(
        mechanism=CHANGES,
        source=evidence[0].span,
        target=chain[0].source if chain else evidence[0].span,
        claim=claim(
            "hop.changed_before",
            "shortly before the first sign of it there was a change that touches {what}",
            what=", ".join(dict.fromkeys(one.what for one in found)),
        ),
        evidence=evidence,
        proof="observed",
    )
    yield from chain


def _touched(case: Case, cause: Cause, named: set[str], since: float) -> Touched:
    """What the chain rests on; no change can have reached a service where no run before it is seen to have gone well."""
    rests_on = [one for link in cause.chain if link.mechanism not in FELT for one in link.evidence]
    read = {source.path for source in case.sources}
    written = [one.span for one in rests_on if one.span.path not in read]
    logged = [one.span for one in rests_on if one.span.path in read]
    names = {name for span in written for text in _texts(case, span) for name in NAME.findall(text)}
    before = max(JUST_BEFORE_S, RUNS_BEFORE * (cause.period_s or 0.0))
    began = min((one.first.timestamp() for one in case.sources if one.first and one.format not in READ), default=since)
    seen_well = began < since - (cause.period_s or 0.0)
    return Touched(
        _by_all_names(case, {*named, *_served(case, logged), *_nginx(case, written)}),
        frozenset(name for name in names if not EVERYWHERE.fullmatch(name)),
        tuple(dict.fromkeys([*([] if cause.culprit.path in read else [cause.culprit]), *written])),
        since,
        max(since - before, began) if seen_well else since + LATE_S,
    )


def _nginx(case: Case, written: Iterable[Span]) -> set[str]:
    """nginx, where a line of its configuration is among these."""
    paths = {span.path for span in written}
    return {"nginx"} if any(fact.span.path in paths for fact in case.of(NginxFile)) else set()


def _by_all_names(case: Case, services: set[str]) -> frozenset[str]:
    return frozenset(services.union(*(one.names for one in case.entities if one.names & services)))


def _texts(case: Case, span: Span) -> list[str]:
    inside = pl.col("line").is_between(span.line, span.end_line)
    return list(case.lines(span.path).filter(inside).select("text").collect()["text"])


def _served(case: Case, told: Sequence[Span]) -> set[str]:
    """The services that these lines of logs tell of, or whose logs they stand in."""
    places = pl.DataFrame([(span.path, span.line) for span in told], schema={"file": pl.String, "line": pl.UInt32}, orient="row")
    rows = case.events.join(places.lazy(), on=["file", "line"], how="semi").select("service").unique().collect()
    paths = {span.path for span in told}
    return {*rows["service"].drop_nulls(), *(one.service for one in case.sources if one.path in paths and one.service)}


def _ties(case: Case, touched: Touched) -> Iterator[Tie]:
    """The lines that tell of it: what a script did that somebody ran, what was written down, what was loaded anew."""
    records, automatic = case.once(entries), _automatic(case)
    for behaviour in case.behaviours:
        if behaviour.script.span.line == 1 and behaviour.script.span.path not in automatic:
            yield from _ran(case, behaviour, records, touched)
    texts = ("\n".join(expanded(script)) for script in case.of(Script) if script.span.path in automatic)
    logs = {name for text in (*texts, *(one.job.command for one in case.schedules)) for name in appended_to(text)}
    yield from _noted([one for one in records if one.place.path.rpartition("/")[2] not in logs], touched)
    yield from _typed(case, touched)
    loaded = case.happened("process.reloaded", "deploy.started").filter(
        _between(touched.early, touched) & pl.col("service").is_in(sorted(touched.services)).fill_null(False)
    )
    for evidence, service in zip(cite(loaded, "loaded anew", most=2, shows=CHANGES), loaded["service"], strict=False):
        yield Tie(evidence, service)


def _between(early: float, touched: Touched) -> pl.Expr:
    return (pl.col("time").dt.epoch("us") / 1e6).is_between(early, touched.since + LATE_S)


def _typed(case: Case, touched: Touched) -> Iterator[Tie]:
    """The commands that somebody gave just before, by sudo's word, that name a service or a file."""
    seldom = case.once(_commands).filter(_between(touched.early, touched))
    for place, typed in zip(spans(seldom), seldom["typed"], strict=True):
        yield from (Tie(Evidence(place, "typed", CHANGES), name) for name in _said(typed, touched.services | touched.files)[:1])


def _commands(case: Case) -> pl.DataFrame:
    """What sudo logged of commands that were given but once or twice, as `typed`."""
    logged = case.timeline.filter(pl.col("message").str.contains("COMMAND=", literal=True) & pl.col("time").is_not_null())
    rows = logged.with_columns(pl.col("message").str.extract(r"\bCOMMAND=(.+)", 1).alias("typed")).collect()
    return rows.filter(pl.len().over("typed") <= SELDOM_TYPED)


def _automatic(case: Case) -> set[str]:
    """The scripts that something runs by the clock, or in a loop."""
    ran = [one for schedule in case.schedules for one in schedule.behaviours] + [one for one in case.behaviours if one.loop]
    called = {call.path.rpartition("/")[2] for one in ran for call in one.calls if call.path}
    return {one.script.span.path for one in ran} | {path for path in case.files if path.rpartition("/")[2] in called}


def _ran(case: Case, behaviour: Behaviour, records: Sequence[Entry], touched: Touched) -> Iterator[Tie]:
    """The lines that tell of its run, and the command that reaches a service or writes a file that the cause rests on."""
    acts = [one for one in behaviour.proved if {*one.hits, *one.effect.targets} & touched.services]
    writes = list(_writes(behaviour, touched.files))
    early = touched.since - LONG_BEFORE_S if writes else touched.early
    own = _own_entries(behaviour, records)
    written = _last_run([one for one in own if _lies(one, early, touched)])
    lines = [one.place for one in written] or list(spans(own_words(case, behaviour).filter(_between(early, touched))))
    named = [name for one in written for name in _named(one, touched.services)]
    hit = [*(name for one in acts for name in one.hits), *(name for _, name in writes), *named]
    what = next(iter((*hit, *(name for one in acts for name in one.effect.targets if name in touched.services))), None)
    if lines and what:
        yield from (Tie(Evidence(place, "it ran", CHANGES), what) for place in dict.fromkeys([lines[0], lines[-1]]))
        yield from (Tie(Evidence(place, "writes it", CHANGES), what) for place, what in writes[:1])
        yield from (Tie(Evidence(one.effect.span, one.effect.action, CHANGES), what) for one in acts[:1])


def _writes(behaviour: Behaviour, files: frozenset[str]) -> Iterator[tuple[Span, str]]:
    """The script's lines that put one of these files in its place, and its name."""
    for place, line in code_of(behaviour.script, filled=True):
        name = next((name for name in sorted(files) if re.search(WRITES % re.escape(name.lstrip(".")), line)), None)
        if name:
            yield place, name


def _own_entries(behaviour: Behaviour, records: Sequence[Entry]) -> list[Entry]:
    """The entries of the files to which it appends: those in its own words, if any are."""
    logs = appended_to("\n".join(expanded(behaviour.script)))
    written = [one for one in records if one.place.path.rpartition("/")[2] in logs]
    words = [pieces for pieces, _ in messages(behaviour)]
    in_words = [one for one in written if any(all(piece in one.texts[0] for piece in pieces) for pieces in words)]
    return in_words or written


def _last_run(written: Sequence[Entry]) -> list[Entry]:
    """Those that were written in the last run of all."""
    last = max((one.times[0] for one in written), default=0.0)
    return [one for one in written if last - one.times[0] <= ONE_RUN_S]


def _noted(records: Sequence[Entry], touched: Touched) -> Iterator[Tie]:
    """The entries that name a service shortly before, and the last before it that name the very thing."""
    seldom = [one for one in records if _is_seldom(records, one.place.path, touched)]
    for one in seldom:
        if _lies(one, touched.early, touched):
            yield from (Tie(Evidence(one.place, "written down", CHANGES), name) for name in _named(one, touched.services))
    things = touched.names | touched.files
    of_it = [one for one in seldom if _lies(one, touched.since - LONG_BEFORE_S, touched) and _named(one, things)]
    if of_it:
        last = max(of_it, key=lambda one: max(time for time in one.times if time <= touched.since + LATE_S))
        yield Tie(Evidence(last.place, "written down", CHANGES), _named(last, things)[0])


def _lies(entry: Entry, early: float, touched: Touched) -> bool:
    """Whether it may have been written between the two."""
    return any(time <= touched.since + LATE_S and time + entry.within_s >= early for time in entry.times)


def _named(entry: Entry, names: frozenset[str]) -> list[str]:
    """Which of these it names."""
    return _said("\n".join(entry.texts), names)


def _said(text: str, names: frozenset[str]) -> list[str]:
    return [name for name in sorted(names) if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w/-])", text, re.IGNORECASE)]


def _is_seldom(records: Sequence[Entry], path: str, touched: Touched) -> bool:
    near = (one.times[0] for one in records if one.place.path == path and abs(one.times[0] - touched.since) <= AROUND_S)
    return len({time // MINUTE_S for time in near}) <= SELDOM
