"""syslog around programs whose lines have times of their own: `Jan 31 12:00:00 web-1 nginx[7]: 2026/01/31 12:00:00 [error] …`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from logcorr.lazily import pl, regex

LINE = (
    r"^(?:<[0-9]{1,3}>)?([A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[0-9.:+Z-]*)"
    r" [^ ]+ ([A-Za-z][A-Za-z0-9_./@-]*)(?:\[([0-9]+)\])?: (.*)$"
)
STAMP, PROGRAM, PID, SAID = range(1, 5)

OWN_TIME = regex(
    r"\S+:\d+ \[\d\d/[A-Z][a-z]{2}/\d{4}:"  # HAProxy
    r"|\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d|\S+ \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:|\{.*\"time"
)
OFFSET = regex(r".*(?:Z|[+-]\d\d:?\d\d)$")

INTERPRETERS = ("node", "python", "python3", "java", "ruby", "php", "docker", "pm2")
"""Names of programs that say nothing about which service they run."""

NEAR_LINES = 50
"""systemd's word on a process stands so close to its first or last line."""

BEGINS, ENDS = r"^Started (\S+)\.service\b", r"^(\S+)\.service: (?:Main process exited|Killing process)"


def programs(lines: Sequence[str]) -> list[str]:
    """The programs most of whose lines have times of their own."""
    stamped: dict[str, list[bool]] = {}
    for match in filter(None, (re.match(LINE, line) for line in lines)):
        stamped.setdefault(match[PROGRAM], []).append(OWN_TIME.match(match[SAID]) is not None)
    return [program for program, own in stamped.items() if 2 * sum(own) > len(own)]


def tells_offset(lines: Sequence[str]) -> bool:
    """Whether every line's stamp says which instant it is."""
    stamps = [match[STAMP] for match in (re.match(LINE, line) for line in lines) if match]
    return bool(stamps) and all(map(OFFSET.match, stamps))


def inner(line: str, programs: Sequence[str]) -> str:
    """What one of these programs wrote; other programs' lines stay syslog's."""
    match = re.match(LINE, line)
    return match[SAID] if match and match[PROGRAM] in programs else line


def peel(lines: pl.LazyFrame, programs: Sequence[str], *, stamped: bool) -> pl.LazyFrame:
    """The lines without what is around them, and their `writer`: the program, or the unit that systemd runs an interpreter for.

    Where they are `stamped` with their offset, `logged_at` is kept of these programs' lines.
    """
    groups = pl.col("text").str.extract_groups(LINE).struct
    own = groups[PROGRAM - 1].is_in(programs)
    units = _units(lines) if set(programs) & set(INTERPRETERS) else {}
    writer = groups[PROGRAM - 1]
    if units:
        unit = groups[PID - 1].replace_strict(list(units), list(units.values()), default=None, return_dtype=pl.String)
        writer = pl.when(writer.is_in(INTERPRETERS)).then(pl.coalesce(unit, writer)).otherwise(writer)
    columns = {"text": pl.when(own).then(groups[SAID - 1]).otherwise(pl.col("text")), "writer": pl.when(own).then(writer)}
    if stamped:
        columns["logged_at"] = pl.when(own).then(_instant(groups[STAMP - 1]))
    return lines.with_columns(**columns)


def _instant(stamp: pl.Expr) -> pl.Expr:
    colon = stamp.str.replace("Z$", "+00:00").str.replace(r"([+-]\d\d)(\d\d)$", "${1}:${2}")
    return colon.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False).dt.convert_time_zone("UTC")


def _units(lines: pl.LazyFrame) -> Mapping[str, str]:
    """The units of interpreters' processes, by their numbers: what systemd told to begin just before the first line of one, or to
    end just after the last; of two that differ the nearer one.
    """
    groups = pl.col("text").str.extract_groups(LINE).struct
    told = lines.select("line", by=groups[PROGRAM - 1], pid=groups[PID - 1], said=groups[SAID - 1])
    system = told.filter(pl.col("by") == "systemd")
    begins, ends = (system.select("line", unit=pl.col("said").str.extract(pattern, 1)).drop_nulls() for pattern in (BEGINS, ENDS))
    lives = (
        told.filter(pl.col("by").is_in(INTERPRETERS))
        .drop_nulls("pid")
        .group_by("pid")
        .agg(first=pl.col("line").min(), last=pl.col("line").max())
    )
    before = lives.sort("first").join_asof(begins, left_on="first", right_on="line", strategy="backward", coalesce=False)
    after = lives.sort("last").join_asof(ends, left_on="last", right_on="line", strategy="forward", coalesce=False)
    ends_of = ((before, "first"), (after, "last"))
    near = [part.select("pid", "unit", far=pl.col("line").cast(pl.Int64) - pl.col(end)) for part, end in ends_of]
    told_by = (
        pl.concat(near)
        .drop_nulls()
        .filter(pl.col("far").abs() <= NEAR_LINES)
        .sort(pl.col("far").abs(), "unit")
        .unique("pid", keep="first", maintain_order=True)
    )
    return dict(told_by.select("pid", "unit").collect().iter_rows())
