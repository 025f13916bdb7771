"""What happens when a command has ended: `set -e`, the ERR and EXIT traps."""

from __future__ import annotations

from collections.abc import Sequence

from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import Flow, Path
from logcorr.semantics.shell.values import first_span


def failing(machine: Machine, paths: Sequence[Path]) -> list[Path]:
    """Apply `set -e` to commands that have just ended."""
    if machine.checked:
        return list(paths)
    return [way for path in paths for way in errexit(machine, path)]


def errexit(machine: Machine, path: Path) -> list[Path]:
    """Under `set -e` a failed command ends the shell; its ERR trap runs before."""
    if path.flow is not None or machine.checked or not ({"errexit"} & path.options or "ERR" in path.traps):
        return [path]
    results = []
    for way, succeeded in machine.settled(path, assume="errexit" in path.options):
        if succeeded:
            results.append(way)
            continue
        for after in _trapped(machine, way, "ERR"):
            if "errexit" in after.options and after.flow is None:
                after.flow = Flow("exit")
            results.append(after)
    return results


def _trapped(machine: Machine, path: Path, signal: str) -> list[Path]:
    code = path.traps.get(signal)
    if not code:
        return [path]
    path.traps = path.traps.without(signal)
    status, flow = path.status, path.flow
    path.flow = None
    source = machine.code(code, first_span(code) or machine.span(machine.source.tree))
    with machine.reading(source):
        ways = machine.run(source.tree, path)
    for way in ways:
        way.status = status if way.flow is None else way.status
        way.flow = way.flow or flow
        way.traps = way.traps.put(signal, code)
    return ways


def finish(machine: Machine, path: Path) -> None:
    """The end of the script on one path: its EXIT trap runs."""
    for way in _trapped(machine, path, "EXIT"):
        if way.flow is None or way.flow.kind != "endless":
            machine.record.end(way)
