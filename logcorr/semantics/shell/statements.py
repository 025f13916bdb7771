"""Compound commands: which paths go where. Every function takes one path and gives all the paths that leave the node."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from msgspec.structs import replace

from logcorr.grammar.shell.tree import (
    AndOr,
    Arithmetic,
    ArithmeticFor,
    Background,
    Broken,
    Case,
    For,
    Function,
    Group,
    If,
    Loop,
    Node,
    Pipeline,
    Redirected,
    Simple,
    Test,
)
from logcorr.grammar.shell.tree import (
    Sequence as Commands,
)
from logcorr.semantics.shell import loops, pipelines, redirects
from logcorr.semantics.shell.arithmetic import calculate
from logcorr.semantics.shell.cases import case
from logcorr.semantics.shell.commands import simple
from logcorr.semantics.shell.conditions import Malformed, double_bracket
from logcorr.semantics.shell.endings import failing
from logcorr.semantics.shell.expansion import left, single
from logcorr.semantics.shell.guards import guarded, unguarded
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.merging import merged, withered
from logcorr.semantics.shell.path import FAILURE, SUCCESS, Body, Path, Status
from logcorr.semantics.shell.speech import only_says


def execute(machine: Machine, node: Node, path: Path) -> list[Path]:
    """All paths out of a node."""
    if path.flow is not None:
        return [path]
    return _RUNNERS[type(node)](machine, node, path)


def sequence(machine: Machine, node: Commands, path: Path) -> list[Path]:
    """Commands one after the other."""
    done: list[Path] = []
    paths = [path]
    for command, then in zip_longest(node.commands, node.commands[1:]):
        following = [way for start in paths for way in machine.run(command, start)]
        paths = [way for way in following if way.flow is None]
        if not paths and then is not None and following:
            machine.skip(_rest(node, command), following[-1])
        if len(paths) < len(following):
            done.extend(way if machine.surveys else withered(way) for way in following if way.flow is not None)
        if len(paths) > 1:
            _forget(machine, command, paths)
            paths = machine.widened(_forgotten(machine, then, paths) if then is not None else paths)
    return [*machine.widened(done), *paths] if done else paths


def _forget(machine: Machine, node: Node, paths: list[Path]) -> None:
    """Drop variables that nothing after a command of the script itself can read, so that more paths are equal."""
    source = machine.source
    if not source.main or machine.stack or machine.loops:
        return
    for path in paths:
        path.variables = path.variables.without(*(name for name in path.variables if source.last_use(name) < node.end))


def _forgotten(machine: Machine, node: Node, paths: list[Path]) -> list[Path]:
    """The paths that are about to run a node, without the status of what ran before where it does not look at that."""
    if machine.sources.looks(machine.source, node):
        return paths
    for path in paths:
        path.status = SUCCESS
    return merged(paths)


def _rest(node: Commands, last: Node) -> Commands:
    """The commands after one of a sequence."""
    commands = node.commands[node.commands.index(last) + 1 :]
    return replace(node, commands=commands, start=commands[0].start)


def _and_or(machine: Machine, node: AndOr, path: Path) -> list[Path]:
    before, results, entering = path.guards, list[Path](), list[Path]()
    with machine.asking():
        lefts = machine.run(node.left, path)
    for way in lefts:
        if way.flow is not None:
            results.append(way)
            continue
        for branch, succeeded in machine.settled(way):
            guarded(machine, node.left, branch, holds=succeeded)
            (entering if succeeded == (node.operator == "&&") else results).append(branch)
    results.extend(after for branch in _forgotten(machine, node.right, entering) for after in machine.run(node.right, branch))
    machine.skip(node.right, path)
    return unguarded(machine, node, before, results)


def _if(machine: Machine, node: If, path: Path) -> list[Path]:
    before, results, waiting = path.guards, list[Path](), [path]
    for part in (*(part for arm in node.arms for part in arm), *([node.otherwise] if node.otherwise else [])):
        machine.skip(part, path)
    for condition, body in node.arms:
        entering, still = list[Path](), list[Path]()
        for start in _forgotten(machine, condition, waiting):
            with machine.asking():
                tested = machine.run(condition, start)
            for way in tested:
                if way.flow is not None:
                    results.append(way)
                    continue
                for branch, succeeded in machine.settled(way):
                    guarded(machine, condition, branch, holds=succeeded)
                    (entering if succeeded else still).append(branch)
        results.extend(after for branch in _forgotten(machine, body, entering) for after in machine.run(body, branch))
        waiting = merged(still)
    if node.otherwise is not None:
        waiting = [after for way in _forgotten(machine, node.otherwise, waiting) for after in machine.run(node.otherwise, way)]
    else:
        for way in waiting:
            way.status = SUCCESS
    results.extend(waiting)
    return unguarded(machine, node, before, results)


def _function(machine: Machine, node: Function, path: Path) -> list[Path]:
    path.functions = path.functions.put(node.name, Body(node, machine.source))
    machine.skip(node.body, _called_somehow(path), called=True)
    path.status = SUCCESS
    return [path]


def _called_somehow(path: Path) -> Path:
    way = path.copy()
    way.arguments, way.scopes = None, (*path.scopes, {})
    return way


def _group(machine: Machine, node: Group, path: Path) -> list[Path]:
    if not node.subshell:
        return machine.run(node.body, path)
    return _own_process(machine, node.body, path)


def _own_process(machine: Machine, node: Node, path: Path) -> list[Path]:
    results = []
    for way in machine.run(node, path.copy()):
        if way.flow is not None and way.flow.kind == "endless":
            continue
        results.append(left(path, way))
    return failing(machine, merged(results))


def _background(machine: Machine, node: Background, path: Path) -> list[Path]:
    results = []
    with machine.asking():
        for way in machine.run(node.command, path.copy()):
            after = left(path, way)
            after.output, after.stdin = path.output, path.stdin
            after.flow, after.status = None, SUCCESS
            results.append(after)
    return merged(results)


def _redirected(machine: Machine, node: Redirected, path: Path) -> list[Path]:
    sinks, stdin = path.sinks, path.stdin
    results: list[Path] = []
    for way in machine.alternatives(path, lambda way: redirects.apply(machine, way, node.redirects)):
        for after in machine.run(node.command, way) if way.flow is None else [way]:
            after.sinks = sinks
            if stdin is not way.stdin:
                after.stdin = stdin
            results.append(after)
    return merged(results)


def _test(machine: Machine, node: Test, path: Path) -> list[Path]:
    described = machine.source.text[node.start : node.end]

    def evaluate(way: Path) -> None:
        try:
            way.status = SUCCESS if double_bracket(machine, way, node, described) else FAILURE
        except Malformed:
            way.status = Status(2)

    return failing(machine, machine.alternatives(path, evaluate))


def _arithmetic(machine: Machine, node: Arithmetic, path: Path) -> list[Path]:
    described = machine.source.text[node.start : node.end]

    def evaluate(way: Path) -> None:
        result = calculate(machine, way, single(machine, way, node.expression), machine.span(node))
        if result.failed:
            way.status = FAILURE
        elif result.number is None:
            way.status = Status(None, described, asked=True)
        else:
            way.status = SUCCESS if result.number else FAILURE

    return failing(machine, machine.alternatives(path, evaluate))


def _broken(machine: Machine, node: Broken, path: Path) -> list[Path]:
    last = machine.source.span(max(node.end - 1, node.start), node.end)
    machine.record.complain(last, f"no shell syntax: {node.message}")
    return anything(machine, path, f"unreadable text ({last})")


def anything(machine: Machine, path: Path, what: str) -> list[Path]:
    """After something that cannot be read, the script may go on as before, in any state, or not at all."""

    def fork(way: Path) -> None:
        machine.anything(way, what)

    return machine.alternatives(path, fork)


def _simple(machine: Machine, node: Simple, path: Path) -> list[Path]:
    if only_says(machine, path, node):
        path.status = SUCCESS
        return [path]
    return failing(machine, machine.alternatives(path, lambda way: simple(machine, way, node)))


def _for(machine: Machine, node: For, path: Path) -> list[Path]:
    return loops.over_words(machine, node, path)


def _loop(machine: Machine, node: Loop, path: Path) -> list[Path]:
    return loops.while_or_until(machine, node, path)


def _arithmetic_for(machine: Machine, node: ArithmeticFor, path: Path) -> list[Path]:
    return loops.arithmetic(machine, node, path)


_RUNNERS: dict[type[Node], Callable[..., list[Path]]] = {
    Commands: sequence, AndOr: _and_or, If: _if, Case: case, Function: _function, Group: _group, Background: _background,
    Redirected: _redirected, Pipeline: pipelines.pipeline, Test: _test, Arithmetic: _arithmetic, Broken: _broken, Simple: _simple,
    For: _for, Loop: _loop, ArithmeticFor: _arithmetic_for,
}  # fmt: skip
