"""A log that takes far more of a full device than anything else, by captured sizes, and the setting that lets it be written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatch

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._chatted import LISTED
from logcorr.rules._hoards import POWERS, SIZE, captures, used
from logcorr.rules._settings import settings
from logcorr.rules._sweeping import REFUTE
from logcorr.timeline.select import cite, instants, lines_like

HERE = regex(r"\bls\b.*?\s(?P<asked>/[\w./-]+)/?\s*$|^(?P<named>/[\w./-]+):\s*$")
"""The folder that `ls` was asked for, or that it names before its rows."""

IS_LOG = regex(r"(?i)(?:^|[/._-])logs?(?:[/._-]|$)")
OF_A_FILE = regex(r"[_-]?(?:file(?:_?name)?|path)$", re.IGNORECASE)
ON = r"['\"]?(?:1|on|true|yes|all)\b"
"""`general_log = 1` switches on what `general_log_file` says the place of."""

SWITCHES = (
    (r"(?i)^\s*general[-_]log\s*=\s*['\"]?(?:1|on)\b", "mysql|maria"),
    (r"(?i)^\s*long_query_time\s*=\s*0(?:\.0+)?\s*$", "mysql|maria"),
    (r"(?i)^\s*log_statement\s*=\s*'?(?:all|mod)\b|^\s*log_min_duration_statement\s*=\s*'?0\b", "postgres|pgsql"),
)
"""What lets a database log every statement, and how the folder of its logs is called."""

LOW = r"(?i)\s(?:debug|trace)\s*;?\s*$"
"""The level that stands behind the place of a log (nginx's `error_log`)."""

MOST_OF, LEAST_OF, FAR_MORE = 0.5, 0.3, 2.0
"""Of what is used it takes so much; or not that much, but twice as much as anything else."""

SWITCHED, WRITTEN = 0.92, 0.7
"""How sure it is: a setting switches on what nothing rotates; or it is a log as others are, or is rotated, or no capture tells
how much is used of the device."""

CHANGES, FULL = "deploy_changes_configuration", "resource_exhausted"
LESS = claim("disk_full.switch_off", "switch that log off, remove what it wrote, and rotate by size what must be kept")

Sizes = list[tuple[float, str, Span]]


class _Log(Struct, frozen=True):
    """The file or folder, the line that shows its size, the settings that let it be written, the one to change first."""

    path: str
    told: Span
    settings: tuple[Span, ...]
    sure: float


def logged_into(case: Case, failed: pl.DataFrame, mounts: Sequence[str]) -> Iterator[Finding]:
    """The log, if captures show one that takes so much, and the settings of just one file let it be written."""
    found = next((log for path in captures(case) for log in _logs(case, path, mounts)), None)
    if found:
        yield Finding(
            confidence=found.sure,
            claim=claim(
                "disk_full.logged_into",
                "no space was left on a device: {count} writes failed; nothing takes more of it than {log}, "
                "which {setting} lets be written",
                count=failed.height,
                log=found.path,
                setting=str(found.settings[0]),
            ),
            evidence=(
                *(Evidence(span, "lets it be written", shows=CHANGES) for span in found.settings),
                *_changed(case, found, failed),
                Evidence(found.told, "what takes the space", shows=FULL),
                *cite(failed, shows=FULL),
            ),
            would_refute=REFUTE,
            subject=found.path,
            measured={"count": failed.height},
            times=instants(failed),
            fix=LESS,
        )


def _logs(case: Case, path: str, mounts: Sequence[str]) -> Iterator[_Log]:
    sizes = [
        one for one in _sizes(case, path) if not mounts or any(one[1] == mount or _within(one[1], mount) for mount in mounts)
    ]
    leaves = sorted((one for one in sizes if not any(_within(other[1], one[1]) for other in sizes if other != one)), reverse=True)
    if not leaves or not IS_LOG.search(leaves[0][1]):
        return
    size, name, told = leaves[0]
    whole = max((one[0] for one in sizes if one[1] == "/" or one[1] in mounts), default=0.0)
    known = max(used(case, mounts), whole)
    taken = max(known, sum(one[0] for one in leaves))
    others = max((one[0] for one in leaves[1:]), default=0.0)
    if size >= MOST_OF * taken or (known and size >= LEAST_OF * taken and size >= FAR_MORE * others):
        switches, places = tuple(dict.fromkeys(_switches(case, name))), tuple(_places(case, name))
        if len({span.path for span in switches or places}) == 1:
            sure = SWITCHED if known and switches and not _rotated(case, name) else WRITTEN
            yield _Log(name, told, tuple(dict.fromkeys((*switches, *places))), sure)


def _within(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")


def _sizes(case: Case, path: str) -> Sizes:
    """What the capture shows the sizes of: rows of `du`, and of `ls -l` in the folder that it was asked for."""
    found: Sizes = []
    folder = ""
    du, listed = re.compile(SIZE), re.compile(LISTED)
    for line, text in case.lines(path).select("line", "text").collect().iter_rows():
        if here := HERE.search(text):
            folder = (here["asked"] or here["named"]).rstrip("/")
        elif (row := listed.match(text)) and (folder or row[3].startswith("/")):
            name = row[3] if row[3].startswith("/") else f"{folder}/{row[3]}"
            found.append((_bytes(row[1], row[2], 0), name, Span(path, line)))
        elif (row := du.match(text)) and row[3].startswith("/"):
            found.append((_bytes(row[1], row[2], POWERS[""]), row[3].rstrip("/") or "/", Span(path, line)))
    return found


def _bytes(number: str, unit: str, bare: int) -> float:
    return float(number.replace(",", ".")) * 2.0 ** (POWERS[unit] if unit else bare)


def _places(case: Case, name: str) -> Iterator[Span]:
    """The settings that name the log as the place to write to."""
    yield from (span for span, _ in settings(case, rf"^\s*[\w.-]+['\"]?\s*[:= ]\s*['\"]?{_called(name)}['\"]?\s*(?:[;,\s]|$)"))


def _called(name: str) -> str:
    """The path of a log, or a file's name alone: then it lies where its writer keeps its files."""
    last = name.rpartition("/")[2]
    return rf"(?:{re.escape(name)}|(?:\./)?{re.escape(last)})" if "." in last else re.escape(name)


def _switches(case: Case, name: str) -> Iterator[Span]:
    """The settings that switch the log on: that of the same name but for the end, a level, or what lets a database log all."""
    yield from (span for on, words in SWITCHES if re.search(words, name) for span, _ in settings(case, on))
    pattern = rf"^\s*([\w.-]+?)['\"]?\s*[:=]\s*['\"]?{_called(name)}['\"]?\s*(?:[;,\s]|$)"
    for span, text in settings(case, pattern):
        key = re.match(r"[\w.-]+", text)
        stem = OF_A_FILE.sub("", key[0]) if key else ""
        if key and stem and stem != key[0]:
            yield from _in_file(case, span.path, rf"(?i)^\s*{re.escape(stem)}\s*[:= ]\s*{ON}")
    yield from (span for span in _places(case, name) if any(lines_like(case, span, LOW)))


def _in_file(case: Case, path: str, pattern: str) -> Iterator[Span]:
    yield from (span for span, _ in settings(case, pattern) if span.path == path)


def _rotated(case: Case, name: str) -> bool:
    """Whether a stanza of logrotate is for this log, or for logs in this folder."""
    commands = (job.command for job in case.of(ScheduledJob) if job.scheduler == "logrotate")
    words = (word.strip("\"'") for command in commands for word in command.split()[1:])
    return any(fnmatch(name, word) or _within(word, name) for word in words)


def _changed(case: Case, found: _Log, failed: pl.DataFrame) -> tuple[Evidence, ...]:
    """Who edited that file, as `sudo` told, before the device was full."""
    full = failed["time"].min()
    if not isinstance(full, datetime):
        return ()
    name = found.settings[0].path.rpartition("/")[2]
    edited = pl.col("message").str.contains(
        rf"COMMAND=\S*(?:nano|vim?|vi|emacs|ed|sed|tee|cp|mcedit|sudoedit)\b.*\b{re.escape(name)}"
    )
    rows = case.logged.filter((pl.col("time") < full) & edited).collect().sort("time")
    return cite(rows.tail(1), "it was edited", shows=CHANGES)
