"""Arguments and options, checked before anything is read."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from logcorr.cli.errors import nearest
from logcorr.report.locales import LOCALES

if TYPE_CHECKING:
    from pathlib import Path

Instant = datetime | None

SUFFIXES = (".md", ".html", ".json", ".sarif")
"""What `-o` can write."""

CHECK_SUFFIXES = (".json", ".sarif")
"""What `-o` of a check can write."""


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
            beside = sorted(os.listdir(folder or ".")) if os.path.isdir(folder or ".") else []  # noqa: PTH112, PTH208  # as above
            meant = nearest(name, beside)
            hint = f"; did you mean {os.path.join(folder, meant)!r}?" if meant else "."  # noqa: PTH118  # as above
            raise click.BadParameter(f"{path!r} does not exist{hint}", context, parameter)
    return paths


def existing_file(context: click.Context, parameter: click.Parameter, path: str) -> str:
    """One path that is there."""
    return existing(context, parameter, [path])[0]


def outputs(context: click.Context, parameter: click.Parameter, paths: Sequence[str]) -> Sequence[str]:
    """Files whose suffix names a format that can be written."""
    return _suffixed(context, parameter, paths, SUFFIXES)


def check_outputs(context: click.Context, parameter: click.Parameter, paths: Sequence[str]) -> Sequence[str]:
    """Files whose suffix names a format that a check can be written in."""
    return _suffixed(context, parameter, paths, CHECK_SUFFIXES)


def _suffixed(
    context: click.Context, parameter: click.Parameter, paths: Sequence[str], suffixes: tuple[str, ...]
) -> Sequence[str]:
    for path in paths:
        if not path.endswith(suffixes):
            named = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
            raise click.BadParameter(f"{path!r}: the suffix decides the format: {named}.", context, parameter)
    return paths


def size(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A number of bytes, or of thousands (`60k`) or millions (`1M`) of them."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+)([kKM]?)B?", value)
    if not found:
        raise click.BadParameter(f"{value!r} is no size; write 60k or 1M.", context, parameter)
    return int(found[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[found[2].lower()]


def folder(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    """A folder that is there."""
    if value is not None and not os.path.isdir(value):  # noqa: PTH112  # pathlib is slow to import
        raise click.BadParameter(f"{value!r} is no folder.", context, parameter)
    from pathlib import Path

    return Path(value) if value is not None else None


def color(context: click.Context, parameter: click.Parameter, value: str) -> None:
    """Pass a choice on as everything that prints understands it: NO_COLOR, FORCE_COLOR."""
    names = {"never": "NO_COLOR", "always": "FORCE_COLOR"}
    if value in names:
        for name in names.values():
            os.environ.pop(name, None)
        os.environ[names[value]] = "1"


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
    """A time as ISO 8601 or as a log writes it, with its date; UTC where it names no offset."""
    if value is None:
        return None
    try:
        time: Instant = datetime.fromisoformat(value)
    except ValueError:
        time = _as_a_log_writes_it(value)
    if time is None:
        wanted = "2025-10-16T09:55, 2025-10-16T09:55+08:00, or a stamp from a log with its year"
        raise click.BadParameter(f"{value!r} is no time; write {wanted}.", context, parameter)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _as_a_log_writes_it(value: str) -> datetime | None:
    """nginx's `2025/10/16 09:55:13`, an access log's `16/Oct/2025:09:55:13 +0000`; None without a year, month and day."""
    from dateutil.parser import ParserError, parse

    text = re.sub(r"^(\d+/\w+/\d{4}):", r"\1 ", value)
    try:
        times = {parse(text, default=datetime(part, part, part, tzinfo=UTC)) for part in (1, 2)}
    except (ParserError, OverflowError):
        return None
    return times.pop() if len(times) == 1 else None  # what is not written comes from the default, and differs


Window = tuple[datetime, datetime]


def window(context: click.Context, parameter: click.Parameter, value: str | None) -> Window | None:
    """`2025-10-16T09:55±90s` (or `+-90s`): from so long before a time to so long after it."""
    if value is None:
        return None
    from logcorr.grammar.duration import compose_seconds

    match = re.fullmatch(r"(.+?)\s*(?:±|\+/?-)\s*([^±]+)", value)
    seconds = compose_seconds(match[2]) if match else None
    time = instant(context, parameter, match[1]) if match and seconds is not None else None
    if seconds is None or time is None:
        raise click.BadParameter(f"{value!r} is no TIME±SPAN; write 2025-10-16T09:55±90s, or +-1h30m.", context, parameter)
    return time - timedelta(seconds=seconds), time + timedelta(seconds=seconds)


PLACE = click.Path(readable=False)
"""A path, whatever is there: shells complete it, callbacks look at it."""

LEVELS = Choice(["trace", "debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"])

TABLES = Choice(["table", "jsonl", "csv", "parquet", "timesketch"])

FORMATS = Choice(["full", "concise", "json", "jsonl", "markdown", "html", "sarif", "github"])

CHECK_FORMATS = Choice(["full", "concise", "json", "jsonl", "sarif", "github"])

FAIL_ON = Choice(["error", "warning", "info", "never"])

LANGUAGES = Choice(list(LOCALES))

OUTPUT_HELP = "Also write FILE; its suffix (.md, .html, .json, .sarif) decides the format. May be given again."

CHECK_OUTPUT_HELP = "Also write FILE; its suffix (.json, .sarif) decides the format. May be given again."

RULES_HELP = "by name, code, or the letters of a group (CRON). May be given again."

QUIET_HELP = "Print the verdict alone; of a check, the counts."

VERBOSE_HELP = "Print all evidence with its lines, and what each rule found."

REDACT_HELP = (
    "Replace secrets, addresses, e-mails, host and user names. Files written with -o: yes unless told not to; the screen: no."
)

TEMPLATE_HELP = "Folder whose templates replace the bundled ones of the same name, or single blocks of them."

SIZE_HELP = "Keep reports in Markdown under SIZE, as 60k: evidence is left out first, and they say so."

SERVED_HELP = "A folder that may be read; nothing outside is. May be given again."

ZONE_HELP = "Zone of stamps that name none, as Asia/Taipei or +08:00: for one source (nginx=…), or for all."

AFTER_HELP = "Also read what was collected after a change, and tell what became of it. May be given again."

CHANGED_HELP = "When the change was made, for --after; or else, where the logs of PATH end."

ROOT_HELP = "The folder that was analysed; again for each of several.  [default: .]"

QUIET = click.option("-q", "--quiet", is_flag=True, help=QUIET_HELP)

VERBOSE = click.option("-v", "--verbose", is_flag=True, help=VERBOSE_HELP)

PATHS = click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=PLACE, callback=existing)
