"""What is said of a comparison."""

from __future__ import annotations

from msgspec import Struct

from logcorr.model.claim import Claim, claim
from logcorr.model.result import Finding
from logcorr.statistics.rates import RateChange, needed_runs, needed_s, runs_chance


class Seen(Struct, frozen=True, kw_only=True):
    """One symptom's events on both sides, and how long they could be seen."""

    finding: Finding
    before: int
    before_s: float
    after: int
    after_s: float
    change: RateChange | None


class Tried(Struct, frozen=True, kw_only=True):
    """A schedule's runs on both sides, and how many had an effect."""

    runs: int
    hits: int
    runs_after: int
    hits_after: int

    @property
    def chance(self) -> float:
        """Of so few hits, had nothing changed."""
        return runs_chance(self.runs, self.hits, self.runs_after, self.hits_after)


def symptom(seen: Seen, outcome: str, tried: Tried | None) -> Claim:
    """What became of a symptom."""
    covered = duration(seen.after_s)
    if not seen.after_s and not seen.after:
        return claim("comparison.no_log", "no log that would tell covers the time after the change")
    if outcome == "not-covered" and tried:
        return too_few(tried)
    if outcome == "not-covered":
        needed = needed_s(seen.before, seen.before_s)
        return claim(
            "comparison.too_short",
            "none in {covered}: too short to tell, {needed} are needed",
            covered=covered,
            needed=duration(needed),
        )
    expected = f"{seen.before / seen.before_s * seen.after_s:.1f}" if seen.before_s else "?"
    if outcome == "gone":
        return claim(
            "comparison.gone",
            "none in {covered}; at the old rate {expected} were to be expected",
            covered=covered,
            expected=expected,
        )
    if outcome == "reduced":
        return claim(
            "comparison.reduced",
            "{count} in {covered}; at the old rate {expected} were to be expected",
            count=seen.after,
            covered=covered,
            expected=expected,
        )
    return claim(
        "comparison.remains", "{count} in {covered}: no fewer than may come by chance", count=seen.after, covered=covered
    )


def too_few(tried: Tried) -> Claim:
    """Too few runs passed to tell."""
    return claim(
        "comparison.too_few_runs",
        "{runs} runs of the schedule passed without one; {needed} are needed to tell",
        runs=tried.runs_after,
        needed=needed_runs(tried.runs, tried.hits),
    )


def cause(tried: Tried, outcome: str) -> Claim:
    """What became of a cause that a schedule sets off."""
    if outcome == "not-covered":
        return too_few(tried)
    if outcome == "gone":
        return claim(
            "comparison.runs_gone",
            "{runs} runs of the schedule passed, none followed by what it explains; before, {hits} of {before} were",
            runs=tried.runs_after,
            hits=tried.hits,
            before=tried.runs,
        )
    return claim(
        "comparison.runs_remain",
        "{events} of {runs} runs of the schedule were followed by what it explains; before, {hits} of {before}",
        events=tried.hits_after,
        runs=tried.runs_after,
        hits=tried.hits,
        before=tried.runs,
    )


def left(outcome: str) -> Claim:
    """The defect is still there."""
    if outcome in ("gone", "not-covered"):
        return claim("comparison.defect_left", "what is wrong still stands in the files that were collected after the change")
    return claim("comparison.defect_left_and_seen", "what is wrong still stands in the files, and its effects are still seen")


def summary(outcome: str) -> Claim:
    """What became of all of it."""
    if outcome == "gone":
        return claim("comparison.all_gone", "what was seen before is not seen any more")
    if outcome == "reduced":
        return claim("comparison.all_reduced", "it is seen less often than before, and is not gone")
    if outcome == "remains":
        return claim("comparison.all_remain", "it is still there")
    return claim("comparison.all_open", "what was collected after the change does not tell yet")


def duration(seconds: float) -> str:
    """A length of time in the largest unit of which there are two or more."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"
