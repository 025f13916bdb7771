"""Every run of a job finds its lock held, since one of them left it to somebody who does not let go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Behaviour, Case, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._failures import failures, sort_of
from logcorr.rules._jobs import scripts_of
from logcorr.rules._settings import settings
from logcorr.timeline.scripts import code_of, messages, own_words
from logcorr.timeline.select import cite, instants

FLOCK = regex(r"\bflock\b.*(?:\s-\w*[nw]|--nonblock|--timeout|--wait)")
MADE = regex(r"(?:\[\[?|\btest)\s+-[efdsL]\s+|\bmkdir\b.*lock|\b(?:lockfile|shlock|dotlockfile)\b|\bnoclobber\b")
"""How a script looks whether another run holds its lock: one of the kernel's, which ends with who holds it, or a file."""

ALIVE = regex(r"\bkill -(?:0|s 0)\b|/proc/\$|\bp(?:grep|idof)\b|\bps\b.* -p")
"""By which a script looks whether who left the file still runs."""

LEAVES = regex(r"\b(?:exit|return|continue)\b")
NEAR = 5
"""So many lines after the lock the script says that it leaves, and leaves."""

BACKGROUND = regex(r"(?<!&)&\s*$|\b(?:daemonize|start-stop-daemon\b.*--background)\b")
CLOSES = regex(r"\d+>&-|\bsystemd-run\b|--no-fork|\bflock\b.*\s-\w*o")
HELD_BY = regex(r"\b(?P<number>\d+)>>?\s*[\"']?(?P<path>/\S*?)[\"']?\s*$|\bflock\b.*?(?P<file>/[^\s\"';]+)")
"""A descriptor that a script opens stays open in what it starts, and a lock with it (flock(2)), unless it is closed there."""

FEWEST = 3
SHARED = regex(r"(?<![\w.-])(?:/[\w.-]+){3,}")
"""A path of three parts or more that a script and a program name is what both of them work on."""

WIDE = regex(r"/(?:usr|bin|sbin|etc|dev|proc|var/log|var/run|run|tmp)/")
KILLS = ("process.killed", "process.out_of_memory", "host.booted")
BROKEN = r"(?i)\bkilled\b|\bterminated\b|error|fail|traceback|: line \d+: "
"""How logs tell that a run was ended before its time; without, it may hang and still be at work."""

TIED, UNTIED, LEFT = 0.92, 0.7, 0.85


class _Lock(Struct, frozen=True):
    """The line that tries a lock, whether it is the kernel's, and the lines with what the script says when it is held."""

    line: Span
    text: str
    kernels: bool
    says: tuple[tuple[Sequence[str], Span], ...]


class _Skipped(Struct, frozen=True):
    """The last runs of a job, all of which found its lock held, the words of the run before, and whether it came to its end."""

    lock: _Lock
    script: Script
    rows: pl.DataFrame
    before: pl.DataFrame
    ended: bool


