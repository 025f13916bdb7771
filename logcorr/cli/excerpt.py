"""Marked source lines as compilers show them: the line with its number, a rule under it, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from logcorr.cli.console import hang, source
from logcorr.cli.screen import Screen
from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.escape import line, visible

TAB = 4

RULES = {"culprit": ("^", "bold red"), "trigger": ("-", "blue"), "step": ("-", "blue")}
"""What underlines a line, by its mark's role; what only contributes is told with its finding."""


Line = tuple[int, str, list[Document]]
"""A line's number, its text and the marks it lies in."""


def show_excerpts(screen: Screen) -> None:
    """The marked lines of all excerpts, file by file; what was said of one line is not repeated at another."""
    out, excerpts, language = screen.out, screen.document["excerpts"], screen.language
    width = max(len(str(mark["end_line"])) for excerpt in excerpts for mark in excerpt["marks"])
    gutter = Text(" " * width + " |", "cyan")
    path, said = None, set[str]()
    for excerpt in excerpts:
        marked = list(_marked(excerpt))
        if marked and excerpt["path"] != path:
            place = screen.place({"path": excerpt["path"], "line": _line(marked)})
            out.print(Text.assemble(" " * width, ("--> " if path is None else "::: ", "cyan"), place), soft_wrap=True)
            out.print(gutter)
            path = excerpt["path"]
        for number, text, marks in marked:
            shown = visible(text).expandtabs(TAB).rstrip()
            source(out, Text.assemble((f"{number:>{width}} | ", "cyan"), shown))
            ended = [mark for mark in marks if mark["end_line"] == number]
            labels = dict.fromkeys(line(language.say(mark["label"])) for mark in ended)
            if ended:
                _underline(out, gutter, shown, ended[0]["role"], [label for label in labels if label not in said])
            said.update(labels)
    out.print(gutter)


def _marked(excerpt: Document) -> Iterator[Line]:
    for number, text, marks in write.numbered(excerpt):
        if told := [mark for mark in marks if mark["role"] in RULES]:
            yield number, text, told


def _line(marked: Sequence[Line]) -> int:
    """The culprit's line, or else the first marked one."""
    culprit = (number for number, _, marks in marked if marks[0]["role"] == "culprit")
    return next(culprit, marked[0][0])


def _underline(out: Console, gutter: Text, shown: str, role: str, labels: Sequence[str]) -> None:
    """A rule as long as the line's text, as far as the terminal goes; what is said of the line stands behind it, or under it."""
    sign, style = RULES[role]
    indent = Text.assemble(gutter, " " * (1 + len(shown) - len(shown.lstrip())))
    room = out.width - indent.cell_len
    rule = Text(sign * min(cell_len(shown.strip()), max(room, 1)), style)
    if labels and rule.cell_len + 1 + cell_len(labels[0]) <= room:
        rule.append(f" {labels[0]}", style)
        labels = labels[1:]
    out.print(Text.assemble(indent, rule), soft_wrap=True)
    for label in labels:
        hang(out, indent, Text(label, style))
