"""nginx's regular expressions (PCRE) in Python's dialect."""

from __future__ import annotations

import re
from functools import lru_cache

from logcorr.model.source import Span
from logcorr.semantics.nginx.world import Unanswerable

DIFFERENCES = re.compile(
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


def compiled(text: str, at: Span, *, ignore_case: bool = False) -> re.Pattern[str]:
    """The pattern, or `Unanswerable` where Python cannot express it."""
    try:
        return _compiled(text, ignore_case)
    except (re.error, KeyError, RecursionError, OverflowError):
        raise Unanswerable(f"the regular expression {text} is not understood", at) from None


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
