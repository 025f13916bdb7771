"""What a request is for: to ask how something does, to send something, or to fetch a file.

Health checks and other requests are made by the same programs. A request counts as asking unless something says otherwise:

- it **sends** if it goes to a service that takes messages (chat, pagers, heartbeats), if the address it goes to is not known
  but called so in the script (`$SLACK_WEBHOOK`), or if it writes (POST, PUT …) and what it writes is a file, or nobody looks at
  what comes back or asks how it went;
- it **fetches** if what comes back is kept in a file (unless it comes from near by and the script asks how it went) or given
  to a program that installs or unpacks it, or if it goes to a service that only tells one's own address.
"""

from __future__ import annotations

import re

from logcorr.lazily import regex
from logcorr.model.behaviour import Probe

_MESSAGES = regex(
    r"(?:^|\.)(?:hooks\.slack\.com|slack\.com|discord(?:app)?\.com|api\.telegram\.org|api\.pushover\.net|ntfy\.sh|hc-ping\.com"
    r"|events\.pagerduty\.com|api\.opsgenie\.com|api\.pushbullet\.com|oapi\.dingtalk\.com|qyapi\.weixin\.qq\.com"
    r"|open\.feishu\.cn|sctapi\.ftqq\.com|api\.day\.app|notify-api\.line\.me|maker\.ifttt\.com|api\.sendgrid\.com"
    r"|api\.mailgun\.net|api\.twilio\.com|outlook\.office\.com|webhook\.office\.com)$"
)
_ADDRESSES = regex(
    r"(?:^|\.)(?:ifconfig\.(?:me|co|io)|icanhazip\.com|ipinfo\.io|api\.ipify\.org|checkip\.amazonaws\.com|ident\.me|ip\.sb)$"
)
_CALLED = regex(r"webhook|slack|discord|telegram|pushover|pagerduty|heartbeat_url|ping_url", re.IGNORECASE)
_VARIABLE = regex(r"\$\{?(\w+)")
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
_FILE = regex(r"""(?:-d|--data[\w-]*|--json)[ =]*["']?@(?!-)|(?:^|\s)(?:-T|--upload-file|-F|--form)[ =]""")
_HOST = regex(r"://(?:[^/@]*@)?(\[[^\]/]*\]|[^/:?#]*)")
_NEAR = regex(r"localhost|127\.|0\.0\.0\.0|\[::1\]|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|[\w-]+$")
RUNS_CODE = frozenset({"bash", "sh", "zsh", "dash", "eval", "source", "."})
INSTALLERS = RUNS_CODE | frozenset({
    "tar", "gpg", "apt-key", "tee", "dd", "unzip", "gunzip", "zcat", "funzip", "node", "perl",
    "ruby", "docker", "kubectl", "psql", "mysql",
})  # fmt: skip
"""Programs that do not look at what they are given but run it, unpack it or load it."""


def purpose(probe: Probe, *, looked_at: bool, saved: bool, reader: str | None, written: str) -> str:
    """`asks`, `sends` or `fetches`.

    `looked_at`: the script captures what comes back or asks how it went. `saved`: the body goes into a file and nothing else is
    printed. `reader` is the program that the output is piped to, `written` the command as the script has it.
    """
    address = probe.url or probe.asks or ""
    named = _HOST.search(address)
    host = named[1].lower() if named else ""
    if _MESSAGES.search(host) or "/webhook" in address or (probe.url is None and _called(probe, written)):
        return "sends"
    if probe.method in _WRITING and (not looked_at or _FILE.search(written)):
        return "sends"
    if (saved and not (looked_at and _NEAR.match(host))) or reader in INSTALLERS or _ADDRESSES.search(host):
        return "fetches"
    return "asks"


def _called(probe: Probe, written: str) -> bool:
    """Whether an address that is not known, or is empty, is called one for messages."""
    names = _VARIABLE.findall(written) if not probe.asks else ()
    return any(map(_CALLED.search, (probe.unknown or "", *names)))
