"""`logcorr check`: what is wrong in scripts and configuration, for CI and pre-commit."""

from __future__ import annotations

import click

from logcorr.cli import options

SEVERITIES = ("info", "warning", "error")


@click.command()
@options.PATHS
@click.option("-f", "--format", "form", type=options.CHECK_FORMATS, default="full", show_default=True, help="What to print.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=options.PLACE,
    metavar="FILE",
    callback=options.check_outputs,
    help=options.CHECK_OUTPUT_HELP,
)
@click.option("--select", multiple=True, metavar="RULE", help=f"Run only this rule: {options.RULES_HELP}")
@click.option("--ignore", multiple=True, metavar="RULE", help=f"Leave out this rule: {options.RULES_HELP}")
@click.option("--no-ignores", is_flag=True, help="Report also what comments or a configuration file accept.")
@click.option(
    "--fail-on", type=options.FAIL_ON, default="warning", show_default=True, help="Exit with 1 for findings as severe as this."
)
@click.option("--lang", type=options.LANGUAGES, default="en", show_default=True, help="Language of what is printed.")
@options.QUIET
@options.VERBOSE
def check(
    *,
    paths: tuple[str, ...],
    form: str,
    outputs: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    no_ignores: bool,
    fail_on: str,
    lang: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Check scripts, crontabs, compose files and nginx configuration for what is wrong in them.

    No log is read. For CI and pre-commit: the exit code tells.
    """
    import logcorr
    from logcorr.cli import output
    from logcorr.cli.accepting import accepted
    from logcorr.cli.waiting import waiting

    with waiting("checking"):
        checked = logcorr.check(paths, select=select, ignore=ignore, accept=accepted(), ignores=not no_ignores)
    output.show_check(checked, form, output.Style(lang, quiet=quiet, whole=verbose), paths)
    for path in outputs:
        output.save_check(checked, path, paths)
    return int(any(_fails(finding.severity, fail_on) for finding in checked.findings))


def _fails(severity: str, limit: str) -> bool:
    return limit != "never" and SEVERITIES.index(severity) >= SEVERITIES.index(limit)
