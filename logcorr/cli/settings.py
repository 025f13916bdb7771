"""Options that need not be typed each time: from the environment, and from the nearest TOML file, the working folder upward.

    lang = "zh-TW"            # every command that has --lang
    [analyze]
    redact = true             # logcorr analyze --redact

It may also accept findings (`accepting`).

The command line wins over the environment, the environment over the file. A file in what is analysed is not read: it may be
anybody's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from logcorr.cli import accepting
from logcorr.cli.errors import nearest
from logcorr.errors import LogcorrError
from logcorr.lazily import regex

NAMES = ("logcorr.toml", ".logcorr.toml", "pyproject.toml")
"""The files that are looked for in a folder, in this order; the last one counts if it has `[tool.logcorr]`."""

OURS = regex(rb"^\s*\[\s*tool\.logcorr\b", re.MULTILINE)

EACH_TIME = {"root", "output", "diff", "write", "allow-dirty", "after", "request", "help"}
"""Options that no file sets: what is read and what is written is said each time."""

PLACES = {"DIR", "FILE"}
"""Values that are paths, by what the help calls them: in a file they are seen from its folder."""

ADVICE = "docs/configuration.md says what a configuration file may hold"


Commands = Callable[[], Mapping[str, click.Command]]
"""All commands by name, imported when they are asked for."""


class Setting(Struct, frozen=True):
    """What a file says of an option, and on which line; `command` is empty where it means all that have the option."""

    command: str
    option: str
    value: Any
    file: Path
    line: int

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


def options(command: click.Command) -> dict[str, click.Option]:
    """The options of a command that a file may set, by their long names."""
    named = {long_name(each): each for each in command.params if isinstance(each, click.Option)}
    return {name: each for name, each in named.items() if name not in EACH_TIME}


def long_name(option: click.Option) -> str:
    """`format` for `-f`, `--format`; of a pair like `--redact/--no-redact` the first."""
    return next((word.removeprefix("--") for word in option.opts if word.startswith("--")), "")


def variable(command: str, option: click.Option) -> str:
    """The environment variable of an option: `LOGCORR_ANALYZE_MAX_SIZE`."""
    return f"LOGCORR_{command}_{long_name(option)}".upper().replace("-", "_")


def obey(group: click.Context, name: str, command: click.Command, typed: Mapping[str, Any], commands: Commands) -> None:
    """Let a command take what was not typed from the environment and from the file; `typed` is what was.

    What the file sets is left in `group.obj`. Raises LogcorrError for a file that is wrong.
    """
    for option in options(command).values():
        option.envvar = variable(name, option)
    named = group.params["config"]
    file = Path(named) if named else None
    if not named and not group.params["isolated"]:
        file = find(Path.cwd(), _analysed(typed))
    group.obj = read(file, commands()) if file else []
    known, obeyed = options(command), given(group.obj, name, command)
    group.default_map = {name: {known[key].name: value(setting, known[key]) for key, setting in obeyed.items()}}


def _analysed(typed: Mapping[str, Any]) -> list[Path]:
    given = (typed.get(name) for name in ("paths", "roots", "later"))
    return [Path(path) for paths in given if isinstance(paths, list | tuple) for path in paths if path != "-"]


def find(folder: Path, analysed: Sequence[Path]) -> Path | None:
    """The nearest file from a folder upward, None if there is none; a file that cannot be trusted is named, and passed over."""
    for place in (folder, *folder.parents):
        for file in filter(_is_ours, (place / name for name in NAMES)):
            reason, seen = _distrust(file, analysed), Path(os.path.relpath(file))
            if not reason:
                return seen
            click.echo(f"note: {seen} is not read: {reason}; `logcorr --config {seen} …` reads it", err=True)
    return None


def _is_ours(file: Path) -> bool:
    try:
        return file.is_file() and (file.name != "pyproject.toml" or bool(OURS.search(file.read_bytes())))
    except OSError:
        return False


def _distrust(file: Path, analysed: Sequence[Path]) -> str:
    """Why a file that nobody named is not obeyed: somebody else may have put it there. Empty if it can be."""
    if any(file.resolve().is_relative_to(path.resolve()) for path in analysed):
        return "it is part of what is analysed"
    if hasattr(os, "geteuid") and file.stat().st_uid not in (0, os.geteuid()):
        return "it belongs to another user"
    return ""


def read(file: Path, commands: Mapping[str, click.Command]) -> list[Setting]:
    """What a file sets, in its order. Raises LogcorrError for one that is no TOML, and for keys that no command has."""
    import tomllib

    try:
        text = file.read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise LogcorrError(f"cannot read {file}: {reason}", ADVICE) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise LogcorrError(f"{file}{f':{line[1]}' if line else ''}: {error}", ADVICE) from error
    prefix = ("tool", "logcorr") if file.name == "pyproject.toml" else ()
    for part in prefix:
        table = table[part] if isinstance(table.get(part), dict) else {}
    lines, tables = _lines(text, prefix), table.get(accepting.KEY, [])
    known = accepting.entries(tables, file, accepting.headers(text, prefix), lines.get((accepting.KEY,), 1))
    accepts = [Setting("", accepting.KEY, entry, file, line) for entry, line in known]
    return [*_settings(table, file, lines, commands), *accepts]


def _settings(
    table: Mapping[str, Any], file: Path, lines: Mapping[tuple[str, ...], int], commands: Mapping[str, click.Command]
) -> Iterator[Setting]:
    common = sorted({name for command in commands.values() for name in options(command)})
    for key, value in table.items():
        if key == accepting.KEY:
            continue
        line = lines.get((key,), 1)
        if key in commands and isinstance(value, dict):
            for name, own in value.items():
                own_line = lines.get((key, name), line)
                _known(name, sorted(options(commands[key])), f"{file}:{own_line}", f"`logcorr {key}` has no option --{name}")
                yield Setting(key, name, own, file, own_line)
        else:
            _known(key, common, f"{file}:{line}", f"no option is called {key}", beside=[*sorted(commands), accepting.KEY])
            yield Setting("", key, value, file, line)


def _known(key: str, names: list[str], place: str, otherwise: str, beside: Sequence[str] = ()) -> None:
    if key in names:
        return
    if key in EACH_TIME:
        raise LogcorrError(f"{place}: {key} cannot be set in a file", "say it on the command line, each time")
    meant = nearest(key, [*names, *beside])
    raise LogcorrError(f"{place}: {otherwise}", f"did you mean {meant}?" if meant else f"there are {', '.join(names)}")


HEADER = regex(r"\s*\[\[?\s*(?P<table>[^\[\]]+?)\s*\]")
KEY = regex(r"""\s*(?P<key>[\w-]+|"[^"]+"|'[^']+')\s*[.=]""")


