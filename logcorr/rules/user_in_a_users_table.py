"""A user's own table has no user field; a name there is run as a command."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Finding
from logcorr.rules import rule

USERS_TABLE = regex(r"(?:^|/)(?:var/)?spool/cron/(?:crontabs/)?(?P<owner>[^/]+)$|(?:^|/)etc/crontabs/(?P<busybox>[^/]+)$")


@rule(code="CRON015", title="A user's table names a user in its line", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for lines with a user field in tables that belong to one user."""
    for job in case.of(ScheduledJob):
        table = USERS_TABLE.search(job.span.path)
        owner = table["owner"] or table["busybox"] if table else None
        if job.scheduler == "cron" and table and job.user and job.user != owner:
            yield _finding(job, job.user)


def _finding(job: ScheduledJob, user: str) -> Finding:
    return Finding(
        confidence=0.9,
        claim=claim(
            "user_in_a_users_table.found", "a user's own table has no user field: cron runs a command named {user}", user=user
        ),
        evidence=(Evidence(job.span, f"{user} is taken for the command"),),
        would_refute=claim("user_in_a_users_table.refute", "cron's log of this line with the command alone"),
        subject=str(job.span),
        fix=claim("user_in_a_users_table.fix", "leave {user} out, or move the line to /etc/cron.d", user=user),
    )
