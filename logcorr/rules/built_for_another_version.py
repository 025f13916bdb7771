"""A program no longer starts, because what it was built for was replaced under it by another version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import np, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._packages import Change, change_of
from logcorr.timeline.select import cite, seconds

FEWEST = 2
AT_ONCE = timedelta(seconds=5)
STARTED = timedelta(minutes=2)
NEARLY_ALL, MOST_OF = 0.8, 0.5
CHANGES = "deploy_changes_configuration"
MATCHED, LIKELY, UNEXPLAINED = 0.95, 0.92, 0.8
"""How sure it is: the change and the version that runs are told, only the change, or neither."""

ENDED = ("process.crashed", "process.exited", "process.killed")
FELT = ("upstream.refused", "upstream.unresolved", "dependency.failed", "http.5xx")


class _Program(Struct, frozen=True):
    """What is called so, how it is said that something was built for another version of it, and its packages and images."""

    name: str
    said: str
    package: str
    image: str = ""
    runs: str = r"$^"


PROGRAMS = (
    _Program(
        "Node.js",
        r"was compiled against a different Node\.js version|Module did not self-register",
        r"nodejs(?:-\d+)?|nodejs\d*",
        "node",
        r"Node\.js v(\d+)",
    ),
    _Program(
        "Ruby", r"Your Ruby version is [\d.]+, but your Gemfile specified", r"ruby(?:[\d.]+)?", "ruby", r"version is ([\d.]+)"
    ),
    _Program(
        "PHP",
        r"Your Composer dependencies require a PHP version|requires php [^ ]+ -> your php version",
        r"php(?:[\d.]+)?(?:-\w+)?",
        "php",
        r"You are running ([\d.]+)",
    ),
    _Program(
        "Java",
        r"UnsupportedClassVersionError|compiled by a more recent version of the Java Runtime",
        r"(?:openjdk|java|temurin)-[\d.]+[\w-]*|default-jre[\w-]*",
        "openjdk|eclipse-temurin|amazoncorretto",
    ),
    _Program(
        "Python",
        r"(?:module|extension) compiled against (?:API|ABI) version|bad magic number in '|undefined symbol: _?Py",
        r"(?:lib)?python3?(?:\.\d+)?[\w-]*",
        "python",
    ),
    _Program(
        "PostgreSQL",
        r"data directory was initialized by PostgreSQL version",
        r"postgresql(?:-\d+)?",
        "postgres|postgis",
        r"compatible with this version ([\d.]+)",
    ),
    _Program("MongoDB", r"UPGRADE PROBLEM: |invalid featureCompatibilityVersion|Wrong mongod version", r"mongodb[\w-]*", "mongo"),
    _Program("Redis", r"Can't handle RDB format version", r"redis(?:-server)?", "redis"),
    _Program(
        "MySQL",
        r"Cannot boot server version \d+ on data directory built by|Invalid MySQL server (?:up|down)grade",
        r"(?:mysql|mariadb)-server[\w.-]*",
        "mysql|mariadb",
        r"boot server version (\d)",
    ),
    _Program("a library", r"error while loading shared libraries: |version `(?:GLIBC|GLIBCXX|OPENSSL)_[\w.]+' not found", ""),
)
LIBRARY = regex(r"(?P<name>lib[A-Za-z_+-]+)[\w.+-]*\.so")


class _Told(Struct, frozen=True, kw_only=True):
    """Lines of one log that say it, when first, and by which service."""

    program: _Program
    lines: tuple[Span, ...]
    texts: str
    since: datetime
    service: str | None


@rule(code="PROC019", title="A program meets another version than it was built for", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """What programs say of versions at their starts, if they die of it, and what replaced the one that they were built for."""
    for told in _told(case):
        deaths = _deaths(case, told)
        if deaths.height or _missed(case, told):
            library = LIBRARY.search(told.texts)
            package = told.program.package or (re.escape(library["name"]) + r"[\w.+-]*" if library else "")
            runs = re.search(told.program.runs, told.texts)
            change = change_of(case, package, told.program.image, runs[1] if runs else "") if package else None
            yield _finding(case, told, change, runs[1] if runs else "", deaths)


def _told(case: Case) -> Iterator[_Told]:
    needle = "|".join(one.said for one in PROGRAMS)
    broken = not case.kinds.keys().isdisjoint((*ENDED, *FELT))
    own_logs = [source for source in case.sources if broken and not source.format.startswith("nginx")]
    for source in sorted(own_logs, key=lambda one: one.path):
        lines = case.lines(source.path)
        rows = lines.filter(pl.col("text").str.contains(needle)).collect()
        for program in PROGRAMS if rows.height else ():
            own = rows.filter(pl.col("text").str.contains(program.said))
            first = _event(case, source.path, own["line"][0]) if own.height >= FEWEST else None
            if first:
                near = lines.filter(pl.any_horizontal((pl.col("line") - at).is_between(0, 14) for at in own["line"][:1]))
                yield _Told(
                    program=program,
                    lines=tuple(Span(source.path, line) for line in own["line"]),
                    texts="\n".join(near.collect()["text"]),
                    since=first[0],
                    service=first[1],
                )


def _event(case: Case, path: str, line: int) -> tuple[datetime, str | None] | None:
    """When the event was that a line belongs to, and whose."""
    rows = case.timeline.filter((pl.col("file") == path) & (pl.col("line") <= line) & pl.col("time").is_not_null())
    found = rows.sort("line").tail(1).select("time", "service").collect()
    return found.row(0) if found.height else None


def _deaths(case: Case, told: _Told) -> pl.DataFrame:
    """The ends of its process that follow these words at once, if most of them are followed so."""
    ended = case.happened(*ENDED).filter((pl.col("service") == told.service) & pl.col("time").is_not_null())
    ended = ended.filter(pl.col("time") >= told.since)
    return ended if ended.height >= MOST_OF * len(told.lines) else ended.clear()


def _missed(case: Case, told: _Told) -> bool:
    """Whether nearly all failures of others come after it."""
    failed = seconds(case.happened(*FELT))
    return len(failed) > FEWEST and float(np.mean(failed >= told.since.timestamp() - 1)) >= NEARLY_ALL


def _finding(case: Case, told: _Told, change: Change | None, runs: str, deaths: pl.DataFrame) -> Finding:
    shown = [Evidence(span, "meets another version", shows="configuration_mismatch") for span in told.lines[:3]]
    started = case.happened("process.started", "host.booted").filter(
        pl.col("time").is_between(told.since - STARTED, told.since)
        & ((pl.col("service") == told.service) | (pl.col("kind") == "host.booted"))
    )
    matched = change and change.version and runs.partition(".")[0] == change.version
    return Finding(
        confidence=MATCHED if matched else LIKELY if change else UNEXPLAINED,
        claim=_claim(told, change),
        evidence=(
            *([Evidence(change.span, "another version since", shows=CHANGES)] if change else []),
            *shown,
            *cite(started, "the first start since", most=2, shows=CHANGES if change else ""),
            *cite(deaths, "the process ended", most=3, shows="crash_ends_process"),
        ),
        would_refute=claim("built_for_another_version.refute", "a start with the same version that went well"),
        subject=told.service or told.lines[0].path,
        measured={"count": len(told.lines), "program": told.program.name},
        times=(told.since,),
        fix=claim(
            "built_for_another_version.fix",
            "build it anew for the version that runs, or go back to the one before; pin that version, restart when it changes",
        ),
    )


def _claim(told: _Told, change: Change | None) -> Claim:
    numbers: dict[str, str | int] = {
        "service": told.service or told.lines[0].path,
        "program": told.program.name,
        "count": len(told.lines),
    }
    if change:
        return claim(
            "built_for_another_version.replaced",
            "{program} was replaced by another version, for which {service} was not built: it no longer starts ({count}×)",
            **numbers,
        )
    return claim(
        "built_for_another_version.found",
        "{service} no longer starts: it was built for another version of {program} than the one that runs it ({count}×)",
        **numbers,
    )
