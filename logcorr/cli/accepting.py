"""Findings that a configuration file accepts, each with the reason:

[[accept]]
rule = "SH004"
path = "scripts/*.sh"
reason = "one host, a run takes a second"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logcorr.cli.errors import nearest
from logcorr.errors import LogcorrError

if TYPE_CHECKING:
    from logcorr.suppression import Acceptance

KEY = "accept"

REQUIRED = ("rule", "reason")

KEYS = (*REQUIRED, "path")

ADVICE = f'write [[{KEY}]], rule = "CODE", reason = "why", and path = "scripts/*.sh" if it is not for all files'


def entries(value: Any, file: Path, lines: list[int], line: int) -> Iterator[tuple[dict[str, str], int]]:  # noqa: ANN401  # TOML
    """What `accept` in a file holds, each with its line: `lines` are those of `[[accept]]`, `line` that of the key.

    Raises LogcorrError for what is no list of tables, a key that is not known or not given, a value that is no text.
    """
    tables = value if isinstance(value, list) else [value]
    lines = lines if len(lines) == len(tables) else [line] * len(tables)
    for table, at in zip(tables, lines, strict=True):
        if wrong := _wrong(table):
            raise LogcorrError(f"{file}:{at}: {wrong}", ADVICE)
        yield table, at


def _wrong(table: object) -> str:
    """What is wrong in one entry; empty if nothing is."""
    if not isinstance(table, dict):
        return f"{KEY} takes tables"
    for key, value in table.items():
        if key not in KEYS:
            meant = nearest(key, list(KEYS))
            return f"{KEY} has no {key}" + (f"; did you mean {meant}?" if meant else "")
        if not isinstance(value, str) or not value.strip():
            return f"{KEY}: {key} takes a text"
    lacking = [key for key in REQUIRED if key not in table]
    return f"{KEY} needs a {lacking[0]}" if lacking else ""


def headers(text: str, prefix: tuple[str, ...]) -> list[int]:
    """The lines of all `[[accept]]`, below a prefix."""
    name = r"\s*\.\s*".join(re.escape(part) for part in (*prefix, KEY))
    header = re.compile(rf"\s*\[\[\s*{name}\s*\]\]")
    return [number for number, line in enumerate(text.split("\n"), 1) if header.match(line)]


def accepted() -> list[Acceptance]:
    """What the configuration in force accepts."""
    from logcorr.model.source import Span
    from logcorr.suppression import Acceptance

    settings = click.get_current_context().find_root().obj or []
    return [
        Acceptance(**setting.value, place=Span(_seen(setting.file), setting.line))
        for setting in settings
        if setting.option == KEY
    ]


def _seen(file: Path) -> str:
    """A file as nothing that is analysed is called."""
    name = file.as_posix()
    return name if name.startswith(("../", "/")) else f"./{name}"
