"""Code that runs where nothing of this shell's state is: on another host, in a container."""

from __future__ import annotations

from msgspec.structs import replace

from logcorr.semantics.shell.calls import run_code
from logcorr.semantics.shell.command import Command
from logcorr.semantics.shell.expansion import left
from logcorr.semantics.shell.merging import merged
from logcorr.semantics.shell.path import Path, Place
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import Unknown, Value


def on_host(host: str, command: Command, code: Value) -> None:
    """Run code on another host: nothing of this shell's state is there."""

    def prepare(child: Path) -> None:
        child.place = Place((Unknown(f"the home directory on {host}"),), remote=host)
        child.variables, child.functions, child.files = Store(), Store(), Store()
        child.arguments, child.script = (), "sh"

    run_code(command, code, prepare)


def in_container(container: str, command: Command, arguments: list[Value]) -> None:
    """Run a command inside a container."""
    machine, path = command.machine, command.path

    def ways() -> list[Path]:
        child = path.copy()
        child.place = replace(child.place, container=container, directory=(Unknown(f"the directory in {container}"),))
        child.functions, child.files, child.variables = Store(), Store(), Store()

        def act(way: Path) -> None:
            command.run(machine, way, arguments, command.span, command.words)

        return merged([left(path, way) for way in machine.alternatives(child, act)])

    machine.proceed(path, ways)
