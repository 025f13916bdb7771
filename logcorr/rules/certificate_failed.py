"""TLS fails because a certificate has expired, or the renewed one was never loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Directive, NginxFile, ScheduledJob, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.timeline.select import cite, instants

EXPIRED = r"(?i)certificate[ _](?:has[ _])?expired|CERT_HAS_EXPIRED|certificate is not yet valid|expired certificate"
RENEWS = re.compile(r"\b(?:certbot\b.*\brenew|acme\.sh\b.*--(?:cron|renew)|dehydrated\b.*(?:-c|--cron)|lego\b.*\brenew)\b")
RELOADS = re.compile(
    r"--(?:deploy|post|renew)-hook|--reloadcmd|\bnginx\b.*-s\s+reload|(?:reload|restart)\s+nginx\b|nginx\s+(?:reload|restart)\b"
    r"|\b(?:HUP|SIGHUP)\b.*\bnginx\b"
)
OWN = "while SSL handshaking"
"""nginx writes so of clients that end the handshake; with an alert for the certificate that it shows them."""

FEWEST = 3


@rule(code="NGX009", title="A certificate has expired or was not loaded", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Handshakes that fail for an expired certificate; of nginx's own, whether one is renewed after which nobody reloads it."""
    failed = case.happened("tls.failed").filter(pl.col("message").str.contains(EXPIRED))
    shown = pl.col("message").str.contains(OWN, literal=True)
    own, others = failed.filter(shown), failed.filter(~shown)
    if own.height >= FEWEST:
        yield _own(case, own)
    if others.height >= FEWEST:
        said = claim(
            "certificate_failed.other",
            "{count} connections failed: the certificate of the other side has expired",
            count=others.height,
        )
        yield _finding(others, (), said, 0.85)


def _own(case: Case, failed: pl.DataFrame) -> Finding:
    """The proxy showed an expired certificate to its clients."""
    places = [one.span for file in case.of(NginxFile) for top in file.directives for one in _walk(top) if _certificate(one)]
    certificates = [Evidence(span, "the certificate") for span in places[:2]]
    unloaded = [Evidence(span, "renews, and reloads nothing") for span, reloads in _renewals(case) if not reloads]
    if unloaded:
        said = claim(
            "certificate_failed.not_loaded",
            "{count} clients refused an expired certificate: it is renewed, but nothing loads the new one",
            count=failed.height,
        )
        return _finding(failed, (*unloaded[:1], *certificates), said, 0.9)
    said = claim("certificate_failed.own", "{count} clients refused an expired certificate", count=failed.height)
    return _finding(failed, tuple(certificates), said, 0.85)


def _finding(failed: pl.DataFrame, first: tuple[Evidence, ...], said: Claim, confidence: float) -> Finding:
    return Finding(
        confidence=confidence,
        claim=said,
        evidence=(*first, *cite(failed)),
        would_refute=claim("certificate_failed.refute", "a certificate that openssl s_client shows to be valid at these times"),
        subject=str(first[0].span) if first else "",
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim("certificate_failed.fix", "renew it, and reload nginx after each renewal (certbot renew --deploy-hook)"),
    )


def _certificate(directive: Directive) -> bool:
    return directive.name == "ssl_certificate"


def _walk(directive: Directive) -> Iterator[Directive]:
    yield directive
    for child in directive.children or ():
        yield from _walk(child)


def _renewals(case: Case) -> Iterator[tuple[Span, bool]]:
    """Where certificates are renewed, and whether that script reloads what uses them."""
    texts = [(script.span, script.text) for script in case.of(Script)]
    texts += [(job.span, job.command) for job in case.of(ScheduledJob)]
    seen = set()
    for span, text in texts:
        for number, line in enumerate(text.split("\n")):
            place = Span(span.path, span.line + number)
            if RENEWS.search(line) and not line.lstrip().startswith("#") and place not in seen:
                seen.add(place)
                yield place, bool(RELOADS.search(text))
