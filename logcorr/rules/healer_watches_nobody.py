"""A container that restarts unhealthy ones is told by a label whom to watch, and nobody has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Script, Service
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.paths import folder_of

HEALER = regex(r"(?:^|/)willfarrell/autoheal(?::|@|$)")
LABEL = "AUTOHEAL_CONTAINER_LABEL"


@rule(code="COMP015", title="autoheal watches no container", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for willfarrell/autoheal where no service has the label that it goes by."""
    for file in case.of(ComposeFile):
        for service in file.services:
            label = dict(service.environment).get(LABEL, "autoheal") if HEALER.search(service.image or "") else "all"
            if label != "all" and not label.startswith("$") and not _labelled(case, file, label):
                yield _finding(service, label)


def _labelled(case: Configuration, file: ComposeFile, label: str) -> bool:
    """Whether a compose file of the folder, or a script anywhere, gives some container the label."""
    sets = re.compile(rf"""\b{re.escape(label)}["']?\s*[=:]\s*["']?true\b""", re.IGNORECASE)
    beside = [one.text for one in case.of(ComposeFile) if folder_of(one.span.path) == folder_of(file.span.path)]
    return any(sets.search(text) for text in (*beside, *(script.text for script in case.of(Script))))


def _finding(service: Service, label: str) -> Finding:
    return Finding(
        confidence=0.93,
        claim=claim(
            "healer_watches_nobody.found",
            "{service} restarts only containers with the label {label}=true, and none has it: nothing is ever restarted",
            service=service.name,
            label=label,
        ),
        evidence=(Evidence(service.span, "goes by a label"),),
        would_refute=claim("healer_watches_nobody.refute", "docker ps --filter label={label}=true, which lists one", label=label),
        subject=service.name,
        measured={"label": label},
        fix=claim(
            "healer_watches_nobody.fix", "AUTOHEAL_CONTAINER_LABEL=all, or the label {label}=true for those to watch", label=label
        ),
    )
