"""The machine starts anew in the middle of the logs."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import counted, rule


@rule(code="PROC008", title="The host was rebooted", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Boot markers of the kernel that a line of the same host's log precedes: those at the beginning tell of no reboot."""
    booted = case.happened("host.booted").drop_nulls("time")
    began = {source.path: source.first for source in case.sources if source.first}
    again = booted.filter(
        pl.col("time") > pl.col("file").replace_strict(began, default=None, return_dtype=pl.Datetime("us", "UTC"))
    )
    if again.height:
        yield counted(
            again,
            "host",
            claim(
                "host_rebooted.found",
                "the host was rebooted ({count}×): whatever stopped just before stopped because of it",
                count=again.height,
            ),
            claim("host_rebooted.refute", "an uptime that spans these times"),
        )
