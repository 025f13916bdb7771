"""Commands that run one after the other, and which of them keep the rest from running by their failure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.facts import Script
from logcorr.rules._idioms import leaves, only_tells
from logcorr.semantics.written import (
    AndOr,
    Commands,
    If,
    Node,
    Pipeline,
    Redirected,
    Simple,
    Written,
    commands,
    compound,
    in_program,
    tree,
    walk,
)

LEAVING = regex(r"die|fatal|abort|bail|error_exit|err_exit")
"""What scripts call a function that says why and ends them, where it stands in another file."""

ACTING_AGAIN = frozenset({"start", "up", "restart"})
"""Words of a branch that starts again what was stopped."""

Told = tuple[Node, bool | None, int | None]
"""A command, whether its failure ends the rest (None where that hangs on `set -e`), and where that rest ends."""


class Link(Struct, frozen=True):
    """One command of a chain; `told` is what the chain says of its failure, None where that hangs on `set -e`.

    `until` is the end of the commands joined by `&&` of which its failure skips the rest, and no more than that; None where
    it ends all.
    """

    command: Written
    told: bool | None
    until: int | None

    @property
    def fatal(self) -> bool:
        """Whether its failure keeps what is behind it from running."""
        seen = self.command.pipeline is None or in_program(self.command, "pipefail")
        return seen and (in_program(self.command, "e") if self.told is None else self.told)

    def skips(self, other: Written) -> bool:
        """Whether that command is among what does not run then."""
        return self.until is None or other.node.start < self.until


def chains(script: Script, of: Sequence[Written]) -> Iterator[list[Link]]:
    """For each list that one of these stands in the commands that run in turn: plain ones, joined by `&&`, before a `||` that
    ends, asked by an `if`.
    """
    written = {id(one.node): one for one in commands(script)}
    for node in walk(tree(script)):
        if isinstance(node, Commands) and any(outer is node for one in of for outer in one.around):
            told = [link for one in node.commands for link in _told(script, one, None)]
            yield [Link(written[id(one)], fatal, until) for one, fatal, until in told if id(one) in written]


def _told(script: Script, node: Node, until: int | None) -> Iterator[Told]:
    if isinstance(node, Simple):
        yield node, True if until else None, until
    elif isinstance(node, Redirected):
        yield from _told(script, node.command, until)
    elif isinstance(node, Pipeline):
        yield node.commands[0], True if until else None, until
    elif isinstance(node, AndOr) and node.operator == "&&":
        yield from _told(script, node.left, until or node.end)
        yield from _told(script, node.right, until)
    elif isinstance(node, AndOr):
        yield from _with_answer(script, node.left, node.right)
    elif isinstance(node, If) and len(node.arms) == 1:
        yield from _asked(script, node)


def _asked(script: Script, node: If) -> Iterator[Told]:
    """The condition of an `if` whose other branch leaves, and what it runs where all is well."""
    condition, positive = node.arms[0]
    first = condition.commands[0] if len(condition.commands) == 1 else None
    negated = isinstance(first, Pipeline) and first.negated and len(first.commands) == 1
    plain = first.commands[0] if isinstance(first, Pipeline) and negated else first
    failing = positive if negated else node.otherwise
    if plain is not None and failing is not None and isinstance(plain, Simple | Redirected):
        yield from _with_answer(script, plain, failing)


def _with_answer(script: Script, node: Node, answer: Node) -> Iterator[Told]:
    """A command whose failure is answered: by leaving, by words alone, or (then nothing is told of it) by something else."""
    others = compound(script, answer)
    leaving = any(leaves(one) or _ends_by_name(one) for one in others)
    again = any(ACTING_AGAIN & set(one.words) for one in others)
    if (leaving and not again) or (others and all(map(only_tells, others))):
        yield from ((one, leaving, None) for one, _, _ in _told(script, node, None))


def _ends_by_name(command: Written) -> bool:
    return bool(LEAVING.fullmatch(command.name)) and not any(one.function == command.name for one in commands(command.script))
