"""What one analysis found, and every form in which it can be had."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.case import Case, Source
from logcorr.model.result import Cause, Finding, Patch
from logcorr.model.source import Span
from logcorr.repair import Repair
from logcorr.report import document
from logcorr.semantics import schedule
from logcorr.timeline.offsets import zone_of

SHORTEST_S = 1e-6
"""Stamps are told apart to a microsecond."""


class Analysis(Struct, frozen=True, kw_only=True, eq=False):
    """What one analysis found.

    `timeline` is every event, lazily, and `told` those whose kind is known; `sources` is how each log was read, `zone` the
    host's. `result` is the document that every report is made from (`docs/result.md`).
    """

    result: dict[str, Any]
    timeline: pl.LazyFrame
    told: pl.LazyFrame
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]
    zone: str = "UTC"
    repair: Repair | None = None

    @property
    def events(self) -> pl.DataFrame:
        """The events whose kind is known, in time order."""
        return self.told.collect()

    def compared(self, after: Analysis, *, changed: datetime | None = None) -> Analysis:
        """The same with `comparison` in the document: what became of it in a folder collected after a change.

        `changed` is when the change was made (an aware datetime): what the second folder tells of the time before does not count,
        nor what lies before the end of this one. Raises ValueError for an analysis that was made from a saved result.
        """
        if self.repair is None or after.repair is None:
            raise ValueError("a saved result holds no timeline to compare")
        from logcorr.comparison import Side, compare  # few analyses are compared

        before = Side(self.repair.case, self.findings, self.causes)
        seen = self.repair.case.window[1].timestamp() + SHORTEST_S if self.repair.case.window else 0.0
        since = max(seen, changed.timestamp()) if changed else seen
        later = Side(after.repair.case, after.findings, since=since)
        told = compare(before, later, partial(_due, self.repair.case, zone_of(self.zone)))
        return replace(self, result={**self.result, "comparison": told})

    def patches(self) -> tuple[Patch, ...]:
        """A proved patch for each finding that has one (docs/fixes.md); they can be applied together."""
        return self.repair.patches(self.findings)[0] if self.repair else ()

    def to_markdown(self, lang: str = "en", *, templates: Path | None = None, most: int | None = None) -> str:
        """The postmortem in a language (`en`, `zh-TW`), by one's own `templates` if given, in at most so many bytes."""
        from logcorr.report import markdown  # jinja2 is not needed to look at a terminal

        return markdown.render(self.result, lang, templates, most)

    def to_html(self, lang: str = "en", *, templates: Path | None = None) -> str:
        """The postmortem as one HTML file that needs nothing else."""
        from logcorr.report import html

        return html.render(self.result, lang, templates)

    def to_json(self) -> str:
        """The result document."""
        return document.to_json(self.result)

    def to_sarif(self) -> str:
        """The causes, and the findings that stand in configuration, as SARIF 2.1.0."""
        from logcorr.report import sarif

        return sarif.render(self.result)

    def redacted(self) -> Analysis:
        """The same with secrets and identities taken out of the document (docs/redaction.md)."""
        from logcorr.report.redaction import redacted  # not needed to look at a terminal

        return replace(self, result=redacted(self.result))

    def write(self, path: str | Path, lang: str = "en", *, templates: Path | None = None, most: int | None = None) -> None:
        """Write a report; the suffix decides the format (`.md`, `.html`, `.json`, `.sarif`).

        What people wrote into the report that is there is kept. Raises LogcorrError for any other suffix, and if people wrote
        where it cannot be kept.
        """
        from logcorr.report import render

        render.write(self.result, Path(path), lang, templates=templates, most=most)

    def _repr_markdown_(self) -> str:
        return self.redacted().to_markdown()  # notebooks are passed on

    def _repr_html_(self) -> str:
        from logcorr.report import html

        return html.frame(self.redacted().to_html())


def _due(case: Case, zone: tzinfo, job: Span, start: float, end: float) -> Sequence[float]:
    """When the job that stands at a place is due."""
    found = [one.job for one in case.schedules if one.job.span == job]
    first, last = (datetime.fromtimestamp(time, UTC) for time in (start, end))
    return schedule.ticks(found[0], first, last, zone).tolist() if found else ()
