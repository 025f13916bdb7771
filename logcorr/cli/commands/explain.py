"""`logcorr explain`: the page of a rule."""

from __future__ import annotations

import click


@click.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Explain a rule, by its name or code.

    What it looks for, why it matters, what it does not see, what to do.
    """
    from logcorr import plugins
    from logcorr.cli import output

    output.show_page(rule, plugins.rules())
