"""How often systemd may start a service again is said where it does not look."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Setting, Unit
from logcorr.model.result import Finding
from logcorr.rules import rule

SECONDS = regex(r"\d+(?:\.\d+)?")
DEFAULT_S, DEFAULT_STARTS, DEFAULT_PAUSE_S = 10.0, 5, 0.1
"""systemd-system.conf(5): DefaultStartLimitIntervalSec, DefaultStartLimitBurst, DefaultRestartSec."""


@rule(code="PROC017", title="systemd ignores a limit on starts", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `StartLimitIntervalSec` in a `[Service]` section: since systemd 230 it belongs into `[Unit]`."""
    settings = {(one.span.path, one.name): one for one in case.of(Setting)}
    for unit in case.of(Unit):
        found = settings.get((unit.span.path, "StartLimitIntervalSec"))
        if found and SECONDS.fullmatch(found.value) and (unit.span.path, "Unit/StartLimitIntervalSec") not in settings:
            yield _finding(unit, found, float(found.value), _starts(settings.get((unit.span.path, "StartLimitBurst"))))


def _starts(setting: Setting | None) -> int:
    return int(setting.value) if setting and setting.value.isdigit() else DEFAULT_STARTS


def _finding(unit: Unit, found: Setting, seconds: float, starts: int) -> Finding:
    pause = DEFAULT_PAUSE_S if unit.restart_s is None else unit.restart_s
    for_ever = unit.restart not in (None, "no") and pause * starts > DEFAULT_S
    return Finding(
        severity="warning" if for_ever else "info",
        confidence=0.93,
        claim=_claim(seconds, starts, pause, for_ever=for_ever),
        evidence=(Evidence(found.span, "in the section [Service]"),),
        would_refute=claim("start_limit_ignored.refute", "systemctl show -p StartLimitIntervalUSec {unit}", unit=unit.name),
        subject=unit.name,
        measured={"interval_s": seconds, "default_s": DEFAULT_S} | ({"burst": starts, "restart_s": pause} if for_ever else {}),
        fix=claim("start_limit_ignored.fix", "move it to the section [Unit]"),
    )


def _claim(seconds: float, starts: int, pause: float, *, for_ever: bool) -> Claim:
    if for_ever:
        return claim(
            "start_limit_ignored.for_ever",
            "systemd ignores this here and counts over {default:g} s: at one start in {pause:g} s it never comes to {starts}, "
            "and what crashes at once is started for ever",
            default=DEFAULT_S,
            pause=pause,
            starts=starts,
        )
    return claim(
        "start_limit_ignored.found",
        "systemd ignores this here: it counts starts over {default:g} s, not {seconds:g}",
        default=DEFAULT_S,
        seconds=seconds,
    )
