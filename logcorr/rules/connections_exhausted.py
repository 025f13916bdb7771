"""File descriptors, connections, workers or another thing of which there is a limited number run out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, counted, rule
from logcorr.rules._leaks import Acquired, leaks
from logcorr.rules._settings import notes, settings


class Limit(Struct, frozen=True):
    """Something limited: how it is told that there is no more (a pattern), which settings bound it, and how code takes one."""

    told: str
    set_by: str
    acquired: Acquired | None = None


FILES = Acquired(
    r"\bfs\.(?:open|openSync|createReadStream|createWriteStream|watch)\(|\bopendir\(|(?:=|\breturn) *open\(|\bos\.Open\(",
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

LIMITS = (
    Limit(
        r"\bE[MN]FILE\b|[tT]oo many open files",
        r"\bLimitNOFILE\s*=|\bworker_rlimit_nofile\b|\bulimit\s+(?:-[HS]\s*)*-\w*n\b|\bnofile\b|\bminfds\s*=|\bRLIMIT_NOFILE\b",
        FILES,
    ),
    Limit(r"worker_connections are not enough", r"\bworker_connections\s+\d"),
    Limit(
        r"exceeded when trying to connect|QueuePool limit|onnection pool|acquiring a conn|onnection is not available",
        POOLS,
        POOLED,
    ),
    Limit(
        SERVER,
        r"\bmax_(?:user_)?connections\b\s*=?\s*['\"]?\d",
        POOLED,
    ),
    Limit(r"max number of clients reached", r"\bmaxclients\b\s+\d"),
    Limit(
        r"\breached (?:pm\.)?(?:max_children|MaxRequestWorkers|MaxClients)",
        r"\bpm\.max_children\s*=|\b(?:MaxRequestWorkers|MaxClients)\s+\d",
    ),
    Limit(r"not allowed when used memory", r"\bmaxmemory\b[\s\"',=:]+\d"),
    Limit(r"EAGAIN|native thread", r"\bTasksMax\s*=|\bpids_limit\s*:|\bulimit\s+-\w*u\b|\bnproc\b|--pids-limit"),
    Limit(r"file watchers", r"\bmax_user_watches\b"),
)


FEWEST = 3
LEAKS, BOUNDED, UNKNOWN, SELDOM = 0.92, 0.9, 0.6, 0.4
"""How sure it is why: code takes and does not give back; one setting is the limit; nobody knows what took them all; told but once
or twice."""


@rule(code="NGX007", title="Something of which there is a limited number ran out", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Counted by service and by what ran out, with the setting that limits it, or the code that takes and does not give back."""
    for service, events in by_service(case.happened("limit.reached")):
        for limit in LIMITS:
            told = events.filter(pl.col("message").str.contains(limit.told))
            if told.height:
                yield _finding(case, service, limit, told)
            events = events.filter(~pl.col("message").str.contains(limit.told))


def _finding(case: Case, service: str, limit: Limit, told: pl.DataFrame) -> Finding:
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
    why = LEAKS if lost else BOUNDED if len(bounds) == 1 else UNKNOWN
    return replace(
        found,
        confidence=why if told.height >= FEWEST else SELDOM,
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


def _takers(case: Case, limit: Limit, bounds: tuple[Evidence, ...]) -> Iterator[Evidence]:
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


def _words(limit: Limit, told: pl.DataFrame) -> str:
    """What the first line says, in its own words."""
    found = re.search(limit.told, told["message"][0])
    return found[0] if found else ""


def _leaks(case: Case, limit: Limit) -> list[Span]:
    return list(leaks(case, limit.acquired)) if limit.acquired else []


def _bounds(case: Case, limit: Limit, service: str) -> tuple[Evidence, ...]:
    """The lines that set the limit; those of a file named like the service alone, where there are some."""
    found = [span for span, _ in settings(case, limit.set_by)]
    own = [span for span in found if re.search(rf"(?:^|[/.-]){re.escape(service)}(?:[/.-]|$)", span.path)]
    return tuple(Evidence(span, "the limit", shows="resource_exhausted") for span in own or found)
