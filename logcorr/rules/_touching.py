"""The commands of scripts, and of people who become root, that reach certain files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._deeds import JUST_BEFORE, LATE
from logcorr.timeline.orders import orders
from logcorr.timeline.scripts import expanded
from logcorr.timeline.select import spans

DEEP = 2
"""Two folders in common are one place; the root and `/srv` are everybody's."""

CD = regex(r"^\s*(?:cd|pushd)\s+(?:--\s+)?[\"']?(?P<to>/[^\s\"';&|]+)")
MASKS = regex(r"\b(?:umask|mktemp)\b")
PUTS = regex(r"\b(?:cp|mv|rsync|install|ln|unzip|git|tee|mkdir)\b|\btar\s+(?:-\S+\s+)*-?\w*x|>")
"""What is set for all that the script makes, and how it makes something there."""


def touching(case: Case, paths: Sequence[str], commands: re.Pattern[str]) -> Iterator[tuple[Span, Script]]:
    """The lines with such a command that name such a file or its folder, or stand in it; masks where one puts files there."""
    folders = _folders(paths)
    found = []
    for script in case.of(Script):
        code = ["" if text.lstrip().startswith("#") else text.partition(" #")[0] for text in expanded(script)]
        depths = [max((len(folder) for folder in folders if folder in text), default=0) for text in code]
        puts = any(depth and PUTS.search(text) for text, depth in zip(code, depths, strict=True))
        within = False
        for number, (text, depth) in enumerate(zip(code, depths, strict=True)):
            within = moved["to"].rstrip("/") in folders if (moved := CD.match(text)) else within
            if commands.search(text) and (depth or within or (puts and MASKS.search(text))):
                found.append((-depth, Span(script.span.path, script.span.line + number), script))
    return ((span, script) for _, span, script in sorted(found, key=lambda one: (one[0], one[1])))


def by_hand(case: Case, paths: Sequence[str], commands: re.Pattern[str], since: datetime) -> Iterator[Span]:
    """The lines by which sudo, or a hook, tells of such a command that names such a file or its folder, shortly before."""
    near = pl.col("time").is_between(since - JUST_BEFORE, since + LATE)
    names = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(_folders(paths))))})(?![\w.-])") if paths else None
    rows = case.once(orders).filter(near).sort("time", descending=True, maintain_order=True)
    for span, command in zip(spans(rows), rows["command"], strict=True):
        if names and commands.search(command) and names.search(command):
            yield span


def text_of(span: Span, script: Script) -> str:
    """The line as the script has it, variables written out."""
    return expanded(script)[span.line - script.span.line].partition(" #")[0]


def _folders(paths: Sequence[str]) -> set[str]:
    return {"/".join(parts[:depth]) for path in paths for parts in [path.split("/")] for depth in range(DEEP + 1, len(parts) + 1)}
