"""What a check looks at where it asks nobody: the age of a file or of a stamp, a count, a load."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case, ProvedEffect
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Link
from logcorr.model.source import Span
from logcorr.timeline.offsets import zone_of
from logcorr.timeline.select import cite

SHOWN = 80
NAMES = regex(r"\$\{?(\w+)|(?<![\w.$'\"{(])([a-z_]\w*)(?![\w(\"'])")
"""What a condition compares: variables of a shell, or of a program."""

LOCAL = regex(r"\bdatetime\.(?:datetime\.)?(?:now|today)\(\)")
BARE = regex(r"\b(?:strptime|fromisoformat)\(")
ZONED = regex(r"%z|tzinfo|timezone|ZoneInfo|utc", re.IGNORECASE)
"""In Python a time has no zone unless one is put to it; `now()` is then the host's."""

NEAR_S = 900.0
"""Zones are hours apart; what is asked about was written so shortly before."""


def looked_at(case: Case, effect: ProvedEffect, told: pl.DataFrame | None, written: pl.DataFrame) -> Iterator[Link]:
    """The line that works out what the condition compares; `told` is what the script wrote only when it acted."""
    text, at = effect.effect.guard[-1]
    above = case.lines(at.path).filter(pl.col("line") <= at.line).select("line", "text").collect().rows()
    for name in dict.fromkeys(first or second for first, second in NAMES.findall(text)):
        line, sets = _last_set(above, name)
        if line:
            mixed = _mixed(above, sets) if _off_by_a_zone(case, written) else ()
            place = Span(at.path, mixed[0] if mixed else line)
            finds = tuple(cite(told, "what it found", most=2)) if told is not None else ()
            yield Link(
                mechanism="configuration_mismatch" if mixed else "probe_gets_answer",
                source=place,
                target=effect.effect.span,
                claim=claim("chain.mixes_clocks", "it takes a stamp that names no zone for one of the host's own local time")
                if mixed
                else claim("chain.looked_at", "it looks at {what}", what=sets.strip()[:SHOWN]),
                evidence=(
                    *(Evidence(Span(at.path, number), "one of the two times") for number in mixed),
                    Evidence(Span(at.path, line), "what it looks at"),
                    *finds,
                ),
                proof=effect.proof.reach.value,
            )
            return


def _last_set(above: Sequence[tuple[int, str]], name: str, worked: str = r".*(?:\(|`| - )") -> tuple[int, str]:
    """The last line that sets a variable to something that is worked out, and its text; 0 and nothing where none does."""
    sets = re.compile(rf"^\s*(?:local |export |declare |const |let |var )?{name} ?(?::\s*\w+ ?)?=(?!=){worked}")
    return next(((line, text) for line, text in reversed(above) if sets.match(text)), (0, ""))


def _off_by_a_zone(case: Case, written: pl.DataFrame) -> bool:
    """Whether an age that the script tells, in seconds, is about as much as some log's zone is off from UTC."""
    zones = {source.zone for source in case.sources}
    offs = (time.astimezone(zone_of(zone)).utcoffset() or timedelta() for zone in zones for time in case.window or ())
    offsets = {abs(off).total_seconds() for off in offs} - {0.0}
    ages = [int(age) for text in written["message"] for age in re.findall(r"(?<![\d.:-])\d{4,5}(?![\d:-])", text)]
    return any(abs(age - off) <= NEAR_S for age in ages for off in offsets)


def _mixed(above: Sequence[tuple[int, str]], sets: str) -> tuple[int, ...]:
    """The lines of a local time and of a stamp without a zone, where one is taken from the other."""
    pair = re.search(r"=\s*(\w+) - (\w+)\s*$", sets)
    if not pair:
        return ()
    told = [_last_set(above, name) for name in pair.groups()]
    local = [line for line, text in told if LOCAL.search(text)]
    bare = [line for line, text in told if BARE.search(text) and not ZONED.search(text)]
    return (*local, *bare) if local and bare else ()
