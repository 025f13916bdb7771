"""What something runs without naming it: scripts in logrotate's and certbot's configuration, the commands of a unit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from logcorr.lazily import regex
from logcorr.model.behaviour import Reach, ReachProof
from logcorr.model.case import Behaviour
from logcorr.model.facts import Fact, ScheduledJob, Script, of_kind

ROTATION = "logrotate"
RENEWAL = regex(r"(^|/)(?:renewal/[^/]+\.conf|renewal-hooks/(?:pre|post|deploy)/[^/]+)$")
"""Where certbot's hooks stand: in a certificate's configuration, and in the folders whose scripts run for every certificate."""

RENEWS = regex(r"(?:snap\.)?(?:certbot|letsencrypt)(?:[.-](?:renew|renewal))?")
"""What units are called that renew certificates; as those of packages, they are seldom collected."""

UNIT_COMMAND = regex(r"(?P<unit>.+?)(\.service)?/Exec(StartPre|Start|StartPost)")
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
        led = [other for other in rest if _leads(one, other, rotated)]
        rest = [other for other in rest if not any(other is taken for taken in led)]
        found += led
    return tuple(found)


def at_most(proof: ReachProof, script: Script, facts: Sequence[Fact]) -> ReachProof:
    """How far something is reached, given what runs its script: a hook runs only if something is to be renewed or rotated."""
    renews, by_size = bool(RENEWAL.search(script.span.path)), _by_size(script, facts)
    if proof.reach is Reach.NEVER or not (renews or by_size):
        return proof
    unknown = "certbot renews the certificate" if renews else "the log has grown to its size"
    return replace(proof, reach=Reach.MAY, unknown=(*proof.unknown, unknown), once_run=proof.reach)


def _by_size(script: Script, facts: Sequence[Fact]) -> bool:
    """Whether it belongs to a stanza of logrotate's that goes by the log's size."""
    stanzas = (job for job in of_kind(ScheduledJob, facts) if job.scheduler == ROTATION and job.span.path == script.span.path)
    sized = (job for job in stanzas if "size" in job.schedule)
    return any(script.name.endswith(f" of {job.command.removeprefix(f'{ROTATION} ')}") for job in sized)


def leads_nowhere(job: ScheduledJob, does: Sequence[Behaviour]) -> bool:
    """Whether a timer's unit was not collected."""
    return job.scheduler == "systemd" and len(does) == 1


def _leads(one: Behaviour, other: Behaviour, rotated: Collection[str]) -> bool:
    path, starts = other.script.span.path, UNIT_COMMAND.fullmatch(other.script.name)
    done = {(effect.manager, effect.action) for effect in one.effects}
    units = [unit for targets in _started(one) for unit in targets]
    rotates = (ROTATION, "rotate") in done or ROTATION in units
    renews = ("certbot", "renew") in done or any(map(RENEWS.fullmatch, units))
    return (
        (rotates and path in rotated)
        or (renews and bool(RENEWAL.search(path)))
        or (starts is not None and starts["unit"] in units)
    )


def _started(one: Behaviour) -> Iterable[tuple[str, ...]]:
    """The units that it starts, by name without `.service`. What is only restarted runs anyway."""
    return (effect.targets for effect in one.effects if (effect.manager, effect.action) == ("systemd", "start"))
