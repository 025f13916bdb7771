"""`logcorr mcp`: a server for agents."""

from __future__ import annotations

import click

from logcorr.cli import options


@click.command()
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=options.PLACE,
    metavar="DIR",
    required=True,
    callback=options.existing,
    help=options.SERVED_HELP,
)
@click.option("--redact/--no-redact", default=True, show_default=True, help="Replace secrets and identities in all answers.")
def mcp(roots: tuple[str, ...], *, redact: bool) -> None:
    """Serve agents over the Model Context Protocol, on standard input and output.

    They can analyse what is below the roots, ask for events, findings and lines, and change nothing.
    """
    from pathlib import Path

    from logcorr.mcp import serve

    serve([Path(root) for root in roots], redact=redact)
