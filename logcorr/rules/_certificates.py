"""Which certificate has ended, by captured dates, and who reads one at its start and never again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.rules._renewals import certificates
from logcorr.rules._settings import settings
from logcorr.timeline.select import lines_like

NOT_AFTER = r"notAfter=((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123]?\d [012]\d:[0-5]\d:[0-5]\d \d{4} GMT)"
JUST_ENDED = timedelta(hours=6)
READS = (
    r"(?i)(?:\breadFile(?:Sync)?\(|\bopen\(|\bload_cert_chain\(|\bssl_cert\w*\b|\bcert(?:ificate)?[-_]?file\b|\bcrt\b|\btls[-_]\w*cert\w*"
    r"|\bcert\s*[:=]|\bssl_cert\b|LoadX509KeyPair\()"
)
ANEW = r"setSecureContext|SNICallback|fs\.watch|chokidar|GetCertificate\b|ssl_ctx.*reload|reload_cert"
"""How programs and servers are told which certificate they show, and how they take up another one without a restart."""

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
