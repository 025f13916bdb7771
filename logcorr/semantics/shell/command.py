"""One command about to run, as the modules that know programs see it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from logcorr.model.behaviour import Effect, Outcome, Probe
from logcorr.model.source import Span
from logcorr.semantics.shell.facts import Message
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.outcomes import UNKNOWN_TEXT, any_outcomes
from logcorr.semantics.shell.path import SUCCESS, Path, Status
from logcorr.semantics.shell.values import EMPTY, Text, Unknown, Value, first_span, joined, literal, shown, text, unknown


class Run(Protocol):
    """Runs a command whose words are expanded."""

    def __call__(
        self, machine: Machine, path: Path, arguments: list[Value], span: Span, words: str, *, functions: bool = True
    ) -> None:
        """Run it; without `functions`, only programs."""


_NUMBERS = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM"}
_SIGNALLED = {
    "HUP": "reload", "USR1": "reopen-logs", "STOP": "pause", "TSTP": "pause",
    **dict.fromkeys(("USR2", "WINCH", "CONT", "CHLD", "URG"), "signal"),
}  # fmt: skip
"""What signals that servers do not end by are sent for."""


def signal_name(written: str) -> str:
    """A signal's name without `SIG`, for a name or a number."""
    name = written.upper().removeprefix("SIG")
    return _NUMBERS.get(name, name)


