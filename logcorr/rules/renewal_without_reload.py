"""A job renews certificates, and nginx is never told."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Directive, NginxFile
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs, jobs_commands
from logcorr.semantics.written import Written

RELOADS = regex(r"reload|restart|\bHUP\b|deploy-hook|post-hook|renew-hook|-s\s+reload|\bup\b|\bkill\b|installer|--nginx")


@rule(code="NGX019", title="A certificate is renewed and not loaded", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for jobs that renew certificates in a container, or with a webroot, and reload nothing."""
    certificate = next(_certificates(case), None)
    for schedule in cron_jobs(case) if certificate else ():
        written = jobs_commands(case, schedule)
        renewal = next((one for one in written if _renews(one)), None)
        if renewal and certificate and not any(RELOADS.search(one.text) for one in written):
            yield _finding(schedule, renewal, certificate)


def _renews(command: Written) -> bool:
    """Whether certbot renews where it cannot reload nginx by itself: in a container of its own, or by webroot alone."""
    text = command.text
    contained = command.name in ("docker", "docker-compose", "podman") and re.search(
        r"\b(certbot|letsencrypt)\b.*\brenew\b|\brenew\b", text
    )
    by_webroot = (
        command.name == "certbot" and "renew" in command.words and ("--webroot" in command.words or "-w" in command.words)
    )
    return (bool(contained) and "certbot" in text) or by_webroot


def _certificates(case: Configuration) -> Iterator[Directive]:
    """The lines with which nginx loads certificates that certbot writes."""
    for file in case.of(NginxFile):
        yield from (
            one for top in file.directives for one in top.walk() if one.name == "ssl_certificate" and "live/" in "".join(one.args)
        )


def _finding(schedule: Schedule, renewal: Written, certificate: Directive) -> Finding:
    return Finding(
        confidence=0.8,
        claim=claim(
            "renewal_without_reload.found",
            "the job renews the certificate, and nothing tells nginx: it goes on with the old one until it expires",
        ),
        evidence=(
            Evidence(renewal.span, "renews, and reloads nothing"),
            Evidence(certificate.span, "the certificate"),
            *([Evidence(schedule.job.span, f"runs on {schedule.job.schedule}")] if schedule.job.span != renewal.span else []),
        ),
        would_refute=claim(
            "renewal_without_reload.refute", "a hook in /etc/letsencrypt/renewal-hooks/deploy, or a job that reloads nginx"
        ),
        subject=str(schedule.job.span),
        fix=claim(
            "renewal_without_reload.fix", "reload nginx after the renewal: && docker compose exec -T nginx nginx -s reload"
        ),
    )
