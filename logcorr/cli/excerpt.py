"""Marked source lines as compilers show them: the line with its number, a rule under it, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from logcorr.cli.console import hang
from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.escape import line, visible
from logcorr.report.language import Language

TAB = 4

RULES = {"culprit": ("^", "bold red"), "trigger": ("-", "blue"), "step": ("-", "blue")}
"""What underlines a line, by its mark's role; what only contributes is told with its finding."""


def show_excerpts(out: Console, excerpts: Sequence[Document], language: Language) -> None:
    """The marked lines of all excerpts, file by file; what was said of one line is not repeated at another."""
    width = max(len(str(mark["line"])) for excerpt in excerpts for mark in excerpt["marks"])
    gutter = Text(" " * width + " |", "cyan")
    path, said = None, set[str]()
    for excerpt in excerpts:
        marked = [(number, text, marks) for number, text, all in write.numbered(excerpt) if (marks := _told(all))]
        if marked and excerpt["path"] != path:
            arrow = "-->" if path is None else ":::"
            first = next((number for number, _, marks in marked if marks[0]["role"] == "culprit"), marked[0][0])
            place = f"{line(excerpt['path'])}:{first}"
            out.print(Text.assemble(" " * width, (f"{arrow} ", "cyan"), place), soft_wrap=True)
            out.print(gutter)
            path = excerpt["path"]
        for number, text, marks in marked:
            shown = visible(text).expandtabs(TAB).rstrip()
            out.print(Text.assemble((f"{number:>{width}} | ", "cyan"), shown), soft_wrap=True)
            _underline(out, gutter, shown, marks[0]["role"])
            for label in dict.fromkeys(line(language.say(mark["label"])) for mark in marks):
                if label not in said:
                    said.add(label)
                    hang(out, Text.assemble(gutter, " " * (1 + _indent(shown))), Text(label, RULES[marks[0]["role"]][1]))
    out.print(gutter)


def _underline(out: Console, gutter: Text, shown: str, role: str) -> None:
    sign, style = RULES[role]
    room = out.width - gutter.cell_len - 1 - _indent(shown)
    out.print(Text.assemble(gutter, " " * (1 + _indent(shown)), (sign * min(cell_len(shown.strip()), max(room, 1)), style)))


def _indent(shown: str) -> int:
    return len(shown) - len(shown.lstrip())


def _told(marks: Sequence[Document]) -> list[Document]:
    return [mark for mark in marks if mark["role"] in RULES]
