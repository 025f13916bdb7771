"""Before and after: what became of each symptom and cause in a folder that was collected after a change.

Counts are compared over the time that the logs cover which can tell; a cause that a schedule sets off is compared by the
runs that passed. A burst of lines is one event. What was not covered, or not for long enough, is said to be so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from msgspec import Struct

from logcorr.comparison import words
from logcorr.comparison.words import Seen, Tried
from logcorr.lazily import np
from logcorr.model.case import Case
from logcorr.model.result import Cause, Finding
from logcorr.model.source import Span
from logcorr.report.cite import Document, instant, locate, number, state, state_all
from logcorr.statistics import collapse
from logcorr.statistics.rates import rate_change, unlikely

OUTCOMES = ("gone", "not-covered", "reduced", "remains")
"""What became of something, the best first."""

FOLLOWS_S = 60.0
"""An effect comes within this time after a run, or within twice its usual lag."""

Stretch = tuple[float, float]
"""A piece of time, in epoch seconds."""

Runs = Callable[[Span, float, float], Sequence[float]]


class Side(Struct, frozen=True):
    """One of the two folders: its case, and what was found and blamed there. What lies before `since` does not count."""

    case: Case
    findings: Sequence[Finding]
    causes: Sequence[Cause] = ()
    since: float = 0.0

    def covered(self, kinds: Iterable[tuple[str, str | None]]) -> Stretch | None:
        """When logs of these sources and services tell what happens.

        A log that was collected tells until the folder's last stamp: a silent error log says that there was no error.
        """
        end = self.case.window[1].timestamp() if self.case.window else 0.0
        starts = [
            max(one.first.timestamp(), self.since)
            for one in self.case.sources
            if (one.source, one.service) in kinds and one.first
        ]
        return (min(starts), end) if starts and min(starts) < end else None

    def kinds(self, finding: Finding) -> set[tuple[str, str | None]]:
        """The sources and services whose logs tell of a finding."""
        paths = {evidence.span.path for evidence in finding.evidence}
        return {(one.source, one.service) for one in self.case.sources if one.path in paths}

    def alike(self, finding: Finding) -> list[Finding]:
        """What says here the same as a finding of the other folder."""
        return [one for one in self.findings if _key(one) == _key(finding)]

    def times(self, finding: Finding) -> list[float]:
        """When what a finding speaks of happened here."""
        told = (time.timestamp() for one in self.alike(finding) for time in one.times)
        return sorted(time for time in told if time >= self.since)


def compare(before: Side, after: Side, runs: Runs) -> Document:
    """The document's `comparison`; `runs` gives when the job at a place is due between two times."""
    tried = {cause.id: _tried(cause, before, after, runs) for cause in before.causes if cause.trigger and cause.lag_s is not None}
    by_runs = {
        one.finding: tried[cause.id] for cause in before.causes if cause.id in tried for one in cause.explains if one.count
    }
    seen = [_seen(finding, before, after) for finding in before.findings if finding.times and finding.role != "defect"]
    outcomes = {one.finding.id: _outcome(one, by_runs.get(one.finding.id)) for one in seen}
    causes = [_cause(cause, tried.get(cause.id), outcomes, before, after) for cause in before.causes]
    serious = [outcomes[one.finding.id] for one in seen if one.finding.severity != "info"]
    outcome = max([*serious, *(one["outcome"] for one in causes)], key=OUTCOMES.index, default="not-covered")
    window = _window(after)
    return {
        "outcome": outcome,
        "claim": state(words.summary(outcome)),
        "window": {"first": instant(window[0]), "last": instant(window[1])} if window else None,
        "files": len(after.case.files),
        "symptoms": [_symptom(one, outcomes[one.finding.id], by_runs.get(one.finding.id), after) for one in seen],
        "causes": causes,
        "new": state_all(one.claim for one in after.findings if _is_new(one, before, after)),
    }


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.claim.id, finding.subject


def _is_new(finding: Finding, before: Side, after: Side) -> bool:
    """Whether something is wrong since the change that was not before."""
    recent = not finding.times or finding.times[-1].timestamp() >= after.since
    return recent and finding.severity != "info" and not before.alike(finding)


def _window(after: Side) -> tuple[datetime, datetime] | None:
    """What the second folder's logs cover since the change."""
    window = after.case.window
    if window is None or window[1].timestamp() <= after.since:
        return None
    return max(window[0], datetime.fromtimestamp(after.since, UTC)), window[1]


