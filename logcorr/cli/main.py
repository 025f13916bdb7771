"""The commands. What they need is imported when they run, so that `logcorr --help` needs click alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from logcorr.cli import errors, options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="logcorr", message="%(prog)s %(version)s")
def commands() -> None:
    """Say what broke, what caused it, why, and what to change: from a folder of logs and configuration.

    Point it at what was collected after an incident: logs, crontabs, scripts, compose files, nginx configuration. Nothing is
    executed, nothing leaves the machine.
    """


@commands.command()
@options.PATHS
@click.option("-f", "--format", "form", type=options.FORMATS, default="full", show_default=True, help="What to print.")
@click.option("-o", "--output", "outputs", multiple=True, metavar="FILE", callback=options.outputs, help=options.OUTPUT_HELP)
@click.option("--tz", "zones", multiple=True, metavar="[SOURCE=]ZONE", callback=options.zones, help=options.ZONE_HELP)
@click.option("--since", metavar="TIME", callback=options.instant, help="Leave out what was logged before; UTC if no offset.")
@click.option("--until", metavar="TIME", callback=options.instant, help="Leave out what was logged after.")
@click.option("--lang", type=options.LANGUAGES, default="en", show_default=True, help="Language of reports.")
def analyze(
    *,
    paths: tuple[str, ...],
    form: str,
    outputs: tuple[str, ...],
    zones: dict[str | None, str],
    since: options.Instant,
    until: options.Instant,
    lang: str,
) -> None:
    """Find the cause of an incident in folders, files or archives."""
    import logcorr
    from logcorr.cli import output

    analysis = logcorr.analyze(paths, tz=zones or None, since=since, until=until)
    output.show(analysis, form, lang, paths)
    for path in outputs:
        output.save(analysis, path, lang)


@commands.command()
@options.PATHS
def sources(paths: tuple[str, ...]) -> None:
    """Tell what was read and what was not.

    For each file: as what it was read, how many lines were not understood, and in which time zone its stamps were taken and why.
    """
    import logcorr
    from logcorr.cli import output
    from logcorr.errors import NothingRecognised

    try:
        output.show_sources(logcorr.analyze(paths).result)
    except NothingRecognised as error:
        output.show_collected(paths)
        raise NothingRecognised(str(error)) from error


@commands.command()
def rules() -> None:
    """List the rules."""
    from logcorr import plugins
    from logcorr.cli import output

    output.show_rules(plugins.rules().values())


@commands.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Explain a rule, by its name or code.

    What it looks for, why it matters, what it does not see, what to do.
    """
    from logcorr import plugins
    from logcorr.cli import output

    output.show_page(rule, plugins.rules())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 ran, 2 usage, 3 nothing recognised, 5 internal error, 130 interrupted."""
    sys.exit(errors.guarded(lambda: commands.main(arguments, prog_name="logcorr", standalone_mode=False)))
