"""What the whole collected configuration would do: every job and script interpreted, every effect's reach proved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.behaviour import Effect, Probe
from logcorr.model.case import Behaviour, Entity, ProvedEffect, RunningStack
from logcorr.model.facts import ComposeFile, Fact, NginxFile, ScheduledJob, Script, Setting, of_kind
from logcorr.model.source import Problem, Span
from logcorr.semantics import topology
from logcorr.semantics.aimed import aimed
from logcorr.semantics.hooks import at_most, followed, leads_nowhere
from logcorr.semantics.instead import instead
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.paths import folder_of, normal
from logcorr.semantics.probing import World, ask, outcomes, telling_outcomes
from logcorr.semantics.programs import as_scripts, in_its_words, no_proof
from logcorr.semantics.reader import Reader, Resolver, Scripts
from logcorr.semantics.shell import Interpretation
from logcorr.semantics.stack import running_stack, used_files

PID_FILE = regex(r"/(?P<name>[\w.-]+)\.pid\b")

HOLDS = regex(r"\s*(?:local |export |readonly )?(?P<name>\w+)=[\"']?(?:\$\(|`)")
"""How a line begins that puts what a command prints into a variable."""

SHELLS = ("sh", "bash", "dash", "ash", "zsh")
NAME_BYTES = 15
"""As long as a process's name is at most: comm in proc_pid_comm(5)."""

PLAIN_WORD = regex(r"[\w.-]+")
"""A pattern that may as well be a name; whether anything goes by it is another question."""

Source = ScheduledJob | Script


class Understanding(Struct, frozen=True, kw_only=True):
    """The configuration, understood: every behaviour, the things that run, and what answers.

    `of_job` holds what each job does: the behaviour of its command, then those that this one leads to.
    """

    behaviours: tuple[Behaviour, ...]
    of_job: Mapping[ScheduledJob, tuple[Behaviour, ...]]
    entities: tuple[Entity, ...]
    stack: RunningStack | None
    nginx: str
    world: World
    problems: tuple[Problem, ...] = ()


def understand(facts: Sequence[Fact], files: frozenset[str], reader: Reader | None = None) -> Understanding:
    """Interpret every job, and every script that no job leads to; then prove how far each effect is reached.

    What `reader` has read before, of scripts whose texts are the same, is not interpreted again.
    """
    reader = reader or Reader()
    programs = as_scripts(facts)
    whole = {script.span.path: script for script in of_kind(Script, facts) if script.span.line == 1}
    scripts = {**_settings(facts), **programs, **whole}
    alone = tuple(programs.values())
    read = _interpret_all((*facts, *alone), scripts, reader)
    installed = _installed(facts, read)
    read = _interpret_all((*facts, *alone, *installed), scripts, reader) if installed else read
    things = topology.entities(facts, files)
    stack = running_stack(facts, [effect for one in read.values() for effect in one.effects])
    targets = _Targets(facts, files, things, stack)
    world = World(running_nginx(facts, stack), stack.services if stack else ())
    behaviours = {source: _behaviour(one, world, targets, _called(one, scripts), programs) for source, one in read.items()}
    of_job = _of_jobs(behaviours)
    for job, does in of_job.items():
        if leads_nowhere(job, does):
            behaviours[job] = replace(does[0], understood=False)
            of_job[job] = (behaviours[job],)
    return Understanding(
        behaviours=tuple(behaviours.values()),
        of_job=of_job,
        entities=things,
        stack=stack,
        nginx=topology.nginx_name(facts),
        world=world,
        problems=tuple(dict.fromkeys(problem for one in read.values() for problem in one.problems)),
    )


def _settings(facts: Sequence[Fact]) -> dict[str, Script]:
    """Files of settings by path, as the assignments that a script which sources one gets, each on its own line."""
    lines: dict[str, dict[int, str]] = {}
    for setting in of_kind(Setting, facts):
        value = re.sub(r'(["\\`])', r"\\\1", setting.value)
        if setting.name.isidentifier() and "\n" not in value:
            lines.setdefault(setting.span.path, {})[setting.span.line] = f'{setting.name}="{value}"'
    return {
        path: Script(
            span=Span(path, 1, max(of_file)),
            name=path,
            text="\n".join(of_file.get(number, "") for number in range(1, max(of_file) + 1)),
        )
        for path, of_file in lines.items()
    }


