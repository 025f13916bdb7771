"""Listings of files: `ls -l`, `ls -lR`, `find`, `find -ls`.

    /var/log/gallery:
    total 48
    -rw-r----- 1 gallery adm 5871 Nov 14 13:00 gallery-api.log

Format: GNU coreutils' ls (POSIX long format), findutils' -ls.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.facts import ExistingFile, Fact
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_LONG = regex(
    r"""
    (?:\s*\d+\s+\d+\s+)?                                   # find -ls: inode and blocks
    (?P<type>[-dlcbps])[-rwxsStT]{9}[.+@]?\s+
    \d+\s+ \S+\s+ (?:[^\d\s]\S*\s+|\d+\s+(?=\d+[.,\d]*[KMGT]?\s))?   # links, owner, group
    (?P<size>\d+(?:,\s*\d+)?|[\d.]+[KMGT])\s+
    (?:(?P<time>[A-Z][a-z]{2}\s+\d{1,2}\s+(?:\d{1,2}:\d{2}(?::\d{2})?|\d{4})
      | \d{1,2}\s+[A-Z][a-z]{2}\s+(?:\d{1,2}:\d{2}|\d{4})
      | \d{4}-\d{2}-\d{2}\s+\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s+[-+]\d{4})?
      | \d{1,2}月\s+\d{1,2}\s+\S+)\s+)?
    (?P<name>\S.*)
    """,
    re.VERBOSE,
)
_FOLDER = regex(r"(?P<path>[^\s:][^:]*):\s*")
_COMMAND = regex(r"\s*(?:[^#]*[$#>]\s*)?(?:sudo\s+)?(?P<command>ls|find|ll)\b(?P<rest>.*)")
_PATH = regex(r"(/[\w.@+,=-]+)+/?|\.{1,2}(/[\w.@+,=-]+)+/?")
_NOISE = regex(r"\s*(total [\d.,]+[KMGT]?|總用量 \d+|总用量 \d+|```.*|ls: .*|find: .*)?\s*")


def _recognise(sample: Sample) -> float:
    lines = [line for line in sample.lines if not _NOISE.fullmatch(line) and not _COMMAND.fullmatch(line)]
    if not lines:
        return 0.0
    long = sum(_LONG.fullmatch(line) is not None for line in lines)
    folders = sum(_FOLDER.fullmatch(line) is not None for line in lines)
    if long and (long + folders) / len(lines) > 0.8:
        return 0.95
    paths = sum(_PATH.fullmatch(line.strip()) is not None for line in lines)
    return 0.8 if paths == len(lines) and len(lines) > 1 else 0.0


@configuration_parser(title="file listing", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A fact a file; folders, devices and the entries `.` and `..` are left out."""
    folder = ""
    for number, line in enumerate(artifact.text().split("\n"), 1):
        text = line.rstrip("\r")
        command = _COMMAND.fullmatch(text)
        if command and not text.startswith(("/", ".")):
            folder = _listed(command["rest"]) if command["command"] != "find" else ""
        elif _NOISE.fullmatch(text):
            continue
        elif long := _LONG.fullmatch(text):
            if long["type"] in "-l":
                yield _file(artifact, number, folder, long["name"], long["size"])
        elif heading := _FOLDER.fullmatch(text):
            folder = heading["path"]
        elif _PATH.fullmatch(text.strip()):
            yield ExistingFile(span=artifact.span(number), host_path=posixpath.normpath(text.strip()))
        else:
            yield Problem(artifact.path, f"no file: {text.strip()}", number)


def _listed(arguments: str) -> str:
    """The folder that a command lists, if it names one."""
    paths = [word for word in arguments.split() if not word.startswith("-") and not re.search(r"[*?|>]", word)]
    return paths[0] if len(paths) == 1 else ""


def _file(artifact: Artifact, number: int, folder: str, name: str, size: str) -> ExistingFile:
    target = name.partition(" -> ")[0]
    path = target if target.startswith("/") or folder == target else posixpath.join(folder, target)
    return ExistingFile(span=artifact.span(number), host_path=posixpath.normpath(path), size=_bytes(size))


def _bytes(size: str) -> int | None:
    """The size in bytes; None where it is rounded (`-h`) or no size (a device's numbers)."""
    return int(size) if re.fullmatch(r"[0-9]{1,18}", size) else None
