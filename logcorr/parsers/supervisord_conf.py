"""supervisord's configuration: the programs that it keeps running, and where their output goes.

    [program:post-worker]
    command=/usr/bin/python3 /srv/post/worker.py
    autorestart=true
    stdout_logfile=/var/log/post/worker.log

Format: http://supervisord.org/configuration.html, an INI file in which a comment follows ` ;`.
"""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Unit
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_SECTION = regex(r"\[(?P<kind>[\w-]+)(?::(?P<name>[^\]]+))?\]\s*(?:[;#].*)?$")
_ENTRY = regex(r"(?P<key>[A-Za-z_]+)\s*[=:]\s*(?P<value>.*)$")
_COMMENT = regex(r"(?:^|\s)[;#].*$")
_RESTARTS = {"true": "always", "false": "no", "unexpected": "on-failure"}
_LOGS = ("stdout_logfile", "stderr_logfile")


def _recognise(sample: Sample) -> float:
    sections = [section for line in sample.lines if (section := _SECTION.match(line))]
    ours = any(section["kind"] in ("program", "supervisord") for section in sections)
    return 0.95 if ours and any(line.startswith(("command", "logfile", "nodaemon")) for line in sample.lines) else 0.0


@configuration_parser(title="supervisord's configuration", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A unit a program."""
    name, first, last = "", 0, 0
    values: dict[str, str] = {}
    for number, line in enumerate([*artifact.text().split("\n"), "[end]"], 1):
        text = _COMMENT.sub("", line).rstrip()
        if section := _SECTION.match(text):
            if name:
                yield _program(artifact, name, (first, last), values)
            name, first, last, values = (
                (section["name"] or "").strip() if section["kind"] == "program" else "",
                number,
                number,
                {},
            )
        elif text and text[0].isspace() and values:
            values[[*values][-1]] += f" {text.strip()}"
            last = number
        elif entry := _ENTRY.match(text):
            values[entry["key"]] = entry["value"]
            last = number


def _program(artifact: Artifact, name: str, lines: tuple[int, int], values: dict[str, str]) -> Fact | Problem:
    if "command" not in values:
        return Problem(artifact.path, f"a program with no command: {name}", lines[0])
    logs = (values.get(key, "").replace("%(program_name)s", name) for key in _LOGS)
    return Unit(
        span=artifact.span(*lines),
        name=name,
        manager="supervisord",
        command=values["command"],
        restart=_RESTARTS.get(values.get("autorestart", "unexpected").lower()),
        logs=tuple(log for log in logs if log.startswith("/")),
    )
