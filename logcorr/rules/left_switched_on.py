"""A script ends before it undoes what it has switched on: a maintenance page, a lock, a server taken out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Behaviour, Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.events import PROXIES
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._failures import failures
from logcorr.rules._flags import flags, shown
from logcorr.rules._jobs import scripts_of
from logcorr.rules._requests import OF_UPSTREAM
from logcorr.rules._settings import settings
from logcorr.timeline.scripts import NEAR_LINES, code_of, messages, own_words
from logcorr.timeline.select import cite, instants

GONE = r"\b(?:rm|unlink|rmdir|mv)\b.*[\s\"'/]{what}(?:[\s\"';&|]|$)"
UNBARRED, UNSET = r"\biptables\b.* -D {what}", r"(?i)\bredis-cli\b.* (?:del|unlink) {what}"
SWITCHES = (
    (regex(r"\b(?:touch|mkdir) (?:-\S+ )*[\"']?(?P<what>[^\s\"';&|]+)"), GONE),
    (regex(r"(?<![>\d&])> ?[\"']?(?P<what>(?!/dev/)[^\s\"';&|>]+)"), GONE),
    (regex(r"\b(?:ln|cp|mv|install) .* [\"']?(?P<what>[^\s\"';&|]+)[\"']?\s*$"), GONE),
    (regex(r"\b(?P<what>artisan) down\b"), r"\bartisan up\b"),
    (
        regex(
            r"\b(?P<what>occ|drush|wp|magento|console|rails|rake|craft|bench|ghost)\b.*maintenance\S*.*?"
            r"(?:\b|[:=-])(?:on|start|enable|activate|1|true)\b"
        ),
        r"\b{what}\b.*maintenance\S*.*?(?:\b|[:=-])(?:off|stop|end|disable|deactivate|0|false)\b",
    ),
    (regex(r"\b(?:disable|drain) (?:server|frontend) (?P<what>[\w./-]+)"), r"\benable (?:server|frontend) {what}"),
    (regex(r"\bset server (?P<what>[\w./-]+) state (?:maint|drain)"), r"\bset server {what} state ready"),
    (regex(r"(?<!un)\bpause (?P<what>[\w.-]+)"), r"\bunpause {what}"),
    (regex(r"\ba2ensite (?P<what>[\w.-]+)"), r"\ba2dissite {what}"),
    (regex(r"\biptables\b.* -[IA] (?P<what>[A-Z]+ .+?)\s*$"), UNBARRED),
    (regex(r"(?i)\bredis-cli\b.* set (?P<what>[\w:.-]+)"), UNSET),
)
"""How something is switched on, and how a later line of the same script switches it off again."""

TESTS = regex(
    r"(?:[\[(!]|\btest|&&|\|\||-[ao])\s*!?\s*-[efdsL]\s|\bRewriteCond\b.* !?-[fdsl]\b|[eE]xist|[iI]s_?[fF]ile"
    r"|\b[sS]tat(?:Sync)?\b|\baccess(?:Sync)?\(|\btry_files\b|\bacl\b.*-m found"
)
CONSTANT = regex(r"^\W*(?:\w+ )*(?P<name>\w+)(?:: ?\w+)? ?:?= ?\S")
"""How a line looks whether a file is there, by its name or by what another line calls it."""

FELT, FELT_WITHIN, STILL = "http.5xx", timedelta(minutes=5), timedelta(minutes=1)
"""That it is on shows soon, and the run is not only slow: the logs go on."""

PRINTED, FEWEST = 5, 10
SEEN, UNSEEN, THERE = 0.93, 0.8, 0.92
"""How sure it is: an earlier run said what the last one did not come to; none is known that did; a listing shows it."""


class _Switch(Struct, frozen=True):
    """What a script switches on, where, how a line switches it off, and the line by which it would be off again."""

    what: str
    on: Span
    undone: str
    off: Span


class _Run(Struct, frozen=True):
    """The script's words of its last run, and the lines of code between the last of them and what it did not come to say."""

    rows: pl.DataFrame
    between: tuple[int, int]
    sure: float


