"""What a survey has come to and what it has passed by: it meets every command once, and few of them often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from logcorr.grammar.shell.tree import Node
from logcorr.semantics.shell.path import Path
from logcorr.semantics.shell.source import Source
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import Value

MOST_CALLS = 3
LONG = 1_500
"""So many commands make a survey a long one, in which no function is called twice with the same arguments."""

Noted = dict[tuple[Source, int, int], tuple[Node, Path]]


class Survey:
    """The commands that were evaluated, by where they begin, and the nodes that paths have passed by."""

    def __init__(self) -> None:
        self._skipped: Noted = {}
        self._uncalled: Noted = {}
        self._calls: Counter[tuple[int, tuple[Value, ...]]] = Counter()
        self._visited: dict[Source, set[int]] = {}

    def visit(self, source: Source, start: int) -> None:
        """A command is evaluated."""
        self._visited.setdefault(source, set()).add(start)

    def skip(self, source: Source, node: Node, path: Path, *, called: bool) -> None:
        """A path passes a node by; `called`: it is a function's body, which runs when called."""
        key, noted = (source, node.start, node.end), self._uncalled if called else self._skipped
        if key not in noted:
            way = path.copy()
            way.flow, way.shadow, way.known = None, True, Store()
            noted[key] = node, way

    def enough(self, node: Node, arguments: tuple[Value, ...], *, after: int, captured: bool) -> bool:
        """Whether a function was called often enough with these arguments, `after` so many commands of the whole survey."""
        self._calls[node.start, arguments] += 1
        long = after > LONG * (2 if captured else 1)
        often = self._calls[node.start, arguments] > (1 if long else MOST_CALLS)
        return often and (long or (bool(arguments) and not captured))

    def unreached(self) -> Iterator[tuple[Source, Node, Path]]:
        """What no path came to, until nothing is left: what was passed by first, then functions that nothing calls."""
        while noted := self._skipped or self._uncalled:
            key = next(iter(noted))
            source, start, end = key
            node, path = noted.pop(key)
            if not any(start <= visited < end for visited in self._visited.get(source, ())):
                yield source, node, path
