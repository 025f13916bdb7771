"""A report in the format that a file's suffix names, and the file."""

from __future__ import annotations

from pathlib import Path

from logcorr.errors import LogcorrError
from logcorr.report import document as documents
from logcorr.report import html, human, markdown, sarif
from logcorr.report.cite import Document
from logcorr.report.locales import LOCALES

SUFFIXES = (".md", ".html", ".json", ".sarif")
"""What can be written."""

ASKING = (".md", ".html")
"""The formats that ask people for what they know."""


def render(
    document: Document, suffix: str, lang: str = "en", *, templates: Path | None = None, most: int | None = None, old: str = ""
) -> str:
    """A Result document as `.md`, `.html`, `.json` or `.sarif`.

    `templates` and `most` (bytes; of Markdown) are explained at `markdown.render`. What people wrote into `old`, the same report
    as it was, is kept. Raises LogcorrError for any other suffix, a wrong template, or something written that has no place.
    """
    if suffix not in SUFFIXES:
        raise LogcorrError(
            f"no report is written as {suffix or 'a file without suffix'}", f"use {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        )
    if suffix == ".json":
        return documents.to_json(document)
    if suffix == ".sarif":
        return sarif.render(document)
    new = _written(document, suffix, lang, templates, most)
    if human.MARK not in old:
        return new
    asked = [_written(document, suffix, tag, templates, None) for tag in LOCALES]
    kept = human.keep(old, new, asked)
    added = len(kept.encode()) - len(new.encode())
    if most is None or added <= 0:
        return kept
    return human.keep(old, _written(document, suffix, lang, templates, most - added), asked)


def write(document: Document, path: Path, lang: str = "en", *, templates: Path | None = None, most: int | None = None) -> None:
    """Write a Result document as the report that the suffix names; what people wrote into the old one is kept (see `human`).

    Raises LogcorrError, and writes nothing, where `render` does, if another text is there, and if people wrote into an HTML
    report elsewhere than between marks.
    """
    old = path.read_text("utf-8", "replace") if path.is_file() else ""
    if path.suffix in ASKING and not human.ours(old):
        raise LogcorrError(f"{path} is there already and is no report of logcorr's", "write to another file, or remove it")
    if path.suffix == ".html" and human.added(old):
        raise LogcorrError(
            f"{path} holds text that would be lost: it was changed outside of the places that the report asks about",
            f"move that between the marks ({human.MARK}… -->), or write to another file",
        )
    text = render(document, path.suffix, lang, templates=templates, most=most, old=old)
    path.write_text(text, encoding="utf-8", newline="\n")


def _written(document: Document, suffix: str, lang: str, templates: Path | None, most: int | None) -> str:
    if suffix == ".md":
        return markdown.render(document, lang, templates, most)
    return html.render(document, lang, templates)
