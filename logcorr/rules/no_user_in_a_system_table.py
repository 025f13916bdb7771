"""A table is put where each line names a user, and names none."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Image, ScheduledJob, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._images import tables_in
from logcorr.semantics.paths import collected

SYSTEM = regex(r"/etc/(?:cron\.d/|crontab$)")
AS_USERS = regex(r"\bcrontab\s+(?:-u\s*\S+\s+)?[^-\s]|supercronic")
"""A table that is given to `crontab` as well is a user's own."""


@rule(code="CRON023", title="A system table names no user", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for tables without a user field that an image copies to /etc/cron.d or /etc/crontab."""
    jobs = {job.span.path: job for job in reversed(list(case.of(ScheduledJob))) if job.scheduler == "cron" and job.user is None}
    installing = any(AS_USERS.search(script.text) for script in case.of(Script) if "crontab" in script.text)
    for image in case.of(Image):
        for at, sources, target in tables_in(image):
            path = next((found for one in sources if (found := collected(one, jobs, asker=image.span.path))), None)
            if path and SYSTEM.search(target) and not installing and not _as_a_users(image):
                yield _finding(jobs[path], at, target)


def _as_a_users(image: Image) -> bool:
    return any(AS_USERS.search(step) for step in image.steps if step.lstrip().upper().startswith("RUN"))


def _finding(job: ScheduledJob, at: Span, target: str) -> Finding:
    word = job.command.split()[0]
    return Finding(
        confidence=0.9,
        claim=claim(
            "no_user_in_a_system_table.found",
            "in {target} each line names a user before its command: cron takes {word} for one, and runs nothing",
            target=target,
            word=word,
        ),
        evidence=(Evidence(job.span, f"{word} is taken for the user"), Evidence(at, f"copied to {target}")),
        would_refute=claim("no_user_in_a_system_table.refute", "cron's log of this line with its whole command"),
        subject=job.span.path,
        fix=claim("no_user_in_a_system_table.fix", "write the user before the command: root {word} …", word=word),
    )
