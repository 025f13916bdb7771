"""Who runs a service ends it at work: a watched file changed, a limit is low, a watchdog heard nothing, it is copied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Unit
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._diffs import brought
from logcorr.rules._durations import worked
from logcorr.rules._settings import settings
from logcorr.rules._supervised import WORKED, busy, felt
from logcorr.rules._supervisors import CHECKED, COPIED, LIMIT, UPDATED, WATCHDOG, WATCHING, Ended, ended
from logcorr.timeline.select import cite, lines_like

CHANGES, AGAIN = "deploy_changes_configuration", "supervisor_restarts_process"
SAID, ASSUMED, SERVING = 0.92, 0.85, 0.75
"""The manager itself says why; where it does not say what changed, that may have been the program; nor why a check failed."""

PATIENCE, PATIENCE_S = regex(r"(?i)\btimeout\s+(\d+)"), 5.0
"""How long monit waits for an answer, if it is not told."""

PINGS = r"WATCHDOG=1|(?i)\bwatchdog(?:_?ping)?\(\)|SdNotifyWatchdog|NotifyState::Watchdog"
CODE = regex(r"\.(?:[cm]?[jt]s|py|rb|go|rs|php|java|kt|cs|c|cpp|ex|pl|sh)$")
BY_THE_CLOCK = regex(r"(?i)interval|\btick(?:er|s)?\b|timer|schedul|\bevery|while true|sleep")
NEAR_LINES = 4
"""A clock that sets off a ping stands so close to it."""

UNIGNORED = r"\b(?:ignore_watch|watch_delay|--ignore-watch|--ignore)\b"
WHEN = r"(?i)\b\w*(?:CRON|SCHEDULE)\w*['\"]?\s*[:=]|--schedule\b"
POLLS = r"(?i)WATCHTOWER_(?:POLL_INTERVAL|SCHEDULE)|--(?:interval|schedule)\b"
JUST_BEFORE, SOON = timedelta(hours=1), timedelta(seconds=5)
RELEASES = r"(?i)(?:deploy|release|rollout)[^/]*$"
"""How logs of releases are called."""

NOTHING = r"$^"
MOST, SHORTEST, FEWEST_LETTERS = 2, 3, 6
LEVEL = regex(r"^\W*[A-Z]{3,8}\b[\]:]* ")
SHOWS = {LIMIT: "resource_exhausted", CHECKED: "probe_gets_answer"}

FIXES = {
    WATCHING: claim(
        "ended_by_supervisor.fix_watching", "watch nothing in production, or leave out what the program itself writes"
    ),
    LIMIT: claim(
        "ended_by_supervisor.fix_limit",
        "set the limit above what the work takes at its busiest; if it grows without end, mend that first",
    ),
    CHECKED: claim(
        "ended_by_supervisor.fix_checked",
        "let the check wait longer than the slowest good answer, for some more cycles, and ask something that is quick",
    ),
    WATCHDOG: claim(
        "ended_by_supervisor.fix_watchdog",
        "tell the watchdog by a timer of the process's own, at half its time, and not when there is work",
    ),
    UPDATED: claim(
        "ended_by_supervisor.fix_updated",
        "name the image by its version, and let the updater act at an hour when nobody is served",
    ),
    COPIED: claim(
        "ended_by_supervisor.fix_copied",
        "let the backup copy a dump or a snapshot while the service runs, or do so when nobody is served: mind its zone",
    ),
}
BLOCKED = claim(
    "ended_by_supervisor.fix_blocked",
    "let long work be done beside the loop that tells the watchdog, or let it tell that meanwhile (EXTEND_TIMEOUT_USEC=); a "
    "longer limit only puts it off",
)


@rule(code="PROC018", title="Who runs a service ends it while it works", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Stops right after a line by which a manager says that it ends the service, and why."""
    for one in ended(case):
        working = WORKED[one.saying.reason](case, one)
        if working and felt(case, working):
            yield _finding(case, working)


def _finding(case: Case, one: Ended) -> Finding:
    told = [line.span for line, _ in one.pairs]
    what = next((line.what for line, _ in reversed(one.pairs) if line.what), "")
    places: dict[Span, Evidence] = {}
    for place in _places(case, one, what):
        places.setdefault(place.span, place)
    return Finding(
        confidence=_sure(case, one, what, next(iter(places))),
        claim=_claim(one, what),
        evidence=(
            *places.values(),
            *_changed(case, one),
            *(Evidence(span, "it acts", shows="effect_hits_service") for span in dict.fromkeys((*told[:3], told[-1]))),
            *(Evidence(stop.end, "it is ended", shows="process_terminates") for _, stop in one.pairs[:3]),
            *_own_words(case, one),
            *(Evidence(stop.start, "it runs again", shows=AGAIN) for _, stop in one.pairs[:3] if stop.start),
        ),
        would_refute=claim("ended_by_supervisor.refute", "stops of the same kind without such a line before them"),
        subject=one.service,
        measured={"stops": len(one.pairs)},
        times=tuple(min(line.time, stop.ended) for line, stop in one.pairs),
        fix=BLOCKED if one.work else FIXES[one.saying.reason],
    )


