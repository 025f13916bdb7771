"""The lists that `logcorr sources` and `logcorr rules` print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from logcorr.cli.console import console, hang
from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.escape import line

if TYPE_CHECKING:
    from logcorr.rules import Rule


def show_sources(document: Document) -> None:
    """What was read, as what, in which zone and why; what could not be read."""
    inputs = document["inputs"]
    rows = [[line(each["path"]), _format(each), str(each["lines"]), str(each["unparsed"] or "")] for each in inputs]
    widths = _widths([["FILE", "READ AS", "LINES", "NOT UNDERSTOOD"], *rows])
    out = console()
    out.print(_row(["FILE", "READ AS", "LINES", "NOT UNDERSTOOD"], widths, "bold"), soft_wrap=True)
    for each, row in zip(inputs, rows, strict=True):
        out.print(_row(row, widths, "" if each["format"] else "yellow"), soft_wrap=True)
        if each["first"]:
            covers = f"{write.when(each['first'])} – {write.when(each['last'])}"
            hang(out, Text("    "), Text(f"{covers}, zone {line(each['zone'])}: {line(each['zone_reason'])}", "dim"))
    for problem in document["problems"]:
        hang(out, Text("problem: ", "yellow"), Text(f"{line(write.place(problem))}: {line(problem['message'])}"))
    out.print(Text(_totals(inputs)), soft_wrap=True)


def show_rules(rules: Iterable[Rule]) -> None:
    """A line a rule: code, name, what it is about."""
    rows = [[rule.code, rule.name, rule.role, rule.title] for rule in sorted(rules, key=lambda rule: rule.code)]
    out = console()
    for row in rows:
        out.print(_row(row, _widths(rows), ""), soft_wrap=True)


def show_page(text: str) -> None:
    """A page in Markdown: laid out on a terminal, as it is anywhere else."""
    from rich.markdown import Markdown

    out = console()
    out.print(Markdown(text) if out.is_terminal else Text(text.rstrip("\n")), soft_wrap=not out.is_terminal)


def _totals(inputs: Sequence[Document]) -> str:
    unknown = sum(not each["format"] for each in inputs)
    lines, unparsed = (sum(each[name] for each in inputs) for name in ("lines", "unparsed"))
    return f"{len(inputs)} files, {unknown} not recognised, {lines} lines read, {unparsed} not understood."


def _format(each: Document) -> str:
    return " in ".join([each["format"] or "not recognised", *reversed(each["envelopes"])])


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(Text(cell).cell_len for cell in column) for column in zip(*rows, strict=True)]


def _row(cells: Sequence[str], widths: Sequence[int], style: str) -> Text:
    """Cells padded to their columns' widths."""
    padded = "  ".join(cell + " " * (width - Text(cell).cell_len) for cell, width in zip(cells, widths, strict=True))
    return Text(padded.rstrip(), style)
