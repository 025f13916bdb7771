"""What something runs without naming it: run-parts' folders, logrotate's scripts, certbot's hooks, the commands of a unit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from logcorr.model.case import Behaviour
from logcorr.model.facts import ScheduledJob
from logcorr.semantics.schedule import run_parts

ROTATION = "logrotate"
RENEWAL_HOOK = re.compile(r"(^|/)renewal-hooks/(pre|deploy|post)/[^/]+$|(^|/)renewal/[^/]+\.conf$")
UNIT_COMMAND = re.compile(r"(?P<unit>.+?)(\.service)?/Exec(StartPre|Start|StartPost)")
"""How the scripts of a unit's commands are named."""


def followed(first: Behaviour, all_behaviours: Iterable[Behaviour], jobs: Iterable[ScheduledJob]) -> tuple[Behaviour, ...]:
    """The behaviour, those that it leads to, and those that these lead to: each once."""
    rest = [other for other in all_behaviours if other is not first]
    rotated = {job.span.path for job in jobs if job.scheduler == ROTATION}
    found = [first]
    for one in found:  # grows as it goes
        next_ones = [other for other in rest if _leads(one, other, [each.script.span.path for each in rest], rotated)]
        rest = [other for other in rest if not any(other is chosen for chosen in next_ones)]
        found += next_ones
    return tuple(found)


def _leads(one: Behaviour, other: Behaviour, paths: Collection[str], rotated: Collection[str]) -> bool:
    path, starts = other.script.span.path, UNIT_COMMAND.fullmatch(other.script.name)
    done = {(effect.manager, effect.action) for effect in one.effects}
    return (
        path in run_parts(one.script.text, paths, asker=one.script.span.path)[0]
        or ((ROTATION, "rotate") in done and path in rotated)
        or (("certbot", "renew") in done and bool(RENEWAL_HOOK.search(path)))
        or (starts is not None and any(starts["unit"] in targets for targets in _started(one)))
    )


def _started(one: Behaviour) -> Iterable[tuple[str, ...]]:
    """The units that it starts, by name without `.service`. What is only restarted runs anyway."""
    return (effect.targets for effect in one.effects if (effect.manager, effect.action) == ("systemd", "start"))
