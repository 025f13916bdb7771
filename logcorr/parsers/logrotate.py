"""logrotate's configuration: /etc/logrotate.conf and /etc/logrotate.d/*.

    /var/log/gallery/*.log {
        hourly
        postrotate
            kill $(cat /run/gallery-api.pid)
        endscript
    }

Format: logrotate(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

from logcorr.lazily import regex
from logcorr.model.facts import Fact, ScheduledJob, Script
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_SCHEDULE = regex(r"(?P<word>hourly|daily|weekly|monthly|yearly|(?:max|min)?size\s*=?\s*\S+)(\s+\d+)?\s*(#.*)?")
_SCRIPT = regex(r"(?P<word>postrotate|prerotate|firstaction|lastaction|preremove)\s*(#.*)?")
_MARK = regex(r"\s*(rotate\s+\d+|postrotate|endscript|missingok|notifempty|delaycompress|sharedscripts|copytruncate)\b")
_PATHS = regex(r"\s*(\"[^\"]+\"|'[^']+'|/\S+)(\s+(\"[^\"]+\"|'[^']+'|/\S+))*\s*")
_COMMENT = regex(r"\s*(^|\s)#.*")
_DEFAULT = "logrotate's own schedule"


def _recognise(sample: Sample) -> float:
    marks = sum(_MARK.match(line) is not None for line in sample.lines)
    opens = any(re.search(r"\{\s*(#.*)?$", line) and line.lstrip()[:1] in {"/", '"', "'", "{"} for line in sample.lines)
    named = bool(re.search(r"(^|/)logrotate(\.d/[^/]+|[^/]*\.conf)$", sample.path))
    return 0.95 if opens and marks >= 2 else 0.9 if named and (marks or opens) else 0.0


class _Stanza(Struct):
    """The paths and directives between one pair of braces."""

    line: int
    paths: str
    schedule: str
    schedule_line: int
    scripts: list[tuple[str, int, list[str]]] = field(default_factory=list)


@configuration_parser(title="logrotate configuration", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A job a stanza, at the line that says when; its `command` names the logs. Each of its scripts, at its own lines."""
    lines = [line.rstrip("\r") for line in artifact.text().split("\n")]
    default = next((match["word"] for line in _outside(lines) if (match := _SCHEDULE.fullmatch(line.strip()))), _DEFAULT)
    for stanza in _stanzas(lines, default):
        if isinstance(stanza, int):
            yield Problem(artifact.path, "a stanza or script that is never closed", stanza)
        else:
            yield from _facts(artifact, stanza)


def _outside(lines: list[str]) -> Iterator[str]:
    depth = 0
    for line in lines:
        if not depth:
            yield line
        depth += _COMMENT.sub("", line).rstrip().endswith("{") - (line.strip() == "}")


def _stanzas(lines: list[str], default: str) -> Iterator[_Stanza | int]:
    """The stanzas; the line of one that is not closed."""
    stanza: _Stanza | None = None
    paths: list[str] = []
    body: list[str] | None = None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if body is not None:
            if text == "endscript":
                body = None
            else:
                body.append(line)
        elif stanza is None:
            written = _COMMENT.sub("", text)
            paths += [written.removesuffix("{").rstrip()] if _PATHS.fullmatch(written.removesuffix("{")) else []
            if written.endswith("{"):
                stanza, paths = _Stanza(number, " ".join(paths), default, number), []
        elif text == "}":
            yield stanza
            stanza = None
        else:
            body = _directive(stanza, number, text)
    if stanza is not None:
        yield stanza.line


def _directive(stanza: _Stanza, number: int, text: str) -> list[str] | None:
    """Takes one line of a stanza; the list for the lines of the script that it opens, if it does."""
    schedule, script = _SCHEDULE.fullmatch(text), _SCRIPT.fullmatch(text)
    if schedule and "size" not in stanza.schedule:
        stanza.schedule, stanza.schedule_line = schedule["word"], number
    if not script:
        return None
    stanza.scripts.append((script["word"], number + 1, []))
    return stanza.scripts[-1][2]


def _facts(artifact: Artifact, stanza: _Stanza) -> Iterator[Fact]:
    yield ScheduledJob(
        span=artifact.span(stanza.schedule_line),
        schedule=stanza.schedule,
        scheduler="logrotate",
        command=f"logrotate {stanza.paths}",
    )
    for word, line, body in stanza.scripts:
        if body:
            depth = min((len(text) - len(text.lstrip()) for text in body if text.strip()), default=0)
            yield Script(
                span=artifact.span(line, line + len(body) - 1),
                name=f"{word} of {stanza.paths}",
                text="".join(f"{text[depth:]}\n" for text in body),  # the last line may end in a backslash
                column=depth,
                directory=None,
            )
