"""Printing to people: width-aware, coloured on terminals only, and never reading text as markup."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

NARROWEST = 20
"""Text is not wrapped to fewer cells, however deep it is indented."""


def console() -> Console:
    """A console on standard output that obeys NO_COLOR, FORCE_COLOR and COLUMNS, and interprets nothing."""
    return Console(highlight=False, markup=False, emoji=False)


def source(out: Console, text: Text) -> None:
    """Print a line of a file: cut at the edge of a terminal, whole anywhere else."""
    if out.is_terminal:
        text.truncate(out.width, overflow="ellipsis")
    out.print(text, soft_wrap=True)


def hang(out: Console, head: Text, body: Text) -> None:
    """Print a paragraph after a head; its further lines are indented as far as the head goes."""
    for number, part in enumerate(body.wrap(out, max(out.width - head.cell_len, NARROWEST))):
        part.rstrip()
        out.print(Text.assemble(head if number == 0 else " " * head.cell_len, part), soft_wrap=True)
