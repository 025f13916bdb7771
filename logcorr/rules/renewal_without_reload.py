"""A job renews certificates, and nginx is never told."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Directive, NginxFile, Program, Script, Service
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs, jobs_commands
from logcorr.semantics.topology import is_nginx
from logcorr.semantics.written import Written

RELOADS = regex(r"reload|restart|\bHUP\b|deploy-hook|post-hook|renew-hook|-s\s+reload|\bup\b|\bkill\b|installer|--nginx")

RENEWING = regex(r"(?s)^(?=.*\b(?:while|until)\b)(?=.*\bsleep\b).*\bcertbot renew\b(?!.*-hook)")
"""A container's command that renews in a loop, and tells nobody."""
TELLS_CONTAINER = regex(r"nginx\b.*\breload\b|\b(?:docker|compose|podman)\b.*\b(?:restart|HUP)\b.*(?:nginx|proxy|web|gateway)")
OF_THE_HOST = regex(r"\bsystemctl\b|\bservice\s|/etc/init\.d|^\s*(?:echo|printf|#)")


@rule(code="NGX019", title="A certificate is renewed and not loaded", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for jobs, and containers in a loop, that renew certificates and reload nothing."""
    yield from _by_jobs(case)
    for file in case.of(ComposeFile):
        renewing = next((one for one in file.services if RENEWING.search(_runs(one))), None)
        serving = next((one for one in file.services if renewing and one is not renewing and _shares(one, renewing)), None)
        if renewing and serving and not _told(case, file):
            yield _by_container(file, renewing, serving)


def _runs(service: Service) -> str:
    return " ".join((*service.entrypoint, *service.command))


def _shares(service: Service, renewing: Service) -> bool:
    """Whether a container that takes connections sees the certificates that the other one renews."""
    renewed = {mount.source for mount in renewing.mounts if mount.target.rstrip("/").endswith("letsencrypt")}
    serves = is_nginx(service) or any(port.target == 443 for port in service.ports)
    return serves and any(mount.source in renewed for mount in service.mounts)


def _told(case: Configuration, file: ComposeFile) -> bool:
    """Whether anything that belongs to it loads certificates anew, again and again.

    The script that gets the first one does it once, and a service of the host is not the container's.
    """
    if any(RELOADS.search(_runs(service)) for service in file.services):
        return True
    texts = [script.text for script in case.of(Script) if "certonly" not in script.text]
    programs = [" ".join(step.words) for program in case.of(Program) for step in program.steps]
    lines = [line for text in (*texts, *programs) for line in text.split("\n")]
    return any(TELLS_CONTAINER.search(line) and not OF_THE_HOST.search(line) for line in lines)


def _by_container(file: ComposeFile, renewing: Service, serving: Service) -> Finding:
    lines = file.text.split("\n")
    written = (number for number in range(renewing.span.line, renewing.span.end_line + 1) if "certbot renew" in lines[number - 1])
    at = next(written, renewing.span.line)
    return Finding(
        confidence=0.85,
        claim=claim(
            "renewal_without_reload.container",
            "{renewing} renews the certificates, and nothing tells {serving}, which goes on with the old ones until they expire",
            renewing=renewing.name,
            serving=serving.name,
        ),
        evidence=(Evidence(Span(file.span.path, at), "renews, and reloads nothing"), Evidence(serving.span, "has loaded them")),
        would_refute=claim(
            "renewal_without_reload.elsewhere",
            "a job on the host that reloads {serving}, which was not collected",
            serving=serving.name,
        ),
        subject=serving.name,
        fix=claim(
            "renewal_without_reload.loop",
            "let it load them anew by itself: "
            "command: /bin/sh -c 'while :; do sleep 6h; nginx -s reload; done & exec nginx -g \"daemon off;\"'",
        ),
    )


def _by_jobs(case: Configuration) -> Iterator[Finding]:
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
