"""The certificate that an application shows when it asks others, and what captures say of its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._certificates import dates_of
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite, instants

ALERT = (
    r"(?i)alert[ _:]+(?:number 45\b|certificate[ _]?expired)|fatal alert: ?certificate_?expired"
    r"|remote error: tls: (?:expired certificate|certificate (?:has )?expired)"
)
"""How a program tells that the other side sent the alert `certificate_expired` (RFC 8446, section 6.2): not that it found one."""

SHOWS = (
    r"(?i)^(?:.*[^\w])?(?:(?:client|ssl|tls)?[_-]?cert(?:ificate)?s?(?:[_-]?(?:file|path|chain|pem))?|keystore(?:[_.-]?(?:file|path))?|pfx|p12"
    r"|sslcert|proxy_ssl_certificate|loadx509keypair|load_cert_chain|use_certificate\w*|setcertificate\w*)['\"]?\s*[:=(,\s]"
    r".*\.(?:pem|crt|cer|cert|p12|pfx|jks)\b"
)
"""A setting or a call that names the file of a certificate to be shown; one that only trusts names an authority (`ca`)."""

FILE = regex(r"([\w.-]+\.(?:pem|crt|cer|cert|p12|pfx|jks))\b")
ABOVE = 3
"""What printed a date stands so few lines above it."""

DATED, NAMED, UNSAID = 0.95, 0.9, 0.7
"""Confidence where captured dates show which certificate it was; where one line shows one; where nothing does."""

REFUTE = claim("certificate_failed.refute", "a certificate that openssl s_client shows to be valid at these times")


def of_client(case: Case, failed: pl.DataFrame) -> Finding:
    """The other side says that the certificate it is shown has ended: the one that the application shows it."""
    ended = tuple(one for one in dates_of(case, failed) if one.shows == "certificate_fails")
    place = shown(case, [one.span for one in ended])
    return Finding(
        confidence=DATED if ended else NAMED if place else UNSAID,
        claim=claim(
            "certificate_failed.client",
            "the other side refused {count} connections: the certificate that it is shown has expired",
            count=failed.height,
        ),
        evidence=(
            *([Evidence(place, "shows the certificate", shows="certificate_fails")] if place else []),
            *ended,
            *cite(failed, shows="certificate_fails"),
        ),
        would_refute=REFUTE,
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim(
            "certificate_failed.renew_client",
            "have the client's certificate renewed, and watch its end as that of the site's own",
        ),
    )


def shown(case: Case, dated: Sequence[Span]) -> Span | None:
    """The one line by which an application shows a certificate; of several, that of the file whose end was captured."""
    served = {one.span.path for one in case.of(NginxFile)}
    found = [(span, text) for span, text in settings(case, SHOWS) if span.path not in served or "proxy_ssl_" in text]
    names = {name for span in dated for name in _named(case, span)}
    meant = [span for span, text in found if set(FILE.findall(text)) & names]
    lines = meant or [span for span, _ in found]
    return lines[0] if len(lines) == 1 else None


def _named(case: Case, dated: Span) -> Iterator[str]:
    """The files that the lines name by which a date was asked for."""
    near = case.lines(dated.path).filter(pl.col("line").is_between(max(dated.line, ABOVE + 1) - ABOVE, dated.line))
    for text in near.collect()["text"].reverse():
        if names := FILE.findall(text or ""):
            yield from names
            return
