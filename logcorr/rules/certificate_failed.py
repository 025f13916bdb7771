"""TLS fails because a certificate has expired, or the renewed one was never loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Directive
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._certificates import dates_of, read_once
from logcorr.rules._client_certificates import ALERT, DATED, REFUTE, of_client
from logcorr.rules._renewal_hooks import of_hooks
from logcorr.rules._renewals import Trouble, certificates, names, reloads, renewals, renewed_names, replaced, stray, trouble
from logcorr.timeline.select import cite, instants, texts

EXPIRED = r"(?i)certificate[ _]?(?:has[ _])?expired|CERT_HAS_EXPIRED|expired certificate"
OWN, TO_UPSTREAM = "while SSL handshaking", "while SSL handshaking to upstream"
"""nginx writes the former of clients that end the handshake, with an alert for the certificate that it shows them; the latter of
those it asks itself (`proxy_ssl_verify`)."""

FEWEST = 3
HOST = r"\b((?:[a-z0-9-]+\.)+[a-z]{2,})\b"
CLIENT = regex(r", client: ([\w.:]+)")
REFUSED, UNNAMED, ANYBODYS = 0.92, 0.85, 0.6
"""Confidence where nginx itself says whose it refuses, and why; where it may as well be somebody else's, or the clock of a
client or two is wrong."""


@rule(code="NGX009", title="A certificate has expired or was not loaded", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Handshakes that fail for an expired certificate; of nginx's own, whether one is renewed after which nobody reloads it."""
    failed = case.happened("tls.failed").filter(pl.col("message").str.contains(EXPIRED))
    shown, asked = (pl.col("message").str.contains(words, literal=True) for words in (OWN, TO_UPSTREAM))
    if failed.filter(shown & ~asked).height >= FEWEST:  # then who names what nginx serves was shown the same certificate
        shown |= pl.col("message").str.extract(HOST, 1).is_in(names(case) | renewed_names(case)).fill_null(False)
    own, upstream, others = failed.filter(shown & ~asked), failed.filter(asked), failed.filter(~shown)
    if upstream.height >= FEWEST:
        yield _of_upstream(case, upstream)
    for rows, of_nginx in ((own, True), (others, False)):
        if rows.height >= FEWEST:
            ours = True if of_nginx else _is_ours(case, rows)
            found = _shown(case, rows, own=of_nginx, ours=ours is not False)
            sure = found.confidence if ours or own.height else min(found.confidence, ANYBODYS)
            yield found if found.claim.id == "certificate_failed.client" else replace(found, confidence=sure)


def _shown(case: Case, rows: pl.DataFrame, *, own: bool, ours: bool) -> Finding:
    """Why the certificate is an old one, by what is known of its renewal where it may be `ours`, or of who shows it."""
    found, lost = (case.once(trouble), case.once(stray)) if ours else (None, None)
    refused = rows.clear() if own or found or lost else rows.filter(pl.col("message").str.contains(ALERT))
    if refused.height >= FEWEST:
        return of_client(case, refused)
    if found:
        return _of_renewal(case, rows, found, own=own)
    return _of_stray(case, rows, *lost) if lost else _finding(case, rows, own=own)


def _of_upstream(case: Case, failed: pl.DataFrame) -> Finding:
    """nginx names the one it asks, and why it refuses; a captured end of validity just before says which certificate it is."""
    ended = tuple(one for one in dates_of(case, failed) if one.shows == "certificate_fails")
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


def _is_ours(case: Case, failed: pl.DataFrame) -> bool | None:
    """Whether nginx serves the name that the failures tell of, or a captured one ended just before; None: nothing tells."""
    told = set(failed["message"].str.extract(HOST, 1).drop_nulls())
    if told & renewed_names(case):
        return True
    if told and names(case):
        return bool(told & names(case))
    shows = {one.shows for one in dates_of(case, failed)}
    return "certificate_fails" in shows if shows else None


def _of_renewal(case: Case, failed: pl.DataFrame, found: Trouble, *, own: bool) -> Finding:
    """The renewal fails: by how the authority's request is answered, or by its own words."""
    shows = "configuration_mismatch"
    taken = tuple(Evidence(span, "answers the authority's request", shows=shows) for span in found.taken)
    words = (Evidence(found.why, "what the renewal says", shows=shows),) if found.why else ()
    run = (*([found.line] if found.line else ()), *([found.job.span] if found.job else ()))
    events = pl.concat([failed, found.refused.select(failed.columns), found.told.select(failed.columns)]).sort(
        "time", "file", "line"
    )
    return Finding(
        confidence=DATED if taken else REFUSED if own or words else UNNAMED,
        claim=_renewal_claim(failed, found),
        evidence=(
            *taken,
            *cite(found.refused, "the authority is refused", most=3, shows=shows),
            *words,
            *cite(found.told, "the renewal fails", most=3, shows=shows),
            *(Evidence(span, "renews", shows=shows) for span in dict.fromkeys(run)),
            *cite(failed, shows="certificate_fails"),
            *dates_of(case, failed),
        ),
        would_refute=REFUTE,
        subject=str(found.taken[0]) if found.taken else "",
        measured={"count": failed.height, "challenges": found.refused.height},
        times=instants(events),
        fix=claim(
            "certificate_failed.renewal_fix",
            "let the challenge be answered, renew by hand, and let a failed renewal alarm somebody",
        ),
    )


