"""Arguments and options, checked before anything is read."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from logcorr.cli.errors import nearest

Instant = datetime | None

SUFFIXES = (".md", ".json")
"""What `-o` can write."""


class Choice(click.Choice[str]):
    """A choice that says which one was probably meant."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """The message for a value that is none of the choices."""
        meant = nearest(str(value), list(self.choices))
        return f"{value!r} is not one of {', '.join(self.choices)}" + (f"; did you mean {meant!r}?" if meant else ".")


def existing(context: click.Context, parameter: click.Parameter, paths: Sequence[str]) -> Sequence[str]:
    """Paths that are there, or `-`; for one that is not, names the nearest that is."""
    for path in paths:
        if path != "-" and not os.path.lexists(path):
            folder, name = os.path.split(path.rstrip("/"))  # pathlib is slow to import
            beside = sorted(os.listdir(folder or ".")) if os.path.isdir(folder or ".") else []  # noqa: PTH112, PTH208
            meant = nearest(name, beside)
            hint = f"; did you mean {os.path.join(folder, meant)!r}?" if meant else "."  # noqa: PTH118
            raise click.BadParameter(f"{path!r} does not exist{hint}", context, parameter)
    return paths


def outputs(context: click.Context, parameter: click.Parameter, paths: Sequence[str]) -> Sequence[str]:
    """Files whose suffix names a format that can be written."""
    for path in paths:
        if not path.endswith(SUFFIXES):
            raise click.BadParameter(f"{path!r}: the suffix decides the format: {' or '.join(SUFFIXES)}.", context, parameter)
    return paths


def zones(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str | None, str]:
    """`SOURCE=ZONE` and `ZONE` as a mapping; None stands for all sources."""
    named: dict[str | None, str] = {}
    for value in values:
        source, sign, zone = value.rpartition("=")
        if not zone or (sign and not source):
            raise click.BadParameter(f"{value!r} is neither ZONE nor SOURCE=ZONE.", context, parameter)
        named[source or None] = zone
    return named


def instant(context: click.Context, parameter: click.Parameter, value: str | None) -> Instant:
    """An ISO 8601 time; UTC where it names no offset."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        wanted = "2025-10-16T09:55 or 2025-10-16T09:55+08:00"
        raise click.BadParameter(f"{value!r} is no time; write {wanted}.", context, parameter) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


FORMATS = Choice(["full", "concise", "json", "markdown"])

LANGUAGES = Choice(["en", "zh-TW"])

OUTPUT_HELP = "Also write FILE; its suffix (.md, .json) decides the format. May be given again."

ZONE_HELP = "Zone of stamps that name none, as Asia/Taipei or +08:00: for one source (nginx=…), or for all."

PATHS = click.argument("paths", nargs=-1, required=True, metavar="PATH...", callback=existing)
