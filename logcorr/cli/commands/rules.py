"""`logcorr rules`: the list."""

from __future__ import annotations

import click


@click.command()
def rules() -> None:
    """List the rules."""
    from logcorr import plugins
    from logcorr.cli import output

    output.show_rules(plugins.rules().values())
