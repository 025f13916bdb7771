"""nginx's regular expressions (PCRE), tried in time that is bounded whatever the pattern: it is somebody's text.

Python's engine speaks most of PCRE but tries one way after the other, and a pattern such as `(a+)+$` has more of them than
anyone can wait for. So the ways are counted first; a pattern with too many is left to polars' engine, which takes
linear time but knows no look-around; what it refuses is not answered.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

from logcorr.lazily import pl, regex
from logcorr.model.source import Span
from logcorr.semantics.nginx.world import Unanswerable

DIFFERENCES = regex(
    r"""
    (?P<escaped> \\\\ )
  | (?P<named> \(\?P?< (?P<group> [A-Za-z_]\w* ) > )
  | (?P<end> \\[zZ] )
  | (?P<blank> \\h )
  | (?P<posix> \[:(?P<set> \w+ ):\] )
    """,
    re.VERBOSE,
)
POSIX = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
    "space": r"\s",
    "word": r"\w",
}

PARTS = regex(
    r"""
    \\. | \(\?
  | \[ \^? \]? (?: \\. | \[:\w+:\] | [^\]\\] )* \]
  | (?P<group> \) )? (?P<repeat> [*+?] | \{\d*(?:,\d*)?\} )
  | (?P<either> \| )
    """,
    re.VERBOSE | re.DOTALL,
)
MOST_WAYS = 1_000_000


class Match(NamedTuple):
    """What a pattern's groups took (None: nothing), those with names among them."""

    groups: tuple[str | None, ...]
    named: dict[str, str | None]


def search(pattern: str, text: str, at: Span, *, ignore_case: bool = False) -> Match | None:
    """Where the pattern first matches; `Unanswerable` where that cannot be told, or not in bounded time."""
    if _ways(pattern, len(text)) > MOST_WAYS:
        return _linear(pattern, text, at, ignore_case)
    try:
        found = _compiled(pattern, ignore_case).search(text)
    except (re.error, KeyError, RecursionError, OverflowError):
        raise Unanswerable(f"the regular expression {pattern} is not understood", at) from None
    return Match(found.groups(), found.groupdict()) if found else None


def _ways(pattern: str, length: int) -> float:
    """At least as many ways as there are to match a text of some length: every choice with every other one."""
    ways = float(length + 1)
    for part in PARTS.finditer(pattern):
        if part["either"]:
            ways *= 2
        elif part["repeat"] and part["repeat"] != "?":
            ways *= math.inf if part["group"] else length + 1
        elif part["repeat"]:
            ways *= 2
    return ways


def _linear(pattern: str, text: str, at: Span, ignore_case: bool) -> Match | None:
    """By an engine that takes linear time; it knows no bytes but ASCII as PCRE does, and no line's end but the text's."""
    try:
        if not text.isascii() or "\n" in text:
            raise ValueError
        flags = "(?i)" if ignore_case else ""
        texts = pl.Series([text])
        if not texts.str.contains(flags + pattern)[0]:
            return None
        groups = texts.str.extract_groups(flags + pattern)[0]
    except (ValueError, pl.exceptions.ComputeError):
        raise Unanswerable(f"the regular expression {pattern} may take too long to try", at) from None
    return Match(tuple(groups.values()), {name: value for name, value in groups.items() if not name.isdigit()})


@lru_cache(maxsize=1024)
def _compiled(text: str, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(DIFFERENCES.sub(_translated, text), re.ASCII | (re.IGNORECASE if ignore_case else re.NOFLAG))


def _translated(match: re.Match[str]) -> str:
    if match["named"]:
        return f"(?P<{match['group']}>"
    if match["end"]:
        return r"\Z" if match[0] == r"\z" else r"(?=\n?\Z)"
    if match["blank"]:
        return r"[ \t]"
    return POSIX[match["set"]] if match["posix"] else match[0]


def group_names(text: str) -> list[str]:
    """The variables that a pattern's named groups set."""
    return [match["group"] for match in DIFFERENCES.finditer(text) if match["named"]]
