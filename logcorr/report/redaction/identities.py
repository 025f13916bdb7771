"""Who and where: addresses, e-mails, hosts and users, found by the places in which they stand, replaced wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from msgspec import Struct, field

from logcorr.lazily import pl

KINDS = ("ip", "email", "host", "user")

KEPT_NETWORKS = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/32", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "::/127", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Addresses that say nothing to the world: loopback, private, link-local, unspecified."""

KEPT_HOSTS = ("host.docker.internal", "localhost.localdomain")

KEPT_USERS = frozenset(
    (
        "root", "nobody", "daemon", "www-data", "nginx", "apache", "node", "app", "postgres", "mysql", "redis", "mongodb",
        "rabbitmq", "git", "systemd-network", "messagebus",
    )
)  # fmt: skip
"""Users that programs bring along."""

UNIT = (".service", ".timer", ".socket", ".scope", ".slice", ".mount", ".target", ".path", ".device", ".swap")
"""What looks like the domain of an e-mail where an instance of a systemd unit is named (`getty@tty1.service`)."""

VERSION = r"[A-Z][A-Za-z]*/\d+(?:\.\d+)+"
"""A product's version (`Chrome/120.0.0.0`), which may look like an address."""

IPV4 = r"\b\d{1,3}(?:\.\d{1,3}){3,}\b"
IPV6 = r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:]*(?:\d{1,3}(?:\.\d{1,3}){3})?"
EMAIL = r"[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
HOSTS = (
    rf"(?i)\b[a-z][a-z0-9+]*://(?:[^\s/@\"']*@)?({DOMAIN})",
    rf"(?i)\b(?:server|host|domain|hostname|server_name|common name)[\"']?\s*[:=]\s*\\?[\"']?({DOMAIN})",
    rf"(?:letsencrypt/(?:live|archive|renewal)|ssh\s+(?:-\S+\s+)*)[/ ]?(?:[\w.-]+@)?({DOMAIN})",
    rf"server_name\s(?:[^;]*\s)?({DOMAIN})",
    rf"server_name\s+\*?\.?({DOMAIN})",
)
SYSLOG_HOSTS = (
    r"^(?:<\d+>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([\w.-]+) \S+: ",
    r"^\d{4}-\d\d-\d\dT\S+ ([\w.-]+) [\w./()-]+(?:\[\d+\])?: ",
)
USERS = (
    r"\b(?:home|Users)/([A-Za-z_][\w.-]*)",
    r"\(([a-z_][\w.-]*)\) (?:CMD|CMDEND|LIST|RELOAD|BEGIN EDIT|END EDIT)\b",
    r"(?i)\b(?:for|from) (?:invalid )?user ([a-z_][\w.-]*)",
    r"\bAccepted \w+ for ([a-z_][\w.-]*)",
    r"\bsudo(?:\[\d+\])?:\s+([a-z_][\w.-]*) :",
    r"\bUSER=([a-z_][\w.-]*)",
    r"^\S+ \S+ ([A-Za-z][\w.@-]*) \[\d\d/[A-Z][a-z]{2}/\d{4}:",
)
USER_PLACES = ("home/{}", "Users/{}", "({}) ", "user {}", "User {}", "for {}", "sudo: {} ", ": {} :", "USER={}", " {} [")
"""How a user's name stands in text: a bare name may be a word like any other."""


class Pseudonyms(Struct, frozen=True):
    """What to write instead of what, and the number of identities of each kind."""

    tags: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def written(self, text: pl.Expr) -> pl.Expr:
        """The text with pseudonyms for all that has one; of literals that begin at one place the longest counts."""
        literals = sorted(self.tags, key=lambda literal: (-len(literal), literal))
        return text.str.replace_many(literals, [self.tags[one] for one in literals], leftmost=True) if literals else text


NONE_KNOWN = Pseudonyms()


def pseudonyms(texts: pl.Series, known: Pseudonyms = NONE_KNOWN) -> Pseudonyms:
    """The identities of some texts beside those already known, numbered for each kind in order of appearance."""
    tags, counts = dict(known.tags), dict(known.counts)
    for kind, find, places in (
        ("email", _emails, ("{}",)),
        ("ip", _addresses, ("{}",)),
        ("host", _hosts, ("{}",)),
        ("host", _machines, (" {} ",)),
        ("user", _users, USER_PLACES),
    ):
        for name, kept in find(texts):
            if places[0].format(name) in tags:
                continue
            counts[kind] = counts.get(kind, 0) + (not kept)
            tag = name if kept else f"<{kind.upper()}-{counts[kind]}>"
            tags |= {place.format(name): place.format(tag) for place in places}
    return Pseudonyms(tags, counts)


Named = Iterator[tuple[str, bool]]
"""Names, and whether they are kept: a kept one must be known too, lest another be taken for a part of it."""


def _emails(texts: pl.Series) -> Named:
    for name in _matches(texts, EMAIL):
        yield name, name.endswith(UNIT)


def _addresses(texts: pl.Series) -> Named:
    plain = texts.str.replace_all(VERSION, "")
    for name in _matches(plain, IPV4):
        address = _address(name)
        yield name, address is None or _kept(address)
    for name in _matches(plain, IPV6):
        address = _address(name)  # none for times of day, of which there are many
        if address:
            yield name, _kept(address)


def _kept(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in KEPT_NETWORKS)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is; words with two colons (`std::ad`) are none, though IPv6 would allow them."""
    try:
        return ip_address(text) if any(sign.isdigit() for sign in text) else None
    except ValueError:
        return None


def _hosts(texts: pl.Series) -> Named:
    for name in _groups(texts, HOSTS):
        yield name, name in KEPT_HOSTS


def _machines(texts: pl.Series) -> Named:
    """The host of a syslog line; often a bare word, so only where it stands as one."""
    for name in _groups(texts, SYSLOG_HOSTS):
        yield name, name == "localhost"


def _users(texts: pl.Series) -> Named:
    for name in _groups(texts, USERS):
        yield name, name in KEPT_USERS


def _matches(texts: pl.Series, pattern: str) -> list[str]:
    """What a pattern finds, once each, in order of appearance."""
    return texts.str.extract_all(pattern).list.explode().drop_nulls().unique(maintain_order=True).to_list()


def _groups(texts: pl.Series, patterns: tuple[str, ...]) -> list[str]:
    """What the first groups of some patterns find, once each."""
    found = (pl.Series(_matches(texts, pattern), dtype=pl.String).str.extract(pattern, 1) for pattern in patterns)
    return list(dict.fromkeys(name for names in found for name in names.drop_nulls()))
