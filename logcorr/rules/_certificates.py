"""Which certificate has ended, by captured dates, and who reads one at its start and never again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import NginxFile, Script
from logcorr.model.source import Span
from logcorr.rules._renewals import certificates
from logcorr.rules._settings import notes, settings
from logcorr.timeline.scripts import code_of
from logcorr.timeline.select import lines_like, spans

NOT_AFTER = r"notAfter=((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123]?\d [012]\d:[0-5]\d:[0-5]\d \d{4} GMT)"
JUST_ENDED = timedelta(hours=6)
READS = (
    r"(?i)(?:\breadFile(?:Sync)?\(|\bopen\(|\bload_cert_chain\(|\bssl_cert\w*\b|\bcert(?:ificate)?[-_]?file\b|\bcrt\b|\btls[-_]\w*cert\w*"
    r"|\bcert\s*[:=]|\bssl_cert\b|LoadX509KeyPair\()"
)
ANEW = r"setSecureContext|SNICallback|fs\.watch|chokidar|GetCertificate\b|ssl_ctx.*reload|reload_cert"
"""How programs and servers are told which certificate they show, and how they take up another one without a restart."""

SHOWS = {
    "haproxy": r"^\s*bind\s.*\bssl\b.*\bcrt(?:-list)?\s",
    "nginx": r"^\s*ssl_certificate\s",
    "apache2": r"^\s*SSLCertificateFile\s",
    "caddy": r"^\s*tls\s+/",
    "lighttpd": r"^\s*ssl\.pemfile\s*=",
    "stunnel": r"^\s*cert\s*=\s*/",
    "traefik": r"\bcertFile\b\s*[:=]",
    "envoy": r"\bcertificate_chain\b",
    "varnish": r"^\s*pem-file\s*=",
    "postfix": r"^\s*smtpd_tls_(?:cert|chain)_files?\s*=",
    "dovecot": r"^\s*ssl_cert\s*=",
}
"""By which line of its configuration each server loads the certificate that it shows."""

TOLD = regex(
    r"\b(?:systemctl|service|rc-service|invoke-rc\.d)\s+(?:--\S+\s+)*(?:(?:try-)?(?:reload|restart)(?:-or-restart)?\s+(?P<unit>[\w@.-]+)"
    r"|(?P<name>[\w@.-]+)\s+(?:reload|restart))\b|\b(?P<own>nginx)\b.*-s\s+reload|\b(?P<ctl>apache2?ctl|apachectl|caddy|postfix|doveadm)\s+(?:graceful|reload)"
)
HOOK = regex(r"(?:^|/)renewal-hooks/(?:deploy|post)/|\b(?:post|renew|deploy)_hook of ")
ALIKE = {"httpd": "apache2", "apache2ctl": "apache2", "apachectl": "apache2", "stunnel4": "stunnel", "doveadm": "dovecot"}
ALIKE |= dict.fromkeys(("openresty", "angie", "tengine", "freenginx"), "nginx")

MOST_LINES = 100_000
"""Captures are short; what openssl printed does not stand deep in a log."""


def dates_of(case: Case, failed: pl.DataFrame) -> Iterator[Evidence]:
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


def read_once(case: Case) -> Span | None:
    """The line of a program or of another server's configuration that reads a certificate, if none takes it up anew."""
    served = {re.escape(one.args[0].rpartition("/")[2]) for one in certificates(case)}
    configured = {file.span.path for file in case.of(NginxFile)}
    lines = list(settings(case, rf"{READS}.*(?:{'|'.join(sorted(served))})")) if served else []
    found = [(span, text) for span, text in lines if span.path not in configured]
    anew = any(re.search(ANEW, text) for span, _ in found for _, text in lines_like(case, Span(span.path, 1, MOST_LINES), ANEW))
    return found[0][0] if found and not anew else None


class Another(Struct, frozen=True, kw_only=True):
    """A renewal that tells the wrong `server`, in the line `told`; another one `loads` the certificate.

    `moved` are notes that name them both; `failed` is where the hook's failure is logged.
    """

    server: str
    told: Span
    loads: Span
    moved: tuple[Span, ...]
    failed: tuple[Span, ...]


def told_another(case: Case) -> Another | None:
    """None where any hook of a renewal tells a server that shows the certificate, or nothing tells who does."""
    showing = {name: found for name, pattern in SHOWS.items() if (found := next(settings(case, pattern), None))}
    told = [(place, name) for place, name in _told(case) if name]
    known = [(place, name) for place, name in told if name in SHOWS]
    if not showing or not told or len(known) < len(told) or any(name in showing for _, name in told):
        return None
    (place, server), (shower, (loads, _)) = told[0], next(iter(showing.items()))
    failed = pl.col("message").str.contains(
        rf"\b{re.escape(server)}(?:\.service)?\b.*\b(?:not active|not running|cannot reload|could not be)\b"
    )
    rows = case.timeline.filter(failed).collect()
    return Another(server=server, told=place, loads=loads, moved=tuple(notes(case, server, shower))[:2], failed=spans(rows)[:2])


def _told(case: Case) -> Iterator[tuple[Span, str]]:
    """The lines of certbot's hooks by which a server takes up the new certificate."""
    for script in case.of(Script):
        if HOOK.search(script.span.path) or HOOK.search(script.name):
            for place, line in code_of(script):
                yield from ((place, _server(found)) for found in TOLD.finditer(line))


def _server(found: re.Match[str]) -> str:
    name = next(filter(None, found.groups()), "").removesuffix(".service")
    return ALIKE.get(name, name)