@rule(code="PROC023", title="A script ended before it undid what it had switched on", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Scripts with a switch whose last run says by its words that it was begun, and not that it came to the end."""
    if FELT in case.kinds:
        found = list(_by_scripts(case))
        yield from found or _forgotten(case)


def _by_scripts(case: Case) -> Iterator[Finding]:
    for script, behaviour in _scripts(case):
        code = list(code_of(script, filled=True))
        if not any(re.search(r"\btrap\b", text) for _, text in code):
            for switch in _switches(code):
                run = _cut_short(case, behaviour, switch)
                read = list(_read(case, switch)) if run else []
                if run and (read or switch.undone != GONE) and _felt(case, run):
                    yield _finding(case, switch, run, code, read)


def _scripts(case: Case) -> Iterator[tuple[Script, Behaviour]]:
    """Those that somebody runs by hand, and those of jobs, each with what it would do."""
    of_jobs = [(script, one) for job in case.schedules for script in scripts_of(case, job) for one in job.behaviours[:1]]
    yield from of_jobs
    seen = {script.span for script, _ in of_jobs}
    yield from ((one.script, one) for one in case.behaviours if one.script.span.line == 1 and one.script.span not in seen)


def _switches(code: Sequence[tuple[Span, str]]) -> Iterator[_Switch]:
    """What a line switches on and a later one off."""
    for number, (place, text) in enumerate(code):
        for on, off in SWITCHES:
            found = on.search(text)
            undone = re.compile(off.replace("{what}", re.escape(found["what"]))) if found else None
            end = next((span for span, later in code[number + 1 :] if undone.search(later)), None) if undone else None
            if found and end:
                yield _Switch(found["what"], place, off, end)
                break


def _read(case: Case, switch: _Switch) -> Iterator[Span]:
    """The lines of other files that look whether the file is there, or that name what such lines look at."""
    name = re.escape(switch.what.rpartition("/")[2])
    named = settings(case, rf"(?:^|[/\s\"'=(]){name}(?:[\s\"'),;:]|$)") if switch.undone == GONE and len(name) > 2 else ()
    for span, text in named:
        constant = CONSTANT.match(text)
        tested = settings(case, rf"\b{constant['name']}\b") if constant else ()
        looks = any(at.path == span.path and TESTS.search(line) for at, line in ((span, text), *tested))
        if looks and span.path != switch.on.path:
            yield span


def _cut_short(case: Case, behaviour: Behaviour, switch: _Switch) -> _Run | None:
    """The last run, if its last words stand before the line that switches off, and the logs go on without any more."""
    told = own_words(case, behaviour).sort("time", "line", maintain_order=True)
    known = [one for one in messages(behaviour) if one[1].path == switch.on.path]
    said = [next((span.line for pieces, span in known if all(piece in text for piece in pieces)), 0) for text in told["message"]]
    if not said or case.window is None or not switch.on.line - NEAR_LINES <= said[-1] < switch.off.line:
        return None
    later = [span.line for _, span in known if span.line > said[-1]]
    first = next((at for at in range(len(said) - 1, 0, -1) if said[at - 1] >= said[at]), 0)
    if not later or case.window[1] - told["time"][-1] < STILL + _longest(told, said):
        return None
    known_to_end = max(said) > said[-1]
    if not known_to_end and not any(_printed(case, told)):
        return None
    return _Run(told[first:], (said[-1], min(later)), SEEN if known_to_end and switch.undone not in (UNBARRED, UNSET) else UNSEEN)


def _longest(told: pl.DataFrame, said: Sequence[int]) -> timedelta:
    """How long the next word took at most, in runs that came to it."""
    pauses = (
        told["time"][at + 1] - told["time"][at] for at in range(len(said) - 1) if said[at] == said[-1] and said[at + 1] > said[at]
    )
    return max(pauses, default=timedelta(0))


def _felt(case: Case, run: _Run) -> bool:
    """Whether requests fail soon after it was switched on, and still do after its last word."""
    since, last = run.rows["time"][0], run.rows["time"][-1]
    failed = case.placed(FELT)["time"].drop_nulls()
    return bool(failed.is_between(since, since + FELT_WITHIN).any() and (failed > last + STILL).any())


def _finding(case: Case, switch: _Switch, run: _Run, code: Sequence[tuple[Span, str]], read: Sequence[Span]) -> Finding:
    after, before = run.between
    step = [span for span, text in code if after < span.line < before and text.strip()]
    return Finding(
        confidence=run.sure,
        claim=claim(
            "left_switched_on.found",
            "the last run of {script} ended before line {off}: what line {on} switches on ({what}) has stayed on",
            script=switch.on.path,
            on=switch.on.line,
            off=switch.off.line,
            what=switch.what,
        ),
        evidence=(
            Evidence(switch.on, "switches it on", shows="deploy_changes_configuration"),
            *cite(run.rows, "its last words", most=4, shows="deploy_changes_configuration"),
            *(Evidence(span, "what it printed last", shows="deploy_changes_configuration") for span in _printed(case, run.rows)),
            *(Evidence(span, "where it ended, or soon after", shows="deploy_changes_configuration") for span in step[:2]),
            *(Evidence(span, "looks at it", shows="configuration_mismatch") for span in read[:2]),
            Evidence(switch.off, "never came to this", shows="configuration_mismatch"),
        ),
        would_refute=claim("left_switched_on.refute", "that it was switched off at these times by somebody else"),
        subject=switch.on.path,
        measured={"on": switch.on.line, "off": switch.off.line},
        times=instants(run.rows.head(1)),
        fix=claim("left_switched_on.fix", "switch it off in a trap (trap '…' EXIT), so that it happens however the script ends"),
    )


def _printed(case: Case, words: pl.DataFrame) -> Iterator[Span]:
    """The lines below its last word, in a log of its own: what a program printed that it called."""
    path, last = words["file"][-1], words["line"][-1]
    if words["source"][-1] != "syslog":
        below = case.lines(path).filter(pl.col("line").is_between(last + 1, last + PRINTED))
        yield from (Span(path, line) for line in below.collect()["line"])


def _forgotten(case: Case) -> Iterator[Finding]:
    """A file that shuts the site and that a listing shows, while no request goes well up to the end of the logs."""
    for path, place in flags(case):
        seen = list(shown(case, path))
        shut = _shut(case) if seen else None
        if shut is not None:
            yield Finding(
                confidence=UNSEEN if _own_trouble(case, shut) else THERE,
                claim=claim(
                    "left_switched_on.there",
                    "{count} requests are answered with 503 as a file is there for which {line} looks: {path}",
                    count=shut.height,
                    line=str(place),
                    path=path,
                ),
                evidence=(
                    Evidence(place, "looks at it", shows="deploy_changes_configuration"),
                    *(Evidence(span, "the file is there", shows="configuration_mismatch") for span in seen[:1]),
                    Evidence(place, "looks at it", shows="configuration_mismatch"),
                    *cite(shut, "answered so", most=2),
                ),
                would_refute=claim("left_switched_on.gone", "that the file was not there at these times"),
                subject=path,
                measured={"count": shut.height},
                times=instants(shut.head(1)),
                fix=claim("left_switched_on.remove", "remove the file, and let what makes it remove it in a trap"),
            )


def _shut(case: Case) -> pl.DataFrame | None:
    """The requests answered with 503 since the last one that went well, if that is some time ago."""
    access = case.records("nginx_access")
    if not {"status", "time"} <= set(access.collect_schema()) or case.window is None:
        return None
    last = access.filter(pl.col("status") < 400).select(pl.col("time").max()).collect().item()
    failed = case.happened(FELT).filter(pl.col("message").str.ends_with(" 503")).drop_nulls("time")
    since = failed.filter(pl.col("time") > last) if last else failed
    asked = [pl.col(name).is_not_null() for name in OF_UPSTREAM if name in access.collect_schema()]
    if asked:
        by_upstream = access.filter(pl.any_horizontal(asked)).select("file", "line").collect(engine="streaming")
        since = since.join(by_upstream, on=["file", "line"], how="anti", maintain_order="left")
    enough = since.height >= FEWEST and since["time"][-1] - since["time"][0] >= STILL
    return since if enough else None


def _own_trouble(case: Case, shut: pl.DataFrame) -> bool:
    """Whether others than the proxy tell of failures meanwhile: the answers may be an application's."""
    told = failures(case).filter(pl.col("time") >= shut["time"][0], ~pl.col("source").is_in(PROXIES))
    return told.height >= FEWEST