def _lines(text: str, prefix: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    """The line on which each table and each key stands, below a prefix: the standard library's reader does not tell."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := HEADER.match(line):
            table = path = tuple(part.strip(" \"'") for part in header["table"].split("."))
        elif key := KEY.match(line):
            path = (*table, key["key"].strip("\"'"))
        else:
            continue
        if path[: len(prefix)] == prefix:
            found.setdefault(path[len(prefix) :], number)
    return found


def given(settings: Sequence[Setting], name: str, command: click.Command) -> dict[str, Setting]:
    """The settings that a command obeys, by its options; its own table goes first. Raises LogcorrError for a bad value."""
    known = options(command)
    obeyed: dict[str, Setting] = {}
    for setting in sorted(settings, key=lambda setting: bool(setting.command)):
        if setting.option in known and setting.command in ("", name):
            _check(setting, name, command, known[setting.option])
            obeyed[setting.option] = setting
    return obeyed


def value(setting: Setting, option: click.Option) -> Any:  # noqa: ANN401  # whatever TOML can hold
    """A setting's value as click takes it: several for an option that may be given again, a path from the file's folder."""
    values = setting.value if option.multiple and isinstance(setting.value, list) else [setting.value]
    if option.metavar in PLACES:
        values = [str(setting.file.parent / str(each)) for each in values]
    return values if option.multiple else values[0]


def _check(setting: Setting, name: str, command: click.Command, option: click.Option) -> None:
    """Raise LogcorrError if the option does not take the value."""
    wrong = "true or false" if option.is_flag and not isinstance(setting.value, bool) else ""
    wrong = wrong or ("one value" if isinstance(setting.value, dict | list) and not option.multiple else "")
    if wrong:
        raise LogcorrError(f"{setting.place}: {setting.option} takes {wrong}", ADVICE)
    try:
        option.process_value(click.Context(command, info_name=name), value(setting, option))
    except click.BadParameter as error:
        tip = ADVICE if setting.command else f"`logcorr {name}` takes other values; [{name}] can set it for that command alone"
        raise LogcorrError(f"{setting.place}: {setting.option}: {error.message}", tip) from error
