"""`logcorr config`: which options are set without being typed, and where."""

from __future__ import annotations

from collections.abc import Iterator

import click

from logcorr.cli import accepting, options


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=options.PLACE, callback=options.existing)
@click.pass_context
def config(context: click.Context, paths: tuple[str, ...]) -> None:
    """Show which options a file and the environment set, and where.

    With PATH, what is in force when that is analysed: a configuration file in there is not read.
    """
    from logcorr.cli.main import commands
    from logcorr.cli.settings import NAMES

    root = context.find_root()
    shown = {f"[{name}]": list(_in_force(root, name, command)) for name, command in commands.all(root).items()}
    shown[f"[[{accepting.KEY}]]"] = list(_accepted(root))
    for header, lines in shown.items():
        for line in [header, *lines] if lines else []:
            click.echo(line)
    if not any(shown.values()):
        click.echo(f"no option is set by the environment or by a {', '.join(NAMES[:-1])} or {NAMES[-1]} from here upward")


def _accepted(root: click.Context) -> Iterator[str]:
    import json

    from logcorr.report.escape import line

    for setting in root.obj:
        if setting.option == accepting.KEY:
            said = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in setting.value.items())
            yield line(f"{', '.join(said)}  # {setting.place}")


def _in_force(root: click.Context, name: str, command: click.Command) -> Iterator[str]:
    import json
    import os

    from logcorr.cli import settings
    from logcorr.report.escape import line

    obeyed = settings.given(root.obj, name, command)
    for key, option in settings.options(command).items():
        variable = settings.variable(name, option)
        if value := os.environ.get(variable):
            yield line(f"{key} = {json.dumps(value, ensure_ascii=False)}  # {variable}")
        elif setting := obeyed.get(key):
            yield line(f"{key} = {json.dumps(setting.value, ensure_ascii=False, default=str)}  # {setting.place}")
