"""What the rules on `set -e` share: whether a failure ends the script."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from logcorr.model.facts import Script
from logcorr.semantics.written import Node, Substitution, asked, commands, function_of


def ends_script(script: Script, node: Node, around: Sequence[Node], seen: frozenset[str] = frozenset()) -> bool:
    """Whether nobody asks for its status: neither where it stands, nor around any call of the function it stands in.

    `set -e` passes over all that lies in a condition, behind `!` or before `||` and `&&`, its last command or not.
    """
    if any(map(asked, pairwise((*around, node)))):
        return False
    name = function_of(around)
    if name is None or name in seen:
        return name is None
    calls = [one for one in commands(script) if one.name == name]
    captured = any(isinstance(outer, Substitution) for one in calls for outer in one.around)
    return bool(calls) and not captured and all(ends_script(script, one.node, one.around, seen | {name}) for one in calls)
