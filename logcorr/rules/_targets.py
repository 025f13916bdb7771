"""What could not be reached, as the lines name it that tell of it."""

from __future__ import annotations

import re

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.timeline.lifecycles import Downtime, stopped

ADDRESS = r"(?:\[[\da-f:]+\]|[\w.-]+):\d{2,5}"
TARGETS = (
    regex(rf"upstream: \"\w+://(?P<target>{ADDRESS})"),
    regex(rf"(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET|dial tcp|connect to)\W+(?P<target>{ADDRESS})"),
    regex(
        r"(?:ENOTFOUND|EAI_AGAIN|lookup|UnknownHostException:|host name|getaddrinfo for|[fF]ailed to resolve"
        r"|server host|resolve host(?:name)?:?|host is known\.) [('\"]*(?P<target>[\w.-]+)"
    ),
    regex(r"\bhost=['\"](?P<target>[\w.-]+)['\"].*(?:not known|resol)"),
    regex(r"(?:for|user|role) (?:user |role )?\\?['\"](?P<target>[\w.-]+)"),
    regex(rf"(?<![\w.:/-])(?!\d+:|[\w.-]+\.(?:[cm]?[jt]sx?|py|rb|go|java|php|rs):)(?P<target>{ADDRESS})\b(?!:)"),
    regex(r"^(?:\w+: )?(?P<target>[\w.-]+) (?:did not|didn't|does not) (?:answer|respond)"),
)
"""What could not be reached: an address (no time of day, no place in a program), a name, or the user who is not let in; the first
that fits."""

UNRESOLVED = regex(
    r"ENOTFOUND|EAI_AGAIN|[nN]o such host|UnknownHost|not known|translate host|resolution|resolve host|MySQL server host"
    r"|does not resolve|associated with hostname|nor servname"
)

ON_PORTS = {
    "25": "mail|smtp|postfix|exim",
    "587": "mail|smtp|postfix|exim",
    "3306": "mysql|maria|percona",
    "5432": "postgres|pgsql|pgbouncer|timescale",
    "5672": "rabbit",
    "6379": "redis|valkey|keydb",
    "9200": "elastic|opensearch",
    "11211": "memcache",
    "27017": "mongo",
}
"""What usually answers on a port, as services are called."""

ANYBODYS = {
    "url",
    "uri",
    "http",
    "https",
    "host",
    "port",
    "address",
    "service",
    "server",
    "com",
    "net",
    "org",
    "internal",
    "local",
}
"""Words of settings that tell nothing of what is meant."""


def target(message: str) -> str:
    """The address, host or user that a line tells of; empty where it names none."""
    return next((found["target"] for pattern in TARGETS if (found := pattern.search(message))), "")


def stops_by_name(case: Case) -> dict[str, list[Downtime]]:
    """When each service was down, by the last part of its name."""
    found: dict[str, list[Downtime]] = {}
    for stop in case.once(stopped):
        found.setdefault(stop.service.rpartition("/")[2], []).append(stop)
    return found


def names(case: Case, target: str) -> set[str]:
    """What the target may be called: its host, and services that publish or expose its port."""
    host, _, port = target.rpartition(":")
    services = case.stack.services if case.stack else ()
    with_port = {
        one.name for one in services for number in (*one.expose, *(each.target for each in one.ports)) if str(number) == port
    }
    return {
        host or target,
        *with_port,
        *(one.container_name for one in services if one.name in with_port and one.container_name),
    }


def answers_at(service: str, case: Case, target: str, said: str) -> bool:
    """Whether a service is what a target leads to: by name, by what usually answers on the port, or by a word of its setting."""
    usual = ON_PORTS.get(target.rpartition(":")[2])
    shared = _words(service) & _words(said)
    return service in names(case, target) or bool(usual and re.search(usual, service.lower())) or bool(shared)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{3,}", text.lower())) - ANYBODYS
