"""Lists of addresses that are let in: who was on one, and now comes from an address that is on none."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.rules._settings import PROSE, settings

ADDRESS = r"(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?|[0-9a-fA-F]{1,4}:[0-9a-fA-F:]*:[0-9a-fA-F:]*(?:/\d{1,3})?"
LISTED = regex(rf"(?<![\w.:/])(?:{ADDRESS})(?![\w:/]|\.\d)")
LETS_IN = regex(r"(?i)allow|permit|white.?list|trusted|accept|\brequire ip\b|\bsrc\b")
OTHERWISE = regex(r"\b(?:set_real_ip_from|listen|server|proxy_pass|resolver|upstream|bind|deny|REJECT|DROP)\b")
"""How a line, or the one above a list, says that it lets an address in, and what else is done with one."""

FEWEST_BITS, MOST_CLIENTS = 8, 5
"""A wider network is everybody; what more clients ask for is for everybody."""


def moved(case: Case, requests: pl.DataFrame, refused: Collection[str]) -> tuple[Span, tuple[Evidence, ...]] | None:
    """The line that lets in those from whom such requests went well, and not those who ask now; and the notes that name these.

    `requests` are those of one kind that went well before, with their `client`; `refused` are the addresses of who asks now.
    """
    before = set(requests["client"].drop_nulls())
    if not 0 < len(before) <= MOST_CLIENTS or not 0 < len(refused) <= MOST_CLIENTS or before & set(refused):
        return None
    lines = [(span, text, list(_networks(text))) for span, text in settings(case, ADDRESS)]
    if any(_holds(networks, refused) for _, _, networks in lines):
        return None
    listed = (span for span, text, networks in lines if _holds(networks, before) and not OTHERWISE.search(text))
    letting = next((span for span in listed if LETS_IN.search(_head(case, span))), None)
    return (letting, tuple(_notes(case, refused))) if letting else None


def _head(case: Case, span: Span) -> str:
    """The line, or of a list of nothing but addresses the one above it."""
    above = case.lines(span.path).filter(pl.col("line") <= span.line).select("text").collect()["text"].reverse()
    return next((text for text in above if re.search(r"[A-Za-z]", LISTED.sub("", text.partition("#")[0]))), "")


def _networks(text: str) -> Iterator[IPv4Network | IPv6Network]:
    for found in LISTED.findall(text):
        try:
            network = ip_network(found, strict=False)
        except ValueError:
            continue
        if network.prefixlen >= FEWEST_BITS:
            yield network


def _holds(networks: Collection[IPv4Network | IPv6Network], clients: Collection[str]) -> bool:
    """Whether one of the addresses lies in one of the networks."""
    try:
        return any(ip_address(client) in network for client in clients for network in networks)
    except ValueError:
        return False


def _notes(case: Case, clients: Collection[str]) -> Iterator[Evidence]:
    """The lines of notes and mails that name the new addresses."""
    logs = {source.path for source in case.sources}
    for path in sorted(path for path in case.files - logs if path.endswith((*PROSE[:4], ".eml"))):
        named = case.lines(path).filter(pl.col("text").str.contains(ADDRESS)).select("line", "text").collect()
        for line, text in named.iter_rows():
            if _holds(list(_networks(text)), clients):
                yield Evidence(Span(path, line), "tells of the new address", shows="deploy_changes_configuration")
