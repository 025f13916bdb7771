"""TLS fails because a certificate has expired, or the renewed one was never loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Directive, NginxFile, ScheduledJob, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.timeline.select import cite, instants, lines_like

EXPIRED = r"(?i)certificate[ _](?:has[ _])?expired|CERT_HAS_EXPIRED|certificate is not yet valid|expired certificate"
RENEWS = regex(r"\b(?:certbot\b.*\brenew|acme\.sh\b.*--(?:cron|renew)|dehydrated\b.*(?:-c|--cron)|lego\b.*\brenew)\b")
RELOADS = regex(
    r"--(?:deploy|post|renew)-hook|--reloadcmd|\bnginx\b.*-s\s+reload|(?:reload|restart)\s+nginx\b|nginx\s+(?:reload|restart)\b"
    r"|\b(?:HUP|SIGHUP)\b.*\bnginx\b"
)
OWN, TO_UPSTREAM = "while SSL handshaking", "while SSL handshaking to upstream"
"""nginx writes the former of clients that end the handshake, with an alert for the certificate that it shows them; the latter of
those it asks itself (`proxy_ssl_verify`)."""

FEWEST = 3
DATED, REFUSED = 0.95, 0.92
"""Confidence where captured dates show which certificate it was; where nginx itself says whose it refuses, and why."""

REFUTE = claim("certificate_failed.refute", "a certificate that openssl s_client shows to be valid at these times")

NOT_AFTER = r"notAfter=((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 12]?\d [012]\d:[0-5]\d:[0-5]\d \d{4} GMT)"
JUST_ENDED = timedelta(hours=6)
MOST_LINES = 100_000
"""Captures are short; what openssl printed does not stand deep in a log."""


@rule(code="NGX009", title="A certificate has expired or was not loaded", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Handshakes that fail for an expired certificate; of nginx's own, whether one is renewed after which nobody reloads it."""
    failed = case.happened("tls.failed").filter(pl.col("message").str.contains(EXPIRED))
    shown, asked = (pl.col("message").str.contains(words, literal=True) for words in (OWN, TO_UPSTREAM))
    own, upstream, others = failed.filter(shown & ~asked), failed.filter(asked), failed.filter(~shown)
    if upstream.height >= FEWEST:
        yield _of_upstream(case, upstream)
    for rows, of_nginx in ((own, True), (others, False)):
        if rows.height >= FEWEST:
            yield _finding(case, rows, own=of_nginx)


def _of_upstream(case: Case, failed: pl.DataFrame) -> Finding:
    """nginx names the one it asks, and why it refuses; a captured end of validity just before says which certificate it is."""
    ended = tuple(one for one in _dates(case, failed) if one.shows == "certificate_fails")
    return Finding(
        confidence=DATED if ended else REFUSED,
        claim=claim(
            "certificate_failed.upstream",
            "nginx refused the certificate of its upstream {count} times: it has expired",
            count=failed.height,
        ),
        evidence=(*ended, *cite(failed, shows="certificate_fails")),
        would_refute=REFUTE,
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim("certificate_failed.renew", "renew the upstream's certificate, and watch its end of validity"),
    )


def _finding(case: Case, failed: pl.DataFrame, *, own: bool) -> Finding:
    """Elsewhere than in nginx's log nothing says whose certificate it was, unless captured dates do."""
    unloaded = [span for span, reloads in (*(_renewals(case) if own else ()), *_replaced(case)) if not reloads][:1]
    dates = tuple(_dates(case, failed))
    both = len({one.shows for one in dates}) > 1
    dates = dates if unloaded or both or own else ()
    said, confidence = _said(failed, own=own or bool(dates), unloaded=bool(unloaded) or both)
    certificates = _certificates(case)[:2] if own or unloaded or both else []
    first = (
        *(Evidence(span, "renews, and reloads nothing", shows="configuration_mismatch") for span in unloaded),
        *(Evidence(one.span, "the certificate", shows="configuration_mismatch") for one in certificates),
    )
    return Finding(
        confidence=max(confidence, DATED if dates else 0.0),
        claim=said,
        evidence=(*first, *cite(failed, shows="certificate_fails"), *dates),
        would_refute=REFUTE,
        subject=str(first[0].span) if first else "",
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim("certificate_failed.fix", "renew it, and reload nginx after each renewal (certbot renew --deploy-hook)"),
    )


def _said(failed: pl.DataFrame, *, own: bool, unloaded: bool) -> tuple[Claim, float]:
    """What may be claimed, and how sure it is."""
    count = failed.height
    if own and unloaded:
        said = claim(
            "certificate_failed.not_loaded",
            "{count} clients refused an expired certificate: it is renewed, but nothing loads the new one",
            count=count,
        )
        return said, 0.9
    if unloaded:
        said = claim(
            "certificate_failed.perhaps_not_loaded",
            "{count} connections failed for an expired certificate, "
            "and a script replaces that of nginx without loading the new one",
            count=count,
        )
        return said, 0.8
    if own:
        return claim("certificate_failed.own", "{count} clients refused an expired certificate", count=count), 0.85
    said = claim(
        "certificate_failed.other", "{count} connections failed: the certificate of the other side has expired", count=count
    )
    return said, 0.6


def _dates(case: Case, failed: pl.DataFrame) -> Iterator[Evidence]:
    """Captured ends of validity that tell the story: one that passed just before the first failure, one that is still to come."""
    from dateutil.parser import parse  # few folders hold a certificate's dates, and to import it takes longer than most rules run

    first, last = failed["time"].min(), failed["time"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return
    for path in sorted(case.files):
        for span, text in lines_like(case, Span(path, 1, MOST_LINES), NOT_AFTER):
            until = parse(re.findall(NOT_AFTER, text)[0])
            if first - JUST_ENDED <= until <= first:
                yield Evidence(span, "ended just before", shows="certificate_fails")
            elif until > last:
                yield Evidence(span, "a new one was there", shows="configuration_mismatch")


def _certificates(case: Case) -> list[Directive]:
    every = (one for file in case.of(NginxFile) for top in file.directives for one in top.walk())
    return [one for one in every if one.name == "ssl_certificate" and one.args]


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
