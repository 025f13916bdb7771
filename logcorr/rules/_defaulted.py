"""Variables that a service says it lacks, and the default that it takes instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.rules._given import CHANGES, ENVIRONMENT, TEMPLATE
from logcorr.rules._lacks import LACKING
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite

KEY = r"\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b"
JUST_BEFORE, AT_ONCE = timedelta(minutes=5), timedelta(seconds=2)


def defaulted(case: Case, target: str, since: datetime) -> tuple[Evidence, ...]:
    """The places of a variable for want of which the target is asked, where that was said first just before it failed.

    An environment file must set one of nearly that name, and the log must go back further: a service may well ask its default.
    """
    if ":" not in target:
        return ()
    instead = pl.col("message").str.contains(rf"(?:{LACKING})\b.*\b{re.escape(target)}\b")
    told = case.timeline.filter(instead & pl.col("time").is_not_null()).collect().sort("time", maintain_order=True)
    keys = told["message"].str.extract(KEY, 1).drop_nulls().unique()
    began = [one.first for one in case.sources if told.height and one.path == told["file"][0] and one.first]
    new = began and began[0] < since - JUST_BEFORE <= told["time"][0] <= since + AT_ONCE
    if len(keys) != 1 or not new:
        return ()
    key = str(keys[0])
    like = [Evidence(span, "sets it under another name", shows=CHANGES) for span in _like(case, key)]
    code = (span for span, _ in settings(case, rf"\b{key}\b") if not ENVIRONMENT.search(span.path))
    reads = [Evidence(span, f"reads {key}", shows=CHANGES) for span in code]
    return (*like[:1], *reads[:1], *cite(told, f"{key} is not set", most=1, shows=CHANGES)) if like else ()


def _like(case: Case, key: str) -> Iterator[Span]:
    """The lines of environment files that set a name of which one is the other's beginning or end."""
    for path in sorted(case.files):
        name = path.rpartition("/")[2]
        if ENVIRONMENT.search(name) and not TEMPLATE.search(name):
            lines = case.lines(path).select("line", set=pl.col("text").str.extract(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=", 1))
            for line, other in lines.drop_nulls().collect().iter_rows():
                if other == key:
                    return
                if f"_{key}_".find(f"_{other}_") >= 0 or f"_{other}_".find(f"_{key}_") >= 0:
                    yield Span(path, line)
