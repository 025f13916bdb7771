"""The postmortem in Markdown, as GitHub and GitLab show it: one template for all languages.

Takes the Result document and computes nothing. Text from logs enters only through the filters of `escape`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from logcorr.report import escape, write
from logcorr.report.cite import Document
from logcorr.report.language import Language, language
from logcorr.report.shipped import shipped

TEMPLATE = "postmortem.md.j2"

CHAIN_NODES = 30
"""A drawn chain has at most so many nodes; the table beside it always has all hops."""

SHORT_HASH = 12


def render(document: Document, lang: str = "en", templates: Path | None = None) -> str:
    """The postmortem of a Result document in a language of `language.LOCALES`.

    `templates` is a folder whose files replace the bundled ones of the same name, or extend them as `bundled/NAME`.
    Raises LogcorrError for an unknown language.
    """
    return _environment(language(lang).tag, templates).get_template(TEMPLATE).render(document=document)


def citations(part: object) -> Iterator[Document]:
    """Everything in a document, or in a part of it, that cites lines with their hash."""
    if isinstance(part, dict):
        if "sha256" in part and "line" in part and part["line"]:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for child in part:
            yield from citations(child)


@lru_cache
def _environment(tag: str, templates: Path | None) -> Environment:
    """Compiling the template takes longer than rendering it, so each language's environment is kept."""
    spoken = language(tag)
    bundled = FileSystemLoader(shipped("templates"))
    own = [FileSystemLoader(templates)] if templates else []
    environment = Environment(
        loader=ChoiceLoader([*own, bundled, PrefixLoader({"bundled": bundled})]),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML: see `escape`
    )
    gettext, ngettext = spoken.catalogue.gettext, spoken.catalogue.ngettext
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by i18n
    environment.filters.update(_filters(spoken))
    environment.globals.update(chain_nodes=CHAIN_NODES)
    return environment


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
        "note": lambda note: escape.cell(language.note(note)),
        "outcome": lambda outcome: escape.prose(language.outcome(outcome)),
        "duration": language.duration,
        "parents": write.parents,
        "place": write.place,
        "when": write.when,
        "score": write.score,
        "sparkline": write.sparkline,
        "lines": lambda lines: "-".join(map(str, dict.fromkeys(lines))),
        "short": lambda sha256: sha256[:SHORT_HASH] if sha256 else "–",
        "citations": _appendix,
    }


def _marked(excerpt: Document, language: Language) -> str:
    """An excerpt with line numbers; what is said of a line stands under it, what only contributes with its finding."""
    width = len(str(excerpt["line"] + len(excerpt["lines"]) - 1))
    rows: list[str] = []
    for number, text, marks in write.numbered(excerpt):
        rows.append(f"{'>' if marks else ' '} {number:>{width}} | {escape.visible(text)}".rstrip())
        ended = [mark for mark in marks if mark["end_line"] == number]
        told = [mark for mark in ended if mark["role"] != "contributing"] or ended[:1]
        rows += [f"  {'':{width}} | ^ {escape.line(language.say(mark['label']))}" for mark in told]
    return "\n".join(rows)


def _appendix(document: Document) -> list[Document]:
    """Every citation once, by path and line."""
    cited = {(each["path"], each["line"], each["end_line"]): each for each in citations(document)}
    return [cited[key] for key in sorted(cited)]