def _sure(case: Case, one: Ended, what: str, place: Span) -> float:
    if one.saying.reason == CHECKED:
        told = next((float(found[1]) for _, text in lines_like(case, place, "") if (found := PATIENCE.search(text))), PATIENCE_S)
        return SAID if busy(case, one, told) else SERVING
    unsaid = place in {line.span for line, _ in one.pairs} if one.saying.reason == COPIED else not what
    return ASSUMED if unsaid and one.saying.reason in (WATCHING, COPIED) else SAID


def _claim(one: Ended, what: str) -> Claim:
    told: dict[str, str | int] = {"manager": one.saying.manager, "service": one.service, "count": len(one.pairs)}
    if one.saying.reason == WATCHING:
        return _watching(told, what)
    if one.saying.reason == LIMIT:
        return claim(
            "ended_by_supervisor.limit",
            "{manager} restarts {service} whenever it takes more than it may ({limit}): {count} times",
            **told,
            limit=f"{int(what) / 2**20:g} MB" if what.isdigit() else what,
        )
    if one.saying.reason == CHECKED:
        return claim(
            "ended_by_supervisor.checked",
            "{manager} restarts {service} when its check of it fails, though it answers others: {count} times",
            **told,
        )
    if one.work:
        return claim(
            "ended_by_supervisor.blocked",
            "{manager} heard nothing from {service} for {limit} and killed it, {count} times: it was at “{work}” and told its "
            "watchdog nothing meanwhile",
            **told,
            limit=what,
            work=one.work,
        )
    if one.saying.reason == WATCHDOG:
        return claim(
            "ended_by_supervisor.watchdog",
            "{manager} heard nothing from {service} for {limit} and killed it, though it was at work until then: {count} times",
            **told,
            limit=what,
        )
    if one.saying.reason == COPIED:
        return claim(
            "ended_by_supervisor.copied",
            "a backup stops {service} for as long as it copies, as it was told to ({count}×)",
            **told,
        )
    return claim(
        "ended_by_supervisor.updated",
        "{manager} replaces the container of {service} when it finds its image pushed anew: {count} times",
        **told,
    )


def _watching(told: Mapping[str, str | int], what: str) -> Claim:
    if what:
        return claim(
            "ended_by_supervisor.watching",
            "{manager} restarts {service} when a file changes that it watches, and such files are written while it works: "
            "{count} times, the last for {file}",
            **told,
            file=what,
        )
    return claim(
        "ended_by_supervisor.watches", "{manager} restarts {service} when a file changes that it watches: {count} times", **told
    )


def _places(case: Case, one: Ended, what: str) -> Iterator[Evidence]:
    """The lines that tell the manager to do so, the one to change first."""
    reason, service = one.saying.reason, one.service
    shows = SHOWS.get(reason, "configuration_mismatch")
    if reason == WATCHDOG and not one.work:
        yield from (Evidence(span, "tells the watchdog, when there is work", shows) for span in _pings(case))
    yield from (Evidence(span, "has it done so", shows) for span in _own_first(case, service, _sets(one, what)))
    if reason == WATCHING:
        yield from (Evidence(span, "what is not watched", shows) for span, _ in settings(case, UNIGNORED))
        yield from (Evidence(span, "names what is written", shows) for span in _naming(case, what))
    if reason == COPIED:
        yield from (Evidence(span, "when it runs", shows=shows) for span, _ in settings(case, WHEN))
    if reason == UPDATED:
        images = (span for stanza in _stanzas(case, service) for span, _ in lines_like(case, stanza, r"^\s*image\s*:"))
        yield from (Evidence(span, "how often it looks", shows) for span, _ in settings(case, POLLS))
        yield from (Evidence(span, "the image that it looks for", shows) for span in images)
    if one.work:
        yield from _at_work(case, one)
    yield from (Evidence(line.span, "why it acts, as it says", shows) for line, _ in one.pairs[:MOST])


def _sets(one: Ended, what: str) -> str:
    """What the lines hold by which the manager was told to do so."""
    return (what or NOTHING) if one.saying.reason == COPIED else one.saying.sets or _of_monit(what)


