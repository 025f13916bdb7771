"""A table whose job needs more than cron's short PATH sets it."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import added
from logcorr.model.claim import claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Finding

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What a login shell has on Debian and its kin."""


@fix("command_not_on_cron_path")
def cron_path(finding: Finding, folder: Folder) -> Iterator[Change]:
    """A PATH above the job, with the folder that is known to hold the command; it holds for the jobs below as well."""
    cited = {evidence.span for evidence in finding.evidence}
    known = str(finding.claim.params.get("folder", ""))
    wanted = PATH if not known or known in PATH.split(":") else f"{known}:{PATH}"
    for job in folder.case.of(ScheduledJob):
        text = folder.text(job.span.path)
        if job.span in cited and job.scheduler == "cron" and text:
            said = claim("patch.cron_path", "the table sets PATH to {path}", path=wanted)
            yield Change(path=text.path, edits=(added(text.bounds(job.span.line)[0], f"PATH={wanted}\n"),), claim=said)
