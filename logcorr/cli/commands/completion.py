"""`logcorr completion`: the script that makes a shell complete commands, options and their values."""

from __future__ import annotations

import click

from logcorr.cli import options


@click.command()
@click.argument("shell", type=options.Choice(["bash", "fish", "zsh"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands and options.

    In bash: source <(logcorr completion bash). In zsh the same; in fish: logcorr completion fish | source.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # click has these three
    complete = found(context.find_root().command, {}, "logcorr", "_LOGCORR_COMPLETE")
    click.echo(ShellComplete.source(complete))  # bash's own one would run bash to see its version
