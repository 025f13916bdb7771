"""How probes can turn out: what they print and how they exit.

curl's exit codes are those of its manual (EXIT CODES): 6 no such host, 7 refused, 22 an HTTP error under `-f`, 28 timed
out, 35 TLS failed, 52 an empty reply, 60 a certificate not trusted. Where no reply came, `%{http_code}` prints `000`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus

from logcorr.lazily import regex
from logcorr.model.behaviour import Outcome, Probe
from logcorr.semantics.shell.bounded import Overflow
from logcorr.semantics.shell.patterns import glob, regular

UNKNOWN_TEXT = "\ufffc"
"""Stands in `Outcome.printed` for text that cannot be known, such as the body of a response."""

USUAL = (200, 204, 301, 404, 503)
STATUSES = (200, 201, 204, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 429, 500, 502, 503, 504)

_NUMBER = regex(r"([<>]=?)?([1-5]\d\d)")
_FAILURES = (
    (7, "connection refused"), (28, "timed out"), (6, "no such host"), (52, "empty reply"), (56, "connection reset"),
    (35, "TLS failed"), (60, "certificate not trusted"),
)  # fmt: skip


@lru_cache(maxsize=1024)
def any_outcomes(probe: Probe) -> tuple[Outcome, ...]:
    """A representative of everything that can ever happen, told apart as far as the script tells apart.

    Empty where the outcomes cannot be listed: then the probe may print and exit with anything.
    """
    if probe.tool in ("curl", "wget"):
        return _of_http(probe)
    fixed = _FIXED.get(probe.tool, ())
    return tuple(Outcome(printed=printed if probe.prints else "", exit_code=code, why=why) for printed, code, why in fixed)


def _of_http(probe: Probe) -> tuple[Outcome, ...]:
    secure = probe.url is None or probe.url.startswith("https")
    replies = [outcomes(probe, status) for status in _representatives(probe.expects)]
    failures = [_no_reply(probe, code, why) for code, why in _FAILURES if secure or code not in (35, 60)]
    return tuple(dict.fromkeys([*replies, *failures]))


@lru_cache(maxsize=256)
def _representatives(expects: tuple[str, ...]) -> tuple[int, ...]:
    """The usual statuses, and one for every way in which the compared texts tell statuses apart."""
    patterned = any(re.search(r"\d", text) and not _NUMBER.fullmatch(text) for text in expects)
    numbers = [int(match[2]) + step for text in expects if (match := _NUMBER.fullmatch(text)) for step in (0, 1, -1)]
    valid = [number for number in numbers if 100 <= number <= 599]
    candidates = [*USUAL, *STATUSES, *valid, *(range(100, 600) if patterned else ())]
    chosen = {_signature(status, expects): status for status in reversed(candidates)}
    return tuple(dict.fromkeys([*USUAL, *sorted(chosen.values())]))


def _signature(status: int, expects: tuple[str, ...]) -> tuple[object, ...]:
    """How a status answers to each of the texts a script compares it with."""
    code = str(status)
    answers: list[object] = []
    for text in expects:
        number = _NUMBER.fullmatch(text)
        if number:
            answers.append((status > int(number[2])) - (status < int(number[2])) if number[1] else code == number[2])
            continue
        expression = regular(text)
        try:
            matched = bool(glob(text).fullmatch(code)), bool(expression and expression.search(code))
        except Overflow:
            matched = False, False
        answers.append((code.startswith(text), text in code, code.endswith(text), *matched))
    return tuple(answers)


def outcomes(probe: Probe, status: int | None, *, refused: bool = False, timed_out: bool = False) -> Outcome:
    """What the probe prints and exits with, given the HTTP status it finally received.

    `status` None is no reply: refused, timed out, or (neither said) a host that does not resolve. Whether redirects were
    followed is for the caller to settle, by the status given here.
    """
    if status is None:
        code, why = (7, "connection refused") if refused else (28, "timed out") if timed_out else (6, "no such host")
        return _no_reply(probe, code, why)
    failed = status >= 400 and probe.fails_on_error
    if probe.tool == "wget":
        ok = 200 <= status < 300
        return Outcome(printed=_wget_output(probe, ok), exit_code=0 if ok else 6 if status == 401 else 8, why=f"HTTP {status}")
    body = "" if failed or status in (204, 304) or probe.method == "HEAD" else UNKNOWN_TEXT
    printed = _layout(probe, f"{status:03d}", body, _headers(probe, status))
    return Outcome(printed=printed, exit_code=22 if failed else 0, why=f"HTTP {status}")


def _headers(probe: Probe, status: int) -> str:
    secure = probe.url is None or probe.url.startswith("https")
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = UNKNOWN_TEXT
    line = f"HTTP/{UNKNOWN_TEXT} {status} {UNKNOWN_TEXT}" if secure else f"HTTP/1.1 {status} {phrase}"
    return f"{line}\r\n{UNKNOWN_TEXT}\r\n\r\n"


def _no_reply(probe: Probe, code: int, why: str) -> Outcome:
    if probe.tool == "wget":
        return Outcome(printed="", exit_code=5 if code in (35, 60) else 4, why=why)
    return Outcome(printed=_layout(probe, "000", "", ""), exit_code=code, why=why)


def _wget_output(probe: Probe, ok: bool) -> str:
    return UNKNOWN_TEXT if ok and "body" in probe.prints else ""


def _layout(probe: Probe, code: str, body: str, headers: str) -> str:
    known = {"headers": headers, "body": body, "status": code, "unknown": UNKNOWN_TEXT}
    return "".join(part[1:] if part.startswith("=") else known[part] for part in probe.prints)


_STATES = ("active", "inactive", "failed", "activating", "deactivating", "unknown")
_NO_CONTAINER = (("\n", 1, "no such container"), ("", 1, "no such container or no daemon"))
_FIXED: dict[str, tuple[tuple[str, int, str], ...]] = {
    "systemctl is-active": (
        *((f"{state}\n", 0 if state == "active" else 3, state) for state in _STATES), ("inactive\n", 4, "no such unit"),
    ),
    "nc": (("", 0, "open"), ("", 1, "closed")),
    "/dev/tcp": (("", 0, "open"), ("", 1, "closed")),
    "pg_isready": (
        (UNKNOWN_TEXT, 0, "accepting"), (UNKNOWN_TEXT, 1, "rejecting"), (UNKNOWN_TEXT, 2, "no response"),
        (UNKNOWN_TEXT, 3, "no attempt"),
    ),
    "pgrep": ((UNKNOWN_TEXT, 0, "running"), ("", 1, "not running")),
    "pidof": ((UNKNOWN_TEXT, 0, "running"), ("", 1, "not running")),
    "redis-cli ping": (("PONG\n", 0, "answers"), ("", 1, "refused"), (UNKNOWN_TEXT, 0, "an error")),
    "docker inspect running": (("true\n", 0, "running"), ("false\n", 0, "stopped"), *_NO_CONTAINER),
    "docker inspect health": (
        ("healthy\n", 0, "healthy"), ("unhealthy\n", 0, "unhealthy"), ("starting\n", 0, "starting"), *_NO_CONTAINER,
    ),
    "docker inspect status": (
        *((f"{state}\n", 0, state) for state in ("running", "exited", "restarting", "paused", "created", "dead")),
        *_NO_CONTAINER,
    ),
    "ping": ((UNKNOWN_TEXT, 0, "answers"), (UNKNOWN_TEXT, 1, "no answer"), ("", 2, "no such host")),
    "mysqladmin ping": ((UNKNOWN_TEXT, 0, "alive"), ("", 1, "not alive")),
}  # fmt: skip
