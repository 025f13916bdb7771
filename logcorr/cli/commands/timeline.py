"""`logcorr timeline`: the events of all logs."""

from __future__ import annotations

from contextlib import nullcontext

import click

from logcorr.cli import options


@click.command()
@options.PATHS
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only logs of this source (nginx, app…) or path.")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Only events of this service.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind, as upstream.refused, or upstream for all such."
)
@click.option("--level", type=options.LEVELS, help="Only this level and worse ones.")
@click.option("--grep", metavar="PATTERN", help="Only events whose message or a field of theirs matches.")
@click.option("--since", metavar="TIME", callback=options.instant, help="Leave out what was logged before; UTC if no offset.")
@click.option("--until", metavar="TIME", callback=options.instant, help="Leave out what was logged after.")
@click.option("--around", metavar="TIME±SPAN", callback=options.window, help="As --since and --until: 2025-10-16T09:55±90s.")
@click.option("--templates", is_flag=True, help="What messages have in common instead, and how often; the most frequent first.")
@click.option("--downtimes", is_flag=True, help="When services were down instead, whichever logs saw it.")
@click.option("--limit", type=click.IntRange(min=1), metavar="COUNT", help="Stop after so many events.")
@click.option("--tz", "zones", multiple=True, metavar="[SOURCE=]ZONE", callback=options.zones, help=options.ZONE_HELP)
@click.option("-f", "--format", "form", type=options.TABLES, default="table", show_default=True, help="What to print.")
@click.option("-o", "--output", type=options.PLACE, metavar="FILE", help="Write FILE and print nothing; parquet needs it.")
@click.option("--redact/--no-redact", "redact", default=None, help=options.REDACT_HELP)
def timeline(
    *,
    paths: tuple[str, ...],
    sources: tuple[str, ...],
    services: tuple[str, ...],
    kinds: tuple[str, ...],
    level: str | None,
    grep: str | None,
    since: options.Instant,
    until: options.Instant,
    around: options.Window | None,
    templates: bool,
    downtimes: bool,
    limit: int | None,
    zones: dict[str | None, str],
    form: str,
    output: str | None,
    redact: bool | None,
) -> None:
    """Print the events of all logs, merged by time, in UTC.

    What a format's fields are, `jsonl`, `csv` and `parquet` tell; a line that no format knows is an event too, and says so.
    """
    if form == "parquet" and not output:
        raise click.UsageError("parquet is not for the screen: add -o FILE.")
    if templates and downtimes:
        raise click.UsageError("--templates and --downtimes exclude each other.")
    import logcorr
    from logcorr.cli import events
    from logcorr.cli.waiting import waiting

    windows = [(since, until), *([around] if around else [])]
    wanted = events.wanted(sources=sources, services=services, kinds=kinds, level=level, grep=grep, windows=windows)
    found = logcorr.scan(paths, tz=zones or None).filter(wanted)
    with waiting("reading") if output else nullcontext():
        if templates:
            found = events.with_counts(logcorr.templates(found), form)
        elif downtimes:
            found = events.with_ends(logcorr.down_intervals(found), form)
        else:
            found = found.sort("time", nulls_last=True, maintain_order=True)
        found = found if limit is None else found.head(limit)
        leaving = bool(output) if redact is None else redact
        events.write(events.redacted(found) if leaving else found, form, output)
