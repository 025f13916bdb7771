"""Environment files (`.env`) and what `env` or `printenv` prints.

    PORT_BASE=4100
    export DB_PASSWORD="it's ${SECRET}"

Format: the Compose specification's `.env` syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Setting
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_LINE = regex(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][\w.-]*)\s*=\s*(?P<value>.*)")
_QUOTED = regex(r"""(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\s*(?:\#.*)?""", re.VERBOSE)
_OPEN = regex(r"""["'](?!.*["']\s*(#.*)?$)""")
_NAME = regex(r"(^|/)(\.env(\.[\w.-]+)?|[\w.-]+\.env|env(ironment)?(\.txt)?|printenv[\w.-]*|etc/(default|sysconfig)/[^/]+)$")
_FRAME = regex(r"\s*(```.*|[^=]*[$#>]\s*(sudo\s+)?(env|printenv|cat|docker|export)\b.*)\s*")
_BACKSLASHES = {"n": "\n", "t": "\t", "r": "\r"}


def _recognise(sample: Sample) -> float:
    lines = [
        line for line in sample.lines if line.strip() and not line.lstrip().startswith(("#", ";")) and not _FRAME.fullmatch(line)
    ]
    if not lines:
        return 0.0
    settings = sum(_LINE.fullmatch(line) is not None for line in lines)
    share = settings / len(lines)
    if _NAME.search(sample.path):
        return 0.9 if share > 0.8 else 0.3 if share > 0.5 else 0.0
    upper = sum(re.match(r"\s*(export\s+)?[A-Z_][A-Z0-9_]*=", line) is not None for line in lines)
    return 0.7 if share == 1.0 and upper / len(lines) > 0.8 else 0.0


@configuration_parser(title="environment", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A setting a name; a value in quotes may go on over several lines."""
    lines = [line.rstrip("\r") for line in artifact.text().split("\n")]
    number = 0
    while number < len(lines):
        first, line = number, lines[number]
        number += 1
        if not line.strip() or line.lstrip().startswith(("#", ";")) or _FRAME.fullmatch(line):
            continue
        found = _LINE.fullmatch(line)
        if not found:
            yield Problem(artifact.path, f"no setting: {line.strip()}", first + 1)
            continue
        end = _closing(lines, first, found["value"])
        value = "\n".join([found["value"], *lines[number : end + 1]])
        number = end + 1
        yield Setting(span=artifact.span(first + 1, number), name=found["name"], value=_unquoted(value))


def _closing(lines: list[str], first: int, value: str) -> int:
    """The line at which a quoted value ends: the first one, if it ends nowhere."""
    if not _OPEN.match(value):
        return first
    quote = value[0]
    return next((index for index in range(first + 1, len(lines)) if re.search(rf"{quote}\s*(#.*)?$", lines[index])), first)


def _unquoted(value: str) -> str:
    """A value without its quotes or the comment after it; in double quotes a backslash escapes."""
    found = _QUOTED.fullmatch(value.strip()) if "\n" not in value else _multi_line(value)
    if not found:
        return re.sub(r"(^|\s+)#.*", "", value).strip()
    text = found["text"]
    return text if found["quote"] == "'" else re.sub(r"\\(.)", lambda escape: _BACKSLASHES.get(escape[1], escape[1]), text)


def _multi_line(value: str) -> re.Match[str] | None:
    return re.compile(_QUOTED.pattern, re.VERBOSE | re.DOTALL).fullmatch(value.strip())