def _of_stray(case: Case, failed: pl.DataFrame, loaded: Directive, renewed: Span) -> Finding:
    """What nginx loads is renewed no more; another one of that name is."""
    return Finding(
        confidence=DATED,
        claim=claim(
            "certificate_failed.stray",
            "{count} connections failed for an expired certificate: nginx loads {file}, which nothing renews; "
            "{renewed} is renewed instead",
            count=failed.height,
            file=loaded.args[0],
            renewed=renewed.path,
        ),
        evidence=(
            Evidence(loaded.span, "the certificate", shows="configuration_mismatch"),
            Evidence(renewed, "what is renewed", shows="configuration_mismatch"),
            *cite(failed, shows="certificate_fails"),
            *dates_of(case, failed),
        ),
        would_refute=REFUTE,
        subject=str(loaded.span),
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim("certificate_failed.load", "let nginx load the certificate that is renewed, and reload it"),
    )


def _renewal_claim(failed: pl.DataFrame, found: Trouble) -> Claim:
    if found.status:
        return claim(
            "certificate_failed.renewal_refused",
            "{count} connections failed for an expired certificate: its renewal fails, for the authority's {challenges} requests "
            "were answered {status}",
            count=failed.height,
            challenges=found.refused.height,
            status=str(found.status),
        )
    return claim(
        "certificate_failed.renewal_failed",
        "{count} connections failed for an expired certificate: its renewal fails",
        count=failed.height,
    )


def _finding(case: Case, failed: pl.DataFrame, *, own: bool) -> Finding:
    """Elsewhere than in nginx's log nothing says whose certificate it was, unless captured dates do and nobody else shows it."""
    dates = tuple(dates_of(case, failed))
    told = [] if own else list(reloads(case))
    kept = None if own else read_once(case)
    both = len({one.shows for one in dates}) > 1
    by_hook = of_hooks(case, failed, dates if both else (), own=own)
    if by_hook:
        return by_hook
    if both and told and kept:
        return _of_program(failed, told, kept, dates)
    return _expired(case, failed, dates, own=own, both=both and not told and not kept)


def _expired(case: Case, failed: pl.DataFrame, dates: tuple[Evidence, ...], *, own: bool, both: bool) -> Finding:
    """`both`: captured dates tell of the certificate that is served and of the one that should be."""
    unloaded = [span for span, reloads in (*(renewals(case) if own else ()), *replaced(case)) if not reloads][:1]
    ended = tuple(one for one in dates if one.shows == "certificate_fails")
    shown = dates if unloaded or both else ended if own else ()
    said, confidence = _said(failed, own=own or bool(shown), unloaded=bool(unloaded) or both)
    few = not shown and (
        bool(dates) or 0 < len({found[1] for text in texts(case, failed) if (found := CLIENT.search(text))}) < FEWEST
    )
    served = certificates(case)[:2] if own or unloaded or both else []
    first = (
        *(Evidence(span, "renews, and reloads nothing", shows="configuration_mismatch") for span in unloaded),
        *(Evidence(one.span, "the certificate", shows="configuration_mismatch") for one in served),
    )
    return Finding(
        confidence=DATED if shown else min(confidence, ANYBODYS) if few else confidence,
        claim=said,
        evidence=(*first, *cite(failed, shows="certificate_fails"), *shown),
        would_refute=REFUTE,
        subject=str(first[0].span) if first else "",
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim("certificate_failed.fix", "renew it, and reload nginx after each renewal (certbot renew --deploy-hook)"),
    )


def _of_program(failed: pl.DataFrame, told: Sequence[Span], kept: Span, dates: Sequence[Evidence]) -> Finding:
    """The old one is still shown by a program that read it at its start: only nginx is told of the new one."""
    return Finding(
        confidence=REFUSED,
        claim=claim(
            "certificate_failed.kept",
            "{count} connections failed for an expired certificate: it is renewed, and nginx is told, but not the program that "
            "reads it at {place}",
            count=failed.height,
            place=str(kept),
        ),
        evidence=(
            Evidence(told[0], "only nginx is told", shows="configuration_mismatch"),
            Evidence(kept, "reads it once", shows="configuration_mismatch"),
            *cite(failed, shows="certificate_fails"),
            *dates,
        ),
        would_refute=REFUTE,
        subject=str(kept),
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim(
            "certificate_failed.tell_all", "let the renewal restart everything that reads the certificate, or let it read it anew"
        ),
    )


def _said(failed: pl.DataFrame, *, own: bool, unloaded: bool) -> tuple[Claim, float]:
    """What may be claimed, and how sure it is."""
    count = failed.height
    if own and unloaded:
        said = claim(
            "certificate_failed.not_loaded",
            "clients refused an expired certificate {count} times: it is renewed, but nothing loads the new one",
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
        return claim("certificate_failed.own", "clients refused an expired certificate {count} times", count=count), 0.85
    said = claim(
        "certificate_failed.other", "{count} connections failed: the certificate of the other side has expired", count=count
    )
    return said, 0.6
