"""The lines that tell of a change: runs of scripts, records, commands, what was loaded anew, when a line or file was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.causes.brought import packages, released
from logcorr.causes.edited import LONG_BEFORE_S, edited
from logcorr.causes.touched import Tie, Touched, said
from logcorr.causes.versions import CHANGES, VERSION
from logcorr.lazily import pl, regex
from logcorr.model.case import Behaviour, Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.timeline.notes import DAY_S, LOOKING, MINUTE_S, READ, Entry, entries
from logcorr.timeline.scripts import appended_to, code_of, expanded, messages, own_words
from logcorr.timeline.select import cite, spans

SELDOM, AROUND_S, ONE_RUN_S = 5, 3600.0, 600.0
"""A record of changes has entries in no more minutes than this of the hour before and after; what a program writes as it goes has
in more. A run of a script is over within ten minutes."""

LOOKS = regex(rf"(?:/\S*/)?{LOOKING}")
"""A command as sudo logs it that changes nothing."""

SELDOM_TYPED = 2
"""What is typed more often is a job's."""

WRITES = r"(?:\b(?:cp|mv|ln|install|rsync|tee|envsubst|patch)\b|\bsed\b.* -i|> ?)[^#]*?(?<![\w.-])\.?%s(?![\w/-]|\.\w)"
"""How a script puts a file of this name in its place, or changes it."""


def ties(case: Case, touched: Touched) -> Iterator[Tie]:
    """The lines that tell of it: what a script did that somebody ran, what was written down, what was loaded anew."""
    records, automatic = case.once(entries), _automatic(case)
    for behaviour in case.behaviours:
        if behaviour.script.span.line == 1 and behaviour.script.span.path not in automatic:
            yield from _ran(case, behaviour, records, touched)
    texts = ("\n".join(expanded(script)) for script in case.of(Script) if script.span.path in automatic)
    logs = {name for text in (*texts, *(one.job.command for one in case.schedules)) for name in appended_to(text)}
    theirs = [one for one in records if one.place.path.rpartition("/")[2] not in logs and not _is_own(case, one, touched)]
    seldom = [one for one in theirs if _is_seldom(theirs, one.place.path, touched)]
    yield from _noted(seldom, touched)
    yield from released(case, [one for one in seldom if _lies(one, touched.released, touched)], touched)
    yield from packages(case, [one for one in seldom if _lies(one, touched.early, touched)], touched)
    yield from _typed(case, touched)
    yield from edited(case, touched)
    loaded = case.happened("process.reloaded", "deploy.started").filter(
        _between(touched.early, touched) & pl.col("service").is_in(sorted(touched.services)).fill_null(False)
    )
    for evidence, service in zip(cite(loaded, "loaded anew", most=2, shows=CHANGES), loaded["service"], strict=False):
        yield Tie(evidence, service)


def _between(early: float, touched: Touched) -> pl.Expr:
    return (pl.col("time").dt.epoch("us") / 1e6).is_between(early, touched.until)


def _typed(case: Case, touched: Touched) -> Iterator[Tie]:
    """The commands that somebody gave just before, by sudo's word, that name a service or a file."""
    seldom = case.once(_commands).filter(_between(touched.early, touched))
    for place, typed in zip(spans(seldom), seldom["typed"], strict=True):
        yield from (Tie(Evidence(place, "typed", CHANGES), name) for name in said(typed, touched.services | touched.files)[:1])


def _commands(case: Case) -> pl.DataFrame:
    """What sudo logged of commands that were given but once or twice and do not only look, as `typed`."""
    logged = case.timeline.filter(pl.col("message").str.contains("COMMAND=", literal=True) & pl.col("time").is_not_null())
    rows = logged.with_columns(pl.col("message").str.extract(r"\bCOMMAND=(.+)", 1).alias("typed")).collect()
    seldom = rows.filter(pl.len().over("typed") <= SELDOM_TYPED)
    return seldom.filter(pl.Series([not LOOKS.match(typed) for typed in seldom["typed"]], dtype=pl.Boolean))


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


NO_CHANGE = regex(r"(?i)\?\s*$|\b(?:nothing|unchanged|no changes?|not touched|never|anyone else)\b|nichts|rien n|nada|沒有|没有")
"""How people ask, or say that nothing was changed."""

FOUND_WELL = regex(
    r"(?i)\b(?:look(?:s|ed)?|is|are|was|were|seems?|all|still|everything) (?:\w+ly )?(?:fine|good|ok(?:ay)?|normal|well|quiet)\b"
    r"|\bbackups?\b.*\b(?:done|finished|completed?|ok)\b"
)
CHANGED = regex(
    r"(?i)\b(?:releas|deploy|roll|upgrad|updat|chang|edit|set|rais|lower|increas|reduc|add|remov|delet|enabl|disabl|install|switch|mov"
    r"|renam|replac|patch|merg|bump|swap|tun|turn|restart|reload|fix|new)(?:s|e|es|d|ed|ing|led|ling|ped|ping|ted|ting)?\b|->|→|=|"
    + VERSION.pattern
)
"""How people write that they found all well, and that they changed something; then they may have found it well after that."""


def _noted(written: Sequence[Entry], touched: Touched) -> Iterator[Tie]:
    """The entries that name a service shortly before, and the last before it that name the very thing."""
    seldom = [one for one in written if not NO_CHANGE.search(one.texts[0]) and not _only_looked(one.texts[0])]
    for one in seldom:
        if (one.within_s < DAY_S or VERSION.search(one.texts[0])) and _lies(one, touched.early, touched):
            yield from (Tie(Evidence(one.place, "written down", CHANGES), name) for name in _named(one, touched.services))
    things = touched.names | touched.files
    of_it = [one for one in seldom if _lies(one, touched.since - LONG_BEFORE_S, touched) and _named(one, things)]
    if of_it:
        last = max(of_it, key=lambda one: max(time for time in one.times if time <= touched.until))
        yield Tie(Evidence(last.place, "written down", CHANGES), _named(last, things)[0])


def _only_looked(text: str) -> bool:
    return FOUND_WELL.search(text) is not None and not CHANGED.search(text)


def _lies(entry: Entry, early: float, touched: Touched) -> bool:
    """Whether it may have been written between the two."""
    return any(time <= touched.until and time + entry.within_s >= early for time in entry.times)


def _named(entry: Entry, names: frozenset[str]) -> list[str]:
    """Which of these it names."""
    return said("\n".join(entry.texts), names)


def _is_own(case: Case, entry: Entry, touched: Touched) -> bool:
    """Whether it stands in the log of one of the services, which names itself."""
    path = entry.place.path
    by_name = path.rpartition("/")[2].removesuffix(".log") in touched.services
    return any(
        one.path == path and one.format not in READ and (by_name or one.service in touched.services) for one in case.sources
    )


def _is_seldom(records: Sequence[Entry], path: str, touched: Touched) -> bool:
    times = (min(one.times, key=lambda time: abs(time - touched.since)) for one in records if one.place.path == path)
    near = (time for time in times if abs(time - touched.since) <= AROUND_S)
    return len({time // MINUTE_S for time in near}) <= SELDOM
