"""Schedules that a program in JavaScript or Python keeps itself, where a library's call says so in literals.

node-cron, node-schedule, cron's CronJob, Agenda, Bull and BullMQ; APScheduler, Celery's crontab() and `schedule`. Nothing is
evaluated. A schedule is given as five fields of cron (six where the first counts seconds), or as `every N s`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from logcorr.grammar.crontab import NotCron, times
from logcorr.grammar.programs import COMMENT
from logcorr.lazily import regex

MOST_LINES, LONGEST_LINE, CALL_LINES = 5_000, 1_000, 4

_TEXT = r"""(?:'[^'\n]*'|"[^"\n]*"|`[^`$\n]*`)"""
_ARGUMENT = rf"\s*(?P<argument>{_TEXT}|[\w.$]+)"
_CALLS = (
    (regex(rf"\bcron\.schedule\({_ARGUMENT}"), "node-cron"),
    (regex(rf"\bscheduleJob\((?:\s*{_TEXT}\s*,(?=\s*['\"`]))?{_ARGUMENT}"), "node-schedule"),
    (regex(rf"\bnew (?:cron\.)?CronJob\((?:\s*\{{\s*cronTime:)?{_ARGUMENT}"), "cron package"),
    (regex(rf"\bagenda\.(?:every|repeatEvery)\({_ARGUMENT}"), "agenda"),
    (regex(rf"\brepeat:\s*\{{\s*(?:pattern|cron|every):{_ARGUMENT}"), "bullmq"),
    (regex(rf"\bupsertJobScheduler\(\s*{_TEXT}\s*,\s*\{{\s*(?:pattern|every):{_ARGUMENT}"), "bullmq"),
    (regex(rf"\bfrom_crontab\({_ARGUMENT}"), "apscheduler"),
)
_KEYED = regex(r"\b(?:(?P<by>scheduled_job|add_job|CronTrigger|IntervalTrigger|crontab)\()(?P<given>[^\n]*)")
_CLOCK = regex(
    r"\bschedule\.every\((?P<count>\d*)\)\.(?P<unit>second|minute|hour|day|week)s?(?:\.at\(['\"](?P<at>\d\d:\d\d)['\"]\))?\.do\("
)
_PAIR = regex(rf"\b(?P<key>second|minute|hour|day|month|day_of_week|week|year)s?\s*=\s*(?P<value>{_TEXT}|[\w.]+)")
_INTERVAL = regex(r"(?P<count>\d+(?:\.\d+)?) (?P<unit>second|minute|hour|day|week)s?")
_UNIT_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_FIELDS = ("minute", "hour", "day", "month", "day_of_week")
_RANKS = ("month", "day", "day_of_week", "hour", "minute")
"""From the coarsest: APScheduler takes the least value for what is finer than all that is given, any for the rest."""
_ZONE = regex(r"\b(?:timezone|timeZone|tz)\s*[:=]\s*['\"](?P<zone>[A-Z][\w+-]*(?:/[\w+-]+)*)['\"]")
_CONSTANT = regex(rf"^(?:export )?(?:const |let |var )?(?P<name>\w+)\s*=\s*(?P<text>{_TEXT});?\s*$", re.M)
_CODE = ("new", "function", "async", "await")


class Own(Struct, frozen=True):
    """One schedule, None where it would have to be computed; on which line (from 1), by whom, in which zone."""

    line: int
    schedule: str | None
    by: str
    zone: str | None = None


def keeps(text: str) -> bool:
    """Whether a program may keep schedules."""
    return any(call.search(text) for call, _ in _CALLS) or _CLOCK.search(text) is not None or next(_keyed(text), None) is not None


