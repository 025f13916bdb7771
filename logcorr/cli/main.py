"""The commands, found by the names of their modules. What they need is imported when they run: `--help` needs click alone."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from typing import cast

import click

from logcorr.cli import commands as home
from logcorr.cli import errors

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
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="logcorr", message="%(prog)s %(version)s")
def commands() -> None:
    """Say what broke, what caused it, why, and what to change: from a folder of logs and configuration.

    Point it at what was collected after an incident: logs, crontabs, scripts, compose files, nginx configuration. Nothing is
    executed, nothing leaves the machine.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 ran, 2 usage, 3 nothing recognised, 5 internal error, 130 interrupted."""
    gc.set_threshold(GARBAGE)
    sys.exit(errors.guarded(lambda: commands.main(arguments, prog_name="logcorr", standalone_mode=False)))
