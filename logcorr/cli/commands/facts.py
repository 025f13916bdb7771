"""`logcorr facts`: what was understood of configuration."""

from __future__ import annotations

import click

from logcorr.cli import options


@click.command()
@options.PATHS
@click.option(
    "-f", "--format", "form", type=options.Choice(["text", "json"]), default="text", show_default=True, help="What to print."
)
@click.option("--request", metavar="REQUEST", help="Ask what nginx would answer: 'GET http://localhost/health'.")
@click.option("--at", metavar="TIME", callback=options.instant, help="Tell the jobs' runs after TIME, not after the logs.")
@click.option("--tz", metavar="ZONE", help="The host's time zone, where nothing collected says it.")
def facts(*, paths: tuple[str, ...], form: str, request: str | None, at: options.Instant, tz: str | None) -> None:
    """Show what was understood of scripts and configuration.

    What scripts ask and do, when jobs run, what compose and nginx define, each with its place; and what could not be understood.
    """
    import logcorr
    from logcorr.cli import output
    from logcorr.cli.waiting import waiting

    with waiting("reading"):
        understood = logcorr.facts(paths, at=at, tz=tz, request=request)
    output.show_facts(understood, form)
