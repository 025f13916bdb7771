"""What a command would do to one service, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.causes import words
from logcorr.causes.follow import Times
from logcorr.causes.lookups import by_lookup
from logcorr.lazily import np, pl
from logcorr.model.behaviour import Reach
from logcorr.model.case import Behaviour, Case, ProvedEffect
from logcorr.timeline.lifecycles import stopped

REACH_WEIGHT = {
    Reach.MUST: words.PROVED_MUST,
    Reach.CONDITIONAL: words.CONDITIONAL,
    Reach.MAY: words.POSSIBLE,
    Reach.NEVER: words.PROVED_NEVER,
}

TOGETHER, TOGETHER_S = 5.0, 30.0
"""What it is worth that all whom a command would end, and not only one, ended within so short a time, nearly each time."""

FEWEST, NEARLY_ALL = 4, 0.9


def weight(effect: ProvedEffect, service: str) -> float:
    """What it is worth that so much is known of the effect on this service."""
    return REACH_WEIGHT[reach(effect, service)]


def reach(effect: ProvedEffect, service: str) -> Reach:
    """How far the effect on this service is proved: where it is not sure that it hits this one, it is only possible."""
    known = effect.proof.reach is Reach.NEVER or hits(effect, service)
    return effect.proof.reach if known else Reach.MAY


def hits(effect: ProvedEffect, service: str) -> bool:
    """Whether it is known that the effect acts on this service: by name, and not on some host that it logs in to."""
    return service in effect.hits and effect.effect.remote is None


def together(case: Case, proved: ProvedEffect, service: str, stops: Times) -> float:
    """What it is worth that nearly whenever this one was stopped, all others were that the effect hits."""
    told = {name: np.array([one.ended.timestamp() for one in case.once(stopped) if one.service == name]) for name in proved.hits}
    others = [times for name, times in told.items() if name != service and len(times)]
    if not others or len(others) < len(proved.hits) - 1:
        return 1.0
    near = [(np.abs(stops[:, None] - times[None, :]).min(axis=1) <= TOGETHER_S).mean() for times in others]
    return TOGETHER if len(stops) >= FEWEST and min(near) >= NEARLY_ALL else 1.0


def _managed(case: Case) -> tuple[str, ...]:
    """All that pm2 tells of."""
    told = case.events.filter((pl.col("source") == "pm2") & pl.col("service").is_not_null())
    return tuple(told.select("service").unique().sort("service").collect()["service"])


def ending(case: Case, behaviour: Behaviour, service: str) -> Iterator[tuple[Behaviour, ProvedEffect]]:
    """What of it may end the service; a command for all that pm2 manages is one for all that pm2 tells of."""
    for proved in behaviour.proved:
        if proved.effect.manager == "pm2" and proved.effect.ends_processes and not proved.effect.targets:
            proved = replace(proved, hits=proved.hits or case.once(_managed))
        if not proved.certain:
            proved = by_lookup(case, behaviour, proved, service)
        possible = service in proved.hits or not proved.certain
        if proved.effect.ends_processes and possible:
            yield behaviour, proved
