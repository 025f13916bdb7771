"""Two hosts, two clocks: how far a proxy's clock is from that of the services behind it, told from what both saw.

A service that is down is seen twice: its own host tells when it ended and began again, the proxy when connections were refused.
Where the two never meet, though each refusal has its stop at one distance and lasts as long, the distance is that of the clocks.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.timeline.lifecycles import stopped
from logcorr.timeline.select import seconds

Times: TypeAlias = "npt.NDArray[np.float64]"

FEWEST = 3
ONE_BURST_S = 30.0
LEAST_S, MOST_S = 20.0, 900.0
"""Smaller differences are a service's own slowness; larger ones are a zone, or another cause."""

MET_S = 60.0
"""Refusals that begin so soon after a stop are its own: then there is nothing to explain."""

SCATTER_S = 12.0
LEAST_SHARE, MOST_MET = 0.9, 0.2


def one_clock(case: Case) -> Case:
    """The case with the logs of skewed proxies moved to the services' clock; `Source.skew_s` says by how much they were ahead."""
    skews = _skews(case)
    if not skews:
        return case
    ahead = pl.col("file").replace_strict(skews, default=0.0, return_dtype=pl.Float64)
    time = pl.col("time") - (ahead * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))
    records = case.records

    def corrected(name: str) -> pl.LazyFrame:
        frame = records(name)
        return frame.with_columns(time) if {"time", "file"} <= set(frame.collect_schema()) else frame

    return replace(
        case,
        logged=case.logged.with_columns(time),
        records=corrected,
        sources=tuple(replace(source, skew_s=skews.get(source.path, 0.0)) for source in case.sources),
    )


def _skews(case: Case) -> Mapping[str, float]:
    """For each file of a proxy whose clock differs, the seconds by which it is ahead."""
    refused = case.placed("upstream.refused").drop_nulls("time")
    bursts = {str(path): _bursts(seconds(rows)) for (path,), rows in refused.group_by("file", maintain_order=True)}
    outages = _outages(case, bursts) if any(len(one) >= FEWEST for one in bursts.values()) else []
    found: dict[str, float] = {}
    for path, seen in bursts.items():
        skews = [skew for one in outages if (skew := _distance(one, seen)) is not None]
        if len(skews) == 1 and not _meet(outages, seen):
            found |= dict.fromkeys(_beside(case, path), skews[0])
    return found


def _bursts(times: Times) -> Times:
    """Each burst's beginning, and how long it lasted."""
    first = times[np.diff(times, prepend=-np.inf) > ONE_BURST_S]
    last = times[np.diff(times, append=np.inf) > ONE_BURST_S]
    return np.column_stack([first, last - first])


def _outages(case: Case, proxies: Container[str]) -> list[Times]:
    """For each service that was down often enough, each end and how long it was down, by other logs than the proxies'."""
    told: dict[str, list[tuple[float, float]]] = {}
    for stop in case.once(stopped):
        if stop.up and stop.end.path not in proxies:
            told.setdefault(stop.service, []).append((stop.ended.timestamp(), (stop.up - stop.ended).total_seconds()))
    return [np.array(rows) for rows in told.values() if len(rows) >= FEWEST]


def _meet(outages: Sequence[Times], bursts: Times) -> bool:
    """Whether more than a few of the bursts begin soon after some stop as the clocks are."""
    apart = bursts[:, :1] - np.concatenate(outages)[None, :, 0]
    return float(((apart >= -1) & (apart <= MET_S)).any(axis=1).mean()) > MOST_MET


def _distance(outages: Times, bursts: Times) -> float | None:
    """The least distance at which nearly all bursts begin after a stop and last about as long as the service was down."""
    apart = bursts[:, :1] - outages[None, :, 0]
    for shift in sorted(apart[(np.abs(apart) >= LEAST_S) & (np.abs(apart) <= MOST_S)], key=abs):
        near = np.abs(apart - shift) <= SCATTER_S
        down = outages[near.argmax(axis=1), 1]
        alike = near.any(axis=1) & (np.abs(bursts[:, 1] - down) <= np.maximum(SCATTER_S, down / 2))
        if alike.sum() >= FEWEST and alike.mean() >= LEAST_SHARE:
            return round(float(np.median(apart[near])), 1)
    return None


def _beside(case: Case, path: str) -> Iterator[str]:
    """The proxy's logs in the same folder: of one host."""
    folder = path.rpartition("/")[0]
    yield from (one.path for one in case.sources if one.source == "nginx" and one.path.rpartition("/")[0] == folder)
