"""File descriptors, connections, workers or another thing of which there is a limited number run out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, counted, rule
from logcorr.rules._leaks import Acquired, leaks
from logcorr.rules._settings import notes, settings
from logcorr.rules._words import sought, telling
from logcorr.timeline.notes import entries
from logcorr.timeline.select import lines_like


class Scarce(Struct, frozen=True):
    """Something limited: how it is told that there is no more (a pattern), which settings bound it, and how code takes one."""

    told: str
    set_by: str
    acquired: Acquired | None = None


FILES = Acquired(
    r"\bfs\.(?:open|openSync|watch)\(|= *fs\.create(?:Read|Write)Stream\(|\bopendir\(|= *open\(|\bos\.Open\(",
    r"\.(?:close|closeSync|destroy)\(|\bwith open\(|\bpipeline\(",
)
POOLED = Acquired(
    r"\b\w*(?:[pP]ool|engine)\.(?:connect|getConnection|acquire|getconn)\(",
    r"\.(?:release|close|end|putconn)\(|\bwith .*\.(?:connect|acquire)\(",
)

POOLS = (
    r"(?i)\b(?:max(?:imum)?[_-]?(?:pool[_-]?size|connections|overflow)?|pool[_-]?size|connection[_-]?limit|db[_-]?pool\w*)"
    r"['\"]?\s*[:=]\s*['\"]?\d"
)
SERVER = r"too many clients already|connection slots are reserved|Too many connections|max_user_connections"
MEMORY = r"not allowed when used memory"
"""Of a store: what is put there stays until somebody removes it, so that another change may fill it."""

LIMITS = (
    Scarce(
        r"\bE[MN]FILE\b|[tT]oo many open files",
        r"\bLimitNOFILE\s*=|\bworker_rlimit_nofile\b|\bulimit\s+(?:-[HS]\s*)*-\w*n\b|\bnofile\b|\bminfds\s*=|\bRLIMIT_NOFILE\b",
        FILES,
    ),
    Scarce(r"worker_connections are not enough", r"\bworker_connections\s+\d"),
    Scarce(
        r"exceeded when trying to connect|QueuePool limit|onnection pool|acquiring a conn|onnection is not available",
        POOLS,
        POOLED,
    ),
    Scarce(
        SERVER,
        r"\bmax_(?:user_)?connections\b\s*=?\s*['\"]?\d",
    ),
    Scarce(r"max number of clients reached", r"\bmaxclients\b\s+\d"),
    Scarce(
        r"\breached (?:pm\.)?(?:max_children|MaxRequestWorkers|MaxClients)",
        r"\bpm\.max_children\s*=|\b(?:MaxRequestWorkers|MaxClients)\s+\d",
    ),
    Scarce(MEMORY, r"\bmaxmemory\b[\s\"',=:]+\d"),
    Scarce(r"EAGAIN|native thread", r"\bTasksMax\s*=|\bpids_limit\s*:|\bulimit\s+-\w*u\b|\bnproc\b|--pids-limit"),
    Scarce(r"file watchers", r"\bmax_user_watches\b"),
)


NAME = regex(r"[\w.-]+")
FEWEST = 3
LEAKS, BOUNDED, UNKNOWN, HELD, SELDOM = 0.92, 0.9, 0.6, 0.5, 0.4
"""How sure it is why: code takes and does not give back; one setting is the limit; nobody knows what took them all, or the limit
was changed; something made those wait who had them; told but once or twice."""

WAITING = sought(
    r"\bstill waiting for \w+Lock on |\bLock wait timeout exceeded\b|\bWaiting for table \w+ lock\b|\bduration: \d{5,}\.\d+ ms\b"
    r"|\bnfs: server \S+ not responding\b|\bblocked for more than \d+ seconds\b",
    *("still waiting for ", "Lock wait timeout", "Waiting for table", "duration: ", "not responding", "blocked for more than"),
)
"""How databases and the kernel tell that those who have one must wait."""

JUST_BEFORE, HOUR_S = timedelta(minutes=2), 3600


@rule(code="NGX007", title="Something of which there is a limited number ran out", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Counted by service and by what ran out, with the setting that limits it, or the code that takes and does not give back."""
    for service, events in by_service(case.happened("limit.reached")):
        for limit in LIMITS:
            told = events.filter(pl.col("message").str.contains(limit.told))
            if told.height:
                yield _finding(case, service, limit, told)
            events = events.filter(~pl.col("message").str.contains(limit.told))