def _of_jobs(behaviours: Mapping[Source, Behaviour]) -> dict[ScheduledJob, tuple[Behaviour, ...]]:
    """What each job does, that it leads to without naming it included."""
    jobs = {source: behaviour for source, behaviour in behaviours.items() if isinstance(source, ScheduledJob)}
    others = [behaviour for source, behaviour in behaviours.items() if isinstance(source, Script)]
    return {job: followed(job, jobs, others) for job in jobs}


def _interpret_all(facts: Sequence[Fact], files: Scripts, reader: Reader) -> dict[Source, Interpretation]:
    """Jobs first, then commands in units and workflows, then files: a script is understood where it is called, not once more."""
    read: dict[Source, Interpretation] = {}
    for job in of_kind(ScheduledJob, facts):
        command = Script(span=job.span, name=job.command, text=job.command, directory=_home(job))
        read[job] = reader.read((command, job.environment, ()), files)
    reached = {called.span for one in read.values() for called in _called(one, files) if called}
    jobs = {job.span for job in of_kind(ScheduledJob, facts)}
    scripts = [script for script in of_kind(Script, facts) if script.span not in jobs]
    for script in sorted(scripts, key=_is_whole_file):
        if script.span not in reached:
            read[script] = reader.read((script, (), None), files)
            reached |= {called.span for called in _called(read[script], files) if called}
    return read


def _installed(facts: Sequence[Fact], read: Mapping[Source, Interpretation]) -> list[ScheduledJob]:
    """The cron lines that scripts install; none where a table was collected, which says what is installed."""
    if any(job.scheduler == "cron" for job in of_kind(ScheduledJob, facts)):
        return []
    return list(dict.fromkeys(job for one in read.values() for job in one.installs))


def _is_whole_file(script: Script) -> bool:
    """Whether it is a file by itself; what is part of another (a unit's ExecStart=, a workflow's step) may call it."""
    return script.span.line == 1


def _called(read: Interpretation, files: Scripts) -> list[Script | None]:
    """The collected scripts that one leads to; None for each that was not collected."""
    resolve = Resolver(files, read.script.span.path)
    return [resolve(call.path, None) if call.path else None for call in read.calls]


def _home(job: ScheduledJob) -> str | None:
    """Where cron starts a command: its user's home, known only for root."""
    return dict(job.environment).get("HOME") or ("/root" if job.user == "root" else None)


def running_nginx(facts: Sequence[Fact], stack: RunningStack | None) -> Nginx | None:
    """The nginx that the collected configuration describes, read where its container mounts it; None where none was collected."""
    files = tuple(of_kind(NginxFile, facts))
    return Nginx.of(files, mounts=_nginx_mounts(facts, stack)) if files else None


def _nginx_mounts(facts: Sequence[Fact], stack: RunningStack | None) -> dict[str, str]:
    """Where the running nginx container's configuration paths come from: container path to collected path."""
    if not stack:
        return {}
    base = folder_of(stack.compose_paths[0])
    services = [service for service in stack.services if topology.is_nginx(service)]
    return {mount.target: normal(mount.source, base) for service in services for mount in service.mounts}


def _behaviour(
    read: Interpretation, world: World, targets: _Targets, called: list[Script | None], programs: Scripts
) -> Behaviour:
    answered = {probe.id: ask(probe, world) for probe in read.probes}
    possible = {number: outcomes(answer) for number, answer in answered.items()}
    effects = [aimed(effect, read.probes, (read.script, *called)) for effect in read.effects]
    reached = [(effect, at_most(read.reach(effect, possible), read.script, targets.facts)) for effect in read.effects]
    proofs = [no_proof(proof) if effect.span.path in programs else proof for effect, proof in reached]
    decided = {probe.id: read.decided_by(probe, telling_outcomes(probe)) for probe in read.probes}
    proved = tuple(
        ProvedEffect(
            effect=in_its_words(effect, targets.facts),
            proof=proof,
            probes=tuple(
                answered[probe.id]
                for probe in read.probes
                if effect.id in decided[probe.id] or _looks_at(effect, probe, (read.script, *called))
            ),
            hits=targets.of(effect),
            certain=targets.certain(effect),
            compose_paths=targets.compose_paths(effect),
            instead=() if effect.span.path in programs else _instead((read.script, *called), effect.span),
        )
        for effect, proof in zip(effects, proofs, strict=True)
    )
    pause = next((sleep for sleep in read.sleeps if sleep.loop and sleep.seconds), None)
    return Behaviour(
        script=read.script,
        understood=all(one and one.span.path not in programs for one in (read.script, *called)) and not read.problems,
        probes=read.probes,
        effects=tuple(effects),
        proved=proved,
        calls=read.calls,
        says=tuple((message.pieces, message.span) for message in read.messages if message.pieces),
        pause_s=pause.seconds if pause else None,
        loop=pause.loop if pause else None,
    )


