"""Hypotheses side by side: what each explains, which are independent, and how sure one may be of it then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from logcorr.causes.follow import SLACK_S, Ends, Times, explained_by, on_another_clock
from logcorr.lazily import np, npt
from logcorr.model.claim import Claim, claim
from logcorr.model.result import Cause, Explained, Finding
from logcorr.model.source import Span

LEAST_EXPLAINED, MOST_UNEXPLAINED = 0.5, 0.6
"""A cause that explains under half of the serious events that no other one explains is at most this sure."""

MOST_ON_ANOTHER_CLOCK = 0.85
"""And so sure where nearly all of them keep one distance from it: then a clock may be wrong, or something else."""

FEW_EXPLAINED = 0.1
"""What explains no more than this of them is not why."""

LEAST = 0.2
"""A hypothesis less probable than this is no cause, only a rival."""

LIKELY = 0.5
MOST_UNFELT, FEWEST_UNFELT = 0.45, 3
"""What explains none of the harm is no cause, nor what nobody felt and a schedule orders, or happened but once or twice."""

AWAY_S = 1800.0
"""Who is away for so long is missed, be it by nobody whose log is here."""

MEANT = ("scheduled_stop", "upgrade_restarts_service")
"""Kinds of causes that somebody wanted: where nobody feels them, they may be as they should."""

WHERE_ONLY = ("crash", "dependency_failed")
"""Kinds of causes that say where it broke and not why: they leave room for whatever does."""

STATES = ("resource_exhausted", "dependency_fails")
"""Mechanisms that may be a step of another story: something made it so."""

LESS = 0.1
"""What tells why it came to such a state comes first, if it is not less likely by more than this."""

FEWEST_BEFORE, BEFORE_SHARE = 3, 0.1
"""What struck only after so many of the events, and so great a share, is not why they happened."""

FELT = "failure_reaches_clients"

NEW_SHARE, NEW_IN_STORY = 0.1, 0.5
"""A further cause must explain so much of what it explains at all beyond those before it; more, if they tell its story too."""

Masks: TypeAlias = "Mapping[str, npt.NDArray[np.bool_]]"


class Hypothesis(Struct, frozen=True):
    """A possible cause, when it struck, the finding it was made of, whose own events are harm too, or the service it stopped.

    If it stands `alone`, it explains those events and no others, and nothing else does; of findings that are `unrelated` to it it
    explains none.
    """

    cause: Cause
    ends: Ends
    finding: str = ""
    service: str = ""
    alone: bool = False
    unrelated: frozenset[str] = frozenset()


class _Weighed(Struct, frozen=True):
    """A possible cause, which of the serious events (at `times`) it explains, and which it would if the clocks of those who tell
    differed.

    It first struck at `since`, and `struck` so many times. `share` is that of the harm which it explains: each serious symptom
    counts alike, however many lines tell of it. `away`: each time a service did nothing for long. `after_others` are events in
    the wake of other services' stops.
    """

    cause: Cause
    times: Times
    since: float
    serious: npt.NDArray[np.bool_]
    apart: npt.NDArray[np.bool_]
    share: float
    struck: int
    away: bool
    after_others: npt.NDArray[np.bool_]


def weighed(
    hypotheses: Sequence[Hypothesis], findings: Sequence[Finding], window: tuple[float, float], stops: Mapping[str, Ends]
) -> tuple[list[Cause], list[Cause]]:
    """The independent causes, the one that accounts for most of the harm first; and those that others explain away.

    `window` is what the logs cover, in epoch seconds; `stops` are those of each service, whoever ordered them.
    """
    own = {one.finding for one in hypotheses}
    symptoms = {one.id: one.at.seconds for one in findings if (one.role == "symptom" or one.id in own) and one.times}
    serious = [one.id for one in findings if one.id in symptoms and one.severity == "error"]
    apart = _apart(_distinct(hypotheses), frozenset(symptoms))
    told = [_explaining(one, symptoms, serious, window, stops) for one in apart]
    shared = [_posterior(one, told) for one in told]
    ranked = sorted(shared, key=lambda one: (_is_step(one, shared), -one.cause.confidence * one.share))
    kept: list[_Weighed] = []
    away: list[Cause] = []
    for one in ranked:
        before = np.any([other.serious for other in kept], axis=0) if kept else np.zeros_like(one.serious)
        told_before = any(_places(one.cause) & _places(other.cause) for other in kept)
        least = (NEW_IN_STORY if told_before else NEW_SHARE) * one.serious.sum()
        if kept and one.serious.any() and (one.serious & ~before).sum() < least:
            away.append(one.cause)
        else:
            kept.append(one)
    weighed_up = [_tempered(one, kept) for one in kept]
    return [one for one in weighed_up if one.confidence >= LEAST], [*away, *(one for one in weighed_up if one.confidence < LEAST)]


def _distinct(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """One for each culprit: what ends two services at once is told once, by the surest."""
    best: dict[object, Hypothesis] = {}
    for one in sorted(hypotheses, key=lambda each: -each.cause.confidence):
        best.setdefault(one.cause.culprit, one)
    return list(best.values())


def _apart(hypotheses: Sequence[Hypothesis], symptoms: frozenset[str]) -> list[Hypothesis]:
    """The hypotheses, each with the findings that are unrelated to it as it, or another one, stands alone."""
    alone = frozenset(one.finding for one in hypotheses if one.alone)
    return [replace(one, unrelated=(symptoms if one.alone else alone) - {one.finding}) for one in hypotheses]


def _explaining(
    one: Hypothesis, symptoms: Mapping[str, Times], serious: Sequence[str], window: tuple[float, float], stops: Mapping[str, Ends]
) -> _Weighed:
    felt = {name: explained_by(one.ends, times, window) & (name not in one.unrelated) for name, times in symptoms.items()}
    explains = tuple(Explained(finding=name, count=int(hit.sum()), total=len(hit)) for name, hit in felt.items())
    apart = {name: on_another_clock(one.ends, symptoms[name]) if not felt[name].any() else felt[name] for name in serious}
    return _Weighed(
        replace(one.cause, explains=explains),
        times=np.concatenate([symptoms[name] for name in serious]) if serious else np.zeros(0),
        since=float(one.ends.times.min(initial=np.inf)),
        serious=_joined(felt, serious),
        apart=_joined(apart, serious),
        share=float(np.mean([felt[name].mean() for name in serious])) if serious else 1.0,
        struck=len(one.ends.times),
        away=one.cause.kind not in MEANT and _long_away(one.ends),
        after_others=_joined({name: _after_others(one, symptoms[name], window, stops) for name in serious}, serious),
    )


def _long_away(ends: Ends) -> bool:
    """Whether each end was followed by a start, long after: nobody had meant that, and what it does was not done."""
    return len(ends.times) > 0 and bool((np.isfinite(ends.within_s) & (ends.within_s >= AWAY_S)).all())


def _after_others(one: Hypothesis, times: Times, window: tuple[float, float], stops: Mapping[str, Ends]) -> npt.NDArray[np.bool_]:
    """Which times are effects of other services' stops than the one that this is about: those are why, whoever ordered them."""
    of_others = [ends for service, ends in stops.items() if one.service and service != one.service]
    felt = np.zeros(len(times), dtype=bool)
    for ends in of_others:
        felt |= explained_by(ends, times, window)
    return felt


