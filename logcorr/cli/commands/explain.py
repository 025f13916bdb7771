"""`logcorr explain`: the page of a rule."""

from __future__ import annotations

import click


def _codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from logcorr import plugins

    codes = sorted(word for name, rule in plugins.rules().items() for word in (rule.code, name))
    return [word for word in codes if word.lower().startswith(incomplete.lower())]


@click.command()
@click.argument("rule", shell_complete=_codes)
def explain(rule: str) -> None:
    """Explain a rule, by its name or code.

    What it looks for, why it matters, what it does not see, what to do.
    """
    from logcorr import plugins
    from logcorr.cli import output

    output.show_page(rule, plugins.rules())
