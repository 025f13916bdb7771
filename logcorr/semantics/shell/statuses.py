"""Exit statuses that nothing looks at: they keep no paths apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from logcorr.grammar.shell.tree import AndOr, Background, Group, If, Literal, Loop, Node, Pipeline, Redirected, Simple
from logcorr.grammar.shell.tree import Sequence as Commands
from logcorr.lazily import regex
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import SUCCESS, Path, merged

_LATER = frozenset({"return", "exit"})
_ELSEWHERE = frozenset({"eval", "source", ".", "trap"})
_WORDS = regex(r"[\w.-]+")


def forgotten(machine: Machine, node: Node, paths: Sequence[Path]) -> list[Path]:
    """The paths that are about to run a node, without the status of what ran before unless the node may look at it."""
    if paths and not _looks(machine, node):
        for path in paths:
            path.status = SUCCESS
        return merged(paths)
    return list(paths)


def _looks(machine: Machine, node: Node) -> bool:
    first = _first(node)
    name = _name(first)
    if name in _LATER and isinstance(first, Simple) and len(first.words) == 1:
        return True
    if not machine.exact:
        return False
    text = machine.source.text[node.start : node.end]
    return name in _ELSEWHERE or "<<" in text or reads(text) or not machine.lookers.isdisjoint(_WORDS.findall(text))
