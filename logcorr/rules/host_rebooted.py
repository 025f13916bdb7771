"""The machine starts anew in the middle of the logs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, claim
from logcorr.model.result import Finding
from logcorr.rules import counted, rule
from logcorr.rules._words import sought, telling
from logcorr.timeline.select import cite

UNCLEAN = sought(
    r"(?i)\buncleanly shut down\b|\bEXT4-fs \(\S+\): recovery complete\b|\brecovering journal\b"
    r"|\bXFS \(\S+\): Starting recovery\b|\bnot (?:been )?(?:properly|cleanly) (?:unmounted|shut ?down)\b"
    r"|\bdatabase system was interrupted\b|\bStarting (?:XA )?crash recovery\b",
    "uncleanly shut down", "recovery complete", "recovering journal", "starting recovery", "ly unmounted", "ly shut",
    "system was interrupted", "crash recovery",
)  # fmt: skip
"""How the journal, file systems and databases tell at the next start that they were not ended."""

SOON, CRASHED = timedelta(minutes=10), 0.9

REFUTE = claim("host_rebooted.refute", "an uptime that spans these times")


@rule(code="PROC008", title="The host was rebooted", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Boot markers of the kernel that a line of the same host's log precedes: those at the beginning tell of no reboot.

    One after which something tells that it was not ended cleanly was no reboot that anybody ordered.
    """
    booted = case.happened("host.booted").drop_nulls("time")
    began = {source.path: source.first for source in case.sources if source.first}
    again = booted.filter(
        pl.col("time") > pl.col("file").replace_strict(began, default=None, return_dtype=pl.Datetime("us", "UTC"))
    )
    signs = telling(case, UNCLEAN) if again.height else again
    told = again.join_asof(signs.select("time", sign="time"), on="time", strategy="forward", tolerance=SOON)
    crashed = told.drop_nulls("sign")
    if told.height > crashed.height:
        yield counted(told.filter(pl.col("sign").is_null()), "host", _rebooted(told.height - crashed.height), REFUTE)
    if crashed.height:
        shown = cite(signs.filter(pl.col("time").is_in(crashed["sign"].implode())), "it was not shut down", most=2)
        found = counted(crashed, "host", _stopped(crashed.height), REFUTE)
        yield replace(found, severity="error", confidence=CRASHED, evidence=(*found.evidence, *shown))


def _rebooted(count: int) -> Claim:
    return claim(
        "host_rebooted.found",
        "the host was rebooted ({count}×): whatever stopped just before stopped because of it",
        count=count,
    )


def _stopped(count: int) -> Claim:
    return claim(
        "host_rebooted.unclean",
        "the host stopped without being shut down, and was started again ({count}×): nothing on it ran between",
        count=count,
    )