def _instead(scripts: Iterable[Script | None], place: Span) -> tuple[Span, ...]:
    held = (one for one in scripts if one and one.span.path == place.path and one.span.line <= place.line <= one.span.end_line)
    return next((instead(script, place) for script in held), ())


def _looks_at(effect: Effect, probe: Probe, scripts: Iterable[Script | None]) -> bool:
    """Whether the effect's guard looks at a variable that holds what the probe printed, or made of it (`up=$(… | wc -l)`)."""
    place = probe.span
    script = next((one for one in scripts if one and one.span.path == place.path and one.span.line <= place.line), None)
    if script is None or probe.purpose != "asks":
        return False
    lines = script.text.split("\n")[place.line - script.span.line :]
    held = HOLDS.match(lines[0]) if lines else None
    return held is not None and any(re.search(rf"\$\{{?{held['name']}\b", text) for text, _ in effect.guard)


def _pattern_occurs(pattern: str, command: str) -> bool:
    """Whether pkill would find the pattern in a command line; never for what is no pattern.

    The pattern is somebody's text: polars' engine takes linear time for any, where Python's can take for ever.
    """
    try:
        return bool(pl.Series([command]).str.contains(pattern)[0])
    except pl.exceptions.ComputeError:
        return False


def _process_name(command: str) -> str:
    """What Linux calls a process that such a command starts, by its program's file; all of it, where a shell starts others."""
    words = [word.rpartition("/")[2] for word in command.split()]
    program = next((word for word in words if word != "env" and "=" not in word), "")
    return command if program in SHELLS and "-c" in words else program[:NAME_BYTES]


class _Targets(Struct, frozen=True):
    """What an effect acts on, by the names of entities."""

    facts: Sequence[Fact]
    files: frozenset[str]
    things: tuple[Entity, ...]
    stack: RunningStack | None

    def of(self, effect: Effect) -> tuple[str, ...]:
        """The entities that the effect hits; for a whole compose project, the services its files define."""
        if effect.manager == "process":
            words = [target for target in effect.targets if PLAIN_WORD.fullmatch(target)]
            return tuple(dict.fromkeys(self._processes(effect) or words))
        if effect.targets:
            found = (topology.find(target, self.things) for target in effect.targets)
            return tuple(dict.fromkeys(thing.name if thing else name for thing, name in zip(found, effect.targets, strict=True)))
        if effect.manager == "compose":
            return self._services(effect)
        return ()

    def certain(self, effect: Effect) -> bool:
        """Whether `of` is all the effect hits: its targets are named, or the compose files behind it were collected."""
        if effect.manager == "process":
            return bool(self._processes(effect))
        return bool(effect.targets) or bool(self.compose_paths(effect)) or effect.manager == "nginx"

    def compose_paths(self, effect: Effect) -> tuple[str, ...]:
        """The collected files that a compose command works through."""
        return (
            ()
            if effect.manager != "compose"
            else used_files(effect, [file.span.path for file in of_kind(ComposeFile, self.facts)])
        )

    def _processes(self, effect: Effect) -> list[str]:
        """What the effect's patterns and pid files are known to mean."""
        return [name for target in effect.targets for name in self._meant(target, by_name=effect.by_name)]

    def _meant(self, target: str, *, by_name: bool) -> list[str]:
        """The things that go by a pattern as their name, or are started with a command it occurs in; or a pid file's one."""
        pid_file, listening = PID_FILE.search(target), topology.at_port(target, self.facts, self.files)
        if listening is not None:
            return listening
        if pid_file:
            own = topology.of_pid_file(pid_file["name"], self.things)
            return [own.name if own else pid_file["name"]]
        named = topology.find(target, self.things)
        started = [] if "<" in target else topology.commands(self.facts)  # a part that is not known stands in angle brackets
        seen = ((name, _process_name(command) if by_name else command) for name, command in started)
        return [*([named.name] if named else []), *(name for name, text in seen if _pattern_occurs(target, text))]

    def _services(self, effect: Effect) -> tuple[str, ...]:
        paths = self.compose_paths(effect)
        if effect.compose_files and not paths:
            return ()
        files = [file for file in of_kind(ComposeFile, self.facts) if file.span.path in paths]
        services = [service for file in files for service in file.services] or (self.stack.services if self.stack else ())
        return tuple(dict.fromkeys(service.name for service in services))
