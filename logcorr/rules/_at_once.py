"""Lasting connections of clients that end all at once, and come back: people do not leave so."""

from __future__ import annotations

from typing import TypeAlias

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.rules._sessions import NAMED

APART_S, LONGEST_S, BACK_S = 1.0, 10.0, 60.0
"""Ends at once lie no further apart from each other, and all of them within seconds: where many leave at all times, they do not.
Who was cut off comes back within a minute."""

FEWEST, FEWEST_TIMES = 5, 2
"""So many connections that end at once, and so often: once, everybody may have had enough."""

MOST_OF = 0.5

Times: TypeAlias = "npt.NDArray[np.float64]"


def at_once(case: Case, ended: pl.DataFrame) -> pl.DataFrame:
    """Those of these ends that belong to one of several such moments after which at least half as many came anew.

    Some leave at all times; none are given where these moments do not hold most of the ends.
    """
    rows = ended.filter(pl.col("time").is_not_null()).sort("time", maintain_order=True)
    gap = pl.col("time").diff().dt.total_microseconds().fill_null(0) > APART_S * 1e6
    moments = rows.with_columns(moment=gap.cum_sum()).partition_by("moment", maintain_order=True)
    many = [one.drop("moment") for one in moments if one.height >= FEWEST]
    if len(many) < FEWEST_TIMES:
        return rows.clear()
    begun = _begun(case, rows)
    cut = [one for one in many if _came_back(one, begun)]
    held = sum(one.height for one in cut)
    return pl.concat(cut) if len(cut) >= FEWEST_TIMES and held >= MOST_OF * rows.height else rows.clear()


def _begun(case: Case, ended: pl.DataFrame) -> Times:
    """When connections began, in seconds: the first time that their file names them, or a line that says so."""
    paths = ended["file"].unique().sort()
    files = paths.implode()
    times = [_first_named(case, path) for path in paths]
    said = case.happened("client.connected").filter(pl.col("file").is_in(files))["time"].drop_nulls()
    named = pl.concat(times)
    return _seconds(named if len(named) >= len(said) else said)


def _first_named(case: Case, path: str) -> pl.Series:
    """When each connection that a file names is named first, in its message or in another member of the record."""
    named = case.lines(path).select("line", pl.col("text").str.extract(NAMED, 1).alias("named")).drop_nulls().collect()
    rows = case.timeline.filter((pl.col("file") == path) & pl.col("time").is_not_null()).select("line", "time").collect()
    return named.join(rows, on="line").sort("time", "line").unique("named", keep="first", maintain_order=True)["time"]


def _seconds(times: pl.Series) -> Times:
    return np.sort(times.dt.epoch("us").to_numpy() / 1e6)


def _came_back(cut: pl.DataFrame, begun: Times) -> bool:
    first, *_, last = _seconds(cut["time"])
    return last - first <= LONGEST_S and bool(((begun > last) & (begun <= last + BACK_S)).sum() >= MOST_OF * cut.height)
