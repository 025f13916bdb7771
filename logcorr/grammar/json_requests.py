"""The members of requests told in JSON whose `log_format` nobody collected: whatever they are called, their values tell.

`{"ts":"2026-03-02T10:16:05+01:00","m":"GET","u":"/rates","st":200,"ip":"192.0.2.7","rt":0.004}`
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

from msgspec.structs import replace

from logcorr.grammar import stamps
from logcorr.grammar.access_lines import VARIABLES
from logcorr.grammar.log_format import LogFormat, of_json
from logcorr.grammar.shape import Clock
from logcorr.lazily import regex

TIMES = ("time_local", "time_iso8601", "msec")

_METHOD = r"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|PROPFIND|TRACE)"
_LOOKS = {
    "request": regex(rf"{_METHOD} \S+(?: HTTP/\d(?:\.\d)?)?"),
    "request_method": regex(_METHOD),
    "request_uri": regex(r"/\S*"),
    "status": regex(r"[1-5]\d\d"),
}
"""What tells a request, by what nearly all of its values look like; the first such member is it."""

NEARLY_ALL = 0.95
"""Clients may send what is none."""

_PARTS = {"request": ("request_method", "request_uri"), "request_method": ("request",), "request_uri": ("request", "uri")}
"""What says the same in another way."""


@lru_cache(maxsize=64)
def of_lines(lines: tuple[str, ...]) -> LogFormat | None:
    """The format of the first line that is a flat object: members by the variable that their names, or else their values tell."""
    seen = next(filter(None, map(of_json, lines)), None)
    if seen is None:
        return None
    found = [match.groups("") for line in lines if (match := re.match(seen.pattern(), line, re.ASCII))]
    names = _named(seen.variables, list(zip(*found, strict=True)))
    shape = None
    if not set(TIMES) & set(names):
        shape = _timed(names, found[0] if found else ())
    renamed = dict(zip(seen.variables, names, strict=True))
    return replace(seen, text=re.sub(r"\$\{(\w+)\}", lambda match: f"${{{renamed[match[1]]}}}", seen.text), shape=shape)


def _named(members: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """A name for each member: the variable's that people call so, its own where nothing tells."""
    names = list(members)
    for number, member in enumerate(members):
        variable = VARIABLES.get(member.lower(), member)
        if variable not in names:
            names[number] = variable
    for name, looks in _LOOKS.items():
        if name in names or any(other in names for other in _PARTS.get(name, ())):
            continue
        fits = (number for number, texts in enumerate(columns) if names[number] == members[number] and _all(texts, looks))
        for first in islice(fits, 1):
            names[first] = name
    return names


def _all(texts: Sequence[str], looks: re.Pattern[str]) -> bool:
    return sum(looks.fullmatch(text) is not None for text in texts) >= NEARLY_ALL * len(texts) > 0


def _timed(names: list[str], first: Sequence[str]) -> stamps.Shape | None:
    """The shape of the first member that is a date with its time, which then bears the name of one."""
    for number, text in enumerate(first):
        head = stamps.at_head(text)
        if head and head[0].clock is not Clock.TIME_OF_DAY and not head[1].strip():
            names[number] = "time_local"
            return head[0]
    return None
