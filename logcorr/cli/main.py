"""The commands, found by the names of their modules. What they need is imported when they run: `--help` needs click alone."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import cast

import click

from logcorr.cli import commands as home
from logcorr.cli import errors, options

GARBAGE = 100_000
"""Objects made before they are looked through for garbage: most are made at the start, and stay."""


class Commands(click.Group):
    """One module of `logcorr.cli.commands` is one command of the same name; it is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(module.name for module in pkgutil.iter_modules(home.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None if there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return cast(click.Command, getattr(importlib.import_module(f"{home.__name__}.{cmd_name}"), cmd_name))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, but what is not loaded yet may have been meant too."""
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None
        if name and command and not ctx.resilient_parsing:
            self._configure(ctx, name, command, rest)
        return name, command, rest

    def all(self, ctx: click.Context) -> dict[str, click.Command]:
        """All commands by name; imports them."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return {name: command for name, command in found.items() if command}

    def _configure(self, ctx: click.Context, name: str, command: click.Command, rest: list[str]) -> None:
        """Let the environment and a file say what was not typed; not where only help is asked for, which must not fail."""
        child = click.Context(command, info_name=name, parent=ctx, resilient_parsing=True)
        typed, _, _ = command.make_parser(child).parse_args(args=list(rest))
        asks_help = command.get_help_option(child)
        if asks_help and asks_help.name in typed:
            return
        from logcorr.cli import settings

        settings.obey(ctx, name, command, typed, lambda: self.all(ctx))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="logcorr", message="%(prog)s %(version)s")
@click.option(
    "--config",
    type=options.PLACE,
    metavar="FILE",
    envvar="LOGCORR_CONFIG",
    help="Take options from FILE, not from the nearest logcorr.toml.",
)
@click.option("--isolated", is_flag=True, envvar="LOGCORR_ISOLATED", help="Take options from no file.")
@click.option(
    "--color",
    type=options.Choice(["auto", "always", "never"]),
    callback=options.color,
    is_eager=True,
    expose_value=False,
    default="auto",
    show_default=True,
    envvar="LOGCORR_COLOR",
    help="Colour what is printed.",
)
@click.option("--no-progress", is_flag=True, envvar="LOGCORR_NO_PROGRESS", help="Do not tell on a terminal that it takes long.")
def commands(config: str | None, *, isolated: bool, no_progress: bool) -> None:
    """Say what broke, what caused it, why, and what to change: from a folder of logs and configuration.

    Point it at what was collected after an incident: logs, crontabs, scripts, compose files, nginx configuration. Nothing is
    executed, nothing leaves the machine.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 ran, 2 usage, 3 nothing recognised, 5 internal error, 130 interrupted."""
    gc.set_threshold(GARBAGE)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's other threads would spin for 50 ms, and multiply nothing
    sys.exit(errors.guarded(lambda: commands.main(arguments, prog_name="logcorr", standalone_mode=False)))
