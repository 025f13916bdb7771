"""What a renewal does for the new certificate to be loaded: a hook that tells another server than shows it, or that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._client_certificates import DATED, REFUTE
from logcorr.rules._settings import notes, settings
from logcorr.timeline.scripts import code_of
from logcorr.timeline.select import cite, instants, lines_like, spans

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
    r"\b(?:systemctl|service|rc-service|invoke-rc\.d)\s+(?:--\S+\s+)*(?:(?:try-)?(?:force-)?(?:reload|restart)(?:-or-(?:restart|reload))?\s+(?P<unit>[\w@.-]+)"
    r"|(?P<name>[\w@.-]+)\s+(?:force-)?(?:reload|restart))\b|\b(?P<own>nginx)\b.*-s\s+reload|\b(?P<ctl>apache2?ctl|apachectl|caddy|postfix|doveadm)\s+(?:graceful|reload)"
)
HOOK = regex(r"(?:^|/)renewal-hooks/(?:deploy|post)/|\b(?:post|renew|deploy)_hook of ")
OPTION = r"(?:--(?:deploy|post|renew)-hook|--reloadcmd|^\s*(?:deploy|post|renew)-hook\s*=)"
"""A hook in the command that renews, or in certbot's `cli.ini`."""

INTO_CONTAINERS = regex(r"\b(?:docker|podman|nerdctl|kubectl|compose)\b")
KEPT = regex(r"letsencrypt|\bacme\b|\b(?:certs?|certificates|ssl|tls)\b")
HTTPS = 443
RENEWAL = regex(r"(?:^|/)renewal/[^/]+\.conf$")
"""certbot's own file of a certificate, which loads none."""

ALIKE = {"httpd": "apache2", "apache2ctl": "apache2", "apachectl": "apache2", "stunnel4": "stunnel", "doveadm": "dovecot"}
ALIKE |= dict.fromkeys(("openresty", "angie", "tengine", "freenginx"), "nginx")

FAILS = (
    r"(?i)\b(?:deploy|post|renew)[-_]hook\b.* (?:returned error code|reported error code|ran with error)"
    r"|^Reload error for\b|\bdeploy_cert hook (?:returned|failed)\b"
)
"""Words of certbot, acme.sh and dehydrated for a hook that did not do what it should."""

SURE, UNNAMED = 0.92, 0.85
"""Where nginx itself tells that what it shows has expired, and where others do."""


def of_hooks(case: Case, failed: pl.DataFrame, dates: Sequence[Evidence], *, own: bool) -> Finding | None:
    """`dates`: both of the certificate that is served and of the one that should be; `own`: nginx tells of the failures."""
    another = case.once(_told_another)
    if another:
        return _of_another(failed, another, dates)
    rows = _failed_hooks(case, failed) if own or dates else failed.clear()
    return _of_failed(case, failed, rows, dates) if rows.height else None


class _Another(Struct, frozen=True, kw_only=True):
    """A renewal that tells the wrong `server`, in the line `told`; another one `loads` the certificate.

    `moved` are notes that name them both; `failed` is where the hook's failure is logged. `contained`: what loads it is a
    container, while the host's server of perhaps the same name is told.
    """

    server: str
    told: Span
    loads: Span
    moved: tuple[Span, ...]
    failed: tuple[Span, ...]
    contained: bool = False


def _told_another(case: Case) -> _Another | None:
    """None where any hook of a renewal tells a server that shows the certificate, or nothing tells who does."""
    lines = list(_hooks(case))
    told = [(place, _server(found)) for place, line in lines for found in TOLD.finditer(line)]
    known = [(place, name) for place, name in told if name in SHOWS]
    if not told or len(known) < len(told):
        return None
    if container := None if any(INTO_CONTAINERS.search(line) for _, line in lines) else _container(case):
        return _another(case, *told[0], *container, contained=True)
    found = (
        (name, next((at for at, _ in settings(case, one) if not RENEWAL.search(at.path)), None)) for name, one in SHOWS.items()
    )
    showing = {name: at for name, at in found if at}
    if not showing or any(name in showing for _, name in told):
        return None
    return _another(case, *told[0], *next(iter(showing.items())), contained=False)


def _another(case: Case, told: Span, server: str, shower: str, loads: Span, *, contained: bool) -> _Another:
    failed = pl.col("message").str.contains(
        rf"\b{re.escape(server)}(?:\.service)?\b.*\b(?:not active|not running|cannot reload|could not be|not found)\b"
        rf"|hook command .*\b{re.escape(server)}\b.* returned error code"
    )
    rows = case.timeline.filter(failed).collect()
    moved = tuple(notes(case, server, shower))[:2]
    return _Another(server=server, told=told, loads=loads, moved=moved, failed=spans(rows)[:2], contained=contained)


