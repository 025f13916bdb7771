"""Correlate logs and configuration into a postmortem whose every sentence can be checked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logcorr.parse as parse  # noqa: PLR0402 - a re-export that type checkers see
    from logcorr.analysis import analyze
    from logcorr.checking import Checked, check
    from logcorr.configuration import Facts, facts
    from logcorr.errors import LogcorrError, NothingRecognised
    from logcorr.model.case import Case, Configuration
    from logcorr.model.claim import Claim, Evidence, claim
    from logcorr.model.result import Cause, Finding
    from logcorr.model.source import Span
    from logcorr.outcome import Analysis
    from logcorr.reading import scan
    from logcorr.rules import Rule, rule
    from logcorr.suppression import Acceptance
    from logcorr.timeline.lifecycles import down_intervals
    from logcorr.timeline.templates import templates

__all__ = [
    "Acceptance",
    "Analysis",
    "Case",
    "Cause",
    "Checked",
    "Claim",
    "Configuration",
    "Evidence",
    "Facts",
    "Finding",
    "LogcorrError",
    "NothingRecognised",
    "Rule",
    "Span",
    "analyze",
    "check",
    "claim",
    "down_intervals",
    "facts",
    "parse",
    "rule",
    "scan",
    "templates",
]

# Imported when first asked for: `logcorr --help` and scripts that only want the types must not pay for polars.
_HOMES = {
    "Acceptance": "logcorr.suppression",
    "Analysis": "logcorr.outcome",
    "Case": "logcorr.model.case",
    "Cause": "logcorr.model.result",
    "Checked": "logcorr.checking",
    "Claim": "logcorr.model.claim",
    "Configuration": "logcorr.model.case",
    "Evidence": "logcorr.model.claim",
    "Facts": "logcorr.configuration",
    "Finding": "logcorr.model.result",
    "LogcorrError": "logcorr.errors",
    "NothingRecognised": "logcorr.errors",
    "Rule": "logcorr.rules",
    "Span": "logcorr.model.source",
    "analyze": "logcorr.analysis",
    "check": "logcorr.checking",
    "claim": "logcorr.model.claim",
    "down_intervals": "logcorr.timeline.lifecycles",
    "facts": "logcorr.configuration",
    "rule": "logcorr.rules",
    "scan": "logcorr.reading",
    "templates": "logcorr.timeline.templates",
}


def __getattr__(name: str) -> object:
    if name == "parse":
        return importlib.import_module("logcorr.parse")
    if name not in _HOMES:
        raise AttributeError(f"module 'logcorr' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