@rule(code="PROC024", title="All runs of a job are skipped, as its lock is never let go", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Jobs whose last three runs or more say that another one is at work, and who that is."""
    for schedule in case.schedules:
        for script in scripts_of(case, schedule):
            lock = _lock(schedule, script)
            skipped = _skipped(case, schedule.behaviours, script, lock) if lock else None
            found = _why(case, skipped) if skipped else None
            if found:
                yield found


def _lock(schedule: Schedule, script: Script) -> _Lock | None:
    """The first line that tries a lock and after which the script says something and leaves, whoever made the lock."""
    code = list(code_of(script, filled=True))
    known = [one for behaviour in schedule.behaviours for one in messages(behaviour)]
    for number, (span, text) in enumerate(code):
        if FLOCK.search(text) or MADE.search(text):
            near = code[number : number + NEAR + 1]
            leaves = next((at.line for at, later in near if LEAVES.search(later)), 0)
            says = tuple(one for one in known if one[1].path == span.path and span.line <= one[1].line <= leaves)
            kernels = bool(FLOCK.search(text))
            if says and (kernels or not any(ALIVE.search(later) for at, later in near if at.line <= leaves)):
                return _Lock(span, text, kernels, says)
    return None


def _skipped(case: Case, behaviours: Sequence[Behaviour], script: Script, lock: _Lock) -> _Skipped | None:
    """The runs at the end of the logs that were skipped, if there are enough and one went well before."""
    words = [own_words(case, one) for one in behaviours]
    told = pl.concat(words).sort("time", "line", maintain_order=True) if words else case.happened()
    held = [any(all(piece in text for piece in pieces) for pieces, _ in lock.says) for text in told["message"]]
    since = len(held) - next((count for count, one in enumerate(reversed(held)) if not one), len(held))
    enough = 0 < since <= len(held) - FEWEST
    if not enough:
        return None
    known = [one for behaviour in behaviours for one in messages(behaviour)]
    lines = [_line_of(text, known) for text in told["message"][:since]]
    return _Skipped(lock, script, told[since:], told[:since].tail(3), lines[-1] == max(lines))


def _line_of(text: str, known: Sequence[tuple[Sequence[str], Span]]) -> int:
    """The last line of the script that may have said so."""
    return max((span.line for pieces, span in known if all(piece in text for piece in pieces)), default=0)


def _why(case: Case, skipped: _Skipped) -> Finding | None:
    """What the run before started and left the lock to; or that it ended without taking its file away."""
    code = list(code_of(skipped.script, filled=True))
    after = [(span, text) for span, text in code if span.line > skipped.lock.line.line]
    if skipped.lock.kernels:
        starts = [span for span, text in after if BACKGROUND.search(text) and not CLOSES.search(text)]
        waits = any(re.search(r"^\s*wait\b", text) for _, text in after)
        return _finding(case, skipped, starts[0], "inherited") if starts and not waits and skipped.ended else None
    makes = [span for span, text in after if _made(skipped.lock, after, text)]
    trapped = any(re.search(r"\btrap\b", text) for _, text in code)
    return _finding(case, skipped, makes[0], "left") if makes and not trapped and not skipped.ended else None


def _made(lock: _Lock, after: Sequence[tuple[Span, str]], text: str) -> bool:
    """Whether the line makes what the lock's line looks for, and a later one removes it."""
    made = re.search(r"(?:\btouch|\bmkdir|>)\s*(?:-\S+\s+)*[\"']?([^\s\"';]+)", text)
    path = re.escape(made[1]) if made else ""
    looked_for = made and re.search(rf"{path}(?:[\s\"';\])]|$)", lock.text)
    return bool(looked_for) and any(re.search(rf"\brm(?:dir)?\b.*{path}", later) for _, later in after)


def _killed(case: Case, skipped: _Skipped) -> bool:
    """Whether logs tell that the run before was ended: by a kill or a boot, or by what stands below its last word."""
    last, first = skipped.before[-1], skipped.rows[0]
    kills = case.happened(*KILLS).filter(pl.col("time").is_between(last["time"][0], first["time"][0]))
    below = case.lines(last["file"][0]).filter(pl.col("line").is_between(last["line"][0] + 1, first["line"][0] - 1))
    own = last["source"][0] != "syslog" and last["file"][0] == first["file"][0]
    return bool(kills.height or (own and below.filter(pl.col("text").str.contains(BROKEN)).collect().height))


def _finding(case: Case, skipped: _Skipped, place: Span, why: str) -> Finding:
    tied = list(_shared(case, skipped.script))
    failed = _failures_since(case, skipped) if tied else case.happened()
    rows = skipped.rows
    sure = TIED if tied and failed.height else UNTIED
    return Finding(
        confidence=sure if why == "inherited" else TIED if sure == TIED and _killed(case, skipped) else LEFT,
        claim=_claim(skipped, place, why),
        evidence=(
            Evidence(place, "makes the lock" if why == "left" else "has the lock from now on", shows="job_stalls_service"),
            Evidence(skipped.lock.line, "tries the lock", shows="job_stalls_service"),
            *cite(skipped.before, "the run before", most=3, shows="job_stalls_service"),
            *cite(rows, "skipped", most=4, shows="job_stalls_service"),
            *(Evidence(span, "who holds it", shows="job_stalls_service") for span in _holders(case, skipped)),
            *(Evidence(span, "what both work on", shows="resource_exhausted") for span in tied[:1]),
            *cite(failed, "what waits is too much", most=3, shows="resource_exhausted"),
            *(Evidence(span, "refuses more", shows="limit_rejects_requests") for span in _refusing(case, failed)),
        ),
        would_refute=claim("runs_skipped.refute", "a run at these times that went through"),
        subject=skipped.script.span.path,
        measured={"count": rows.height},
        times=instants(rows.head(1)),
        fix=claim(
            "runs_skipped.fix",
            "end who holds the lock; start programs without the descriptor (9>&-) or by systemd, and hold locks by flock alone",
        ),
    )


def _claim(skipped: _Skipped, place: Span, why: str) -> Claim:
    told: dict[str, str | int] = {"script": place.path, "line": place.line, "count": skipped.rows.height}
    if why == "left":
        return claim(
            "runs_skipped.left",
            "{count} runs of {script} in a row were skipped: a run that did not come to its end left the file of line {line}",
            **told,
        )
    return claim(
        "runs_skipped.inherited",
        "{count} runs of {script} in a row were skipped: what line {line} starts in the background keeps the lock it inherits",
        **told,
    )


def _shared(case: Case, script: Script) -> Iterator[Span]:
    """Where programs and settings name a path that the script works on, too."""
    logs = {source.path.rpartition("/")[2] for source in case.sources}
    paths = {found for _, text in code_of(script, filled=True) for found in SHARED.findall(text)}
    for path in sorted(one for one in paths if not WIDE.match(one) and one.rpartition("/")[2] not in logs):
        named = settings(case, rf"{re.escape(path)}(?:[/\s\"'`),;]|$)")
        yield from (span for span, _ in named if span.path != script.span.path and not _is_script(case, span.path))


def _is_script(case: Case, path: str) -> bool:
    return any(script.span.path == path for script in case.of(Script))


def _failures_since(case: Case, skipped: _Skipped) -> pl.DataFrame:
    """The commonest failure that applications tell of only since the runs are skipped."""
    told = failures(case).with_columns(sort_of())
    late = told.group_by("sort").agg(pl.col("time").min().alias("first"), pl.len().alias("count"))
    new = late.filter(pl.col("first") >= skipped.rows["time"][0]).sort("count", "sort", descending=[True, False])
    return told.filter(pl.col("sort") == new["sort"][0]).drop("sort") if new.height else case.happened()


def _refusing(case: Case, failed: pl.DataFrame) -> Iterator[Span]:
    """The line of a program that tells of it."""
    words = re.split(r"\d|[\"']", failed["message"][0])[0].strip() if failed.height else ""
    if len(words) > NEAR:
        yield from (span for span, _ in list(settings(case, re.escape(words)))[:1])


def _holders(case: Case, skipped: _Skipped) -> Iterator[Span]:
    """The lines of captures (lsof, fuser, lslocks) that name the lock."""
    opened = [found for _, text in code_of(skipped.script, filled=True) if (found := HELD_BY.search(text)) and "lock" in text]
    names = {(found["path"] or found["file"]).rpartition("/")[2] for found in opened}
    for path in sorted(one for one in case.files if one.endswith((".txt", ".md", ".out")) and names):
        named = pl.any_horizontal(pl.col("text").str.contains(name, literal=True) for name in sorted(names))
        lines = case.lines(path).filter(named & ~pl.col("text").str.contains(r"^\s*[$#%>]")).collect()["line"]
        yield from (Span(path, line) for line in lines.head(2))