def schedules(text: str) -> Iterator[Own]:
    """The schedules that the code sets, by line."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES or max(map(len, lines)) > LONGEST_LINE:
        return
    constants = {found["name"]: found["text"] for found in _CONSTANT.finditer(text)}
    general = next((found["zone"] for line in lines if "Scheduler(" in line and (found := _ZONE.search(line))), None)
    for number, line in enumerate(lines):
        if COMMENT.match(line):
            continue
        call = _whole(lines[number : number + CALL_LINES])
        zone = next((found["zone"] for found in [_ZONE.search(call)] if found), general)
        for schedule, by in (*_called(call, len(line), constants), *_clocked(line), *_keyed(line)):
            yield Own(number + 1, schedule, by, zone)


def _whole(lines: Sequence[str]) -> str:
    """The first line, with those after it that its open parentheses go on to."""
    text = lines[0]
    for line in lines[1:]:
        if text.count("(") <= text.count(")"):
            break
        text += f"\n{line}"
    return text


def _called(call: str, length: int, constants: Mapping[str, str]) -> Iterator[tuple[str | None, str]]:
    """The schedules of calls that begin in the first `length` characters."""
    for pattern, by in _CALLS:
        for found in pattern.finditer(call):
            argument = constants.get(found["argument"], found["argument"])
            if found.start() < length and argument.split(".")[0] not in _CODE:
                yield _read(argument), by


def _read(argument: str) -> str | None:
    """A literal as a schedule: cron's fields, milliseconds, or words."""
    if argument.isdigit():
        return _every(int(argument) / 1000)
    if argument[0] not in "'\"`":
        return None
    written = " ".join(argument[1:-1].split())
    if interval := _INTERVAL.fullmatch(written):
        return _every(float(interval["count"]) * _UNIT_S[interval["unit"]])
    first, _, rest = written.partition(" ")
    fields = rest if rest.count(" ") == 4 else written
    try:
        times(fields, "debian")
    except NotCron:
        return None
    return fields if fields == written or first in ("0", "00") else written


def _every(seconds: float) -> str:
    return f"every {seconds:g} s"


def _clocked(line: str) -> Iterator[tuple[str | None, str]]:
    for found in _CLOCK.finditer(line):
        if found["at"]:
            hour, minute = map(int, found["at"].split(":"))
            daily = found["unit"] == "day" and found["count"] in ("", "1")
            yield (f"{minute} {hour} * * *" if daily else None), "schedule"
        else:
            yield _every(int(found["count"] or 1) * _UNIT_S[found["unit"]]), "schedule"


def _keyed(line: str) -> Iterator[tuple[str | None, str]]:
    """The schedules that Python's libraries are given by the names of their fields."""
    for found in _KEYED.finditer(line):
        pairs = {pair["key"]: pair["value"].strip("'\"") for pair in _PAIR.finditer(found["given"])}
        interval = found["by"] == "IntervalTrigger" or re.match(r"[^(]*['\"]interval['\"]", found["given"])
        cron = found["by"] in ("CronTrigger", "crontab") or re.match(r"[^(]*['\"]cron['\"]", found["given"])
        by = "celery" if found["by"] == "crontab" else "apscheduler"
        if pairs and interval:
            known = all(re.fullmatch(r"\d+", value) for value in pairs.values())
            yield (_every(sum(int(value) * _UNIT_S[key] for key, value in pairs.items())) if known else None), by
        elif pairs and cron:
            yield _fields(pairs, least="*" if by == "celery" else "0"), by


def _fields(pairs: Mapping[str, str], least: str) -> str | None:
    """Cron's five fields; `least` stands for what is finer than all that is given."""
    if {"second", "week", "year"} & pairs.keys():
        return None
    finest = max(_RANKS.index(key) for key in pairs)
    values = {key: pairs.get(key, least if _RANKS.index(key) > finest and key in ("hour", "minute") else "*") for key in _FIELDS}
    if least == "0":
        values["day_of_week"] = re.sub(r"(?<![\d*/])[0-6](?!\d)", lambda found: str(int(found[0]) + 1), values["day_of_week"])
    schedule = " ".join(values[key] for key in _FIELDS)
    return _read(f"'{schedule}'")
