"""The scripts of one evaluation, each read once, and what they look at together."""

from __future__ import annotations

from functools import cached_property

from logcorr.grammar.shell.tree import (
    AndOr,
    Assignment,
    Background,
    Group,
    If,
    Literal,
    Loop,
    Node,
    Pipeline,
    Redirected,
    Sequence,
    Simple,
)
from logcorr.lazily import regex
from logcorr.model.facts import Script
from logcorr.semantics.shell.source import Source

_STATUS = regex(r"\$\{?\?|PIPESTATUS")
_WORD = regex(r"[\w.-]+")
_TEXT_AS_CODE = frozenset({"eval", "source", ".", "trap"})


class Sources:
    """A script and those that it calls or sources."""

    def __init__(self, main: Source) -> None:
        self.main = main
        self._others: dict[Script, Source] = {}
        self._looks: dict[tuple[Source, int, int], bool] = {}

    def of(self, script: Script) -> Source:
        """A collected script, read once."""
        if script not in self._others:
            self._others[script] = Source.of_script(script)
            self._looks.clear()
            for known in ("counts", "_lookers"):
                vars(self).pop(known, None)
        return self._others[script]

    @cached_property
    def counts(self) -> bool:
        """Whether any of them looks at the number of a status."""
        return any(_STATUS.search(source.text) for source in (self.main, *self._others.values()))

    def looks(self, source: Source, node: Node) -> bool:
        """Whether a node may look at the status of what ran before it."""
        key = source, node.start, node.end
        if key not in self._looks:
            self._looks[key] = self._may_look(source, node)
        return self._looks[key]

    def _may_look(self, source: Source, node: Node) -> bool:
        first = _first(node)
        name = _name(first)
        if isinstance(first, Simple) and name in ("return", "exit") and len(first.words) == 1:
            return True
        if not self.counts:
            return False
        text = source.text[node.start : node.end]
        return bool(
            name in _TEXT_AS_CODE or "<<" in text or _STATUS.search(text) or not self._lookers.isdisjoint(_WORD.findall(text))
        )

    @cached_property
    def _lookers(self) -> frozenset[str]:
        """The functions that look at a status, or call one that does."""
        bodies = [body for source in (self.main, *self._others.values()) for body in source.bodies()]
        found = frozenset(name for name, text in bodies if _STATUS.search(text))
        while more := {name for name, text in bodies if name not in found and not found.isdisjoint(_WORD.findall(text))}:
            found |= more
        return found


def _first(node: Node) -> Node:
    """The command that runs first in a node, as far as that is one."""
    while True:
        match node:
            case Sequence(commands=(inner, *_)) | Pipeline(commands=(inner, *_)):
                node = inner
            case (
                AndOr(left=inner)
                | Group(body=inner)
                | Redirected(command=inner)
                | Background(command=inner)
                | Loop(condition=inner)
            ):
                node = inner
            case If(arms=((inner, _), *_)):
                node = inner
            case _:
                return node


def _name(node: Node) -> str | None:
    word = node.words[0] if isinstance(node, Simple) and node.words else None
    piece = word.pieces[0] if word is not None and not isinstance(word, Assignment) and word.pieces else None
    return piece.text if isinstance(piece, Literal) else None
