"""Scripts as they are written: every simple command, and what stands around it. Nothing is expanded or run.

The interpreter (`semantics.shell`) says what a script would do; here is what a reader sees, for rules about idioms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from msgspec import Struct

from logcorr.grammar.shell import parse
from logcorr.grammar.shell.tree import (
    AndOr,
    Arithmetic,
    Assignment,
    Background,
    Broken,
    For,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Node,
    Parameter,
    Pipeline,
    Redirect,
    Redirected,
    Simple,
    Substitution,
    Test,
    Word,
    children,
    walk,
)
from logcorr.grammar.shell.tree import Sequence as Commands
from logcorr.model.facts import Script
from logcorr.model.source import Span

__all__ = [
    "AndOr", "Arithmetic", "Assignment", "Background", "Broken", "Commands", "For", "Function", "Group", "If", "Literal", "Loop",
    "Node", "Parameter", "Pipeline", "Redirect", "Redirected", "Simple", "Substitution", "Test", "Word", "Written", "asked",
    "commands", "compound", "following", "function_of", "in_program", "placed", "plain", "spanned", "switched_on", "tree", "walk",
]  # fmt: skip

N = TypeVar("N", bound=Node)

WRAPPERS = {
    "sudo": "-u -g -h -p -C -U", "timeout": "-s -k", "nice": "-n", "ionice": "-c -n -p", "nohup": "", "env": "-u", "exec": "-a",
    "command": "", "time": "-f -o", "stdbuf": "-i -o -e", "doas": "-u", "builtin": "", "setsid": "", "chronic": "",
    "choom": "-n",
}  # fmt: skip
"""Commands that run the rest of their words, and those of their options that take a value."""


class Written(Struct, frozen=True):
    """One simple command. `name` is its program without folder, wrappers (`sudo`, `timeout 5`) set apart in `wrappers`.

    `words` are its arguments: quotes removed, expansions as they stand (`$URL`). `around` are the nodes it lies in, the
    outermost first; `node` is the command itself.
    """

    script: Script
    node: Simple
    around: tuple[Node, ...]
    name: str
    words: tuple[str, ...]
    wrappers: tuple[str, ...] = ()

    @property
    def span(self) -> Span:
        """The lines of the command."""
        return spanned(self.script, self.node)

    @property
    def text(self) -> str:
        """The command as it stands."""
        return self.script.text[self.node.start : self.node.end]

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline of several commands that it is directly a part of."""
        around = self._outer()
        return around if isinstance(around, Pipeline) and len(around.commands) > 1 else None

    @property
    def function(self) -> str | None:
        """The name of the function it stands in."""
        return function_of(self.around)

    def flags(self) -> set[str]:
        """Its short options as letters and its long ones as words, without their values."""
        short = {letter for word in self.words if re.match(r"-[A-Za-z]", word) for letter in word[1:] if letter.isalnum()}
        return short | {word[2:].partition("=")[0] for word in self.words if word.startswith("--")}

    def substituted(self) -> bool:
        """Whether it stands in `$(…)`: it is run for what it prints."""
        return any(isinstance(node, Substitution) for node in self.around)

    def captured(self) -> Assignment | None:
        """The assignment `x=$(…)` whose value is what it prints, with whatever else stands in the substitution."""
        inside = (at for at in range(len(self.around) - 1, 0, -1) if isinstance(self.around[at], Substitution))
        depth = next(inside, None)
        inner = self.around[depth] if depth else None
        found = _assignment(self.around[:depth], inner) if isinstance(inner, Substitution) else None
        return found[1] if found else None

    def assigned(self) -> tuple[Simple, Assignment] | None:
        """The command and assignment `x=$(…)` whose status is that of this command: the last one in the substitution."""
        for depth in range(len(self.around) - 1, 0, -1):
            inner = self.around[depth]
            if isinstance(inner, Substitution):
                return _assignment(self.around[:depth], inner) if _ends(inner.body, self.around[depth + 1 :], self.node) else None
        return None

    def asked(self) -> bool:
        """Whether its exit status decides something: it is a condition, stands before `&&` or `||`, or is negated."""
        return asked((*self.around, self.node))

    def _outer(self) -> Node | None:
        return self.around[-1] if self.around else None


def _assignment(around: Sequence[Node], inner: Substitution) -> tuple[Simple, Assignment] | None:
    """The assignment whose whole value is this substitution, and the command it stands in."""
    simple = next((node for node in reversed(around) if isinstance(node, Simple)), None)
    if simple is None:
        return None
    written = [*simple.assignments, *(word for word in simple.words if isinstance(word, Assignment))]
    own = [one for one in written if one.value is not None and one.value.pieces == (inner,)]
    return (simple, own[0]) if own else None


def _ends(body: Commands, around: Sequence[Node], node: Node) -> bool:
    """Whether the status of a substitution's body is that of the node: its last command, or the last of that pipeline."""
    if not body.commands or any(isinstance(one, AndOr | If | Loop | For) for one in around):
        return False
    last = body.commands[-1]
    return (last.commands[-1] if isinstance(last, Pipeline) else last) is node


