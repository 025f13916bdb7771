"""The kernel, or who keeps watch over memory, ends a process for want of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Container, Unit
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._hungry import under_way
from logcorr.rules._memory import Starter, Taker, starter, tabled, taker
from logcorr.rules._only_grows import SURE, Grows, only_grows, places
from logcorr.rules._statements import sender
from logcorr.rules._swollen import swollen
from logcorr.timeline.select import cite, instants, lines_like

KILLED = r"(?:Killed? process \d+ \(|^sending SIG\w+ to process \d+ (?:uid \d+ )?\")(?P<name>[^)\"]+)[)\"]"
KEPT = r"^sending SIG|^Killed /\S+ due to memory|systemd-oomd killed"
OF_A_GROUP = r"Memory cgroup out of memory|CONSTRAINT_MEMCG"
REACHED = r"\bmemory: usage \d+kB, limit (\d+)kB"
AMOUNT = regex(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[kmgtKMGT])?[iI]?[bB]?[\"']?\s*(?:#.*)?$")
LIMIT = r"^\s*(?:mem_limit|memory|MemoryMax|MemoryLimit)\s*[:=]\s*\S+"

KNOWN, LIKELY, UNEXPLAINED, SUSPECTED, ONCE = 0.95, 0.85, 0.8, 0.7, 0.6
"""The kernel proves who held it, and that a limit was reached; that a job started that one is proved by its log, or by being so
each time. Where what took the memory is not told, and no limit was collected, that something was ended says not why."""

RAN = r"(?:Failed process was running|Der fehlgeschlagene Prozess führte aus|Le processus qui a échoué exécutait) ?: (.+)"
AT_ONCE = timedelta(seconds=10)

FIT = claim(
    "memory_exhausted.fix",
    "find what grows, and give each service a limit that fits beside the others; more memory only delays a leak",
)
LESS = claim(
    "memory_exhausted.less",
    "let the job work in pieces, within a limit of its own (systemd-run -p MemoryMax=…), so that it is ended and not a service",
)
ELSEWHERE = claim(
    "memory_exhausted.elsewhere",
    "build elsewhere and bring what was built, or run the step within a limit of its own (systemd-run -p MemoryMax=…)",
)


class _Why(Struct, frozen=True):
    """Why memory ran out: how sure that is, what shows it, who held it, what only grows, and whether a job started that one."""

    sure: float
    shown: tuple[Evidence, ...] = ()
    took: Taker | None = None
    grows: Grows | None = None
    by_job: bool = False
    step: bool = False


@rule(code="PROC006", title="The kernel ended a process for want of memory", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Who ended it tells it, or Docker's `OOMKilled`: exit code 137 alone says no more than that it was killed.

    It is suspected where all are killed in a run that has far more to do than ever.
    """
    killed = case.happened("process.out_of_memory")
    contained = [one for one in case.of(Container) if one.oom_killed]
    if not killed.height and not contained:
        yield from _suspected(case)
        return
    names = killed["message"].str.extract(KILLED, 1).drop_nulls().unique().sort().to_list()
    services = sorted({*killed["service"].drop_nulls(), *(one.service or one.name for one in contained)})
    count, limits = killed.height + len(contained), list(_limits(case, services))
    why = _why(case, killed, alone=len(services or names) == 1 and count > 1, limited=bool(limits))
    who = ", ".join(services or names) or "a process"
    yield Finding(
        confidence=why.sure,
        claim=_claim(who, count, why, kept=bool(killed["message"].str.contains(KEPT).any())),
        evidence=(
            *why.shown,
            *cite(killed, "ended for want of memory", most=1, shows="resource_exhausted"),
            *(Evidence(one.span, "OOMKilled", shows="resource_exhausted") for one in contained),
            *(Evidence(span, "the limit", shows="resource_exhausted") for span in limits),
            *cite(killed.slice(1), shows="crash_ends_process"),
        ),
        would_refute=claim("memory_exhausted.refute", "another sender of the signal: a person, a supervisor"),
        subject=who,
        measured={
            "count": count,
            "processes": ", ".join(names),
            **({"taker": why.took.name, "share": round(why.took.share, 2)} if why.took else {}),
        },
        times=instants(killed),
        fix=ELSEWHERE if why.step else LESS if why.by_job else FIT,
    )


def _suspected(case: Case) -> Iterator[Finding]:
    """Services that nobody is known to have killed, all in one run of a job, and no word of the kernel's."""
    killed = case.happened("process.killed").drop_nulls(["time", "service"])
    run = swollen(case, killed)
    if run:
        who = ", ".join(killed["service"].unique().sort())
        yield Finding(
            confidence=SUSPECTED if killed.height > 1 and run.job else ONCE,
            claim=claim(
                "memory_exhausted.suspected",
                "{who} was killed ({count}×) while a job had {times:g} times as much to do as ever: for want of memory, it seems",
                who=who,
                count=killed.height,
                times=round(run.amount / run.usual, 1),
            ),
            evidence=(
                run.said,
                *((Evidence(run.job, "starts it", shows="resource_exhausted"),) if run.job else ()),
                *cite(killed, "killed", shows="crash_ends_process"),
            ),
            would_refute=claim(
                "memory_exhausted.kernel",
                "the kernel's log of that time (journalctl -k) without a word of it, or who sent the signal",
            ),
            subject=who,
            measured={"count": killed.height, "times": round(run.amount / run.usual, 1)},
            times=instants(killed),
            fix=LESS,
        )


