"""The evaluator's frame: choices, and a list of everything met.

A simple command is evaluated in direct style, as if there were one path; where there are several ways to go on, `choose`
picks one, and `alternatives` evaluates the command again until every combination was picked. Compound commands work on
lists of paths, which merge when equal (see `path`). Choices are few per command, so the repetition is cheap, and code that
evaluates reads as if it ran the script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from logcorr.model.source import Span
from logcorr.semantics.shell.bounded import Overflow
from logcorr.semantics.shell.facts import Allowed, Resolve
from logcorr.semantics.shell.merging import merged, widened
from logcorr.semantics.shell.path import SUCCESS, Flow, Path, Status
from logcorr.semantics.shell.record import Record
from logcorr.semantics.shell.source import Source
from logcorr.semantics.shell.sources import Sources
from logcorr.semantics.shell.survey import Survey
from logcorr.semantics.shell.values import Unknown, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logcorr.grammar.shell.tree import Node

T = TypeVar("T")

MOST_DEPTH = 24
MOST_COMMANDS = 800
COARSER = {200: 4, 400: 2, 600: 1}
"""After so many commands of a question no more than so many paths are kept apart; who asks has waited long enough."""


class Impossible(Exception):
    """The present choice leads nowhere: no path goes on from here."""


class Abandoned(Exception):
    """The present command ends the shell before it runs (an unset variable under `set -u`)."""


class _Choice(Struct):
    options: Sequence[object]
    index: int = 0


class _Trail(Struct):
    choices: list[_Choice]
    position: int = 0


class Machine:
    """One evaluation of a script under the outcomes that its probes are allowed to have.

    With `allowed` None it is a survey, which meets everything once and proves nothing: what probes print stays unknown, all
    assumptions hold, loops that do not go over known words end after two rounds. `sources` are the scripts.
    """

    def __init__(
        self, execute: Callable[[Machine, Node, Path], list[Path]], sources: Sources, record: Record, *, resolve: Resolve,
        allowed: Allowed | None, interpreter: str = "sh", coarse: bool = False,
    ) -> None:  # fmt: skip
        self._execute = execute
        self.source = sources.main
        self.sources = sources
        self.resolve = resolve
        self.allowed = allowed
        self.interpreter = interpreter
        self.coarse = coarse
        self.surveys = allowed is None
        self.most_paths = 2 if self.surveys else 8
        self.most_rounds = 6 if coarse else 70
        self.most_recursion = 2 if coarse else 10
        self.most_commands = (8_000 if coarse else 5_000) if self.surveys else MOST_COMMANDS
        self.checked = False
        self.substituted = False
        self.reader: str | None = None
        self.limit_s: float | None = None
        self.loops: tuple[Span | None, ...] = ()
        self.stack: tuple[tuple[str, Span], ...] = ()
        self.placeholders: list[Unknown] = []
        self.record = record
        self._trails: list[_Trail] = []
        self.survey = Survey()
        self.commands = 0

    def run(self, node: Node, path: Path) -> list[Path]:
        """Every way a node can go, from a path that the node may change."""
        return self._execute(self, node, path)

    def widened(self, paths: Sequence[Path]) -> list[Path]:
        """Not too many paths, all that is proved of which is true of these."""
        return widened(paths, self.most_paths, keeps=self.surveys)

    def tick(self, node: Node) -> None:
        """Count a command; too many of them end the evaluation."""
        self.survey.visit(self.source, node.start)
        self.commands += 1
        if self.commands > self.most_commands:
            raise Overflow
        if not self.surveys and self.commands in COARSER:
            self.coarse, self.most_rounds, self.most_recursion = True, 6, 2
            self.most_paths = COARSER[self.commands]

    def skip(self, node: Node, path: Path, *, called: bool = False) -> None:
        """Note that a path passes a node by, for `unreached`; `called`: it is a function's body, which runs when called."""
        if self.surveys:
            self.survey.skip(self.source, node, path, called=called)

    def surveyed(self, node: Node, arguments: tuple[Value, ...], *, captured: bool) -> bool:
        """Whether a survey has seen a function called often enough; `captured`: its output matters."""
        return self.surveys and self.survey.enough(node, arguments, after=self.commands, captured=captured)

    def unreached(self) -> None:
        """Meet the commands that no path came to, each from where the first path passed it by; last what nothing calls."""
        for source, node, path in self.survey.unreached():
            with self.reading(source):
                self.run(node, path)

    def alternatives(self, start: Path, action: Callable[[Path], object]) -> list[Path]:
        """The paths that an action in direct style leads to, over all its choices."""
        found: list[Path] = []
        trail: list[_Choice] = []
        while True:
            path = start.copy()
            self._trails.append(_Trail(trail))
            try:
                action(path)
                found.append(path)
            except Abandoned:
                found.append(path)
            except Impossible:
                pass
            finally:
                self._trails.pop()
            while trail and trail[-1].index + 1 >= len(trail[-1].options):
                trail.pop()
            if not trail:
                return merged(found)
            trail[-1].index += 1

    def choose(self, options: Callable[[], Sequence[T]]) -> T:
        """One of the options; the others are taken in other turns of the same command."""
        trail = self._trails[-1]
        if trail.position == len(trail.choices):
            trail.choices.append(_Choice(options()))
        choice = trail.choices[trail.position]
        trail.position += 1
        if not choice.options:
            trail.choices.pop()
            raise Impossible
        return choice.options[choice.index]  # type: ignore[return-value]  # replays give the same options in the same order

    def proceed(self, path: Path, options: Callable[[], Sequence[Path]]) -> None:
        """Go on from one of several paths."""
        path.become(self.choose(options).copy())

    def decide(self, path: Path, question: str, *, key: tuple[object, ...] = (), assume: str | None = None) -> bool:
        """Both answers to a question that cannot be settled; `assume` says what must hold for True to be taken for granted."""
        if key and key in path.known:
            return path.known[key]
        if self.surveys and assume is not None:
            return True
        answer = self.choose(lambda: (True, False))
        if key:
            path.learn(key, answer)
            self.depends(path, key)
        if assume is None:
            path.doubts |= {question}
        elif not answer:
            path.fail(assume)
            path.shadow = True
        return answer

    def depends(self, path: Path, key: tuple[object, ...]) -> None:
        """That a variable is not set cannot be taken for granted where its value itself decides."""
        values = [part for item in key if isinstance(item, tuple) for part in item if isinstance(part, Unknown)]
        path.depend(frozenset(unset(part.key) for part in values))

    def succeeded(self, path: Path) -> bool:
        """Whether the last command succeeded, in direct style."""
        status = path.status
        if status.code is not None:
            return status.code == 0
        if status.failed is not None:
            return not status.failed
        answer = self.decide(path, status.origin, assume=status.assume)
        path.status = SUCCESS if answer else Status(None, status.origin, failed=True)
        return answer

    def settled(self, path: Path, *, assume: bool = False) -> list[tuple[Path, bool]]:
        """The path by whether its last command succeeded: one pair, or both if that is unknown.

        With `assume`, success is taken for granted where nothing in the script asks about it (`set -e`). What a command finds
        in text that is not known (`grep -q` in a response) is never taken for granted.
        """
        status = path.status
        if status.code is not None or status.failed is not None:
            return [(path, status.code == 0)]
        if assume and status.assume is None and not status.asked:
            path.status = replace(status, assume=f"{status.origin} succeeds")
        answers: list[tuple[Path, bool]] = []

        def ask(path: Path) -> None:
            answers.append((path, self.succeeded(path)))

        self.alternatives(path, ask)
        return answers

    @contextmanager
    def reading(self, source: Source) -> Iterator[None]:
        """Evaluate nodes of another source."""
        before, self.source = self.source, source
        try:
            yield
        finally:
            self.source = before

    @contextmanager
    def asking(self, checked: bool = True) -> Iterator[None]:
        """Evaluate a condition: `set -e` does not apply."""
        before, self.checked = self.checked, self.checked or checked
        try:
            yield
        finally:
            self.checked = before

    @contextmanager
    def calling(self, caller: str, span: Span) -> Iterator[None]:
        """Evaluate a function's body or another script; commands in there are told apart by where they are called from."""
        if len(self.stack) >= MOST_DEPTH:
            raise Overflow
        self.stack = (*self.stack, (caller, span))
        try:
            yield
        finally:
            self.stack = self.stack[:-1]

    @contextmanager
    def feeding(self, reader: str | None) -> Iterator[None]:
        """Evaluate a command whose output a program gets."""
        before, self.reader = self.reader, reader
        try:
            yield
        finally:
            self.reader = before

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Evaluate a command that is ended after so many seconds (0 and None: never)."""
        before, self.limit_s = self.limit_s, seconds or self.limit_s
        try:
            yield
        finally:
            self.limit_s = before

    @contextmanager
    def looping(self, span: Span | None) -> Iterator[None]:
        """Evaluate a loop's body; `span` is that of one which never ends by itself."""
        self.loops = (*self.loops, span)
        try:
            yield
        finally:
            self.loops = self.loops[:-1]

    def span(self, node: Node) -> Span:
        """The lines of a node of the present source."""
        return self.source.span(node.start, node.end)

    def code(self, value: Value, span: Span) -> Source:
        """Text put together at run time, as code."""
        return Source.of_value(value, span, self.placeholders)

    def anything(self, path: Path, what: str) -> None:
        """After something that cannot be read, the script may go on as before, in any state, or not at all."""
        path.doubts |= {what}
        if self.surveys:
            return
        self.record.cut |= bool(path.functions)
        turn = self.choose(lambda: ("as before", "changed", "ended"))
        if turn == "as before":
            return
        path.shadow = True
        if turn == "ended":
            path.flow = Flow("exit")
            return
        path.lose(what)


def unset(name: str) -> str:
    """The assumption that a variable (`$NAME`) or an argument (`$1`) is not set, so that its default holds."""
    return f"{name} is not set"