def _at_work(case: Case, one: Ended) -> Iterator[Evidence]:
    """What it said last, the line of a program that says so, and how long such work took when it came to its end."""
    shows = "configuration_mismatch"
    yield from (Evidence(span, "what it was at", shows) for span in one.last[:MOST])
    words = re.split(r"[\d=:]", LEVEL.sub("", one.work))[0].strip()
    if len(words) < FEWEST_LETTERS:
        return
    said = [span for span, _ in settings(case, re.escape(words)) if CODE.search(span.path)]
    yield from (Evidence(span, "the program says so", shows) for span in said[:1])
    named = pl.col("message").str.contains(words.split()[0], literal=True) & (pl.col("service") == one.service)
    took = case.once(worked).filter(named & (pl.col("time") < one.pairs[0][0].time))
    yield from cite(took, "how long it took before", most=2, shows=shows)


def _own_first(case: Case, service: str, pattern: str) -> list[Span]:
    """The lines that hold the pattern: in the service's own stanza, or a file that names it, if some do."""
    found = [span for span, _ in settings(case, pattern)]
    stanzas = list(_stanzas(case, service))
    inside = [span for span in found if any(one.path == span.path and one.line <= span.line <= one.end_line for one in stanzas)]
    naming = {span.path for span, _ in settings(case, rf"\b{re.escape(service)}\b")}
    return inside or [span for span in found if span.path in naming] or found


def _stanzas(case: Case, service: str) -> Iterator[Span]:
    yield from (unit.span for unit in case.of(Unit) if unit.name.removesuffix(".service") == service)
    yield from (one.span for one in (case.stack.services if case.stack else ()) if service in (one.name, one.container_name))


def _of_monit(limit: str) -> str:
    """How monit is told to act above a limit that it says: `if totalmem > 300 MB for 3 cycles then restart`."""
    found = re.search(r"> *(\d+(?:\.\d+)?) ?([kMG]?)", limit)
    if not found:
        return NOTHING
    number, power = float(found[1]), "kMG".find(found[2] or "-")
    same = {f"{value:g}" for step in range(3) if (value := number / 1024**step) >= 1} if power >= 0 else {f"{number:g}"}
    numbers = "|".join(map(re.escape, sorted(same)))
    return rf"(?i)\bif\b.*>\s*(?:{numbers})(?:\.0)?(?:\s*[kMG]?B?|\s*%)?\s.*\bthen\s+(?:restart|stop|exec)"


def _naming(case: Case, what: str) -> list[Span]:
    """The lines that name the folder in which the file lies."""
    folder = what.strip("/").partition("/")[0] if what[:1] != "/" else what.rpartition("/")[0].rpartition("/")[2]
    return [span for span, _ in settings(case, rf"\b{re.escape(folder)}\b")][:MOST] if len(folder) >= SHORTEST else []


def _pings(case: Case) -> list[Span]:
    """The lines of programs that tell the watchdog, if none of them is set off by a clock."""
    found = [(span, text) for span, text in settings(case, PINGS) if CODE.search(span.path)]
    near = (Span(span.path, max(span.line - NEAR_LINES, 1), span.line) for span, _ in found)
    by_clock = any(BY_THE_CLOCK.search(text) for place in near for _, text in lines_like(case, place, ""))
    return [] if by_clock else [span for span, _ in found]


def _own_words(case: Case, one: Ended) -> Iterator[Evidence]:
    """What each log says of the first stop."""
    _, stop = one.pairs[0]
    near = pl.col("time").is_between(stop.ended - SOON, stop.ended + SOON) & (pl.col("service") == one.service)
    rows = case.happened("process.terminating").filter(near & (pl.col("file") != stop.end.path))
    yield from cite(rows.unique("file", keep="first", maintain_order=True), most=2, shows="process_terminates")


def _changed(case: Case, one: Ended) -> Iterator[Evidence]:
    """What was released before it began, or what the manager found new, or who told it to."""
    if one.saying.reason == COPIED:
        places = _own_first(case, one.service, _sets(one, one.pairs[0][0].what or ""))
        texts = [text for place in places[:MOST] for _, text in lines_like(case, place, "")]
        yield from (Evidence(span, "the change", shows=CHANGES) for text in texts for span in brought(case, text))
    if one.saying.reason == UPDATED:
        new = pl.col("message").str.starts_with("Found new ") & (pl.col("file") == one.pairs[0][0].span.path)
        yield from cite(case.timeline.filter(new).collect(), "a new image", most=2, shows=CHANGES)
    first = one.pairs[0][0].time
    told = (pl.col("kind") == "deploy.started").fill_null(False) | pl.col("file").str.contains(RELEASES)
    released = case.timeline.filter(told & pl.col("time").is_between(first - JUST_BEFORE, first)).collect()
    yield from cite(released, "a release", most=2, shows=CHANGES)