def _container(case: Case) -> tuple[str, Span] | None:
    """The one container that takes the host's connections by TLS and is given certificates of it, by the line that gives them."""
    for file in case.of(ComposeFile):
        for service in file.services:
            kept = [one.source for one in service.mounts if KEPT.search(f"{one.source} {one.target}")]
            if kept and (service.network_mode == "host" or any(port.published == HTTPS for port in service.ports)):
                given = lines_like(case, service.span, re.escape(kept[0]))
                return service.name, next((span for span, _ in given), service.span)
    return None


def _hooks(case: Case) -> Iterator[tuple[Span, str]]:
    """The lines of hooks that a renewal runs: hooks of certbot's, options of the command that renews."""
    for script in case.of(Script):
        if HOOK.search(script.span.path) or HOOK.search(script.name):
            yield from code_of(script)
    yield from settings(case, OPTION)


def _server(found: re.Match[str]) -> str:
    name = next(filter(None, found.groups()), "").removesuffix(".service")
    return ALIKE.get(name, name)


def _failed_hooks(case: Case, failed: pl.DataFrame) -> pl.DataFrame:
    """What tells that the hook failed; nothing where nginx was started or told anew since, or the hook was run again."""
    began = failed["time"].min()
    rows = case.timeline.filter(pl.col("message").str.contains(FAILS) & pl.col("time").is_not_null()).collect()
    rows = rows.filter(pl.col("time") < began)
    last = rows["time"].max()
    since = case.happened("process.started", "process.reloaded", "hook.started").filter(
        pl.col("time").is_between(last, began, "none")
    )
    loaded = since.filter((pl.col("source") == "nginx") | (pl.col("kind") == "hook.started") | (pl.col("service") == "nginx"))
    return rows.clear() if loaded.height else rows.tail(2)


def _of_another(failed: pl.DataFrame, another: _Another, dates: Sequence[Evidence]) -> Finding:
    """The renewal tells a server that does not show it."""
    return Finding(
        confidence=DATED if dates else UNNAMED,
        claim=(_host_told if another.contained else _another_told)(
            count=failed.height, server=another.server, place=str(another.loads)
        ),
        evidence=(
            Evidence(another.told, "tells a server that does not show it", shows="configuration_mismatch"),
            Evidence(another.loads, "loads the certificate", shows="configuration_mismatch"),
            *(Evidence(span, "it could not be told", shows="configuration_mismatch") for span in another.failed),
            *(Evidence(span, "it was changed", shows="deploy_changes_configuration") for span in another.moved),
            *cite(failed, shows="certificate_fails"),
            *dates,
        ),
        would_refute=REFUTE,
        subject=str(another.told),
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim("certificate_failed.tell_it", "let the hook reload the server that shows the certificate"),
    )


def _another_told(**told: str | int) -> Claim:
    return claim(
        "certificate_failed.another_told",
        "{count} connections failed for an expired certificate: its renewal tells {server}, and not the server that loads it "
        "at {place}",
        **told,
    )


def _host_told(**told: str | int) -> Claim:
    return claim(
        "certificate_failed.host_told",
        "{count} connections failed for an expired certificate: its renewal tells {server} on the host, and not the container "
        "that is given it at {place}",
        **told,
    )


def _of_failed(case: Case, failed: pl.DataFrame, rows: pl.DataFrame, dates: Sequence[Evidence]) -> Finding:
    """It is renewed, and the hook that should have it loaded fails."""
    hooks = [place for place, line in _hooks(case) if TOLD.search(line) or INTO_CONTAINERS.search(line)]
    return Finding(
        confidence=DATED if dates else SURE,
        claim=claim(
            "certificate_failed.hook_failed",
            "{count} connections failed for an expired certificate: it was renewed, and the hook that has it loaded failed",
            count=failed.height,
        ),
        evidence=(
            *(Evidence(place, "the hook", shows="configuration_mismatch") for place in hooks[:1]),
            *cite(rows, "it failed", most=2, shows="configuration_mismatch"),
            *cite(failed, shows="certificate_fails"),
            *dates,
        ),
        would_refute=REFUTE,
        subject=str(hooks[0]) if hooks else str(spans(rows)[0]),
        measured={"count": failed.height},
        times=instants(pl.concat([rows.select(failed.columns), failed])),
        fix=claim("certificate_failed.tell_it", "let the hook reload the server that shows the certificate"),
    )