def _finding(case: Case, service: str, limit: Scarce, told: pl.DataFrame) -> Finding:
    lost = [Evidence(span, "takes one and does not give it back", shows="resource_exhausted") for span in _leaks(case, limit)]
    bounds = _bounds(case, limit, service)
    found = counted(
        told,
        service,
        claim(
            "connections_exhausted.counted",
            "{service} ran into a limit: “{words}” ({count}×)",
            service=service,
            words=_words(limit, told),
            count=told.height,
        ),
        claim("connections_exhausted.refute", "far fewer in use than the limit allows at these times"),
    )
    return replace(
        found,
        confidence=_sure(case, limit, told, lost, bounds) if told.height >= FEWEST else SELDOM,
        evidence=(
            *lost[:1],
            *bounds,
            *_takers(case, limit, bounds),
            *(replace(one, shows="resource_exhausted") for one in found.evidence),
        ),
        fix=claim(
            "connections_exhausted.fix",
            "count those in use (ls /proc/PID/fd, ss -tn), and give back what is taken or raise the limit to what the load needs",
        ),
    )


def _sure(case: Case, limit: Scarce, told: pl.DataFrame, lost: Sequence[Evidence], bounds: tuple[Evidence, ...]) -> float:
    """How sure it is why there was none left."""
    first = told["time"].min()
    if isinstance(first, datetime) and telling(case, WAITING)["time"].is_between(first - JUST_BEFORE, first).any():
        return HELD
    names = [name[0] for one in bounds for _, text in lines_like(case, one.span, "") if (name := NAME.search(text))]
    if lost:
        written = ["\n".join(one.texts) for one in case.once(entries)]
        return UNKNOWN if any(name in text for text in written for name in names) else LEAKS
    filled = limit.told == MEMORY and _changed(case, names, first)
    return BOUNDED if len(bounds) == 1 and not filled else UNKNOWN


def _changed(case: Case, names: Sequence[str], first: object) -> bool:
    """Whether notes tell of changes in the hour before, and none of them of the limit."""
    until = first.timestamp() if isinstance(first, datetime) else 0.0
    every = case.once(entries)
    shapes = Counter(re.sub(r"\d+", "#", one.texts[0]) for one in every)
    noted = [
        one for one in every if shapes[re.sub(r"\d+", "#", one.texts[0])] < FEWEST
    ]  # what is told time and again is measured
    near = ["\n".join(one.texts) for one in noted if any(-HOUR_S <= time - until <= 0 for time in one.times)]
    return bool(near) and not any(name in text for text in near for name in names)


def _takers(case: Case, limit: Scarce, bounds: tuple[Evidence, ...]) -> Iterator[Evidence]:
    """Pools that may take more than the one limit allows, and the notes that tell of their being changed."""
    if limit.told != SERVER or len(bounds) != 1:
        return
    allowed = _number(next(text for span, text in settings(case, limit.set_by) if span == bounds[0].span))
    for span, text in settings(case, POOLS):
        if _number(text) > allowed:
            yield Evidence(span, "takes more than there are", shows="resource_exhausted")
            name = re.split(r"[^\w.-]", text.strip())[0]
            noted = notes(case, name, str(_number(text)))
            yield from (Evidence(note, "tells of the change", shows="deploy_changes_configuration") for note in noted)


def _number(text: str) -> int:
    """The value that a line sets."""
    found = re.search(r"[:=\s]\s*['\"]?(\d{1,9})\b", text)
    return int(found[1]) if found else 0


def _words(limit: Scarce, told: pl.DataFrame) -> str:
    """What the first line says, in its own words."""
    found = re.search(limit.told, told["message"][0])
    return found[0] if found else ""


def _leaks(case: Case, limit: Scarce) -> list[Span]:
    return list(leaks(case, limit.acquired)) if limit.acquired else []


def _bounds(case: Case, limit: Scarce, service: str) -> tuple[Evidence, ...]:
    """The lines that set the limit; those of a file named like the service alone, where there are some."""
    found = [span for span, _ in settings(case, limit.set_by)]
    own = [span for span in found if re.search(rf"(?:^|[/.-]){re.escape(service)}(?:[/.-]|$)", span.path)]
    return tuple(Evidence(span, "the limit", shows="resource_exhausted") for span in own or found)