def _joined(masks: Masks, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.concatenate([masks[name] for name in names]) if names else np.zeros(0, dtype=bool)


def _posterior(one: _Weighed, told: Sequence[_Weighed]) -> _Weighed:
    """The probability among all that would explain the same events: at most one of them is why, unless they tell one story.

    What says but where it broke is what to look at only if none of those that say why is right.
    """
    if one.cause.kind in WHERE_ONLY:
        whys = [other.cause.confidence for other in told if _overlaps(one, other)]
        return replace(one, cause=replace(one.cause, confidence=one.cause.confidence * (1 - max(whys, default=0.0))))
    against = [_odds(other.cause) for other in told if _competes(one, other)]
    odds = _odds(one.cause)
    return replace(one, cause=replace(one.cause, confidence=odds / (1 + odds + sum(against)))) if against else one


def _odds(cause: Cause) -> float:
    certain = min(cause.confidence, 1 - 1e-4)
    return certain / (1 - certain)


def _competes(one: _Weighed, other: _Weighed) -> bool:
    """Whether the other would be why instead: it cites none of the places that this one does, and did not come too late."""
    return _overlaps(one, other) and not _places(one.cause) & _places(other.cause) and not _came_later(one, other)


def _came_later(one: _Weighed, other: _Weighed) -> bool:
    """Whether a good part of what this one explains had happened before the other first struck."""
    before = (one.serious & (one.times < other.since - SLACK_S)).sum()
    return bool(before >= max(FEWEST_BEFORE, BEFORE_SHARE * one.serious.sum()))


def _overlaps(one: _Weighed, other: _Weighed) -> bool:
    """Whether the other explains most of what this one does, and says why."""
    both = (one.serious & other.serious).sum()
    return one is not other and other.cause.kind not in WHERE_ONLY and both >= LEAST_EXPLAINED * max(one.serious.sum(), 1)


def _is_step(one: _Weighed, told: Sequence[_Weighed]) -> bool:
    """Whether another one, hardly less likely, tells of it on its way: then it is but what came between."""
    others = [
        other.cause for other in told if other is not one and other.cause.confidence + LESS >= max(one.cause.confidence, LIKELY)
    ]
    own = _states(one.cause) | {one.cause.culprit}
    return any(
        own & {each.span for each in link.evidence} for other in others for link in other.chain[1:] if link.mechanism in STATES
    )


def _states(cause: Cause) -> set[Span]:
    """The lines that tell of the state which a cause speaks of."""
    return {each.span for link in cause.chain for each in link.evidence if link.mechanism in STATES}


def _places(cause: Cause) -> set[Span]:
    """What a cause rests on: its culprit, its trigger, what each link of its chain begins with, and the state it tells of."""
    return {place for place in (cause.culprit, cause.trigger, *(link.source for link in cause.chain)) if place} | _states(cause)


def _tempered(one: _Weighed, kept: Sequence[_Weighed]) -> Cause:
    """Less sure of a cause that leaves most of the serious events unexplained which no other likely cause explains."""
    others = [other.serious for other in kept if other is not one and other.cause.confidence >= LIKELY]
    elsewhere = np.any([one.after_others, *others], axis=0)
    explained, total = int(one.serious.sum()), int((one.serious | ~elsewhere).sum())
    few = FEW_EXPLAINED * len(one.serious)
    if (not explained and total <= few) or (explained <= few and one.struck < FEWEST_UNFELT):
        felt = one.away or (few > 0 and any(link.mechanism == FELT for link in one.cause.chain))
        return one.cause if felt else _unfelt(one)
    if explained >= LEAST_EXPLAINED * total:
        return one.cause
    cause, apart = one.cause, int(one.apart.sum())
    some = explained > FEW_EXPLAINED * total
    most = MOST_ON_ANOTHER_CLOCK if apart >= LEAST_EXPLAINED * total else MOST_UNEXPLAINED if some else MOST_UNFELT
    return replace(cause, confidence=min(cause.confidence, most), against=(*cause.against, _unexplained(explained, total, apart)))


def _unfelt(one: _Weighed) -> Cause:
    """Hardly sure of what no log shows anybody to have felt, if a schedule orders it or it happened but once or twice."""
    if one.struck >= FEWEST_UNFELT and one.cause.kind not in MEANT:
        return one.cause
    may_be_meant = claim("cause.unfelt", "no log shows that anybody felt it: it may be meant")
    return replace(one.cause, confidence=min(one.cause.confidence, MOST_UNFELT), against=(*one.cause.against, may_be_meant))


def _unexplained(explained: int, total: int, apart: int) -> Claim:
    if apart >= LEAST_EXPLAINED * total:
        return claim(
            "cause.on_another_clock",
            "it explains {count} of {total} serious events that were logged, and {apart} if the clocks of those who tell differ",
            count=explained,
            total=total,
            apart=apart,
        )
    return claim(
        "cause.leaves_unexplained",
        "it explains {count} of {total} serious events that were logged",
        count=explained,
        total=total,
    )
