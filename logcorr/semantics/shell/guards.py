"""Under which conditions a path goes on: what a report says an effect is guarded by."""

from __future__ import annotations

from logcorr.grammar.shell.tree import Node
from logcorr.model.source import Span
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.merging import merged
from logcorr.semantics.shell.path import Path


def guarded(machine: Machine, node: Node, path: Path, *, holds: bool) -> None:
    """Note the condition under which a path goes on from here."""
    words = machine.source.text[node.start : node.end].strip().rstrip(";").strip()
    path.guards = (*path.guards, (words if holds else f"! {words}", machine.span(node)))


def unguarded(machine: Machine, node: Node, before: tuple[tuple[str, Span], ...], paths: list[Path]) -> list[Path]:
    """After a command whose every branch goes on, its conditions guard nothing more."""
    if not machine.source.leaves(node.start, node.end):
        for path in paths:
            path.guards = before if path.flow is None else path.guards
    return merged(paths)
