"""certbot wants port 80 for itself, and nginx has it."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Directive, NginxFile, Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs, jobs_commands
from logcorr.semantics.written import Written

MAKES_ROOM = regex(r"\b(?:stop|down|quit|kill|pause)\b|--http-01-port|--pre-hook|--preferred-challenges[= ]\W*dns")
KEPT = regex(r"(?:^|/)(?:letsencrypt/cli\.ini|renewal(?:-hooks/pre)?/[^/]+)$")
"""https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks"""

PLAIN = regex(r"(?:\S*:)?80")


@rule(code="NGX025", title="A renewal needs the port that nginx has", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for jobs that renew with `certbot --standalone` where nginx listens on port 80 and is not stopped for it."""
    listening = next(_listening(case), None)
    for schedule in cron_jobs(case) if listening else ():
        written = jobs_commands(case, schedule)
        renewal = next((one for one in written if _alone(one)), None)
        if renewal and listening and not any(MAKES_ROOM.search(one.text) for one in written) and not _kept(case):
            yield _finding(schedule, renewal, listening)


def _alone(command: Written) -> bool:
    return command.name == "certbot" and "--standalone" in command.words and bool({"renew", "certonly"} & set(command.words))


def _kept(case: Configuration) -> bool:
    """Whether the hooks that certbot keeps of its own make room."""
    return any(KEPT.search(script.span.path) and MAKES_ROOM.search(script.text) for script in case.of(Script))


def _listening(case: Configuration) -> Iterator[Directive]:
    for file in case.of(NginxFile):
        for top in file.directives:
            yield from (one for one in top.walk() if one.name == "listen" and one.args and PLAIN.fullmatch(one.args[0]))


def _finding(schedule: Schedule, renewal: Written, listening: Directive) -> Finding:
    return Finding(
        confidence=0.88,
        claim=claim(
            "standalone_renewal.found",
            "the renewal fails as long as nginx runs: certbot --standalone has to listen on port 80, which nginx holds",
        ),
        evidence=(
            Evidence(renewal.span, "wants port 80"),
            Evidence(listening.span, "holds port 80"),
            *([Evidence(schedule.job.span, f"runs on {schedule.job.schedule}")] if schedule.job.span != renewal.span else []),
        ),
        would_refute=claim("standalone_renewal.refute", "certbot renew --dry-run while nginx runs, which succeeds"),
        subject=str(schedule.job.span),
        fix=claim(
            "standalone_renewal.fix", "renew with --webroot or --nginx, or stop nginx in --pre-hook and start it in --post-hook"
        ),
    )
