"""The lines of a cron table: settings, times, commands.

Syntax and meaning follow Debian's cron 3.0pl1 (crontab(5), its entry.c, env.c and do_command.c); where cronie or
busybox read the same text differently, the dialect says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from msgspec import Struct

from logcorr.lazily import regex

Dialect = Literal["debian", "cronie", "busybox"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""What the named schedules stand for. `@reboot` stands for no time of the clock."""

_JOB = regex(r"[ \t]*(?P<schedule>@\S+|\S+(?:[ \t]+\S+){4})(?:[ \t]+(?P<rest>\S.*))?\s*")
_RANGE = r"(?:\*|[A-Za-z0-9]++(?:-[A-Za-z0-9]++|(?!-)))(?:/[A-Za-z0-9]++|(?!/))"
_LIST = regex(rf"(?P<ranges>{_RANGE}(?:,{_RANGE})*)(?!,)(?P<junk>.*)")
"""A field: ranges, and what follows the last one that cron understands, which Debian's drops."""
_SETTING = regex(
    r"""(?P<name> "[^"]*" | '[^']*' | [^\s="'][^\s=]* | (?==) ) [ \t\r\n]*=[ \t\r\n]*
    (?P<value> "[^"]*" | '[^']*' | [^"'\s].* )""",
    re.VERBOSE,
)
_COMMAND = regex(r"((?:[^\\%]|\\.|\\$)*)(%?)(.*)")


class NotCron(ValueError):
    """A schedule that cron refuses; the text says which field and why."""


class Times(NamedTuple):
    """When a cron line runs: the values each field allows, weekdays from 0 (Sunday) to 6.

    `either_day` says that a day matches when the day of the month or the weekday does, and not only when both do.
    `wild` marks the jobs that cron does not make up for when the clock jumps: their minute or hour starts with `*`.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    wild: bool


class JobLine(NamedTuple):
    """A cron line split into its schedule and the rest (user and command), which begins at `column`."""

    schedule: str
    rest: str
    column: int


class _Field(Struct, frozen=True):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        """The value of a number or name, which must lie within the field's bounds."""
        value = self.words.index(text.lower()) + self.low if text.lower() in self.words else _digits(text)
        if value is None or not self.low <= value <= self.high:
            raise NotCron(f"{text!r} is no {self.name} ({self.low} to {self.high})")
        return value


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _WEEKDAYS),
)


class _Part(NamedTuple):
    """One element of a list: `first` to `last` (`*` and None for all values), every `step`-th."""

    first: str
    last: str | None
    step: str | None


def _digits(text: str) -> int | None:
    """The number a text is; None for other texts, and for numbers beyond all bounds."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def times(schedule: str, dialect: Dialect = "debian") -> Times | None:
    """The times of a schedule as the dialect's daemon reads them; None for `@reboot`. Raises NotCron."""
    if schedule == "@reboot":
        return None
    if schedule.startswith("@") and schedule not in MACROS:
        raise NotCron(f"no such named schedule: {schedule}")
    written = MACROS.get(schedule, schedule).split()
    if len(written) != len(_FIELDS):
        raise NotCron(f"a schedule has {len(_FIELDS)} fields, not {len(written)}")
    minutes, hours, days, months, weekdays = (_values(*pair, dialect) for pair in zip(_FIELDS, written, strict=True))
    weekdays = frozenset(day % 7 for day in weekdays)
    either = _either_day(written, days, weekdays, dialect)
    if dialect == "busybox" and not either:
        days, weekdays = _busybox_days(days, weekdays)
    wild = written[0].startswith("*") or written[1].startswith("*")
    return Times(minutes, hours, days, months, weekdays, either, wild)


def _either_day(written: list[str], days: frozenset[int], weekdays: frozenset[int], dialect: Dialect) -> bool:
    """Vixie's rule looks at the first character (`*/2` counts as a star), busybox's at the values."""
    if dialect == "busybox":
        return len(weekdays) < 7 and days < _ALL_DAYS
    return not (written[2].startswith("*") or written[4].startswith("*"))


# busybox's `*` fills 32 days, 0 among them: a written `1-31` is therefore a restriction, `*` is none.
_ALL_DAYS = frozenset(range(32))


def _busybox_days(days: frozenset[int], weekdays: frozenset[int]) -> tuple[frozenset[int], frozenset[int]]:
    """The restricted one of the two day fields decides alone, so the other is opened."""
    return (days, frozenset(range(7))) if days < _ALL_DAYS else (_ALL_DAYS, weekdays)


def _values(field: _Field, written: str, dialect: Dialect) -> frozenset[int]:
    found = _LIST.fullmatch(written)
    if not found:
        raise NotCron(f"{written!r} is no {field.name}")
    if found["junk"] and dialect != "debian":
        raise NotCron(f"{written!r} is no {field.name}: {found['junk']!r} has no meaning here")
    return frozenset(value for part in found["ranges"].split(",") for value in _part_values(field, _part(part), dialect))


def _part(written: str) -> _Part:
    span, _, step = written.partition("/")
    first, _, last = span.partition("-")
    return _Part(first, last or None, step or None)


def _part_values(field: _Field, part: _Part, dialect: Dialect) -> Iterable[int]:
    step = 1 if part.step is None else _digits(part.step)
    if not step:
        raise NotCron(f"{part.step!r} is no step in the {field.name}")
    if part.first == "*":
        low = 0 if dialect == "busybox" and field.low == 1 and field.high == 31 else field.low
        return range(low, field.high + 1, step)
    first = field.number(part.first)
    if part.last is None:
        return _single(field, part, first, dialect)
    last = field.number(part.last)
    if dialect == "busybox" and last < first:
        around = [*range(first, field.high + 1), *range(field.low, last + 1)]
        return around[::step]
    if dialect == "cronie" and last < first:
        raise NotCron(f"{part.first}-{part.last} ends before it begins")
    return range(first, last + 1, step)


def _single(field: _Field, part: _Part, value: int, dialect: Dialect) -> tuple[int]:
    """One value. `0/5` means what it says nowhere: busybox ignores the step, the others refuse it."""
    if part.step is not None and dialect != "busybox":
        raise NotCron(f"{part.first}/{part.step} in the {field.name}: a step needs a range or `*` before it")
    return (value,)


def job_line(line: str) -> JobLine | None:
    """A line's schedule and what follows it, or None when it cannot be a cron line at all (settings are asked first)."""
    match = _JOB.fullmatch(line)
    if not match or not re.match(r"[@*0-9]", match["schedule"]):
        return None
    return JobLine(" ".join(match["schedule"].split()), (match["rest"] or "").rstrip(), max(match.start("rest"), 0))


def setting(line: str) -> tuple[str, str] | None:
    """The name and value of an environment line, or None for any other line.

    A quoted value must end the line; an unquoted one is everything to the end of the line (`A=b C=d` sets A to `b C=d`);
    an unquoted empty value makes no setting.
    """
    found = _SETTING.fullmatch(line.strip())
    return (_unquoted(found["name"]), _unquoted(found["value"])) if found else None


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in ("'", '"') else text


def command_and_input(text: str) -> tuple[str, str | None]:
    """What the shell is given, and what the command reads: the first bare `%` ends the command, later ones are newlines.

    In the command `\\%` and `\\\\` lose their backslash, in the input only `\\%` does.
    """
    command, percent, rest = _COMMAND.findall(text)[0]
    command = re.sub(r"\\([%\\])", r"\1", command)
    if not percent:
        return command, None
    given = re.sub(r"\\%|%", lambda found: "%" if found[0] == "\\%" else "\n", rest)
    return command, given if given.endswith("\n") or not given else given + "\n"
