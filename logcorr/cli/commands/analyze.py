"""`logcorr analyze`: causes, from a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from logcorr.cli import options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@options.PATHS
@click.option("-f", "--format", "form", type=options.FORMATS, default="full", show_default=True, help="What to print.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=options.PLACE,
    metavar="FILE",
    callback=options.outputs,
    help=options.OUTPUT_HELP,
)
@click.option("--tz", "zones", multiple=True, metavar="[SOURCE=]ZONE", callback=options.zones, help=options.ZONE_HELP)
@click.option("--since", metavar="TIME", callback=options.instant, help="Leave out what was logged before; UTC if no offset.")
@click.option("--until", metavar="TIME", callback=options.instant, help="Leave out what was logged after.")
@click.option(
    "--after", "later", multiple=True, type=options.PLACE, metavar="PATH", callback=options.existing, help=options.AFTER_HELP
)
@click.option("--changed", metavar="TIME", callback=options.instant, help=options.CHANGED_HELP)
@click.option("--lang", type=options.LANGUAGES, default="en", show_default=True, help="Language of reports.")
@click.option("--template", "templates", type=options.PLACE, metavar="DIR", callback=options.folder, help=options.TEMPLATE_HELP)
@click.option("--max-size", "most", metavar="SIZE", callback=options.size, help=options.SIZE_HELP)
@click.option("--redact/--no-redact", "redact", default=None, help=options.REDACT_HELP)
@options.QUIET
@options.VERBOSE
def analyze(
    *,
    paths: tuple[str, ...],
    form: str,
    outputs: tuple[str, ...],
    zones: dict[str | None, str],
    since: options.Instant,
    until: options.Instant,
    later: tuple[str, ...],
    changed: options.Instant,
    lang: str,
    templates: Path | None,
    most: int | None,
    redact: bool | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Find the cause of an incident in folders, files or archives."""
    import logcorr
    from logcorr.cli import output
    from logcorr.cli.accepting import accepted
    from logcorr.cli.waiting import waiting

    with waiting("analysing"):
        analysis = logcorr.analyze(paths, tz=zones or None, since=since, until=until, accept=accepted())
        if later:
            analysis = analysis.compared(logcorr.analyze(later, tz=zones or None), changed=changed)
    style = output.Style(lang, templates, most, quiet, verbose)
    if outputs:  # before anything is printed: who reads may leave early, as `head` does
        leaving = analysis if redact is False else analysis.redacted()
        for path in outputs:
            output.save(leaving, path, style, paths)
    output.show(analysis.redacted() if redact else analysis, form, style, paths)
