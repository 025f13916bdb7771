"""A list of everything an evaluation meets: probes and effects with their numbers, facts, problems, and how paths end."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from logcorr.model.behaviour import Call, Effect, Outcome, Probe
from logcorr.model.facts import ScheduledJob
from logcorr.model.source import Problem, Span
from logcorr.semantics.shell.facts import Message, Sleep
from logcorr.semantics.shell.path import Flow, Path
from logcorr.semantics.shell.values import Value, could_be, literal

Noted = Call | ScheduledJob | Message | Sleep


class Record(Struct):
    """What was met. Probes and effects keep their numbers from one evaluation of a script to the next.

    `expects` holds what each probe's output was compared with, `listed` the outcomes it was given when nobody said which can
    occur; `met` the effects that ran on any path; `ended` the paths' ends; `cut` says that some way was not followed.
    `strange` are the sites of effects with words that an earlier evaluation, which numbered them, did not meet; `unnamed` those
    of commands whose name is not known.
    """

    probes: dict[tuple[object, ...], Probe] = field(default_factory=dict)
    effects: dict[tuple[object, ...], Effect] = field(default_factory=dict)
    expects: dict[int, dict[str, None]] = field(default_factory=dict)
    listed: dict[int, tuple[Outcome, ...]] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)
    ended: list[Path] = field(default_factory=list)
    facts: dict[Noted, None] = field(default_factory=dict)
    problems: dict[Problem, None] = field(default_factory=dict)
    cut: bool = False
    numbered: bool = False
    strange: set[tuple[Span, str, str]] = field(default_factory=set)
    unnamed: set[Span] = field(default_factory=set)

    def after(self) -> Record:
        """The record for another evaluation of the same script."""
        return Record(
            probes=dict(self.probes),
            effects=dict(self.effects),
            expects={probe: dict(values) for probe, values in self.expects.items()},
            numbered=True,
        )

    def note(self, fact: Noted) -> None:
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
            other = next((other for other in self.effects.values() if _site(effect) == _site(other)), None)
            if other is not None:
                self.met.add(other.id)
                if path.broken:
                    path.did(other.id)
                return
        if known is None and self.numbered:
            self.strange.add(_site(effect))
        if known is None:
            known = self.effects[key] = replace(effect, id=len(self.effects) + 1, guard=path.guards)
        self.met.add(known.id)
        path.did(known.id)

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
        elif known.yields == "exit" != probe.yields:
            known = self.probes[key] = replace(known, yields=probe.yields)
        return known, True

    def may_have_run(self, effect: Effect) -> bool:
        """Whether it was met, or may hide: some way was not followed, the command had other words, or its name is not known."""
        if effect.id in self.met or self.cut or _site(effect) in self.strange:
            return True
        return any(_overlap(effect.span, span) for span in self.unnamed)

    def unknown_name(self, name: Value, functions: Iterable[str], spans: Iterable[Span]) -> bool:
        """A command whose name is not known may be what stands there with a known one; whether it may be a function."""
        self.unnamed.update(spans)
        called = any(could_be(name, function) for function in functions)
        self.cut |= called
        return called

    def compare(self, value: Value, *expected: str) -> None:
        """Note what a probe's output is compared with."""
        for part in value:
            if part.probe is not None:
                self.expects.setdefault(part.probe, {}).update(dict.fromkeys(expected))

    def end(self, path: Path) -> None:
        """A path's end, and that of the ways that were one with it."""
        self.ended.append(path)
        if path.aside:
            other = path.copy()
            other.ran, other.broken = path.aside.ran, path.aside.broken
            self.ended.append(other)

    def endless(self, path: Path, assume: str | None) -> None:
        """A path that goes round a loop for ever; `assume` says the loop ends, where it may."""
        path.flow = Flow("endless")
        if assume:
            path.fail(assume)
        self.end(path)


def _overlap(one: Span, other: Span) -> bool:
    return one.path == other.path and one.line <= other.end_line and other.line <= one.end_line


def _site(effect: Effect) -> tuple[Span, str, str]:
    return effect.span, effect.action, effect.manager
