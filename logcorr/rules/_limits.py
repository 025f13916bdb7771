"""From a line that tells of a failure to the setting that it names, or that is as long or as large as what it tells of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules._settings import settings

SETTING = regex(
    r"""(?P<name>[A-Za-z][A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)*)['"]?\s*(?:=>|[:=]|[ ])\s*['"]?"""
    r"(?P<number>\d+(?:\.\d+)?)\s?(?P<unit>ms|s|sec|seconds|min|m|h|[kKmMG]i?[bB]?)?(?![\w.])"
)
"""`name = value` as configuration languages, command lines and code write it."""

NUMBER = regex(r"(?<![\w.:])(?P<number>\d+(?:\.\d+)?)\s?(?P<unit>ms|s|sec|seconds|min|[kKmMG]i?[bB])?(?![\w:]|\.\d)")

SECONDS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
BYTES = {"k": 10, "m": 20, "g": 30}
WAITS = regex(r"(?i)time_?out|wait|ttl|deadline|interval|expir|lifetime|max_?age|grace")
"""What settings of time are called."""

NEARLY = 0.05
"""What runs into a limit of time is told of a little later."""

ATTEMPTS = regex(r"(?i)retr(?:y|ies)|attempt")
"""How often something is tried is no limit of what it needs: what was tried failed for another reason."""

TELLING = 10.0
"""A smaller number may be the same by chance."""

BOUNDS = regex(r"(?i)exceed|limit|reach|too (?:many|large|long|big|slow)|full|max|allow|time[d ]*out|out of|exhaust|abort|quota")
"""By which a text tells that something went as far as it may; others may name a setting for another reason."""


class Limit(Struct, frozen=True):
    """A setting with a number: the words of its name, and its value in seconds or bytes, or as it stands."""

    span: Span
    name: str
    value: float
    unit: str

    @property
    def words(self) -> str:
        """The name's words in lower case, a space between them."""
        return words(self.name)

    @property
    def is_time(self) -> bool:
        """Whether it bounds how long something takes."""
        return self.unit in SECONDS or (not self.unit and bool(WAITS.search(self.name)))

    def values(self) -> Iterator[float]:
        """What the number may mean: a time without a unit is in seconds or milliseconds, 80 M are 80·2²⁰ or 80·10⁶."""
        if self.is_time:
            yield self.value * SECONDS.get(self.unit, 1.0)
            if not self.unit:
                yield self.value * 1e-3
        else:
            yield from sizes(self.value, self.unit)


def words(name: str) -> str:
    """`max_memory-restart`, `maxMemoryRestart` and `MAX.MEMORY.RESTART` are the same words."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).strip().lower()


def limits(case: Case) -> list[Limit]:
    """Every setting with a number in collected files other than logs."""
    return [
        Limit(span, found["name"], float(found["number"]), found["unit"] or "")
        for span, text in settings(case, r"[A-Za-z]['\"]?\s*[:= ]+\s*['\"]?\d")
        for found in SETTING.finditer(text)
        if not ATTEMPTS.search(found["name"])
    ]


def behind(told: str, known: Sequence[Limit], lasted_s: float | None) -> Limit | None:
    """The one setting that a text is about, or None.

    It is named by two words or more, or in quotes; or by one, and a text that tells of a bound tells its value, or what failed
    had `lasted_s` as long as it says. Of several that are named so, the one whose value is told.
    """
    text, numbers = f" {words(told)} ", list(_numbers(told))
    named = [one for one in known if f" {one.words} " in text]
    agreeing = [one for one in named if BOUNDS.search(told) and _agrees(one, numbers, lasted_s)]
    long = [one for one in named if " " in one.words or re.search(rf"['`]{re.escape(one.name)}['`]", told)]
    for several in (agreeing, long):
        if len({one.words for one in several}) == 1 and len(several) == 1:
            return several[0]
    return None


def _numbers(told: str) -> Iterator[float]:
    for found in NUMBER.finditer(told):
        number, unit = float(found["number"]), found["unit"] or ""
        yield from [number * SECONDS[unit]] if unit in SECONDS else sizes(number, unit)


def sizes(number: float, unit: str) -> list[float]:
    """The bytes that a number may mean: 80 M are 80·2²⁰ or 80·10⁶."""
    power = BYTES.get(unit[:1].lower(), 0)
    return [number * 2**power, number * 10 ** (power * 3 // 10)] if power else [number]


def _agrees(limit: Limit, numbers: Sequence[float], lasted_s: float | None) -> bool:
    values = list(limit.values())
    told = any(value >= TELLING and value == number for value in values for number in numbers)
    lasted = lasted_s is not None and limit.is_time and any(value <= lasted_s <= value * (1 + NEARLY) for value in values)
    return told or lasted
