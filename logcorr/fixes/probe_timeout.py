"""A probe that gives up before it is answered waits longer; one that waits for ever gets a limit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from logcorr.fixes import Change, Folder, asked, fix
from logcorr.fixes.code import Code, added, plain, replaced, variable
from logcorr.grammar.shell.tree import Assignment, Node, Simple
from logcorr.model.claim import claim
from logcorr.model.result import Finding

FACTOR = 3
"""The limit is so many times what answers took: half of them took longer than the median, some much longer."""

LIMIT_S = 10
"""Long for an answer that says that all is well, short beside the minutes between two runs."""

LIMITS = ("--max-time", "-m", "--timeout", "-T")


@fix("slow_probe")
def probe_timeout(finding: Finding, folder: Folder) -> Iterator[Change]:
    """Raises the probe's limit, on the command or where a variable takes it."""
    took = finding.measured.get("took_s")
    for answered, _ in asked.probes(finding, folder.case):
        text = folder.text(answered.probe.span.path)
        if not text or not isinstance(took, float | int) or not answered.probe.timeout_s:
            continue
        code = Code(text)
        command = code.command(answered.probe.span, answered.probe.tool)
        node = _limit(code, command) if command else None
        if node:
            seconds = 5 * math.ceil(FACTOR * took / 5)
            said = claim("patch.probe_timeout", "the probe waits {seconds} s", seconds=seconds)
            yield Change(path=text.path, edits=(replaced(node, str(seconds)),), claim=said)
        return


@fix("probe_without_timeout")
def probe_limit(finding: Finding, folder: Folder) -> Iterator[Change]:
    """An option behind curl's name."""
    place = finding.evidence[0].span
    text = folder.text(place.path)
    command = Code(text).command(place, "curl") if text else None
    if text and command:
        program = next(word for word in command.words if plain(word).rpartition("/")[2] == "curl")
        said = claim("patch.probe_timeout", "the probe waits {seconds} s", seconds=LIMIT_S)
        yield Change(path=text.path, edits=(added(program.end, f" --max-time {LIMIT_S}"),), claim=said)


def _limit(code: Code, command: Simple) -> Node | None:
    """What holds the number of seconds: the word after the option, or the value of the variable that stands there."""
    for option, value in zip(command.words, command.words[1:], strict=False):
        if plain(option) not in LIMITS:
            continue
        if re.fullmatch(r"[\d.]+", plain(value)):
            return value
        name = variable(value)
        values = [one.value for one in code.nodes if isinstance(one, Assignment) and one.name == name]
        return values[0] if len(values) == 1 and values[0] and re.fullmatch(r"[\d.]+", plain(values[0])) else None
    return None
