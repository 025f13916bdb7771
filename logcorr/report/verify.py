"""Whether what a report cites still stands where it says: the citations that a report holds, and what is wrong with one.

The Result document holds them as `evidence`. Markdown holds them in tables: a cell with the place (`path:line`), one with the
first digits of the hash, one with the quote; what people write around them, and between the marks of what they are asked,
does not matter. HTML embeds its document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from logcorr.errors import LogcorrError
from logcorr.lazily import regex
from logcorr.model.source import Problem, Span
from logcorr.report.cite import QUOTED_CHARACTERS, Document, Quote, clean, shorten
from logcorr.report.embedded import Page
from logcorr.report.escape import BACKTICKS, code_cell, line, visible
from logcorr.report.redaction.tags import agrees, begins
from logcorr.report.saved import loaded

PLACE = regex(r"(?P<path>.+):(?P<line>[1-9]\d{0,11})(?:-(?P<end>[1-9]\d{0,11}))?")
HASH = regex(r"[0-9a-f]{12}|[0-9a-f]{64}")
CELLS = regex(r"(?<!\\)\|")
HUMAN = regex(r"\s*<!-- (?P<end>/?)human: ")
FENCE = regex(r"\s*(?P<fence>`{3,})")
EXCERPT = regex(r"[ >] +(?P<line>\d+) \|(?: (?P<text>.*))?")
OUTSIDE = regex(r"(?:^|/)\.\.(?:/|$)|^/|^[A-Za-z]:[/\\]|\\\.\.|\.\.\\")

NO_HASH = "–"
"""Stands in a table where a redacted report has no hash."""

Shown = Callable[[str], str]
"""How a form of report writes the text of cited lines."""


def same(path: str) -> str:
    """A path as every form of report can write it: ends of lines in it are blanks, or shown as signs."""
    return line(path.replace("⏎", " "))


class Citation(Struct, frozen=True, kw_only=True):
    """Lines that a report cites.

    `sha256` holds the first digits of the hash of their bytes, empty where the report does not say it. `quote` is what it says
    that the lines hold, written by `shown`; None where it only names the place. What is only named may be no citation at
    all (`localhost:80`) unless `path` is known to be a file.
    """

    path: str
    line: int
    end_line: int
    sha256: str = ""
    quote: str | None = None
    shown: Shown = shorten


class Files(Struct, frozen=True, kw_only=True):
    """What was found of the cited files: the number of lines of each, what was refused, and the cited lines themselves."""

    lines: Mapping[str, int]
    refused: tuple[Problem, ...]
    quotes: Mapping[Span, Quote]

    def find(self, path: str) -> str:
        """The file that a report calls `path`: reports show some characters as signs, and redacted names as tags."""
        return path if path in self.lines else next((name for name in self.lines if agrees(same(path), same(name))), path)

    def span(self, citation: Citation) -> Span | None:
        """The cited lines, None where there are none such."""
        path = self.find(citation.path)
        there = 1 <= citation.line <= citation.end_line <= self.lines.get(path, 0)
        return Span(path, citation.line, citation.end_line) if there else None


def read(report: str) -> list[Citation]:
    """The citations of a report, in its order. Raises LogcorrError for what is none, or cites nothing."""
    text = report.lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        return list(_of_document(loaded(text, "findings")))
    if text[:15].lower().startswith(("<!doctype html", "<html")):
        return list(_of_page(text))
    found = list(_of_markdown(text.replace("\r\n", "\n").split("\n")))
    if not any(citation.quote is not None for citation in found):
        raise LogcorrError("the report has no table of evidence", "name a report that logcorr wrote: .json, .md or .html")
    return found


def fault(citation: Citation, files: Files) -> str | None:
    """What is wrong with a citation; None if it holds."""
    if OUTSIDE.search(citation.path):
        return "the path leads out of the folder: not followed"
    path = files.find(citation.path)
    if path not in files.lines:
        return _refused(path, files) or "there is no such file"
    span = files.span(citation)
    if span is None:
        return f"there are no such lines: the file has {files.lines[path]}"
    quote = files.quotes.get(span)
    if quote is None:
        return "the lines could not be read"
    said = citation.shown(quote.text)
    if citation.quote is not None and not _says(citation, said):
        return f"the report quotes {line(citation.quote)!r}, the file says {line(said)!r}"
    return None if quote.sha256.startswith(citation.sha256) else "the bytes of the lines are not those that were cited"


def _says(citation: Citation, said: str) -> bool:
    """Whether the lines say what is quoted. A quote without hash may be redacted, or cut and show it."""
    quote = citation.quote or ""
    if citation.sha256:
        return quote == said
    cut = len(quote) > 1 and quote.endswith("…") and begins(quote[:-1], said)
    return cut or agrees(quote, said)


def is_one(citation: Citation, files: Files) -> bool:
    """Whether it cites a file: what only looks like a place may be a host and its port."""
    return citation.quote is not None or files.find(citation.path) in files.lines


def _refused(path: str, files: Files) -> str | None:
    return next((problem.message for problem in files.refused if same(problem.path) == same(path)), None)


def _of_page(text: str) -> Iterator[Citation]:
    """What the embedded document cites, then what the table of evidence shows."""
    page = Page()
    page.feed(text)
    holding = [block for block in page.blocks if '"logcorr.' in block]
    if len(holding) != 1:
        raise LogcorrError("the page holds no document of logcorr", "name a report that logcorr wrote: .json, .md or .html")
    yield from _of_document(loaded(holding[0], "findings"))
    for place, digits, quote in (row[:3] for row in page.rows if row[2:]):
        if PLACE.fullmatch(place) and (digits == NO_HASH or HASH.fullmatch(digits)):
            yield replace(_place(place), sha256=digits.strip(NO_HASH), quote=line(quote), shown=_on_page)


def _on_page(text: str) -> str:
    return line(shorten(text))


def _of_document(document: Document) -> Iterator[Citation]:
    """Every piece of evidence, then the lines of the excerpts."""
    try:
        for piece in _pieces(document):
            yield Citation(
                path=str(piece["path"]),
                line=int(piece["line"]),
                end_line=int(piece["end_line"]),
                sha256=str(piece["sha256"] or ""),
                quote=str(piece["quote"]),
            )
        for excerpt in document.get("excerpts", ()):
            for number, text in enumerate(excerpt["lines"], int(excerpt["line"])):
                yield Citation(path=str(excerpt["path"]), line=number, end_line=number, quote=str(text), shown=_cut)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise LogcorrError(f"the document is broken: {type(error).__name__}: {error}", "write it again") from error


def _pieces(part: object) -> Iterator[Document]:
    """Everything in a document that quotes a file."""
    if isinstance(part, dict):
        if "quote" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for child in part:
            yield from _pieces(child)


def _cut(text: str) -> str:
    return clean(text[:QUOTED_CHARACTERS])


def _of_markdown(lines: list[str]) -> Iterator[Citation]:
    """Quoted places in tables, lines in excerpts, and places that are only named."""
    fence, path = "", ""
    for text in _written_by_us(lines):
        opened = FENCE.match(text)
        if opened and (not fence or text.strip() == fence):
            fence = "" if fence else opened["fence"]
        elif fence:
            numbered = EXCERPT.fullmatch(text) if path else None
            if numbered:
                number = int(numbered["line"])
                yield Citation(path=path, line=number, end_line=number, quote=numbered["text"] or "", shown=_as_excerpt)
        else:
            alone = _code(text.strip())
            path = alone if alone is not None else path if not text.strip() else ""
            yield from _of_row(text) if text.startswith("|") else map(_place, _named(text))


def _written_by_us(lines: list[str]) -> Iterator[str]:
    """All lines but those that people were asked to write."""
    theirs = False
    for text in lines:
        mark = HUMAN.match(text)
        theirs = not mark["end"] if mark else theirs
        if not theirs and not mark:
            yield text


def _as_excerpt(text: str) -> str:
    return visible(_cut(text)).rstrip()


def _of_row(row: str) -> Iterator[Citation]:
    """A place with what the cells after it say of it: a hash, a quote; and every other place that the row names."""
    cells = [cell.strip() for cell in CELLS.split(row)[1:-1]]
    for number, cell in enumerate(cells):
        alone, after = _code(cell), cells[number + 1 :]
        place = _place(alone) if alone and PLACE.fullmatch(alone) else None
        if place is None:
            yield from map(_place, _named(cell))
            continue
        told = [_code(cell) for cell in after[:3]]
        first, second = (*(told[1:] if told[:1] == [NO_HASH] else told), None, None)[:2]
        if first and HASH.fullmatch(first):
            yield replace(place, sha256=first, quote=second or "", shown=_as_code)
        elif first and not PLACE.fullmatch(first):
            yield replace(place, quote=first, shown=_as_code)
        else:
            yield place


def _as_code(text: str) -> str:
    return _code(code_cell(shorten(text))) or ""


def _code(cell: str) -> str | None:
    """The text of a cell that is one code span and nothing else."""
    ticks = len(cell) - len(cell.lstrip("`"))
    text = next(_codes(cell), None)
    return _shown(text) if text is not None and 2 * ticks + len(text) == len(cell) else None


def _codes(text: str) -> Iterator[str]:
    """What code spans hold: from a run of backticks to the next that is as long; in time linear in the text."""
    runs = [found.span() for found in BACKTICKS.finditer(text)]
    nearest: dict[int, int] = {}
    ends: dict[int, int] = {}
    for number in reversed(range(len(runs))):
        length = runs[number][1] - runs[number][0]
        if length in nearest:
            ends[number] = nearest[length]
        nearest[length] = number
    number = 0
    while number < len(runs):
        end = ends.get(number)
        if end is not None:
            yield text[runs[number][1] : runs[end][0]]
        number = 1 + (number if end is None else end)


def _shown(text: str) -> str:
    """A code span's text: GitHub takes a space from both sides, and a backslash before `|` in a table."""
    text = text.replace("\\|", "|")
    return text[1:-1] if text.startswith(" ") and text.endswith(" ") and text.strip() else text


def _named(text: str) -> Iterator[str]:
    """The code spans that look like a place."""
    return (shown for shown in map(_shown, _codes(text)) if PLACE.fullmatch(shown))


def _place(text: str) -> Citation:
    found = PLACE.fullmatch(text)
    assert found is not None  # callers ask first
    first = int(found["line"])
    return Citation(path=found["path"], line=first, end_line=int(found["end"] or first))
