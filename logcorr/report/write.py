"""How renderers write the document's values: places, times, histograms, marked lines. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.report.cite import Document

BARS = "▁▂▃▄▅▆▇█"


def place(where: Document) -> str:
    """`path:line` or `path:line-end` of anything that has them; the path alone of what has no line."""
    if not where["line"]:
        return str(where["path"])
    end = where.get("end_line") or where["line"]
    return f"{where['path']}:{where['line']}" + (f"-{end}" if end > where["line"] else "")


def standing(document: Document, cause: Document) -> str:
    """What stands before a cause: the verdict is that of the first; further ones are causes beside it."""
    return str(document["verdict"]) if cause["rank"] == 1 else "also"


def when(instant: str) -> str:
    """An instant of the document without its `T`, and without zeros at the end of a fraction."""
    whole, dot, fraction = instant.replace("T", " ").removesuffix("Z").partition(".")
    return f"{whole}{dot}{fraction.rstrip('0')}Z"


def score(value: float) -> str:
    """A confidence or share with two digits; never 1.00 for what is not certain, nor 0.00 for what is not excluded."""
    rounded = f"{value:.2f}"
    if rounded == "1.00" and value < 1:
        return "0.99"
    return "0.01" if rounded == "0.00" and value > 0 else rounded


def sparkline(counts: Sequence[int], empty: str = "·") -> str:
    """A bar a bin, its height by the square root, so that one event beside a thousand still shows; `empty` for none."""
    most = max(counts, default=0)
    return "".join(BARS[round((count / most) ** 0.5 * (len(BARS) - 1))] if count else empty for count in counts)


def numbered(excerpt: Document) -> Iterator[tuple[int, str, list[Document]]]:
    """Each line of an excerpt with its number and the marks that it lies in."""
    for number, text in enumerate(excerpt["lines"], excerpt["line"]):
        yield number, text, [mark for mark in excerpt["marks"] if mark["line"] <= number <= mark["end_line"]]


def parents(chain: Sequence[Document]) -> list[int]:
    """For each hop the number (from 1) of the hop it follows: the last one that leads to where it begins, else the one before.

    The first follows 0, the start.
    """
    reached: dict[tuple[str, int], int] = {}
    numbers: list[int] = []
    for number, link in enumerate(chain, 1):
        numbers.append(reached.get((link["from"]["path"], link["from"]["line"]), number - 1))
        reached[link["to"]["path"], link["to"]["line"]] = number
    return numbers


def told(marks: Sequence[Document], number: int) -> list[Document]:
    """Of the marks that end on a line those to be told under it: what only contributes is told with its finding, unless alone."""
    ended = [mark for mark in marks if mark["end_line"] == number]
    return [mark for mark in ended if mark["role"] != "contributing"] or ended[:1]


def citing(part: object) -> Iterator[Document]:
    """Everything in a document, or in a part of it, that cites lines with their hash."""
    if isinstance(part, dict):
        if "sha256" in part and "line" in part and part["line"]:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for child in part:
            yield from citing(child)
