"""The evidence for every mechanism that could have made a train, and their posterior."""

from __future__ import annotations

import math
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np
from logcorr.statistics.background import fit_background
from logcorr.statistics.backoff import BackoffFit, backoff_fit
from logcorr.statistics.likelihood import log_sum_exp
from logcorr.statistics.locked import LockedFit, locked_fits
from logcorr.statistics.loops import LoopFit, irregular, loop_fits
from logcorr.statistics.phases import combs, phase_kept
from logcorr.statistics.trains import Train

# Under so many events no period is sure, whatever the fit.
FEW_EVENTS = 4
MOST_FROM_FEW = 0.8
# A free-running loop either keeps its own period (a timer) or drifts with each turn's run time.
_LOG_HALF = math.log(0.5)
# What two events say for an unlisted schedule of unknown period.
_UNKNOWN_LOG_BF = -1.0


class Mechanisms(Struct, frozen=True):
    """A probability for each mechanism; they sum to one."""

    wall_clock: float
    loop: float
    backoff: float
    irregular: float


# Before looking. In production logs about half of the event kinds are periodic (Ma & Hellerstein 2001, 2003); among
# the trains one asks about in an incident fewer are, and a false period misleads: one in five.
PRIOR = Mechanisms(wall_clock=0.11, loop=0.09, backoff=0.05, irregular=0.75)


class Assessment(Struct, frozen=True):
    """Log Bayes factors (nats) against irregular events, the best fit of each mechanism, and the posterior.

    schedule_log_bf: evidence for any schedule, measured as attribution measures a listed one (against noise of the
    local rate).
    """

    wall_clock_log_bf: float
    timer_log_bf: float
    drift_log_bf: float
    backoff_log_bf: float
    wall_clock: LockedFit | None
    timer: LockedFit | None
    drift: LoopFit | None
    backoff: BackoffFit
    mechanisms: Mechanisms
    schedule_log_bf: float

    @property
    def loop_log_bf(self) -> float:
        """Evidence for a loop of either sort, nats."""
        return log_sum_exp([self.timer_log_bf + _LOG_HALF, self.drift_log_bf + _LOG_HALF])

    @property
    def period(self) -> float | None:
        """The period in seconds of the most probable periodic reading."""
        if self.wall_clock is not None and self.mechanisms.wall_clock >= self.mechanisms.loop:
            return self.wall_clock.period
        if self.timer is not None and self.timer_log_bf >= self.drift_log_bf:
            return self.timer.period
        return self.drift.period if self.drift is not None else None

    @property
    def periodic_log_bf(self) -> float:
        """Evidence for any period, nats."""
        share = PRIOR.wall_clock / (PRIOR.wall_clock + PRIOR.loop)
        return log_sum_exp([self.wall_clock_log_bf + math.log(share), self.loop_log_bf + math.log(1 - share)])


@lru_cache(maxsize=8)
def assess(train: Train) -> Assessment:
    """Weigh the mechanisms, once for each train; with fewer than three events, or no time between them, the prior stands."""
    backoff = backoff_fit(train)
    if train.count < 3 or train.onsets[-1] <= train.onsets[0]:
        mechanisms = _posterior(train, 0.0, 0.0, 0.0, backoff.score)
        return Assessment(0.0, 0.0, 0.0, backoff.score, None, None, None, backoff, mechanisms, _UNKNOWN_LOG_BF)
    null = irregular(np.diff(train.onsets), train.window_s, train.resolution)
    # Locked fits are measured against Poisson noise; where intervals are told better by another irregular reading,
    # they pay.
    handicap = max(0.0, null.log_gain - fit_background(train).log_gain)
    plain = [replace(fit, score=fit.score - handicap) for fit in locked_fits(train)]
    drifting = loop_fits(train, null)
    kept = phase_kept(train, drifting)
    locked = sorted(plain + kept, key=lambda fit: -fit.score)
    locked = sorted(locked + combs(train, locked), key=lambda fit: -fit.score)
    usual, free = [fit for fit in locked if fit.usual], [fit for fit in locked if not fit.usual]
    scores = (_total(usual), _total(free), log_sum_exp([fit.score for fit in drifting]), backoff.score)
    fits = (usual[0] if usual else None, free[0] if free else None, drifting[0] if drifting else None)
    schedule = log_sum_exp([_total(plain) + _LOG_HALF, scores[2] if scores[2] > _total(kept) else -math.inf])
    return Assessment(*scores, *fits, backoff, _posterior(train, *scores), schedule + _LOG_HALF + handicap)


def _total(fits: list[LockedFit]) -> float:
    """Return the evidence (nats) of all the fits together."""
    return log_sum_exp([fit.score for fit in fits])


def _posterior(train: Train, wall_clock: float, timer: float, drift: float, backoff: float) -> Mechanisms:
    """Return the probabilities; while events are few at most 0.8 goes to a period or a back-off."""
    loop = log_sum_exp([timer + _LOG_HALF, drift + _LOG_HALF])
    prior = np.array([PRIOR.wall_clock, PRIOR.loop, PRIOR.backoff, PRIOR.irregular])
    logs = np.log(prior) + np.array([wall_clock, loop, backoff, 0.0])
    shares = np.exp(logs - log_sum_exp(logs))
    for claims, events in ((slice(0, 2), train.count), (slice(2, 3), len(train.events))):
        claimed = float(shares[claims].sum())
        if events < FEW_EVENTS and claimed > MOST_FROM_FEW:
            shares[claims] *= MOST_FROM_FEW / claimed
            shares[3] += claimed - MOST_FROM_FEW
    return Mechanisms(*shares.tolist())
