"""What a kill acts on whose process ids another command printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from logcorr.lazily import regex
from logcorr.model.behaviour import Effect, Probe
from logcorr.model.facts import Script
from logcorr.model.source import Span

PRINTED = regex(r"<what (?:pgrep|pidof|lsof) prints \((?P<place>[^()]+)\)>")
MANAGED = regex(r"<what (?P<tool>systemctl show|supervisorctl pid|docker inspect) prints \((?P<place>[^()]+)\)>")
"""And those that a manager prints of what it runs: a process of that."""

MANAGERS = {"systemctl show": "systemd", "supervisorctl pid": "supervisor", "docker inspect": "docker"}
COLUMN = "<output of `awk "
LINE = regex(r"<a line that `read` gets \((?P<path>[^()]+):(?P<line>\d+)\)>")
"""How values are shown that `pgrep` prints, and that are cut out of the list of `ps`."""


def aimed(effect: Effect, probes: Sequence[Probe], scripts: Iterable[Script | None]) -> Effect:
    """A kill of what `pgrep` or `ps | grep` printed, by the pattern that was looked for; of a manager's, by its name there."""
    if effect.manager != "process" or not any("<" in target for target in effect.targets):
        return effect
    managed = MANAGED.search(effect.targets[0])
    name = next((one.asks for one in probes if managed and one.asks and str(one.span) == managed["place"]), None)
    if managed and name:
        return replace(effect, manager=MANAGERS[managed["tool"]], targets=(name.removesuffix(".service"),))
    return replace(effect, targets=tuple(_looked_for(target, effect, probes, scripts) for target in effect.targets))


def _looked_for(target: str, effect: Effect, probes: Sequence[Probe], scripts: Iterable[Script | None]) -> str:
    """The pattern behind a target that only a run could tell: of the `pgrep` that it names, else of the last `ps` before it."""
    named = PRINTED.search(target)
    if named:
        return next((one.asks for one in probes if one.asks and str(one.span) == named["place"]), target)
    above = [one for one in probes if one.tool == "ps" and one.expects and one.span.line <= effect.span.line]
    if not above:
        return target
    line = LINE.fullmatch(target)
    handed = line and line["path"] == above[-1].span.path and _pipes(scripts, above[-1].span, int(line["line"]))
    return above[-1].expects[0] if handed or COLUMN in target else target


def _pipes(scripts: Iterable[Script | None], first: Span, last: int) -> bool:
    """Whether what a script's line prints goes through pipes to a later one."""
    script = next((one for one in scripts if one and one.span.path == first.path and one.span.line <= first.line), None)
    between = script.text.split("\n")[first.line - script.span.line : last - script.span.line + 1] if script else []
    whole = re.split(r"\bwhile\b|\bread\b", " ".join(line.rstrip("\\ ") for line in between))[0]
    return whole.rstrip().endswith("|") and not re.search(r"[;&]|\|\|", re.sub(r"'[^']*'", "", whole))
