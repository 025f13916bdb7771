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
_TEXT = regex(r"\s*(?:'(?P<one>[^'\n]*)'|\"(?P<two>[^\"\n]*)\"|(?:new )?(?P<name>(?!function\b|fn\b)\w+)(?:::class)?)")
_LINK = regex(r"->(?P<name>\w+)\((?P<given>[^()]*(?:\([^()]*\)[^()]*)*)\)")
_COUNTS = {"Two": 2, "Three": 3, "Four": 4, "Five": 5, "Six": 6, "Ten": 10, "Fifteen": 15, "Thirty": 30}
_EVERY = regex(r"every(?P<count>[A-Z][a-z]+)?(?P<unit>Minute|Hour)s?")
_PLAIN = {
    "hourly": {0: "0"},
    "everyOddHour": {0: "0", 1: "1-23/2"},
    "daily": {0: "0", 1: "0"},
    "weekly": {0: "0", 1: "0", 4: "0"},
    "monthly": {0: "0", 1: "0", 2: "1"},
    "quarterly": {0: "0", 1: "0", 2: "1", 3: "1-12/3"},
    "yearly": {0: "0", 1: "0", 2: "1", 3: "1"},
}
"""Each call sets some of cron's five fields, and leaves the others as they are."""

_DAYS = {"weekdays": "1-5", "weekends": "0,6"} | {
    f"{name}s": str(number)
    for number, name in enumerate(("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"))
}
LONGEST = 40
"""Lines that one statement may take."""

_CONDITIONS = ("between", "unlessBetween", "when", "skip", "environments")
"""Calls after which a task runs at some of its times only."""


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
            rest = _closed("\n".join([line[found.end() :], *lines[number + 1 : number + LONGEST]])).partition(";")[0]
            links = [(link["name"], link["given"].strip()) for link in _LINK.finditer(rest)]
            zone = next((given.strip("'\"") for name, given in links if name == "timezone"), None)
            yield Task(number + 1, _command(found["how"], rest), _schedule(links), zone)


def _closed(text: str) -> str:
    """The code without what stands in braces: a closure's own statements."""
    while (shorter := re.sub(r"\{[^{}]*\}", "", text)) != text:
        text = shorter
    return text


def _command(how: str, rest: str) -> str:
    told = _TEXT.match(rest)
    what = (told["one"] or told["two"] or told["name"] or "") if told else ""
    return what if how == "exec" else f"php artisan {what}" if how == "command" else f"php artisan schedule:run {what}".strip()


def _schedule(links: Sequence[tuple[str, str]]) -> str | None:
    """Cron's fields, by the calls in their order; None where they set none, or not all that decides."""
    fields = dict.fromkeys(range(5), "*")
    changes = [_sets(name, [one.strip().strip("'\"") for one in given.split(",")] if given else []) for name, given in links]
    for change in changes:
        fields |= change
    schedule = " ".join(fields.values())
    try:
        times(schedule, "debian")
    except NotCron:
        return None
    return schedule if any(changes) and not any(name in _CONDITIONS for name, _ in links) else None


def _sets(name: str, given: list[str]) -> dict[int, str]:
    """The fields that one call sets, by their places."""
    every = _EVERY.fullmatch(name)
    if name == "cron" and given:
        return dict(enumerate(",".join(given).split()))
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _DAYS:
        return {4: _DAYS[name]}
    if every and (every["count"] or "Two") in _COUNTS:
        count = _COUNTS.get(every["count"] or "", 1)
        step = "*" if count == 1 else f"*/{count}"
        return {0: step} if every["unit"] == "Minute" else {0: given[0] if given else "0", 1: step}
    return _at(name, given)


def _at(name: str, given: list[str]) -> dict[int, str]:
    """Calls that name a time of day, or days with it."""
    timed = given[-1] if given and (name in ("dailyAt", "at") or len(given) > 1) else "0:0"
    hour, _, minute = timed.partition(":")
    clock = {at: str(int(one)) if one.isdigit() else "0" for at, one in enumerate((minute, hour))}
    match name:
        case "hourlyAt" if given:
            return {0: ",".join(one.strip("[] ") for one in given)}
        case "dailyAt" | "at" if given:
            return clock
        case "twiceDaily":
            return {0: "0", 1: ",".join(given or ["1", "13"])}
        case "weeklyOn" if given:
            return clock | {4: given[0]}
        case "monthlyOn":
            return clock | {2: given[0] if given else "1"}
    return {}