def _length(stretch: Stretch | None) -> float:
    return stretch[1] - stretch[0] if stretch else 0.0


def _seen(finding: Finding, before: Side, after: Side) -> Seen:
    kinds = before.kinds(finding)
    before_s, after_s = (_length(side.covered(kinds)) for side in (before, after))
    bursts = collapse(np.array(before.times(finding)))
    later = after.times(finding)
    counted = len(bursts.onsets), (1 + sum(b - a > bursts.gap_s for a, b in pairwise(later)) if later else 0)
    change = rate_change(counted[0], before_s, counted[1], after_s) if before_s > 0 and after_s > 0 else None
    return Seen(finding=finding, before=counted[0], before_s=before_s, after=counted[1], after_s=after_s, change=change)


def _chance(seen: Seen, tried: Tried | None) -> float | None:
    """Of so few events, had nothing changed: by the runs of the schedule that explains them, or else by the rates."""
    if tried and not seen.after:
        return tried.chance if tried.runs_after else None
    return seen.change.p if seen.change else None


def _outcome(seen: Seen, tried: Tried | None) -> str:
    if not seen.after_s and not seen.after:
        return "not-covered"
    chance = _chance(seen, tried)
    return _grade(seen.after, chance is not None and unlikely(chance))


def _grade(left: int, rare: bool) -> str:
    """What became of something of which so many are left, where it is rare to see so few."""
    return ("reduced" if rare else "remains") if left else ("gone" if rare else "not-covered")


def _tried(cause: Cause, before: Side, after: Side, runs: Runs) -> Tried:
    explained = {one.finding for one in cause.explains if one.count}
    findings = [finding for finding in before.findings if finding.id in explained]
    (hits, misses), (hits_after, misses_after) = (_counted(cause, side, before, findings, runs) for side in (before, after))
    return Tried(runs=hits + misses, hits=hits, runs_after=hits_after + misses_after, hits_after=hits_after)


def _counted(cause: Cause, side: Side, before: Side, findings: Sequence[Finding], runs: Runs) -> tuple[int, int]:
    """Runs that had an effect, and runs that had none although it would have been seen."""
    reach = max(FOLLOWS_S, 2 * (cause.lag_s or 0.0))
    if cause.period_s:
        reach = min(reach, cause.period_s / 2)
    times = np.array(sorted(time for finding in findings for time in side.times(finding)))
    stretch = side.covered({kind for finding in findings for kind in before.kinds(finding)})
    hits = misses = 0
    if stretch and cause.trigger:
        first, last = stretch
        for run in runs(cause.trigger, max(first - reach, side.since), last):
            hit = bool(((times >= run) & (times <= run + reach)).any())
            hits += hit
            misses += not hit and first <= run and run + reach <= last
    return hits, misses


def _symptom(seen: Seen, outcome: str, tried: Tried | None, after: Side) -> Document:
    change = seen.change
    later = [one for one in after.alike(seen.finding) if one.times and one.times[-1].timestamp() >= after.since]
    return {
        "finding": seen.finding.id,
        "outcome": outcome,
        "claim": state(words.symptom(seen, outcome, tried)),
        "before": {"count": seen.before, "covered_s": number(seen.before_s)},
        "after": {"count": seen.after, "covered_s": number(seen.after_s)},
        "ratio": number(change.ratio) if change else None,
        "low": number(change.low) if change else None,
        "high": number(change.high) if change else None,
        "p": number(_chance(seen, tried)),
        "last": locate(later[-1].evidence[-1].span) if later else None,
    }


def _cause(cause: Cause, tried: Tried | None, outcomes: dict[str, str], before: Side, after: Side) -> Document:
    explained = [outcomes[one.finding] for one in cause.explains if one.finding in outcomes and one.count]
    outcome = _by_runs(tried) if tried else max(explained, key=OUTCOMES.index, default="not-covered")
    left = [one for one in before.findings if one.role == "defect" and one.evidence[0].span == cause.culprit and after.alike(one)]
    return {
        "cause": cause.id,
        "outcome": outcome,
        "claim": state(words.left(outcome) if left else words.cause(tried, outcome) if tried else words.summary(outcome)),
        "runs": tried.runs_after if tried else None,
        "events": tried.hits_after if tried else None,
    }


def _by_runs(tried: Tried) -> str:
    return _grade(tried.hits_after, bool(tried.runs_after) and unlikely(tried.chance))
