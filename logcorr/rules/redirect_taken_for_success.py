"""A check takes the redirect of the public entrance for the answer of the service behind it."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.behaviour import Answer
from logcorr.model.case import Configuration, ProbeAnswer
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule


@rule(code="SH010", title="A check takes a redirect for a success", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for probes that decide by their exit code alone and that nginx, as configured, always answers with a redirect."""
    seen = set()
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            for answered in proved.probes:
                if answered.probe.span not in seen and _satisfied_by_redirect(answered):
                    seen.add(answered.probe.span)
                    yield _finding(answered, answered.answers[0])


def _satisfied_by_redirect(answered: ProbeAnswer) -> bool:
    probe = answered.probe
    by_exit_code = probe.tool == "curl" and probe.yields == "exit" and not probe.follows_redirects
    return by_exit_code and bool(answered.answers) and all(_redirects(answer) for answer in answered.answers)


def _redirects(answer: Answer) -> bool:
    return answer.status is not None and 300 <= answer.status < 400 and bool(answer.location)


def _finding(answered: ProbeAnswer, answer: Answer) -> Finding:
    probe = answered.probe
    return Finding(
        confidence=0.95,
        claim=claim(
            "redirect_taken_for_success.found",
            "curl takes the redirect {status} to {location} for a success: this check of {url} passes while the service is down",
            status=answer.status or 0,
            location=answer.location or "",
            url=probe.url or "",
        ),
        evidence=(
            Evidence(probe.span, "does not follow redirects"),
            Evidence(answer.at, f"answers {answer.status}"),
            *(Evidence(span, text) for text, span in (*answered.path, *answer.trace) if span != answer.at),
        ),
        would_refute=claim("redirect_taken_for_success.refute", "a run of this command that fails while the service is stopped"),
        subject=probe.span.path,
        measured={"status": answer.status or 0},
        fix=claim("redirect_taken_for_success.fix", "ask the service itself, or follow redirects with -L"),
    )