def asked(nodes: Sequence[Node]) -> bool:
    """Whether the status of the last of these nodes, each within the one before, decides something."""
    for inner, outer in zip(reversed(nodes), reversed(nodes[:-1]), strict=False):
        if isinstance(outer, AndOr):
            if outer.left is inner:
                return True
        elif isinstance(outer, Pipeline):
            if outer.negated:
                return True
            if outer.commands[-1] is not inner:
                return False
        elif isinstance(outer, If):
            return any(condition is inner for condition, _ in outer.arms)
        elif isinstance(outer, Loop):
            return outer.condition is inner
        elif isinstance(outer, Commands):
            if outer.commands[-1] is not inner:
                return False
        elif not isinstance(outer, Group):
            return False
    return False


def tree(script: Script) -> Commands:
    """The script's syntax tree."""
    return parse(script.text)


def placed(script: Script, kind: type[N]) -> Iterator[tuple[N, tuple[Node, ...]]]:
    """All nodes of a kind, in the order of the text, each with the nodes that it lies in."""
    return ((node, around) for node, around in _nested(tree(script)) if isinstance(node, kind))


def function_of(around: Sequence[Node]) -> str | None:
    """The name of the innermost function among these nodes."""
    return next((node.name for node in reversed(around) if isinstance(node, Function)), None)


@lru_cache(maxsize=512)
def commands(script: Script) -> tuple[Written, ...]:
    """Every simple command with a name, in the order of the text; those in substitutions after the command they stand in."""
    found = (_written(script, node, around) for node, around in _nested(tree(script)) if isinstance(node, Simple))
    return tuple(filter(None, found))


def _written(script: Script, node: Simple, around: tuple[Node, ...]) -> Written | None:
    words = [plain(script, word) for word in node.words]
    wrappers: list[str] = []
    while words and _base(words[0]) in WRAPPERS:
        wrappers.append(_base(words[0]))
        words = _unwrapped(words)
    return Written(script, node, around, _base(words[0]), tuple(words[1:]), tuple(wrappers)) if words else None


def _base(word: str) -> str:
    return word.rpartition("/")[2]


def _unwrapped(words: list[str]) -> list[str]:
    """What a wrapper runs: without its options, the variables it sets, and the duration that `timeout` takes."""
    name, rest = _base(words[0]), words[1:]
    takes = WRAPPERS[name].split()
    while rest and (rest[0].startswith("-") or re.match(r"[A-Za-z_]\w*=", rest[0])):
        rest = rest[2:] if rest[0] in takes else rest[1:]
    return rest[1:] if name == "timeout" else rest


def plain(script: Script, word: Word | Assignment) -> str:
    """A word without its quotes; expansions as they are written."""
    if isinstance(word, Assignment):
        return script.text[word.start : word.end]
    pieces = (piece.text if isinstance(piece, Literal) else script.text[piece.start : piece.end] for piece in word.pieces)
    return "".join(pieces)


def spanned(script: Script, node: Node) -> Span:
    """The lines of a node in the script's file."""
    first = script.span.line + script.text.count("\n", 0, node.start)
    last = first + script.text.count("\n", node.start, max(node.end, node.start))
    last -= script.text[node.start : node.end].endswith("\n")
    return Span(script.span.path, min(first, script.span.end_line), min(max(first, last), script.span.end_line))


def _nested(node: Node, around: tuple[Node, ...] = ()) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """A node and everything in it, each with the nodes it lies in, the outermost first."""
    yield node, around
    for child in children(node):
        yield from _nested(child, (*around, node))


def following(written: Written) -> Iterator[Node]:
    """The commands that come after it in the same list: those that run next, whatever it did."""
    for depth in range(len(written.around) - 1, -1, -1):
        outer = written.around[depth]
        inner = written.around[depth + 1] if depth + 1 < len(written.around) else written.node
        if isinstance(outer, Commands):
            position = next(at for at, one in enumerate(outer.commands) if one is inner)
            yield from outer.commands[position + 1 :]
            return


def compound(script: Script, node: Node) -> list[Written]:
    """The simple commands in a node, in the order of the text."""
    return [one for one in commands(script) if node.start <= one.node.start and one.node.end <= node.end]


def in_program(command: Written, option: str) -> bool:
    """Whether a shell option (`e`, `pipefail`) is on where the command stands, by the `set` commands written before it."""
    return switched_on(command.script, command.node, command.function, option)


def switched_on(script: Script, node: Node, function: str | None, option: str) -> bool:
    """The same of any node, in that function or in none."""
    first = script.text.partition("\n")[0]
    on = first.startswith("#!") and len(option) == 1 and bool(re.search(rf"\s-[A-Za-z]*{option}", first))
    for one in commands(script):
        here = one.node.start < node.start and one.function in (None, function)
        if one.name == "set" and here and all(node.end <= outer.end for outer in one.around if _own_process(outer)):
            on = _switched(one.words, option, on)
    return on


def _own_process(node: Node) -> bool:
    """Whether what it switches on ends with it."""
    return isinstance(node, Substitution) or (isinstance(node, Group) and node.subshell)


def _switched(words: Sequence[str], option: str, on: bool) -> bool:
    for word, following_word in zip(words, (*words[1:], ""), strict=False):
        named = word[-1:] == "o" and following_word == {"e": "errexit", "u": "nounset"}.get(option, option)
        if re.fullmatch(r"[-+][A-Za-z]+", word) and (named or (len(option) == 1 and option in word[1:])):
            on = word[0] == "-"
    return on
