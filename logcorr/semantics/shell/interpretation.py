"""What a script would do, and how far each effect of it is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, product
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from logcorr.model.behaviour import Call, Effect, Outcome, Probe, Reach, ReachProof
from logcorr.model.facts import Fact, ScheduledJob, Script
from logcorr.model.source import Problem
from logcorr.semantics.shell.bounded import Overflow
from logcorr.semantics.shell.cron import installed_files
from logcorr.semantics.shell.endings import finish
from logcorr.semantics.shell.facts import Allowed, Message, Resolve, Sleep
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.outcomes import any_outcomes
from logcorr.semantics.shell.path import Path, Place, Sink
from logcorr.semantics.shell.record import Record
from logcorr.semantics.shell.source import Source
from logcorr.semantics.shell.sources import Sources
from logcorr.semantics.shell.statements import execute
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import Value, text, unknown

F = TypeVar("F", bound=Fact)
_Kind = tuple[str, int]

MOST_CASES = 48
MOST_WORK = 1_600
"""So many commands are evaluated to answer questions about one script; no further question is then begun."""
MOST_SURVEYED = 1_200
"""Of a script in which so many commands were met, no way is followed to its end within the bounds of a question."""
NO_ENVIRONMENT: Mapping[str, str] = {}


def no_scripts(path: str, directory: str | None) -> Script | None:
    """No other script was collected."""
    del path, directory
    return None


class Interpretation(Struct, frozen=True, kw_only=True, eq=False):
    """Everything a script may do: found on at least one path through it."""

    script: Script
    probes: tuple[Probe, ...] = ()
    effects: tuple[Effect, ...] = ()
    calls: tuple[Call, ...] = ()
    sleeps: tuple[Sleep, ...] = ()
    installs: tuple[ScheduledJob, ...] = ()
    messages: tuple[Message, ...] = ()
    problems: tuple[Problem, ...] = ()
    _evaluate: Callable[[Allowed], Machine | None]

    def reach(self, effect: Effect, outcomes: Mapping[int, Sequence[Outcome]]) -> ReachProof:
        """How far the effect is reached, given the outcomes each probe can have; a probe left out can have any."""
        everything = self._evaluate(outcomes)
        if everything is None:
            return ReachProof(reach=Reach.MAY, unknown=("the script has too many ways through",))
        if not everything.record.may_have_run(effect):
            return ReachProof(reach=Reach.NEVER)
        if effect.id not in everything.record.met:
            return ReachProof(reach=Reach.MAY, unknown=_doubts(everything))
        runs = _runs(everything, effect)
        if runs:
            return ReachProof(reach=Reach.MUST, assumes=_assumptions(everything, effect))
        cases, doubts = self._cases(effect, outcomes)
        if cases and not any(answer is not False for _, answer in cases):
            return ReachProof(reach=Reach.MAY, cases=cases, unknown=_granted(everything, effect))
        if cases and all(answer is not None for _, answer in cases):
            return ReachProof(reach=Reach.CONDITIONAL, cases=cases, assumes=_assumptions(everything, effect))
        return ReachProof(reach=Reach.MAY, cases=cases, unknown=doubts or _doubts(everything))

    def decided_by(self, probe: Probe, outcomes: Sequence[Outcome]) -> frozenset[int]:
        """The effects (by id) whose fate differs between these outcomes of one probe, as far as that can be worked out."""
        if not self.effects:
            return frozenset()
        asked = [self._evaluate({probe.id: (outcome,)}) for outcome in _told_apart(probe, outcomes)]
        machines = [machine for machine in asked if machine is not None]
        fates = [{(effect.id in machine.record.met, _runs(machine, effect)) for machine in machines} for effect in self.effects]
        return frozenset(effect.id for effect, fate in zip(self.effects, fates, strict=True) if len(fate) > 1)

    def _cases(self, effect: Effect, outcomes: Allowed) -> tuple[tuple[tuple[str, bool | None], ...], tuple[str, ...]]:
        """What happens under one outcome a probe at a time, for every combination up to a limit."""
        choices = [(probe, _distinct(outcomes.get(probe.id, any_outcomes(probe)))) for probe in self.probes]
        varied = self._deciding(effect, outcomes, choices)
        cases: dict[str, bool | None] = {}
        doubts: dict[str, None] = {}
        for combination in islice(product(*(options for _, options in varied)), MOST_CASES):
            narrowed = dict(outcomes) | {probe.id: (outcome,) for (probe, _), outcome in zip(varied, combination, strict=True)}
            machine = self._evaluate(narrowed)
            answer = None if machine is None else _answer(machine, effect)
            if machine is not None and answer is None:
                doubts.update(dict.fromkeys(_doubts(machine)))
            names = (f"{probe.tool} at {probe.span}: {outcome.why or outcome.printed.strip() or outcome.exit_code}"
                     for (probe, _), outcome in zip(varied, combination, strict=True))  # fmt: skip
            cases["; ".join(names)] = answer
        return tuple(cases.items()) if varied else (), tuple(doubts)

    def _deciding(
        self, effect: Effect, outcomes: Allowed, choices: list[tuple[Probe, tuple[Outcome, ...]]]
    ) -> list[tuple[Probe, tuple[Outcome, ...]]]:
        """The probes that matter: those whose single outcomes change what happens, at most two when there are many."""
        varied = [choice for choice in choices if len(choice[1]) > 1]
        if len(varied) <= 1:
            return varied or [choice for choice in choices if choice[1]][:1]
        deciding = []
        for probe, options in varied:
            ends = (options[0], options[-1])
            machines = [self._evaluate(dict(outcomes) | {probe.id: (outcome,)}) for outcome in ends]
            facts = [
                None if machine is None else (effect.id in machine.record.met, _runs(machine, effect)) for machine in machines
            ]
            if facts[0] != facts[1]:
                deciding.append((probe, options))
        return deciding[:2] or varied[:1]


def _distinct(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    return tuple(dict.fromkeys(outcomes))


def _told_apart(probe: Probe, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """One outcome of each kind that scripts tell apart: by success, and by what is printed where that is looked at."""
    reads = probe.yields != "exit" or bool(probe.expects)
    return tuple({(outcome.printed if reads else "", outcome.exit_code == 0): outcome for outcome in outcomes}.values())


def _runs(machine: Machine, effect: Effect) -> bool:
    """Whether the effect runs on every path on which all assumptions hold (or on all, if they never do)."""
    paths = [path for path in machine.record.ended if not path.broken] or machine.record.ended
    return bool(paths) and all(effect.id in path.ran for path in paths)


def _answer(machine: Machine, effect: Effect) -> bool | None:
    if effect.id not in machine.record.met:
        return None if machine.record.may_have_run(effect) else False
    if _runs(machine, effect):
        return True
    sound = [path for path in machine.record.ended if not path.broken and not path.doubts]
    settled = [path for path in machine.record.ended if not path.broken]
    return False if len(sound) == len(settled) and sound and not any(effect.id in path.ran for path in settled) else None


def _assumptions(machine: Machine, effect: Effect) -> tuple[str, ...]:
    return tuple(sorted({assumption for path in machine.record.ended if effect.id not in path.ran for assumption in path.broken}))


def _granted(machine: Machine, effect: Effect) -> tuple[str, ...]:
    """What is taken for granted and would have to fail for the effect to run."""
    return tuple(sorted({assumption for path in machine.record.ended if effect.id in path.ran for assumption in path.broken}))


def _doubts(machine: Machine) -> tuple[str, ...]:
    return tuple(sorted({doubt for path in machine.record.ended if not path.broken for doubt in path.doubts}))[:12]


def interpret(
    script: Script,
    *,
    resolve: Resolve = no_scripts,
    environment: Mapping[str, str] = NO_ENVIRONMENT,
    arguments: tuple[str, ...] | None = (),
) -> Interpretation:
    """Find out what a script would do, without running anything.

    `resolve(path as written, working directory)` gives a collected script that is called or sourced. `environment` holds the
    variables known to be set. `arguments` are the script's own; None when they are not known.
    """
    program = _Program(script, Sources(Source.of_script(script, main=True)), resolve, environment, arguments)
    machine, complete = program.survey()
    problems = tuple(machine.record.problems)
    if not complete:
        problems = (
            *problems,
            Problem(script.span.path, "too many ways through the script; nothing is proved about it", script.span.line),
        )
    return Interpretation(
        script=script, probes=_probes(machine.record), effects=tuple(machine.record.effects.values()), problems=problems,
        calls=_facts(machine, Call), sleeps=_facts(machine, Sleep), installs=_facts(machine, ScheduledJob),
        messages=_facts(machine, Message), _evaluate=program.under,
    )  # fmt: skip


def _tells_more(record: Record, before: Record) -> bool:
    """Whether a probe was compared with something that its outcomes, as listed, do not tell apart."""
    return any(
        any_outcomes(replace(probe, expects=tuple(record.expects.get(probe.id, ())))) != record.listed[probe.id]
        for probe in record.probes.values()
        if probe.id in record.listed and record.expects.get(probe.id) != before.expects.get(probe.id)
    )


def _facts(machine: Machine, kind: type[F]) -> tuple[F, ...]:
    return tuple(fact for fact in machine.record.facts if isinstance(fact, kind))


def _probes(record: Record) -> tuple[Probe, ...]:
    return tuple(replace(probe, expects=tuple(record.expects.get(probe.id, ()))) for probe in record.probes.values())


class _Program(Struct):
    """A script with all it is evaluated with; `base` is the survey, which numbered its probes and effects."""

    script: Script
    sources: Sources
    resolve: Resolve
    environment: Mapping[str, str]
    arguments: tuple[str, ...] | None
    base: Record = field(default_factory=Record)
    answered: dict[tuple[tuple[int, tuple[_Kind, ...]], ...], Machine | None] = field(default_factory=dict)
    work: int = 0
    surveyed: int = 0

    def survey(self) -> tuple[Machine, bool]:
        """Meet everything there is, whatever the probes answer; False if not even coarsely every way was followed."""
        machine, complete = self._run(None)
        if not complete:
            machine, complete = self._run(None, coarse=True)
        self.base, self.surveyed = machine.record, machine.commands
        return machine, complete

    def under(self, allowed: Allowed) -> Machine | None:
        """Evaluate with the outcomes that can occur, once for each question; None if that is too much work."""
        narrowed = self._narrowed(allowed)
        key = tuple(sorted((number, tuple(sorted(kinds))) for number, kinds in narrowed.items()))
        if key not in self.answered:
            outcomes = {number: tuple(kinds.values()) for number, kinds in narrowed.items()}
            worth_it = self.work < MOST_WORK and self.surveyed < MOST_SURVEYED
            self.answered[key] = self._told_apart(outcomes) if worth_it else None
        return self.answered[key]

    def _narrowed(self, allowed: Allowed) -> dict[int, dict[_Kind, Outcome]]:
        """The probes that cannot have any outcome, each with those it can have and that the script can tell apart."""
        probes = {probe.id: probe for probe in _probes(self.base)}
        narrowed = {}
        for number, outcomes in allowed.items():
            kinds = self._kinds(probes[number], outcomes)
            if kinds.keys() != self._kinds(probes[number], any_outcomes(probes[number])).keys():
                narrowed[number] = kinds
        return narrowed

    def _kinds(self, probe: Probe, outcomes: Sequence[Outcome]) -> dict[_Kind, Outcome]:
        """Outcomes by what they print, where that is kept, and by their status: by whether it is 0, unless the script counts."""
        reads, counts = probe.yields != "exit" or bool(probe.expects), self.sources.counts
        return {
            (outcome.printed if reads else "", outcome.exit_code if counts else min(outcome.exit_code, 1)): outcome
            for outcome in reversed(outcomes)
        }

    def _told_apart(self, allowed: Allowed) -> Machine | None:
        """Evaluate until no new expected value turns up: an outcome is only listed once the script is known to tell it apart."""
        machine, complete = self._run(allowed)
        while complete and _tells_more(machine.record, self.base):
            self.base.expects = machine.record.expects
            machine, complete = self._run(allowed)
        return machine if complete else None

    def _run(self, allowed: Allowed | None, *, coarse: bool = False) -> tuple[Machine, bool]:
        record = Record() if allowed is None else self.base.after()
        machine = Machine(
            execute,
            self.sources,
            record,
            resolve=self.resolve,
            allowed=allowed,
            interpreter=self.script.interpreter,
            coarse=coarse,
        )
        try:
            for path in machine.run(self.sources.main.tree, self._start()):
                installed_files(machine, path, self.script.span)
                finish(machine, path)
            machine.unreached()
        except (Overflow, RecursionError):
            return machine, False
        finally:
            self.work += 0 if allowed is None else machine.commands
        return machine, True

    def _start(self) -> Path:
        directory = text(self.script.directory) if self.script.directory else unknown("the working directory", "$PWD")
        path = Path(Place(directory), script="", sinks=(Sink("terminal"), Sink("terminal")))
        path.arguments = None if self.arguments is None else tuple(text(argument) for argument in self.arguments)
        path.variables = Store({name: text(value) for name, value in self.environment.items()})
        return path


__all__ = ["Interpretation", "Value", "interpret", "no_scripts"]