def _why(case: Case, killed: pl.DataFrame, *, alone: bool, limited: bool) -> _Why:
    """Who took the memory: another process, by the kernel's table; a statement; what is only added to; or nobody knows."""
    took = taker(case, killed)
    if took:
        starts = starter(case, took.name, killed)
        proved = starts and (starts.logged or starts.times > 1)
        return _Why(KNOWN if proved else LIKELY, tuple(_taking(took, starts)), took=took, by_job=bool(starts))
    asked = _statement(case, killed)
    step = under_way(case, killed) if not asked and not limited and not _seen(case, killed) else None
    if step:
        line = Evidence(step.line, "takes much memory", shows="resource_exhausted")
        return _Why(SURE if step.proved else LIKELY, (line, *step.ran), step=True)
    grows = only_grows(case) if alone and not asked else None
    if asked or grows:
        added = (Evidence(span, "it is only ever added to", shows="resource_exhausted") for span in places(grows))
        return _Why(SURE, (*asked, *added), grows=grows)
    return _Why(KNOWN if limited else UNEXPLAINED)


def _seen(case: Case, killed: pl.DataFrame) -> bool:
    """Whether the kernel shows who held what, or it was the limit of a group of its own that was reached."""
    group = killed["message"].str.contains(OF_A_GROUP).any()
    return group or any(tabled(case, path) for path in killed["file"].unique())


def _statement(case: Case, killed: pl.DataFrame) -> tuple[Evidence, ...]:
    """The statement that ran in a database's process which was killed, where one collected line sends it, and who tells of it.

    "Failed process was running: …", PostgreSQL's LogChildExit in src/backend/postmaster/postmaster.c.
    """
    near = [pl.col("time").is_between(time - AT_ONCE, time + AT_ONCE) for time in killed["time"].drop_nulls()]
    told = case.logged.filter(pl.any_horizontal(pl.lit(value=False), *near) & pl.col("message").str.contains(RAN))
    rows = told.with_columns(statement=pl.col("message").str.extract(RAN, 1)).collect() if near else killed.clear()
    places = {sender(case, one) for one in rows["statement"]} if rows.height else set()
    place = next(iter(places)) if len(places) == 1 else None
    if place is None:
        return ()
    return (
        Evidence(place, "sends what took it", shows="resource_exhausted"),
        *cite(rows, "it ran", most=2, shows="resource_exhausted"),
    )


def _claim(who: str, count: int, why: _Why, *, kept: bool) -> Claim:
    if why.step:
        return claim(
            "memory_exhausted.under_way",
            "memory ran out while a step that takes much of it was under way, and {who} was ended for want of it",
            who=who,
        )
    if why.grows:
        return claim(
            "memory_exhausted.grows",
            "nothing bounds what is kept in {name}: the kernel ended {who} for want of memory ({count} lines tell it)",
            name=why.grows.name,
            who=who,
            count=count,
        )
    if why.took:
        return claim(
            "memory_exhausted.taken",
            "{taker} held {share} % of the memory that all processes held, and the kernel ended {who} for want of it",
            taker=why.took.name,
            share=round(100 * why.took.share),
            who=who,
        )
    if kept:
        return claim(
            "memory_exhausted.kept",
            "{who} was ended for want of memory, before the kernel had to ({count} lines tell it)",
            who=who,
            count=count,
        )
    return claim(
        "memory_exhausted.found", "the kernel ended {who} for want of memory ({count} lines tell it)", who=who, count=count
    )


def _taking(took: Taker, starts: Starter | None) -> Iterator[Evidence]:
    """The command that starts who took the memory, first; then the kernel's rows."""
    if starts:
        if starts.number:
            yield Evidence(starts.number, "so many are started at once", shows="resource_exhausted")
        yield Evidence(starts.line, "starts what takes the memory", shows="resource_exhausted")
        yield from (replace(one, shows="resource_exhausted") for one in starts.ran[:3])
    yield from (Evidence(span, "held the most", shows="resource_exhausted") for span in took.rows[:2])


def _limits(case: Case, services: list[str]) -> Iterator[Span]:
    """Where the memory of these services is limited; of others, where the amount is that which the kernel tells as reached."""
    stanzas: list[tuple[Span, tuple[str | None, ...]]] = [
        *((one.span, (one.name, one.container_name)) for compose in case.of(ComposeFile) for one in compose.services),
        *((unit.span, (unit.name.removesuffix(".service"),)) for unit in case.of(Unit) if unit.command),
    ]
    reached = set(_reached(case))
    for stanza, names in stanzas:
        for span, text in lines_like(case, stanza, LIMIT):
            if any(name in services for name in names) or _bytes(text) in reached:
                yield span


def _reached(case: Case) -> Iterator[int]:
    """The limits in bytes at which the kernel ended something: mem_cgroup_print_oom_meminfo in mm/memcontrol.c."""
    told = case.logged.filter(pl.col("message").str.contains(REACHED)).select(pl.col("message").str.extract(REACHED, 1))
    yield from (int(kilobytes) << 10 for kilobytes in told.unique().collect()["message"])


def _bytes(setting: str) -> int:
    """`768m`, `1.5G`, `805306368`; 0 for what is no amount."""
    found = AMOUNT.search(setting)
    return round(float(found["number"]) * 1024 ** " kmgt".index((found["unit"] or " ").lower())) if found else 0
