"""What a shell script runs only where it does not run a certain line: the other branches of the conditions around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.semantics.written import AndOr, Commands, For, Function, If, Loop, Node, commands, compound, spanned

LEAVES = ("exit", "return")


def instead(script: Script, place: Span) -> tuple[Span, ...]:
    """The lines of these branches, and of those before it that leave the script; none in what may run again."""
    here = next((one for one in commands(script) if one.span.line == place.line), None)
    if here is None or any(isinstance(node, Loop | For | Function) for node in here.around):
        return ()
    steps = pairwise((*here.around, here.node))
    return tuple(spanned(script, node) for outer, inner in steps for node in _others(script, outer, inner))


def _others(script: Script, outer: Node, inner: Node) -> Iterator[Node]:
    if isinstance(outer, If):
        bodies = [body for _, body in outer.arms] + ([outer.otherwise] if outer.otherwise else [])
        if inner in bodies:
            yield from (body for body in bodies if body is not inner)
    elif isinstance(outer, Commands):
        before = outer.commands[: next(at for at, one in enumerate(outer.commands) if one is inner)]
        yield from (body for one in before for body in _conditional(one) if _leaves(script, body))


def _conditional(node: Node) -> Sequence[Node]:
    """What of a command is run only under a condition."""
    if isinstance(node, If):
        return [body for _, body in node.arms]
    return [node.right] if isinstance(node, AndOr) else []


def _leaves(script: Script, body: Node) -> bool:
    return any(one.name in LEAVES for one in compound(script, body)[-1:])
