"""The evaluator's frame: choices, and a list of everything met.

A simple command is evaluated in direct style, as if there were one path; where there are several ways to go on, `choose`
picks one, and `alternatives` evaluates the command again until every combination was picked. Compound commands work on
lists of paths, which merge when equal (see `path`). Choices are few per command, so the repetition is cheap, and code that
evaluates reads as if it ran the script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from logcorr.model.behaviour import Call, Effect, Outcome, Probe
from logcorr.model.facts import ScheduledJob, Script
from logcorr.model.source import Problem, Span
from logcorr.semantics.shell.facts import Allowed, Message, Resolve, Sleep
from logcorr.semantics.shell.path import SUCCESS, Flow, Path, Status, merged
from logcorr.semantics.shell.source import Source
from logcorr.semantics.shell.values import Unknown, Value, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logcorr.grammar.shell.tree import Node

T = TypeVar("T")


MOST_DEPTH = 24


class Overflow(Exception):
    """The script has more ways through than are worth following; nothing is proved about it."""


class Impossible(Exception):
    """The present choice leads nowhere: no path goes on from here."""


class Abandoned(Exception):
    """The present command ends the shell before it runs (an unset variable under `set -u`)."""


@dataclass(slots=True)
class _Choice:
    options: Sequence[object]
    index: int = 0


@dataclass(slots=True)
class _Trail:
    choices: list[_Choice]
    position: int = 0


class Machine:
    """One evaluation of a script under the outcomes that its probes are allowed to have."""

    def __init__(
        self, execute: Callable[[Machine, Node, Path], list[Path]], source: Source, *, resolve: Resolve, allowed: Allowed,
        interpreter: str = "sh", coarse: bool = False,
    ) -> None:  # fmt: skip
        self._execute = execute
        self.source = source
        self.resolve = resolve
        self.allowed = allowed
        self.interpreter = interpreter
        self.coarse = coarse
        self.most_paths = 4 if coarse else 48
        self.most_rounds = 6 if coarse else 70
        self.most_recursion = 2 if coarse else 10
        self.most_commands = 20_000 if coarse else 5_000
        self.cut = False
        self.checked = False
        self.substituted = False
        self.loops: tuple[Span, ...] = ()
        self.stack: tuple[tuple[str, Span], ...] = ()
        self.placeholders: list[Unknown] = []
        self.probes: dict[tuple[object, ...], Probe] = {}
        self.effects: dict[tuple[object, ...], Effect] = {}
        self.expects: dict[int, dict[str, None]] = {}
        self.listed: dict[int, tuple[Outcome, ...]] = {}
        self.met: set[int] = set()
        self.ended: list[Path] = []
        self.facts: dict[Call | ScheduledJob | Message | Sleep, None] = {}
        self.problems: dict[Problem, None] = {}
        self._trails: list[_Trail] = []
        self._sources: dict[Script, Source] = {}
        self.commands = 0

    def run(self, node: Node, path: Path) -> list[Path]:
        """Every way a node can go, from a path that the node may change."""
        return self._execute(self, node, path)

    def tick(self) -> None:
        """Count a command; too many of them end the evaluation."""
        self.commands += 1
        if self.commands > self.most_commands:
            raise Overflow

    def alternatives(self, start: Path, action: Callable[[Path], None]) -> list[Path]:
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
        answer = self.choose(lambda: (True, False))
        if key:
            path.known[key] = answer
        if assume is None:
            path.doubts |= {question}
        elif not answer:
            path.broken |= {assume}
            path.shadow = True
        return answer

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

        With `assume`, success is taken for granted where nothing in the script asks about it (`set -e`).
        """
        status = path.status
        if status.code is not None or status.failed is not None:
            return [(path, status.code == 0)]
        if assume and status.assume is None:
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
    def looping(self, span: Span) -> Iterator[None]:
        """Evaluate a loop's body."""
        self.loops = (*self.loops, span)
        try:
            yield
        finally:
            self.loops = self.loops[:-1]

    def span(self, node: Node) -> Span:
        """The lines of a node of the present source."""
        return self.source.span(node.start, node.end)

    def note(self, fact: Call | ScheduledJob | Message | Sleep) -> None:
        """Remember a fact, once."""
        self.facts[fact] = None

    def complain(self, span: Span, message: str) -> None:
        """Remember what could not be understood."""
        self.problems[Problem(span.path, message, span.line)] = None

    def do(self, path: Path, effect: Effect) -> None:
        """An effect happens on a path. One with unknown parts, met where an assumption failed, counts as the known one there."""
        key = (effect.span, effect.manager, effect.action, effect.targets, effect.signal, effect.compose_files, effect.project,
               effect.directory, effect.argv0, effect.remote, effect.container)  # fmt: skip
        known = self.effects.get(key)
        if known is None and path.shadow:
            known = next((other for other in self.effects.values() if _same_site(effect, other)), None)
        if known is None:
            known = self.effects[key] = replace(effect, id=len(self.effects) + 1, guard=path.guards)
        self.met.add(known.id)
        path.ran |= {known.id}

    def ask(self, path: Path, probe: Probe, text: Value) -> tuple[Probe, bool]:
        """The probe as numbered, and whether its outcomes may be narrowed: not where it stands for one with other words."""
        key = (
            probe.span,
            probe.tool,
            probe.url,
            probe.asks,
            probe.unknown,
            literal(text),
            path.place.remote,
            path.place.container,
        )
        known = self.probes.get(key)
        if known is None and path.shadow:
            other = next((other for other in self.probes.values() if other.span == probe.span and other.tool == probe.tool), None)
            if other is not None:
                return other, False
        if known is None:
            known = self.probes[key] = replace(probe, id=len(self.probes) + 1)
        return known, True

    def script_source(self, script: Script) -> Source:
        """A collected script, read once."""
        if script not in self._sources:
            self._sources[script] = Source.of_script(script)
        return self._sources[script]

    def code(self, value: Value, span: Span) -> Source:
        """Text put together at run time, as code."""
        return Source.of_value(value, span, self.placeholders)

    def anything(self, path: Path, what: str) -> None:
        """After something that cannot be read, the script may go on as before, in any state, or not at all."""
        path.doubts |= {what}
        turn = self.choose(lambda: ("as before", "changed", "ended"))
        if turn == "as before":
            return
        path.shadow = True
        if turn == "ended":
            path.flow = Flow("exit")
            return
        path.variables = {name: (Unknown(f"${name} after {what}"),) for name in path.variables}
        path.arguments = None
        path.files.clear()
        path.known.clear()
        path.options -= {"errexit", "nounset"}
        path.status = Status(None, what)
        path.place = replace(path.place, directory=(Unknown(f"the directory after {what}"),))

    def forget(self, node: Node, paths: list[Path]) -> None:
        """Drop variables that nothing after a command of the script itself can read, so that more paths are equal."""
        if not (self.source.main and not self.stack and not self.loops) or len(paths) < 2:
            return
        for path in paths:
            for name in [name for name in path.variables if self.source.last_use(name) < node.end]:
                path.variables[name] = None

    def compare(self, value: Value, *expected: str) -> None:
        """Note what a probe's output is compared with."""
        for part in value:
            if part.probe is not None:
                self.expects.setdefault(part.probe, {}).update(dict.fromkeys(expected))

    def end(self, path: Path) -> None:
        """A path's end."""
        self.ended.append(path)

    def endless(self, path: Path, assume: str | None) -> None:
        """A path that goes round a loop for ever; `assume` says the loop ends, where it may."""
        path.flow = Flow("endless")
        if assume:
            path.broken |= {assume}
        self.end(path)


def _same_site(effect: Effect, other: Effect) -> bool:
    return effect.span == other.span and effect.action == other.action and effect.manager == other.manager
