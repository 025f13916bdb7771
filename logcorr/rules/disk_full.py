"""Writes fail because no space is left on a device."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.timeline.select import cite, instants

PATH = re.compile(r"[\"' ](?P<path>/[^\"' :,]+)")
FEWEST = 3


@rule(code="NGX008", title="A disk is full", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Errno 28 from whoever tells it, with the files that could not be written and the jobs whose own log tells of it."""
    failed = case.happened("disk.full")
    if failed.height < FEWEST:
        return
    paths = sorted({found["path"] for message in failed["message"] if (found := PATH.search(message))})
    yield Finding(
        confidence=0.85,
        claim=claim(
            "disk_full.found",
            "no space was left on a device: {count} writes failed, in {files} logs",
            count=failed.height,
            files=int(failed["file"].n_unique()),
        ),
        evidence=(*cite(failed, most=1), *_jobs(case, failed), *cite(failed.slice(1))),
        would_refute=claim("disk_full.refute", "free space (and free inodes) on the device at these times"),
        subject=paths[0] if paths else "",
        measured={"count": failed.height, "paths": ", ".join(paths[:3])},
        times=instants(failed),
        fix=claim("disk_full.fix", "free space, find what grew (du -x, df -i), and bound it: rotation, retention, a quota"),
    )


def _jobs(case: Case, failed: pl.DataFrame) -> Iterator[Evidence]:
    """Jobs that write into a log that tells of it: they were writing when it was full."""
    names = {file.rpartition("/")[2] for file in failed["file"]}
    for schedule in case.schedules:
        written = re.findall(r">>?\s*(\S+)", schedule.job.command)
        if any(path.rpartition("/")[2] in names for path in written):
            yield Evidence(schedule.job.span, f"writes on {schedule.job.schedule}")
