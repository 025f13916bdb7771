"""`logcorr checklist`: what to collect, as a script."""

from __future__ import annotations

from typing import TextIO

import click

from logcorr.cli import options


@click.command()
@click.argument("result", required=False, type=click.File(encoding="utf-8", errors="replace"))
@click.option("--since", metavar="TIME", callback=options.instant, help="Collect logs from here on; else of the last day.")
def checklist(result: TextIO | None, since: options.Instant) -> None:
    """Print a script that collects on a host what logcorr reads.

    It only reads. With RESULT, a document that `analyze -o result.json` wrote, it collects only what is missing there.
    """
    from logcorr.report.checklist import script
    from logcorr.report.saved import loaded

    click.echo(script(since, loaded(result.read(), "missing") if result else None), nl=False)
