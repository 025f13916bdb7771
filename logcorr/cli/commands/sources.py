"""`logcorr sources`: what was read."""

from __future__ import annotations

import click

from logcorr.cli import options


@click.command()
@options.PATHS
def sources(paths: tuple[str, ...]) -> None:
    """Tell what was read and what was not.

    For each file: as what it was read, how many lines were not understood, and in which time zone its stamps were taken and why.
    """
    import logcorr
    from logcorr.cli import output
    from logcorr.cli.waiting import waiting
    from logcorr.errors import NothingRecognised

    try:
        with waiting("reading"):
            analysis = logcorr.analyze(paths)
        output.show_sources(analysis.result)
    except NothingRecognised as error:
        output.show_collected(paths)
        raise NothingRecognised(str(error)) from error
