"""Laravel's schedule, as its fluent calls write it: `$schedule->command('cache:clear')->hourlyAt(10)`.

Nothing is evaluated (https://laravel.com/docs/scheduling). A schedule is given as five fields of cron.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.grammar.crontab import NotCron, times
from logcorr.lazily import regex

_BEGINS = regex(r"(?:\$schedule->|\bSchedule::)(?P<how>command|exec|call|job)\(")
_TEXT = regex(r"\s*(?:'(?P<one>[^'\n]*)'|\"(?P<two>[^\"\n]*)\"|(?:new )?(?P<name>\w+)(?:::class)?)")
_LINK = regex(r"->(?P<name>\w+)\((?P<given>[^()]*(?:\([^()]*\)[^()]*)*)\)")
_COUNTS = {"Two": 2, "Three": 3, "Four": 4, "Five": 5, "Six": 6, "Ten": 10, "Fifteen": 15, "Thirty": 30}
_EVERY = regex(r"every(?P<count>[A-Z][a-z]+)?(?P<unit>Minute|Hour)s?")
_PLAIN = {
    "hourly": "0 * * * *",
    "everyOddHour": "0 1-23/2 * * *",
    "daily": "0 0 * * *",
    "weekly": "0 0 * * 0",
    "monthly": "0 0 1 * *",
    "quarterly": "0 0 1 1-12/3 *",
    "yearly": "0 0 1 1 *",
}
_DAYS = {"weekdays": "1-5", "weekends": "0,6"} | {
    f"{name}s": str(number)
    for number, name in enumerate(("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"))
}
LONGEST = 12
"""Lines that one statement may take."""


class Task(Struct, frozen=True):
    """One task: on which line (from 1), what it runs, its schedule, None where it would have to be computed, and its zone."""

    line: int
    command: str
    schedule: str | None
    zone: str | None = None


def keeps(text: str) -> bool:
    """Whether a program in PHP may keep Laravel's schedule."""
    return _BEGINS.search(text) is not None


def tasks(text: str) -> Iterator[Task]:
    """The tasks that the code sets, by line; those in comments left out."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        found = _BEGINS.search(line)
        if found and not re.match(r"\s*(?://|#|\*|/\*)", line):
            rest = "\n".join([line[found.end() :], *lines[number + 1 : number + LONGEST]]).partition(";")[0]
            links = [(link["name"], link["given"].strip()) for link in _LINK.finditer(rest)]
            zone = next((given.strip("'\"") for name, given in links if name == "timezone"), None)
            yield Task(number + 1, _command(found["how"], rest), _schedule(links), zone)


def _command(how: str, rest: str) -> str:
    told = _TEXT.match(rest)
    what = (told["one"] or told["two"] or told["name"] or "") if told else ""
    return what if how == "exec" else f"php artisan {what}" if how == "command" else f"php artisan schedule:run {what}".strip()


def _schedule(links: Sequence[tuple[str, str]]) -> str | None:
    """Cron's fields, by the calls in their order: later ones change what the earlier ones set."""
    fields, said = ["*"] * 5, False
    for name, given in links:
        changed = _changed(fields, name, [one.strip().strip("'\"") for one in given.split(",")] if given else [])
        fields, said = changed or fields, said or changed is not None
    schedule = " ".join(fields)
    try:
        times(schedule, "debian")
    except NotCron:
        return None
    return schedule if said else None


def _changed(fields: list[str], name: str, given: list[str]) -> list[str] | None:
    """The fields after one call; None for one that sets none."""
    if name == "cron" and given:
        return ",".join(given).split()
    if name in _PLAIN:
        return _PLAIN[name].split()
    if name in _DAYS:
        return [*fields[:4], _DAYS[name]]
    every = _EVERY.fullmatch(name)
    if every and (every["count"] or "Two") in _COUNTS:
        return _each(every["unit"], _COUNTS.get(every["count"] or "", 1), given)
    return _at(fields, name, given)


def _each(unit: str, count: int, given: list[str]) -> list[str]:
    step = "*" if count == 1 else f"*/{count}"
    return [step, "*", "*", "*", "*"] if unit == "Minute" else [given[0] if given else "0", step, "*", "*", "*"]


def _at(fields: list[str], name: str, given: list[str]) -> list[str] | None:
    """Calls that name a time of day, or days with it."""
    hour, _, minute = given[-1].partition(":") if given else ("0", "", "0")
    clock = [str(int(one)) if one.isdigit() else "0" for one in (minute or "0", hour)]
    if name == "hourlyAt" and given:
        return [",".join(one.strip("[] ") for one in given), "*", "*", "*", "*"]
    if name in ("dailyAt", "at") and given:
        return [*clock, *fields[2:]] if name == "at" else [*clock, "*", "*", "*"]
    if name == "twiceDaily":
        return ["0", ",".join(given or ["1", "13"]), "*", "*", "*"]
    if name == "weeklyOn" and given:
        return [*(clock if len(given) > 1 else ["0", "0"]), "*", "*", given[0]]
    if name == "monthlyOn":
        return [*(clock if len(given) > 1 else ["0", "0"]), given[0] if given else "1", "*", "*"]
    return None
