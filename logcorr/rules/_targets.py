"""What could not be reached, as the lines name it that tell of it."""

from __future__ import annotations

import re

ADDRESS = r"(?:\[[\da-f:]+\]|[\w.-]+):\d{2,5}"
TARGETS = (
    re.compile(rf"upstream: \"\w+://(?P<target>{ADDRESS})"),
    re.compile(rf"(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET|dial tcp|connect to)\W+(?P<target>{ADDRESS})"),
    re.compile(r"(?:ENOTFOUND|EAI_AGAIN|lookup|UnknownHostException:|host name) ['\"]?(?P<target>[\w.-]+)"),
    re.compile(r"(?:for|user|role) (?:user |role )?\\?['\"](?P<target>[\w.-]+)"),
    re.compile(rf"(?<![\w.:/-])(?!\d+:|[\w.-]+\.(?:[cm]?[jt]sx?|py|rb|go|java|php|rs):)(?P<target>{ADDRESS})\b(?!:)"),
    re.compile(r"^(?:\w+: )?(?P<target>[\w.-]+) (?:did not|didn't|does not) (?:answer|respond)"),
)
"""What could not be reached: an address (no time of day, no place in a program), a name, or the user who is not let in; the first
that fits."""

UNRESOLVED = re.compile(r"ENOTFOUND|EAI_AGAIN|no such host|UnknownHost|not known|translate host|resolution")


def target(message: str) -> str:
    """The address, host or user that a line tells of; empty where it names none."""
    return next((found["target"] for pattern in TARGETS if (found := pattern.search(message))), "")