class Command(Struct):
    """A program's name and arguments, the path it runs on, and what it may do there."""

    machine: Machine
    path: Path
    name: str
    arguments: list[Value]
    span: Span
    words: str
    run: Run

    @property
    def known(self) -> list[str]:
        """The arguments as text; unknown ones as `<origin>`."""
        return [shown(argument) for argument in self.arguments]

    def again(self, arguments: list[Value], *, functions: bool = False) -> None:
        """Run what is left after a wrapper (`sudo`, `timeout 5`) took its own arguments."""
        if arguments:
            self.run(self.machine, self.path, arguments, self.span, self.words, functions=functions)
        else:
            self.path.status = SUCCESS

    def end(self, code: int) -> None:
        """End with a known exit status."""
        self.path.status = Status(code)

    def unsure(self, assume: str | None = None, *, asked: bool = False) -> None:
        """End with an unknown exit status; `assume` says what makes success the rule, `asked` that nothing does."""
        self.path.status = Status(None, f"`{_short(self.words)}`", assume=assume, asked=asked)

    def presumed(self) -> None:
        """End with a status that is success unless something is wrong that no script is about (a full disk)."""
        self.unsure(f"`{_short(self.words)}` succeeds ({self.span})")

    def print(self, value: Value) -> None:
        """Write to standard output."""
        self.path.print(value)

    def print_unknown(self) -> None:
        """Write something that cannot be known."""
        self.path.print(unknown(f"output of `{_short(self.words)}` ({self.span})"))

    def do(self, action: str, manager: str, targets: Collection[str] = (), *, argv0: str | None = None, signal: str | None = None,
           compose_files: tuple[str, ...] = (), project: str | None = None, directory: str | None = None,
           by_name: bool = False) -> None:  # fmt: skip
        """Record an effect; whether it succeeds is presumed. A `kill` does what its signal is sent for."""
        place = self.path.place
        signal = signal_name(signal) if signal else None
        action = _SIGNALLED.get(signal or "", action) if action == "kill" else action
        effect = Effect(
            id=0, span=self.span, action=action, manager=manager, targets=tuple(targets), signal=signal,
            compose_files=compose_files, project=project, directory=directory or self.directory(), argv0=argv0 or self.name,
            remote=place.remote, container=place.container, by_name=by_name,
        )  # fmt: skip
        self.machine.record.do(self.path, effect)
        self.print_unknown()
        self.presumed()

    def directory(self) -> str | None:
        """The working directory, if it is known."""
        known = literal(self.path.place.directory)
        return posixpath.normpath(known) if known else None

    def ask(self, probe: Probe) -> None:
        """Run a probe: one of its outcomes happens."""
        limits = [limit for limit in (probe.timeout_s, self.machine.limit_s) if limit is not None]
        probe = replace(probe, timeout_s=min(limits, default=None))
        probe, narrowed = self.machine.record.ask(
            self.path, probe, joined(*(part for argument in self.arguments for part in (argument, text(" "))))
        )
        if self.machine.allowed is None:
            self.path.print(unknown_output(probe, self.span))
            self.unsure(asked=True)
            return
        allowed = self.machine.allowed.get(probe.id) if narrowed else None
        if allowed is None:
            outcomes = any_outcomes(replace(probe, expects=tuple(self.machine.record.expects.get(probe.id, ()))))
            self.machine.record.listed.setdefault(probe.id, outcomes)
        else:
            outcomes = tuple(allowed)
        outcomes = self._told_apart(outcomes)
        if not outcomes or (allowed is None and self.machine.coarse):
            self.path.print(unknown_output(probe, self.span))
            self.unsure(asked=True)
            return
        outcome = self.machine.choose(lambda: outcomes)
        self.path.print(printed(outcome, probe, self.span))
        known = outcome.exit_code == 0 or self.machine.sources.counts
        self.path.status = Status(outcome.exit_code) if known else Status(None, outcome.why or self.words, failed=True)

    def _told_apart(self, outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
        """One outcome of each kind that differs in what can be seen of it: output where that is kept, and the status."""
        kept, counts = self.path.sinks[0].kind in ("captured", "file"), self.machine.sources.counts
        kinds = {
            (outcome.printed if kept else "", outcome.exit_code if counts else outcome.exit_code == 0): outcome
            for outcome in outcomes
        }
        return tuple(kinds.values())

    def say(self, value: Value, sink: str | None = None) -> None:
        """Note a message that the script writes, unless it is for the script itself."""
        out = self.path.sinks[0]
        if sink is None and out.kind in ("captured", "discarded"):
            return
        for line in _message_lines(value):
            pieces = tuple(pieces_of(line))
            if any(re.search(r"[A-Za-z]{2}", piece) for piece in pieces):
                where = sink or (out.file or "a file" if out.kind == "file" else "stdout")
                self.machine.record.note(Message(span=self._written(_unprobed(line)), pieces=pieces, sink=where))

    def _written(self, told: Value) -> Span:
        """Where a message is written: below, where a function is told it; here, by words of its own; else where it stands."""
        texts = [part for part in told if isinstance(part, Text) and part.span]
        below = tuple(part for part in texts if part.span and part.span.line > self.span.line)
        here = tuple(part for part in texts if part.span == self.span and re.search(r"[A-Za-z]{2}", part.text))
        return first_span(below) or first_span(here) or first_span(told) or self.span


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= 80 else line[:77] + "..."


def _unprobed(value: Value) -> Value:
    return tuple(part for part in value if part.probe is None)


def _message_lines(value: Value) -> Iterator[Value]:
    line: list[Text | Unknown] = []
    for part in value:
        if isinstance(part, Unknown):
            line.append(part)
            continue
        first, *others = part.text.split("\n")
        line.append(replace(part, text=first))
        for other in others:
            yield tuple(line)
            line = [replace(part, text=other)]
    yield tuple(line)


def pieces_of(value: Value) -> Iterator[str]:
    """The known pieces of a message: neither unknown nor printed by a probe."""
    run = ""
    for part in value:
        if isinstance(part, Text) and part.probe is None:
            run += part.text
        else:
            if run:
                yield run
            run = ""
    if run:
        yield run


def unknown_output(probe: Probe, span: Span) -> Value:
    """What a probe prints when nobody says how it turns out."""
    part = Unknown(f"what {probe.tool} prints ({span})", probe=probe.id)
    known = [Text(piece[1:], span, probe.id) if piece.startswith("=") else part for piece in probe.prints]
    return tuple(known) or (Text("", span, probe.id),)


def printed(outcome: Outcome, probe: Probe, span: Span) -> Value:
    """What a probe printed, as a value; the parts nobody can know are unknown."""
    parts: list[Text | Unknown] = []
    for piece in re.split(f"({UNKNOWN_TEXT})", outcome.printed):
        if piece == UNKNOWN_TEXT:
            parts.append(Unknown(f"what {probe.tool} prints ({span})", probe=probe.id))
        elif piece:
            parts.append(Text(piece, span, probe.id))
    return tuple(parts) or (Text("", span, probe.id),)


Handler = Callable[[Command], None]


def separate(
    arguments: list[Value], with_value: str = "", long_with_value: Collection[str] = ()
) -> tuple[dict[str, list[Value]], list[Value]]:
    """Options with their values (single letters and long names without dashes), and the other arguments, after getopt."""
    options: dict[str, list[Value]] = {}
    others: list[Value] = []
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        head = argument[0].text if argument and isinstance(argument[0], Text) else ""
        index += 1
        if head == "--" and len(argument) == 1:
            others.extend(arguments[index:])
            break
        if head.startswith("--"):
            name, _, _ = head[2:].partition("=")
            if "=" in head:
                options.setdefault(name, []).append(_tail(argument, len(name) + 3))
            elif name in long_with_value and index < len(arguments):
                options.setdefault(name, []).append(arguments[index])
                index += 1
            else:
                options.setdefault(name, []).append(EMPTY)
        elif head.startswith("-") and len(head) > 1:
            index += _letters(argument, head, with_value, arguments[index : index + 1], options)
        else:
            others.append(argument)
    return options, others


def before_dashes(arguments: list[Value]) -> list[Value]:
    """A program's own arguments; what follows `--` is for another that it starts."""
    position = next((index for index, argument in enumerate(arguments) if literal(argument) == "--"), len(arguments))
    return arguments[:position]


def _letters(argument: Value, head: str, with_value: str, following: list[Value], options: dict[str, list[Value]]) -> int:
    for position, letter in enumerate(head[1:], 1):
        if letter not in with_value:
            options.setdefault(letter, []).append(EMPTY)
            continue
        rest = _tail(argument, position + 1)
        if rest != EMPTY:
            options.setdefault(letter, []).append(rest)
            return 0
        options.setdefault(letter, []).extend(following)
        return len(following)
    return 0


def _tail(argument: Value, start: int) -> Value:
    first, *others = argument
    tail = replace(first, text=first.text[start:]) if isinstance(first, Text) else first
    return joined((tail,) if not isinstance(tail, Text) or tail.text else EMPTY, tuple(others))
