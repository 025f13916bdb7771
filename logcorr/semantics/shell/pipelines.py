"""Commands joined by pipes."""

from __future__ import annotations

from logcorr.grammar.shell.tree import Node, Pipeline
from logcorr.lazily import regex
from logcorr.semantics.shell.endings import failing
from logcorr.semantics.shell.expansion import left
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.merging import merged
from logcorr.semantics.shell.path import CAPTURED, FAILURE, SUCCESS, Array, Path, Status
from logcorr.semantics.shell.values import EMPTY, text


def pipeline(machine: Machine, node: Pipeline, path: Path) -> list[Path]:
    """Commands joined by pipes, or one with `!` before it."""
    if len(node.commands) == 1:
        with machine.asking():
            ways = machine.run(node.commands[0], path)
    else:
        ways = _piped(machine, node, path)
    if not node.negated:
        return failing(machine, ways)
    results = []
    for way in ways:
        for branch, succeeded in machine.settled(way) if way.flow is None else [(way, True)]:
            branch.status = (FAILURE if succeeded else SUCCESS) if branch.flow is None else branch.status
            results.append(branch)
    return merged(results)


def _piped(machine: Machine, node: Pipeline, path: Path) -> list[Path]:
    """Commands joined by pipes, taken one after the other; each is a process of its own."""
    before, stdin, sinks = path.output, path.stdin, path.sinks
    stages: list[tuple[Path, tuple[Status, ...]]] = [(path, ())]
    for index, command in enumerate(node.commands):
        last = index + 1 == len(node.commands)
        following: list[tuple[Path, tuple[Status, ...]]] = []
        reader = None if last else _program(machine, node.commands[index + 1])
        for way, statuses in stages:
            child = way.copy()
            child.output = before if last else EMPTY
            child.sinks = sinks if last else (CAPTURED, CAPTURED if sinks[1] == CAPTURED else sinks[1])
            with machine.feeding(reader):
                results = machine.run(command, child)
            for result in results:
                if result.flow is not None and result.flow.kind == "endless":
                    continue
                parent = left(way, result)
                parent.stdin, parent.output = (stdin, result.output) if last else (result.output, EMPTY)
                kept = result.status if last or "pipefail" in path.options or "PIPESTATUS" in machine.source.text else SUCCESS
                following.append((parent, (*statuses, kept)))
        stages = _merged_stages(following)
    return [_piped_end(way, statuses) for way, statuses in stages]


_WRAPPED = regex(r"\s*(?:sudo\s+)?(?:-\S+\s+)*(?P<name>[\w./-]+)")


def _program(machine: Machine, node: Node) -> str | None:
    """The name of the program at the receiving end of a pipe, as far as the text shows it."""
    match = _WRAPPED.match(machine.source.text, node.start, node.end)
    return match["name"].rpartition("/")[2] if match else None


def _merged_stages(stages: list[tuple[Path, tuple[Status, ...]]]) -> list[tuple[Path, tuple[Status, ...]]]:
    groups: dict[tuple[Status, ...], list[Path]] = {}
    for way, statuses in stages:
        groups.setdefault(statuses, []).append(way)
    return [(way, statuses) for statuses, ways in groups.items() for way in merged(ways)]


def _piped_end(path: Path, statuses: tuple[Status, ...]) -> Path:
    known = [text(str(status.code)) if status.code is not None else None for status in statuses]
    items = tuple((str(index), value) for index, value in enumerate(known) if value is not None)
    path.set("PIPESTATUS", Array(items, whole=None not in known))
    path.status = statuses[-1]
    if "pipefail" in path.options:
        path.status = _strictest(statuses)
    return path


def _strictest(statuses: tuple[Status, ...]) -> Status:
    """The last failure among the statuses, success without one."""
    failed = [status for status in statuses if status.code or status.failed]
    unsure = [status for status in statuses if status.code is None and status.failed is None]
    if failed:
        return failed[-1] if not unsure else Status(None, "a pipeline", failed=True)
    if len(unsure) < 2:
        return unsure[0] if unsure else SUCCESS
    origin = " | ".join(status.origin for status in unsure)
    return Status(
        None, origin, assume=_all(tuple(status.assume for status in unsure)), asked=any(status.asked for status in unsure)
    )


def _all(assumptions: tuple[str | None, ...]) -> str | None:
    given = [assumption for assumption in assumptions if assumption is not None]
    return "; ".join(given) if len(given) == len(assumptions) else None
