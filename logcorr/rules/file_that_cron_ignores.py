"""Debian's cron passes over files whose names hold a dot."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ScheduledJob, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule

TABLE = regex(r"(?:^|/)etc/cron\.d/(?P<name>[^/]*\.[^/]*)$")
SCRIPT = regex(r"(?:^|/)etc/(?P<folder>cron\.(?:hourly|daily|weekly|monthly))/(?P<name>[^/]*\.[^/]*)$")


@rule(code="CRON017", title="cron passes over a file because of its name", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for tables in /etc/cron.d and scripts in /etc/cron.daily and its like with a dot in their name."""
    tables = {job.span.path: job.span for job in reversed(list(case.of(ScheduledJob)))}
    for path, span in sorted(tables.items()):
        if found := TABLE.search(path):
            yield _finding(span, found["name"], _table(found["name"]))
    for script in case.of(Script):
        if script.span.line == 1 and (found := SCRIPT.search(script.span.path)):
            yield _finding(Span(script.span.path, 1), found["name"], _script(found["folder"], found["name"]))


def _table(name: str) -> Claim:
    return claim(
        "file_that_cron_ignores.table", "Debian's cron reads no file in /etc/cron.d with a dot in its name: {name}", name=name
    )


def _script(folder: str, name: str) -> Claim:
    return claim(
        "file_that_cron_ignores.script",
        "run-parts, which Debian's cron uses for /etc/{folder}, passes over names with a dot: {name}",
        folder=folder,
        name=name,
    )


def _finding(span: Span, name: str, said: Claim) -> Finding:
    return Finding(
        confidence=0.75,
        claim=said,
        evidence=(Evidence(span, "in a file whose name has a dot"),),
        would_refute=claim("file_that_cron_ignores.refute", "a host whose cron takes such names (Red Hat's does)"),
        subject=span.path,
        fix=claim(
            "file_that_cron_ignores.fix",
            "install it as {name}",
            name=name.replace(".", "-") if name.startswith(".") else name.partition(".")[0],
        ),
    )
