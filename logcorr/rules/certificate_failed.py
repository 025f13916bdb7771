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
        yield _other(case, others)


def _other(case: Case, failed: pl.DataFrame) -> Finding:
    """Elsewhere nothing says whose certificate it was; a script that replaces nginx's without a reload makes that the suspect."""
    replaced = [Evidence(span, "renews, and reloads nothing") for span, reloads in _replaced(case) if not reloads]
    if replaced:
        places = [Evidence(one.span, "the certificate") for one in _certificates(case)]
        said = claim(
            "certificate_failed.perhaps_not_loaded",
            "{count} connections failed for an expired certificate, "
            "and a script replaces that of nginx without loading the new one",
            count=failed.height,
        )
        return _finding(failed, (*replaced[:1], *places[:1]), said, 0.8)
    said = claim(
        "certificate_failed.other",
        "{count} connections failed: the certificate of the other side has expired",
        count=failed.height,
    )
    return _finding(failed, (), said, 0.6)


def _own(case: Case, failed: pl.DataFrame) -> Finding:
    """The proxy showed an expired certificate to its clients."""
    certificates = [Evidence(one.span, "the certificate") for one in _certificates(case)[:2]]
    unloaded = [
        Evidence(span, "renews, and reloads nothing") for span, reloads in (*_renewals(case), *_replaced(case)) if not reloads
    ]
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


def _certificates(case: Case) -> list[Directive]:
    every = (one for file in case.of(NginxFile) for top in file.directives for one in _walk(top))
    return [one for one in every if one.name == "ssl_certificate" and one.args]


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


def _replaced(case: Case) -> Iterator[tuple[Span, bool]]:
    """Where a script writes a file that nginx serves as its certificate, and whether that script reloads nginx."""
    names = {one.args[0].rpartition("/")[2] for one in _certificates(case)}
    for script in case.of(Script):
        for number, line in enumerate(script.text.split("\n")):
            moved = re.search(r"^\s*(?:mv|cp|install|ln)\b.*?([^\s/]+)\s*$", line) or re.search(r">\s*\S*?([^\s/]+)\s*$", line)
            if moved and moved[1].strip("\"'") in names:
                yield Span(script.span.path, script.span.line + number), bool(RELOADS.search(script.text))
