"""What something runs without naming it: run-parts' folders, logrotate's scripts, certbot's hooks, the commands of a unit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from logcorr.model.case import Behaviour
from logcorr.model.facts import ScheduledJob
from logcorr.semantics.schedule import run_parts

ROTATION = "logrotate"
RENEWAL_HOOK = re.compile(r"(^|/)renewal-hooks/(pre|deploy|post)/[^/]+$|(^|/)renewal/[^/]+\.conf$")
UNIT_COMMAND = re.compile(r"(?P<unit>.+?)(\.service)?/Exec(StartPre|Start|StartPost)")
"""How the scripts of a unit's commands are named."""


def followed(
    job: ScheduledJob, behaviours: Mapping[ScheduledJob, Behaviour], others: Iterable[Behaviour]
) -> tuple[Behaviour, ...]:
    """What a job does: the behaviour of its command, those that it leads to, and those that these lead to, each once.

    `behaviours` holds those of all jobs' commands, `others` those of everything else.
    """
    rotated = {one.span.path for one in behaviours if one.scheduler == ROTATION}
    rest, found = list(others), [behaviours[job]]
    for one in found:  # grows as it goes
        paths = [other.script.span.path for other in rest]
        found += (led := [other for other in rest if _leads(one, other, paths, rotated)])
        rest = [other for other in rest if not any(other is one for one in led)]
    return tuple(found)


def leads_nowhere(job: ScheduledJob, does: Sequence[Behaviour]) -> bool:
    """Whether a job only names what it runs, and that was not collected."""
    return len(does) == 1 and (job.scheduler == "systemd" or "run-parts" in job.command)


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
