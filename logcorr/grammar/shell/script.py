"""A whole script: what is no shell becomes `Broken`, and reading goes on with the next line."""

from __future__ import annotations

from functools import lru_cache

from logcorr.grammar.shell.scanning import ShellSyntaxError
from logcorr.grammar.shell.statements import StatementReader
from logcorr.grammar.shell.tree import Broken, Node, Sequence


@lru_cache(maxsize=512)
def parse(text: str) -> Sequence:
    """The commands of a script. Never fails: what is no shell becomes `Broken`, and reading goes on with the next line."""
    reader = StatementReader(text)
    commands: list[Node] = []
    while reader.position < len(text):
        start = reader.position
        try:
            found = reader.commands("").commands
            if reader.position < len(text):
                raise reader.unexpected()
            commands.extend(found)
        except ShellSyntaxError as error:
            at = min(max(error.at, start), len(text))
            end = text.find("\n", at)
            end = len(text) if end < 0 else end + 1
            commands.extend(reader.finished)
            commands.append(Broken(message=str(error), start=reader.finished[-1].end if reader.finished else start, end=end))
            reader = StatementReader(text)
            reader.position = end
    return Sequence(commands=tuple(commands), start=0, end=len(text))
