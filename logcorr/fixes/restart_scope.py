"""A command that restarts every service because one failed restarts that one."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.fixes import Change, Folder, asked, fix
from logcorr.fixes.code import Code, added
from logcorr.fixes.compose_file import PROGRAMS
from logcorr.model.claim import claim
from logcorr.model.result import Finding


@fix("whole_stack_restart")
def restart_scope(finding: Finding, folder: Folder) -> Iterator[Change]:
    """Adds the name of the service that the probe is about, where that is one of those that the command hits."""
    place = finding.evidence[0].span
    text = folder.text(place.path)
    for answered, proved in asked.probes(finding, folder.case):
        service = asked.service(answered, folder)
        if not text or not service or proved.effect.span != place or service.name not in proved.hits:
            continue
        command = Code(text).command(place, *PROGRAMS)
        if command and proved.effect.manager == "compose":
            said = claim("patch.restart_scope", "only {service} is restarted, which the probe asks", service=service.name)
            edits = (added(command.words[-1].end, f" {service.name}"),)
            yield Change(path=place.path, edits=edits, claim=said, safe=True, leaves=("acts_on_first_failure",))
