"""The postmortem in Markdown, as GitHub and GitLab show it: one template for all languages.

Takes the Result document and computes nothing. Text from logs enters only through the filters of `escape`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from logcorr.errors import LogcorrError
from logcorr.report import escape, gantt, human, template, write
from logcorr.report.cite import Document
from logcorr.report.language import Language, language

TEMPLATE = "postmortem.md.j2"

CHAIN_NODES = 30
"""A drawn chain has at most so many nodes; the table beside it always has all hops."""

TRIMMED = ("related", "refute", "inputs", "timeline", "quotes", "excerpts")
"""What a report does without to stay small, after the last rows of evidence; what is missed least comes first."""


def render(document: Document, lang: str = "en", templates: Path | None = None, most: int | None = None) -> str:
    """The postmortem of a Result document in a language of `locales.LOCALES`.

    `templates` is a folder whose files replace the bundled ones of the same name, or extend them as `bundled/NAME`. `most` is
    the size in bytes (UTF-8) that the report must not exceed: rows of evidence, then parts of `TRIMMED`, are left out until it
    does not, and the report says so where they were. Raises LogcorrError for an unknown language, a wrong template, or a size
    that cannot be kept.
    """
    made = _environment(language(lang).tag, templates)
    cited = len(template.citations(document))

    @lru_cache
    def trimmed(step: int) -> str:
        values = {"document": document, "most": most, "shown": max(cited - step, 0), "left_out": TRIMMED[: max(step - cited, 0)]}
        return human.sealed(template.fill(made, TEMPLATE, templates, **values))

    if most is None or _size(trimmed(0)) <= most:
        return trimmed(0)
    last = cited + len(TRIMMED)
    step = bisect_left(range(last + 1), True, key=lambda step: _size(trimmed(step)) <= most)
    if step > last:
        needed = _size(trimmed(last)) // 1000 + 1
        raise LogcorrError(f"the report cannot be made shorter than {needed} kB", f"allow it: --max-size {needed}k")
    return trimmed(step)


def _size(text: str) -> int:
    return len(text.encode())


@lru_cache
def _environment(tag: str, templates: Path | None) -> Environment:
    """Compiling the template takes longer than rendering it, so each language's environment is kept."""
    spoken = language(tag)
    made = template.environment(spoken, templates)  # no autoescape: this is Markdown, not HTML; see `escape`
    made.filters.update(_filters(spoken))
    made.globals.update(chain_nodes=CHAIN_NODES)
    return made


def _filters(language: Language) -> dict[str, Callable[..., Any]]:
    return {
        "prose": escape.prose,
        "cell": escape.cell,
        "code": escape.code,
        "code_cell": escape.code_cell,
        "fence": escape.fence,
        "label": escape.label,
        "say": lambda claim: escape.prose(language.say(claim)),
        "say_cell": lambda claim: escape.cell(language.say(claim)),
        "say_label": lambda claim: escape.label(language.say(claim)),
        "excerpt": lambda excerpt: escape.fence(_marked(excerpt, language)),
        "part": lambda part: escape.cell(language.catalogue.pgettext("part", part) if part else part),
        "note": lambda note: escape.cell(language.text(note)),
        "message": lambda text: escape.prose(language.text(text)),
        "message_cell": lambda text: escape.cell(language.text(text)),
        "outcome": lambda outcome: escape.prose(language.text(outcome)),
        "sparkline": write.sparkline,
        "gantt": gantt.sections,
        "axis": gantt.axis,
        "drawn": lambda timeline: "–".join(str(row + 1) for row in (gantt.drawn(timeline)[0], gantt.drawn(timeline)[-1])),
    }


def _marked(excerpt: Document, language: Language) -> str:
    """An excerpt with line numbers; what is said of a line stands under it, what only contributes with its finding."""
    width = len(str(excerpt["line"] + len(excerpt["lines"]) - 1))
    rows: list[str] = []
    for number, text, marks in write.numbered(excerpt):
        rows.append(f"{'>' if marks else ' '} {number:>{width}} | {escape.visible(text)}".rstrip())
        rows += [f"  {'':{width}} | ^ {escape.line(language.say(mark['label']))}" for mark in write.told(marks, number)]
    return "\n".join(rows)
