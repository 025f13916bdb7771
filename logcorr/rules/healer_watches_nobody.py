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
    """Looks for willfarrell/autoheal where no service of any file has the label that it goes by: it watches the whole host."""
    for file in case.of(ComposeFile):
        for service in file.services:
            label = _label(case, file, service) if HEALER.search(service.image or "") else None
            if label and not _labelled(case, label):
                yield _finding(service, label, checked=any(one.healthcheck for one in file.services))


def _label(case: Configuration, file: ComposeFile, service: Service) -> str | None:
    """The label it goes by; None where it watches all, or the host, another file or `env_file` has the word."""
    given = dict(service.environment).get(LABEL)
    beside = (one.text for one in case.of(ComposeFile) if folder_of(one.span.path) == folder_of(file.span.path))
    elsewhere = given is None and (service.env_files or any(LABEL in text for text in beside))
    return None if elsewhere or given == "all" or (given or "").startswith("$") else given or "autoheal"


def _labelled(case: Configuration, label: str) -> bool:
    """Whether a compose file or a script anywhere gives some container the label."""
    sets = re.compile(rf"""\b{re.escape(label)}["']?\s*[=:]\s*["']?true\b""", re.IGNORECASE)
    texts = (*(file.text for file in case.of(ComposeFile)), *(script.text for script in case.of(Script)))
    return any(map(sets.search, texts))


def _finding(service: Service, label: str, *, checked: bool) -> Finding:
    return Finding(
        confidence=0.92 if checked else 0.8,
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
