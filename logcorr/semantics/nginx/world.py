"""What configuration does not say, decided one way after the other.

An interpretation asks `World` whether a file exists or what an upstream answers. What is not known is first left
undecided: the run stops, and is repeated once for each possibility, whose sentence the answer then assumes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.model.behaviour import Answer
from logcorr.model.source import Span

FileKind = str
"""`file`, `directory` or `none`."""

MOST_RUNS = 256
"""Interpretations of one request; beyond, its answers are not all listed and the last says so."""


class Undecided(Exception):
    """Something the answer depends on; `options` pairs each possible value with the sentence that says it."""

    def __init__(self, question: str, options: Sequence[tuple[str, str]]) -> None:
        super().__init__(question)
        self.question = question
        self.options = options


class Unanswerable(Exception):
    """The answer cannot be told, and why."""

    def __init__(self, reason: str, at: Span) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


class Decision(Struct, frozen=True):
    """One thing taken to be so in this run."""

    question: str
    value: str
    sentence: str


class World(Struct, frozen=True):
    """The facts from outside, and what this run has decided about the rest."""

    files: Callable[[str], FileKind | None]
    upstream: Callable[[str], int | None]
    decisions: tuple[Decision, ...] = ()

    def choose(self, question: str, options: Sequence[tuple[str, str]]) -> str:
        """What was decided; the options' sentences become assumptions."""
        for decision in self.decisions:
            if decision.question == question:
                return decision.value
        raise Undecided(question, options)

    def file(self, path: str) -> FileKind:
        """Whether a path is a file, a directory, or nothing; a path with unknown parts is asked for as it stands."""
        kind = self._kind(posixpath.normpath(path or "/"))
        return "none" if kind == "file" and path.endswith("/") else kind

    def _kind(self, path: str) -> FileKind:
        return (
            self.files(path)
            or self._implied(path)
            or self.choose(
                f"file {path}",
                [("file", f"{path} is a file"), ("directory", f"{path} is a directory"), ("none", f"{path} does not exist")],
            )
        )

    def _implied(self, path: str) -> FileKind | None:
        """What the decided paths say about one above or below them."""
        for decision in self.decisions:
            kind, _, other = decision.question.partition(" ")
            if kind != "file":
                continue
            if decision.value != "none" and other.startswith(path.rstrip("/") + "/"):
                return "directory"
            if decision.value != "directory" and path.startswith(other.rstrip("/") + "/"):
                return "none"
        return None

    def decided(self, question: str, value: str, sentence: str) -> World:
        """The same world with one more thing decided."""
        return World(self.files, self.upstream, (*self.decisions, Decision(question, value, sentence)))


def in_every_world(start: World, run: Callable[[World], Answer]) -> Iterator[Answer]:
    """Run once for each way the undecided can turn out, in the order of the options.

    After `MOST_RUNS` the rest is one answer that says it is unknown.
    """
    pending, last = [start], None
    for _ in range(MOST_RUNS):
        if not pending:
            return
        world = pending.pop()
        try:
            last = run(world)
            yield last
        except Undecided as unclear:
            pending += [world.decided(unclear.question, *option) for option in reversed(unclear.options)]
    if pending and last:
        yield replace(last, status=None, location=None, upstream=None, unknown=f"more than {MOST_RUNS} cases", assumes=())
