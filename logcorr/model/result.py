"""Findings, causes, and the Result document that every report is made from (`logcorr.result/1`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import cast

from msgspec import Struct, field
from msgspec.structs import force_setattr

from logcorr.model.claim import Claim, Evidence, Value
from logcorr.model.source import Span
from logcorr.model.times import Times

NO_NUMBERS: Mapping[str, Value] = MappingProxyType({})

ROLES = ("symptom", "signal", "defect")
"""What users felt; a pattern worth knowing; something wrong in a file."""

SEVERITIES = ("info", "warning", "error")

VERDICTS = ("root-cause", "suspected", "undetermined", "healthy")


class Finding(Struct, frozen=True, kw_only=True):
    """What one rule found.

    `times` are the instants it speaks of, in order (UTC). `subject` names what it is about: a service, a script, a job.
    `confidence` (0 to 1) is how sure the claim is, `severity` how bad it would be. `would_refute` says what would
    disprove it. `fix` names the kind of change that mends it. `rule`, `code` and, where empty, `role` and `severity` are
    filled in from the rule that yields it; `id` is given by the analysis.
    """

    confidence: float
    claim: Claim
    evidence: tuple[Evidence, ...]
    would_refute: Claim
    subject: str = ""
    rule: str = ""
    code: str = ""
    role: str = ""
    severity: str = ""
    measured: Mapping[str, Value] = field(default_factory=lambda: NO_NUMBERS)
    times: Sequence[datetime] = Times()
    fix: Claim | None = None
    id: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.times, Times):
            force_setattr(self, "times", Times(self.times))
        if not self.evidence:
            raise ValueError(f"{self.rule}: a finding needs evidence")
        if self.role not in ("", *ROLES) or self.severity not in ("", *SEVERITIES):
            raise ValueError(f"{self.rule}: unknown role or severity {self.role!r}, {self.severity!r}")

    @property
    def at(self) -> Times:
        """The times, as columns are."""
        return cast(Times, self.times)


class Link(Struct, frozen=True, kw_only=True):
    """One hop of a chain: a mechanism that leads from one thing in the case to another, with its evidence.

    `source` and `target` are spans; `lag_s` is the median seconds between them, where both happen in time.
    `proof` is `must`, `conditional` or `may` for a hop shown from configuration, `observed` for one measured in logs.
    """

    mechanism: str
    source: Span
    target: Span
    claim: Claim
    evidence: tuple[Evidence, ...]
    proof: str
    lag_s: float | None = None


class Explained(Struct, frozen=True, kw_only=True):
    """How many of a symptom finding's events a cause explains."""

    finding: str
    count: int
    total: int

    @property
    def share(self) -> float:
        """count / total."""
        return self.count / self.total if self.total else 0.0


class Cause(Struct, frozen=True, kw_only=True):
    """Why it happened: the culprit (the smallest thing to change), what set it off, and the chain between.

    `score` names each part of the evidence with its log10 Bayes factor; `confidence` is the posterior they add up to.
    """

    kind: str
    claim: Claim
    confidence: float
    proof: str
    culprit: Span
    chain: tuple[Link, ...]
    trigger: Span | None = None
    contributing: tuple[str, ...] = ()
    period_s: float | None = None
    lag_s: float | None = None
    explains: tuple[Explained, ...] = ()
    score: tuple[tuple[str, float], ...] = ()
    against: tuple[Claim, ...] = ()
    recurrence: tuple[datetime, ...] = ()
    id: str = ""


class Rival(Struct, frozen=True, kw_only=True):
    """Something present that could be suspected, and why it was not chosen."""

    claim: Claim
    why_rejected: Claim
    evidence: tuple[Evidence, ...]
    span: Span | None = None


class Missing(Struct, frozen=True, kw_only=True):
    """Evidence that was not collected, why it matters, and between what it would decide."""

    what: Claim
    why: Claim
    would_decide: Claim


class Check(Struct, frozen=True, kw_only=True):
    """Something a person can do to see whether the fix holds; `when` is `minutes`, `day` or `by-hand`."""

    when: str
    claim: Claim
    command: str | None = None
    expect: Claim | None = None


class Edit(Struct, frozen=True, kw_only=True):
    """Characters `start` to before `end` of a file's text become `text`; offsets count a line end as one character."""

    start: int
    end: int
    text: str


class Patch(Struct, frozen=True, kw_only=True):
    """One change of one file that ends a finding, proved by interpreting the case with the file as it would be.

    `change` says what it does. `reach_before` and `reach_after` say how far the effect is reached that the finding speaks of
    (None where it speaks of none). A `safe` one rests on nothing but the collected files; the others hold a value or a name
    that a person should look at. `leaves` names rules that may say afterwards what the finding said as well.
    """

    finding: str
    change: Claim
    path: str
    edits: tuple[Edit, ...]
    diff: str
    safe: bool = False
    leaves: tuple[str, ...] = ()
    reach_before: str | None = None
    reach_after: str | None = None


class Action(Struct, frozen=True, kw_only=True):
    """Something to change; `kind` is `prevent`, `detect` or `mitigate`. It may answer a `finding`, and a `patch` may do it."""

    kind: str
    claim: Claim
    span: Span | None = None
    finding: str = ""
    patch: Patch | None = None


class Judgement(Struct, frozen=True, kw_only=True):
    """What the causes stage concludes; `diffs` are the files that the patches of all actions together change: path and diff."""

    verdict: str
    causes: tuple[Cause, ...] = ()
    rivals: tuple[Rival, ...] = ()
    missing: tuple[Missing, ...] = ()
    checks: tuple[Check, ...] = ()
    actions: tuple[Action, ...] = ()
    withdrawn: tuple[Claim, ...] = field(default=())
    diffs: tuple[tuple[str, str], ...] = ()
    lessons: tuple[Claim, ...] = ()
