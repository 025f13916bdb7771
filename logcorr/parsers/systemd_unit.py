"""systemd's unit files: services and timers, drop-ins too.

    [Timer]
    OnCalendar=*:0/15
    RandomizedDelaySec=30

Format: systemd.syntax(7), systemd.service(5), systemd.timer(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from logcorr.grammar.calendar import NotCalendar, calendar
from logcorr.grammar.duration import systemd_seconds
from logcorr.lazily import regex
from logcorr.model.facts import Fact, ScheduledJob, Script, Setting, Unit
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_SECTION = regex(r"\[(?P<name>\w+)\]\s*")
_ENTRY = regex(r"(?P<key>[A-Za-z][\w-]*)\s*=\s*(?P<value>.*)")
_NAME = regex(r"(?P<unit>[^/]+\.(?:service|timer|socket|path))(?:\.d/[^/]+\.conf)?$")
_PREFIX = regex(r"[-@:+!|]*")
_MONOTONIC = ("OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec")
_COMMANDS = ("ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost")
_PORT = regex(r"(?:^|[\s\"'])(?:\w+_)?PORT=(?P<port>\d{2,5})\b")
_OPTION = regex(r"(?:^|\s)(?:-p|--(?:http-)?port|-b|--bind|-l|--listen)(?:[ =]|(?<=-p))(?:\S*:)?(?P<port>\d{2,5})(?!\S)")
_SETTINGS = (
    ("WatchdogSec", "Service"), ("StartLimitIntervalSec", "Service"), ("StartLimitBurst", "Service"),
    ("StartLimitIntervalSec", "Unit"), ("StartLimitBurst", "Unit"),
)  # fmt: skip
_ACCURACY_S = 60.0  # systemd.timer(5): AccuracySec= defaults to 1min


class _Entry(NamedTuple):
    section: str
    key: str
    value: str
    line: int
    end_line: int


_NOTHING = _Entry("", "", "", 0, 0)


def _recognise(sample: Sample) -> float:
    sections = {match["name"] for line in sample.lines if (match := _SECTION.fullmatch(line))}
    ours = sections & {"Service", "Timer"}
    keys = any(re.match(r"(Exec\w+|On\w+(Sec)?|Restart(Sec)?|WatchdogSec)\s*=", line) for line in sample.lines)
    return 0.95 if ours and keys else 0.8 if ours and _NAME.search(sample.path) else 0.0


@configuration_parser(title="systemd unit", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """The service with its commands as scripts, or a job a schedule of the timer."""
    entries: list[_Entry] = []
    for found in _entries(artifact):
        if isinstance(found, Problem):
            yield found
        else:
            entries.append(found)
    match = _NAME.search(artifact.path)
    name = match["unit"] if match else artifact.sample.name
    if any(entry.section == "Timer" for entry in entries):
        yield from _timer(artifact, name, entries)
    if any(entry.section == "Service" for entry in entries):
        yield from _service(artifact, name, entries)


def _entries(artifact: Artifact) -> Iterator[_Entry | Problem]:
    """Keys and values; a backslash at the end of a line continues it."""
    lines = [line.rstrip("\r") for line in artifact.text().split("\n")]
    section, number = "", 0
    while number < len(lines):
        first, text = number + 1, lines[number].strip()
        number += 1
        if not text or text[0] in "#;":
            continue
        while text.endswith("\\") and number < len(lines):
            text = f"{text[:-1].rstrip()} {lines[number].strip()}"
            number += 1
        if heading := _SECTION.fullmatch(text):
            section = heading["name"]
        elif entry := _ENTRY.fullmatch(text):
            yield _Entry(section, entry["key"], entry["value"].strip(), first, number)
        else:
            yield Problem(artifact.path, f"neither a section nor a setting: {text}", first)


def _last(entries: Sequence[_Entry], section: str, key: str) -> _Entry | None:
    """The entry that holds: the last one."""
    return next((entry for entry in reversed(entries) if (entry.section, entry.key) == (section, key)), None)


def _all(entries: Sequence[_Entry], section: str, key: str) -> list[_Entry]:
    """The entries of a key that may come more than once; an empty one clears those before it."""
    found: list[_Entry] = []
    for entry in entries:
        if (entry.section, entry.key) == (section, key):
            found = [*found, entry] if entry.value else []
    return found


def _seconds(entry: _Entry | None) -> float | None:
    return systemd_seconds(entry.value) if entry else None


def _timer(artifact: Artifact, name: str, entries: Sequence[_Entry]) -> Iterator[Fact | Problem]:
    activated = _last(entries, "Timer", "Unit")
    command = f"systemctl start {activated.value if activated else re.sub(r'timer$', 'service', name)}"
    accuracy = _seconds(_last(entries, "Timer", "AccuracySec"))
    delay = _seconds(_last(entries, "Timer", "RandomizedDelaySec"))
    slack = (_ACCURACY_S if accuracy is None else accuracy) + (delay or 0.0)
    for entry in _all(entries, "Timer", "OnCalendar"):
        try:
            calendar(entry.value)
        except NotCalendar as error:
            yield Problem(artifact.path, str(error), entry.line)
            continue
        yield _job(artifact, entry, entry.value, command, slack)
    for key in _MONOTONIC:
        for entry in _all(entries, "Timer", key):
            yield _job(artifact, entry, f"{key}={entry.value}", command, slack)


def _job(artifact: Artifact, entry: _Entry, schedule: str, command: str, slack: float) -> ScheduledJob:
    span = artifact.span(entry.line, entry.end_line)
    return ScheduledJob(span=span, schedule=schedule, scheduler="systemd", command=command, slack_s=slack)


def _service(artifact: Artifact, name: str, entries: Sequence[_Entry]) -> Iterator[Fact]:
    starts = _all(entries, "Service", "ExecStart")
    description, restart = _last(entries, "Unit", "Description"), _last(entries, "Service", "Restart")
    delay, sort = _seconds(_last(entries, "Service", "RestartSec")), _last(entries, "Service", "Type")
    timeout = _last(entries, "Service", "TimeoutStartSec") or _last(entries, "Service", "TimeoutSec")
    last = max(entry.end_line for entry in entries)
    yield Unit(
        span=artifact.span(1, last),
        name=name,
        description=description.value if description else "",
        restart=restart.value if restart else None,
        restart_s=delay,
        command=_bare(starts[0].value) if starts else None,
        oneshot=sort is not None and sort.value == "oneshot",
        start_timeout_s=_seconds(timeout),
        logs=tuple(dict.fromkeys(_logs(entries))),
        listens=tuple(dict.fromkeys(_ports(entries))),
        environment_files=tuple(entry.value.lstrip("-") for entry in _all(entries, "Service", "EnvironmentFile")),
    )
    for key, section in _SETTINGS:
        if found := _last(entries, section, key):
            yield Setting(span=artifact.span(found.line), name=_called(key, section), value=_plain(found))
    directory = _last(entries, "Service", "WorkingDirectory")
    for key in _COMMANDS:
        for entry in _all(entries, "Service", key):
            yield Script(
                span=artifact.span(entry.line, entry.end_line),
                name=f"{name}/{key}",
                text=_bare(entry.value),
                directory=directory.value.lstrip("-") if directory else "/",
                column=0,
            )


def _logs(entries: Sequence[_Entry]) -> Iterator[str]:
    for key in ("StandardOutput", "StandardError"):
        how, _, path = (_last(entries, "Service", key) or _NOTHING).value.partition(":")
        if how in ("file", "append", "truncate"):
            yield path


def _ports(entries: Sequence[_Entry]) -> Iterator[int]:
    """The ports in its environment and in the options of its command."""
    for key, pattern in (("Environment", _PORT), ("ExecStart", _OPTION)):
        for entry in _all(entries, "Service", key):
            yield from (int(found["port"]) for found in pattern.finditer(entry.value))
def _called(key: str, section: str) -> str:
    return key if section == "Service" else f"{section}/{key}"


def _plain(entry: _Entry) -> str:
    """A setting's value; a limit's time in seconds."""
    seconds = _seconds(entry) if entry.key == "StartLimitIntervalSec" else None
    return entry.value if seconds is None else f"{seconds:g}"


def _bare(command: str) -> str:
    """A command without systemd's prefixes (`-` ignores failure, `@`, `+`, `!`, `:`)."""
    return _PREFIX.sub("", command, count=1)
