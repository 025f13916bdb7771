"""Variables that compose gives a service from others which nobody sets: they reach it empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import ComposeFile, Service
from logcorr.model.source import Span
from logcorr.rules._given import CHANGES, ENVIRONMENT, TEMPLATE, last_setting
from logcorr.rules._lacks import LACKING
from logcorr.rules._targets import ON_PORTS
from logcorr.timeline.select import cite

WARNED = r"\b(\w+)\W{0,4} variable is not set\. Defaulting to a blank string"
"""How compose tells it, in all its versions."""

STAMP = r"time=\"(\d{4}-\d\d-\d\dT[\d:]+(?:Z|[+-]\d\d:\d\d))"
TAKES = regex(r"(?<!\$)\$(?:\{(\w+)\}|(\w+))")
"""A value's variable for which no default is given."""

DATABASE, CACHE = r"database|(?:^|_)(?:db|sql|pg|postgres|mysql|maria|mongo)", r"cache|session"
"""By which a variable tells what it is for, where it does not name the program."""

JUST_BEFORE, BUILDS = timedelta(minutes=5), timedelta(minutes=30)
"""What a service says at its start, and so long an image may be built before that."""

AT_ONCE = timedelta(seconds=2)


Warnings = Sequence[tuple[Span, datetime | None]]
"""The places where compose warns of a variable, and when, if they tell."""


class Blank(Struct, frozen=True, kw_only=True):
    """What a service is given empty: its `key`, the variable that this is taken from, and the places that say so."""

    key: str
    taken: str
    line: Span
    lacking: Span | None
    """The line of the collected environment file beside which the variable should stand; None where no file was collected."""
    warned: Warnings

    @property
    def places(self) -> tuple[Evidence, ...]:
        """What is to be changed, first: where the name is the same on both sides, it is the environment file."""
        given = Evidence(self.line, f"takes {self.taken}, which nothing sets", shows=CHANGES)
        file = [Evidence(self.lacking, f"does not set {self.taken}", shows=CHANGES)] if self.lacking else []
        told = [Evidence(span, "compose says so", shows=CHANGES) for span, _ in self.warned[:1]]
        return (*file, given, *told) if self.key == self.taken else (given, *told, *file)


def blanks(case: Case, service: str) -> Iterator[Blank]:
    """Those of a service that compose warned of, or that a collected environment file lacks; not what one of these sets."""
    stanzas = [one for file in case.of(ComposeFile) for one in file.services if one.name == service]
    taking = [(one, key, taken) for one in stanzas for key, value in one.environment for taken in _taken(value)]
    told_of = case.once(warned) if taking else {}
    files = list(_environments(case)) if taking else []
    for stanza, key, taken in taking:
        nearest = [last_setting(case, path, taken) for path in files]
        line = _line(case, stanza, key, taken)
        if line and all(nearest) and (files or taken in told_of):
            told = tuple(told_of.get(taken, ()))
            yield Blank(key=key, taken=taken, line=line, lacking=next(iter(nearest), None), warned=told)


def blank_for(case: Case, service: str, target: str, since: datetime, began: pl.DataFrame) -> tuple[Evidence, ...]:
    """The places that leave empty what names the target, if it is so since the service was started just before it failed."""
    for blank in blanks(case, service):
        said = _said(case, service, blank.key)
        new = said.filter(pl.col("time") >= since - JUST_BEFORE)
        if new.height and new.height == said.height and new["time"][0] <= since + AT_ONCE:
            return (*blank.places, *cite(new, f"{blank.key} is empty", most=1, shows=CHANGES))
        if said.is_empty() and began.height and names_target(blank.key, target) and is_new(blank.warned, since):
            return (*blank.places, *cite(began, "it began anew", most=1, shows=CHANGES))
    return ()


def _environments(case: Case) -> Iterator[str]:
    """The files from which compose may take a variable: not templates, nor what it only hands to a container (`env_file`)."""
    handed = {name.rpartition("/")[2] for file in case.of(ComposeFile) for one in file.services for name in one.env_files}
    for path in sorted(case.files):
        name = path.rpartition("/")[2]
        if ENVIRONMENT.search(name) and not TEMPLATE.search(name) and name not in handed - {".env"}:
            yield path


def _taken(value: str) -> list[str]:
    return [braced or bare for braced, bare in TAKES.findall(value)]


def warned(case: Case) -> dict[str, list[tuple[Span, datetime | None]]]:
    """Where compose warned of each variable, and when, if the line tells."""
    found: dict[str, list[tuple[Span, datetime | None]]] = {}
    name, stamp = (
        pl.col("text").str.extract(WARNED, 1),
        pl.col("text").str.replace_all("\\", "", literal=True).str.extract(STAMP, 1),
    )
    for path in sorted(case.files):
        rows = case.lines(path).select("line", name=name, stamp=stamp).drop_nulls("name").collect()
        for line, taken, told in rows.iter_rows():
            found.setdefault(taken, []).append((Span(path, line), datetime.fromisoformat(told) if told else None))
    return found


def _line(case: Case, stanza: Service, key: str, taken: str) -> Span | None:
    """The line of the stanza that gives the key."""
    gives = pl.col("text").str.contains(rf"^[\s'\"-]*{key}['\"]?\s*[:=].*\$\{{?{taken}\b")
    within = pl.col("line").is_between(stanza.span.line, stanza.span.end_line)
    lines = case.lines(stanza.span.path).filter(within & gives).select("line").head(1).collect()["line"]
    return Span(stanza.span.path, lines[0]) if len(lines) else None


def _said(case: Case, service: str, key: str) -> pl.DataFrame:
    """The lines in which the service itself says that it has no such value."""
    lacks = pl.col("message").str.contains(rf"\b{key}\b.{{0,30}}(?:{LACKING})|(?:{LACKING})[^:=]{{0,40}}\b{key}\b")
    own = (pl.col("service") == service) & pl.col("time").is_not_null()
    return case.timeline.filter(own & lacks).collect().sort("time", maintain_order=True)


def names_target(key: str, target: str) -> bool:
    """Whether a variable is called like what usually answers there; of a role that is refused, like a database's."""
    host, _, port = target.rpartition(":")
    usual = [ON_PORTS[port]] if port in ON_PORTS else []
    generic = DATABASE if not host or port in ("3306", "5432", "27017") else CACHE if port in ("6379", "11211") else None
    return any(re.search(kind, key.lower()) for kind in (*usual, *([generic] if generic else [])))


def is_new(told: Warnings, since: datetime) -> bool:
    """Whether compose did not warn of it long before: then it was empty all the time, and all was well."""
    return bool(told) and all(at is None or at >= since - BUILDS for _, at in told)


def renamed(case: Case, service: str, key: str) -> tuple[Evidence, ...]:
    """The line that takes what a service lacks from a variable of another name, which nothing sets."""
    found = [one for one in blanks(case, service) if key == one.key != one.taken]
    return tuple(place for one in found[:1] for place in one.places)
