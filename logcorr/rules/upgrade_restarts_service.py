"""Packages are upgraded, and services are restarted for it while they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._settings import settings
from logcorr.rules._upgrades import Done, about, felt, running, stem, upgrades
from logcorr.timeline.lifecycles import OWN_ENDS, Downtime, stopped
from logcorr.timeline.orders import commanded

BEFORE, AFTER = timedelta(seconds=2), timedelta(seconds=30)
"""A service is stopped between the lines that tell of it; stamps are cut, and a log may be written late."""

FELT = ("http.5xx", "client.connect_failed", "upstream.refused", "upstream.none_live", "dependency.failed", "probe.failed")
WITHIN = timedelta(seconds=60)

BY_ITSELF = r"^\s*\$nrconf\{restart\}\s*=\s*['\"]?a"
"""needrestart.conf(5): it restarts what it finds, and asks nobody."""

UNATTENDED = regex(r"unattended-upgrade")
EACH_DAY = r"^\s*APT::Periodic::Unattended-Upgrade\s+\"?[1-9]"
ORIGIN = r"(?i)^\s*\"(?:origin=|o=|site=)?[^\":,]*{stem}"
"""apt.conf.d: that upgrades are installed daily, and from where."""

MANY, TOGETHER = 3, timedelta(seconds=3)
"""So many services that end together are one act of somebody."""

SURE = {"needrestart": 0.95, "package": 0.92, "perhaps": 0.8}

Ended = tuple[Downtime, Done]


@rule(code="PROC021", title="Services are restarted for an upgrade", role="defect", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Stops while a package manager's log tells that the service's own package was upgraded, or that it was restarted for one."""
    ends = [stop for stop in case.once(stopped) if stop.kind not in OWN_ENDS]
    done = upgrades(case) if ends else []
    told = [(stop, why) for stop in ends if (why := _why(stop, done)) and (why.unit or not _by_hand(case, stop))]
    rest = [stop for stop in ends if all(stop is not other for other, _ in told)]
    perhaps = list(_at_once(rest, [*running(case), *done] if len(rest) >= MANY else []))
    for own, how in (
        ([pair for pair in told if pair[1].unit], "needrestart"),
        ([pair for pair in told if not pair[1].unit], "package"),
        (perhaps, "perhaps"),
    ):
        if own:
            yield _finding(case, own, how)


def _why(stop: Downtime, done: Sequence[Done]) -> Done | None:
    """The restart that names the service, else the upgrade of its package, around the time of its stop."""
    near = [one for one in done if about(one, stop.service) and one.start - BEFORE <= stop.ended <= one.end + AFTER]
    return min(near, key=lambda one: (not one.unit, abs(one.start - stop.ended)), default=None)


def _by_hand(case: Case, stop: Downtime) -> bool:
    """Whether somebody gave a command that names the service just before."""
    return commanded(case, stop.service, stop.ended).height > 0


def _at_once(ends: Sequence[Downtime], done: Sequence[Done]) -> Iterator[Ended]:
    """Stops of many services at one moment while upgrades run: nobody else ends so many that have nothing in common."""
    for why in done:
        inside = sorted((one for one in ends if why.start <= one.ended <= why.end), key=lambda one: one.ended)
        for first in inside:
            together = [one for one in inside if first.ended <= one.ended <= first.ended + TOGETHER]
            if len({one.service for one in together}) >= MANY:
                yield from ((one, why) for one in together)
                break


def _finding(case: Case, own: Sequence[Ended], how: str) -> Finding:
    lines = dict.fromkeys(why.span for _, why in own)
    setting = _setting(case, own, how)
    ends = [stop for stop, _ in own]
    return Finding(
        confidence=SURE[how],
        severity="error" if felt(case, FELT, [stop.ended for stop in ends], WITHIN) else "warning",
        claim=_claim(own, how),
        evidence=(
            *([Evidence(setting, "lets it happen by itself", shows="deploy_changes_configuration")] if setting else []),
            *(Evidence(line, "upgraded", shows="deploy_changes_configuration") for line in list(lines)[:4]),
            *(Evidence(stop.end, f"{stop.service} is stopped", shows="process_terminates") for stop in ends[:6]),
        ),
        would_refute=claim(
            "upgrade_restarts_service.refute", "a stop of {services} that began before the upgrade", services=_named(own)
        ),
        subject=_named(own),
        measured={"count": len(own)},
        times=tuple(sorted({stop.ended for stop in ends})),
        fix=_fix(how),
    )


def _named(own: Sequence[Ended]) -> str:
    return ", ".join(sorted({stop.service for stop, _ in own}))


def _claim(own: Sequence[Ended], how: str) -> Claim:
    if how == "perhaps":
        return claim(
            "upgrade_restarts_service.perhaps",
            "{services}: stopped at one moment while upgrades were installed ({count}×), as needrestart does for a library",
            services=_named(own),
            count=len(own),
        )
    if how == "needrestart":
        return claim(
            "upgrade_restarts_service.needrestart",
            "{services}: restarted by needrestart, for a library that they use was upgraded ({count}×)",
            services=_named(own),
            count=len(own),
        )
    return claim(
        "upgrade_restarts_service.package",
        "{services}: restarted by the upgrade of {packages} ({count}×)",
        services=_named(own),
        packages=", ".join(sorted({why.name for _, why in own})),
        count=len(own),
    )


def _fix(how: str) -> Claim:
    if how != "package":
        return claim(
            "upgrade_restarts_service.list",
            "let needrestart list what needs a restart (restart = 'l'), and restart it when nobody uses it",
        )
    return claim(
        "upgrade_restarts_service.hold",
        "keep this package from being upgraded by itself (Unattended-Upgrade::Package-Blacklist, apt-mark hold), "
        "and upgrade it when nobody uses the service; live-restore keeps containers running without their daemon",
    )


def _setting(case: Case, own: Sequence[Ended], how: str) -> Span | None:
    """The line that lets it happen: needrestart's, an origin that is allowed, or that upgrades are installed daily."""
    if how != "package":
        return next((span for span, _ in settings(case, BY_ITSELF)), None)
    stems = sorted({stem(why.name) for _, why in own})
    origins = (span for name in stems for span, _ in settings(case, ORIGIN.format(stem=name)) if "apt" in span.path)
    daily = (span for span, _ in settings(case, EACH_DAY)) if _unattended(case, own) else iter(())
    return next(iter((*origins, *daily)), None)


def _unattended(case: Case, own: Sequence[Ended]) -> bool:
    paths = {why.span.path for _, why in own}
    return any(
        UNATTENDED.search(path) or case.lines(path).collect()["text"].str.contains("unattended-upgrade").any() for path in paths
    )
