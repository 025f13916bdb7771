"""What `systemctl status` prints.

    ● blog.service - Blog API
         Active: active (running) since Sat 2026-11-14 10:03:21 UTC; 3 hours ago

Format: systemd's systemctl-show.c. The journal lines at the end of each unit's block are left to the logs' readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Unit
from logcorr.model.source import Artifact, Sample
from logcorr.parsers import configuration_parser

_HEAD = regex(
    r"\s*[●○×↻*x]?\s*(?P<name>\S+\.(?:service|timer|socket|mount|target|path|slice|scope))(?:\s+-\s+(?P<description>.*))?\s*"
)
_ACTIVE = regex(r"\s+Active:\s+(?P<state>[\w-]+(?: \([^)]*\))?)(?P<rest>.*)")
_LOADED = regex(r"\s+Loaded:\s")
_MAIN = regex(r"\s+Main PID:\s+\d+\s+\((?P<command>[^)]*)\)")


def _recognise(sample: Sample) -> float:
    lines = sample.lines
    heads = [index for index, line in enumerate(lines) if _HEAD.fullmatch(line)]
    followed = any(_LOADED.match(line) or _ACTIVE.match(line) for index in heads for line in lines[index + 1 : index + 4])
    return 0.95 if followed else 0.0


@configuration_parser(title="systemctl status", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact]:
    """A unit a block: `state` is the whole of its Active line, with since when."""
    lines = [line.rstrip("\r") for line in artifact.text().split("\n")]
    heads = [index for index, line in enumerate(lines) if _HEAD.fullmatch(line) and _is_block(lines[index + 1 : index + 4])]
    for start, end in pairwise([*heads, len(lines)]):
        yield _unit(artifact, lines, start, end)


def _is_block(following: list[str]) -> bool:
    return any(_LOADED.match(line) or _ACTIVE.match(line) for line in following)


def _unit(artifact: Artifact, lines: list[str], start: int, end: int) -> Unit:
    head = _HEAD.fullmatch(lines[start])
    fields = [line for line in lines[start + 1 : end] if re.match(r"\s+[\w /-]+:\s", line)]
    active = next((match for line in fields if (match := _ACTIVE.match(line))), None)
    main = next((match for line in fields if (match := _MAIN.match(line))), None)
    last = max([start, *(index for index in range(start, end) if lines[index] in fields)])
    return Unit(
        span=artifact.span(start + 1, last + 1),
        name=head["name"] if head else "",
        description=(head["description"] or "").strip() if head else "",
        state=f"{active['state']}{active['rest']}".strip() if active else None,
        command=main["command"] if main else None,
    )
