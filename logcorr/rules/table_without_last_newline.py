"""A cron table whose last line does not end is not taken."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Image, ScheduledJob
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._idioms import written
from logcorr.rules._images import tables_in
from logcorr.semantics.paths import collected

OTHERS = regex(r"alpine|busybox|supercronic")
"""Whose cron takes such a table."""


@rule(code="CRON019", title="A cron table's last line does not end", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for tables without a newline at their end that an image or a script installs."""
    for job in case.of(ScheduledJob):
        installed = _installed(case, job.span.path) if job.unterminated else None
        if installed:
            yield _finding(job, *installed)


def _installed(case: Configuration, path: str) -> tuple[Span, Claim] | None:
    """Where the table is put where cron finds it, and what becomes of it there."""
    for image in case.of(Image):
        text = " ".join((image.base, *image.steps))
        for at, sources, target in () if OTHERS.search(text) else tables_in(image):
            if target.startswith("/etc/") and any(collected(one, (path,), asker=image.span.path) for one in sources):
                return at, claim(
                    "table_without_last_newline.ignored",
                    "no newline ends the last line: Debian's cron passes over the whole table, none of its jobs runs",
                )
    for command in written(case):
        if command.name == "crontab" and len(command.words) == 1 and collected(command.words[0], (path,)):
            return command.span, claim(
                "table_without_last_newline.refused",
                "no newline ends the last line: crontab refuses the table and installs nothing",
            )
    return None


def _finding(job: ScheduledJob, at: Span, said: Claim) -> Finding:
    return Finding(
        confidence=0.85,
        claim=said,
        evidence=(Evidence(job.span, "the file ends here, without a newline"), Evidence(at, "installs it")),
        would_refute=claim(
            "table_without_last_newline.refute", "a cron that takes it (busybox's does), or its log of one of these jobs"
        ),
        subject=job.span.path,
        fix=claim("table_without_last_newline.fix", "end the file with a newline"),
    )
