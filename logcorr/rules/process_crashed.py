"""A process dies of its own: an uncaught exception, its heap limit, a fault."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.timeline.lifecycles import stopped

HOUSEKEEPING = (
    *(
        "certbot",
        "snap.certbot.renew",
        "logrotate",
        "apt-daily",
        "apt-daily-upgrade",
        "man-db",
        "fstrim",
        "phpsessionclean",
        "motd-news",
    ),
    *(
        "fwupd-refresh",
        "e2scrub_all",
        "dpkg-db-backup",
        "sysstat-collect",
        "sysstat-summary",
        "mdcheck_start",
        "plocate-updatedb",
    ),
    *("update-notifier-download", "update-notifier-motd", "ua-timer", "systemd-tmpfiles-clean", "dnf-makecache", "raid-check"),
)
"""Units that timers of distributions run: one that ends with a failure serves nobody, and is tried again."""


@rule(code="NODE001", title="A process crashed", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Last words of dying processes, counted by service; a death that the engine and the supervisor tell of counts once."""
    for service, events in by_service(_deaths(case)):
        yield counted(
            events,
            service,
            claim("process_crashed.counted", "{service} crashed ({count}×)", service=service, count=events.height),
            claim("process_crashed.refute", "the process went on after these lines"),
        )


def _deaths(case: Case) -> pl.DataFrame:
    """The most telling line of each crash; of logs without times, every line."""
    told = case.happened("process.crashed").filter(~pl.col("service").is_in(HOUSEKEEPING).fill_null(False))
    ends = [(stop.end.path, stop.end.line) for stop in case.once(stopped)]
    places = pl.DataFrame(ends, schema={"file": pl.String, "line": pl.UInt32}, orient="row")
    timed = told.join(places, on=["file", "line"], how="semi", maintain_order="left")
    return pl.concat([timed, told.filter(pl.col("time").is_null())])
