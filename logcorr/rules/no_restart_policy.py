"""One service stays down after a crash or a reboot; those beside it come back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Service
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.compose.conditions import started_otherwise, waiting

AT_A_DESK = regex(r"(?:^|[/._-])(?:dev|devel|development|local|test|tests|testing|e2e|ci|debug|example|override|demo)(?:[._-]|$)")
"""What the name of a file says that is for a desk, or is laid over another."""

LOOPS = regex(r"(?s)\b(?:while|until)\b.*\bsleep\b|\bsleep infinity\b")


@rule(code="COMP003", title="A service is not started again, and those beside it are", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for services that others reach, or that loop for ever, without `restart` in a file in which most have one."""
    files = list(case.of(ComposeFile))
    for file in files:
        kept = [service for service in file.services if service.restart not in (None, "no")]
        open_ones = [service for service in file.services if service.restart is None and not service.profiles]
        if len(kept) < len(open_ones) or AT_A_DESK.search(file.span.path):
            continue
        said = {service.name for other in files if other is not file for service in other.services if service.restart}
        for service in open_ones:
            if _runs_for_ever(service) and service.name not in said and not _settled(file, service):
                yield _finding(service, kept)


def _runs_for_ever(service: Service) -> bool:
    """Whether it is meant to: it is reached through a port of the host, or loops."""
    return bool(service.ports) or bool(LOOPS.search(" ".join((*service.entrypoint, *service.command))))


def _settled(file: ComposeFile, service: Service) -> bool:
    """Whether its stanza says in other words when it is started again, or another service waits until it has ended."""
    ends = (one.dependency for one in waiting(file) if one.condition == "service_completed_successfully")
    return service.name in {*ends, *started_otherwise(file)}


def _finding(service: Service, kept: Sequence[Service]) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "no_restart_policy.found",
            "{service} stays down after a crash or a reboot: it has no restart policy, {others} beside it have one",
            service=service.name,
            others=len(kept),
        ),
        evidence=(Evidence(service.span, "no restart policy"), Evidence(kept[0].span, f"restart: {kept[0].restart}")),
        would_refute=claim("no_restart_policy.refute", "a reboot after which {service} runs", service=service.name),
        subject=service.name,
        measured={"others": len(kept)},
        fix=claim("no_restart_policy.fix", "restart: {policy}", policy=kept[0].restart or "unless-stopped"),
    )
