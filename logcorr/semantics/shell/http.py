"""curl and wget: which URL, by which rules, and what they print (curl(1), wget(1))."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from msgspec.structs import replace

from logcorr.lazily import regex
from logcorr.model.behaviour import Probe
from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.purposes import purpose
from logcorr.semantics.shell.values import EMPTY, Text, Value, first_span, literal, origins, shown, text

_CURL_LETTERS = "AbcCdDeEFhHKmoPQrtTuUwxXyYz"
_CURL_NAMES = frozenset({
    "abstract-unix-socket", "aws-sigv4", "cacert", "capath", "cert", "cert-type", "ciphers", "config", "connect-timeout",
    "connect-to", "continue-at", "cookie", "cookie-jar", "create-file-mode", "crlfile", "curves", "data", "data-ascii",
    "data-binary", "data-raw", "data-urlencode", "dns-servers", "doh-url", "dump-header", "egd-file", "engine",
    "etag-compare", "etag-save", "expect100-timeout", "form", "form-string", "ftp-port", "header", "interface",
    "ipfs-gateway", "json", "keepalive-time", "key", "key-type", "limit-rate", "local-port", "mail-from", "mail-rcpt",
    "max-filesize", "max-redirs", "max-time", "netrc-file", "noproxy", "oauth2-bearer", "output", "output-dir",
    "parallel-max", "pass", "pinnedpubkey", "preproxy", "proto", "proto-default", "proto-redir", "proxy", "proxy-header",
    "proxy-user", "quote", "random-file", "range", "rate", "referer", "request", "request-target", "resolve", "retry",
    "retry-delay", "retry-max-time", "socks5", "socks5-hostname", "speed-limit", "speed-time", "stderr", "time-cond",
    "tls-max", "tls13-ciphers", "tlsuser", "trace", "trace-ascii", "unix-socket", "upload-file", "url", "url-query", "user",
    "user-agent", "write-out",
})  # fmt: skip
_WGET_LETTERS = "aABDeGiIlOopPQRTtUwX"
_WGET_NAMES = frozenset({
    "append-output", "ca-certificate", "connect-timeout", "directory-prefix", "dns-timeout", "execute", "header",
    "http-password", "http-user", "limit-rate", "max-redirect", "output-document", "output-file", "password", "post-data",
    "post-file", "quota", "read-timeout", "referer", "secure-protocol", "timeout", "tries", "user", "user-agent", "wait",
    "waitretry", "method", "body-data",
})  # fmt: skip
_FORMAT = regex(r"(%\{[^}]*\}|%%)")


def _last(options: dict[str, list[Value]], *names: str) -> Value | None:
    given = [values[-1] for name in names if (values := options.get(name))]
    return given[-1] if given else None


def _seconds(options: dict[str, list[Value]], *names: str) -> float | None:
    found = [literal(value) or "" for name in names for value in options.get(name, [])]
    numbers = [float(value) for value in found if re.fullmatch(r"\d+(\.\d+)?", value)]
    return min(numbers) if numbers else None


def _url(value: Value, default: str) -> str | None:
    """The address; None where a part is not known, or a variable that is empty by default leaves no host or no port."""
    known = literal(value)
    if not known or re.match(r"(?:\w+://)?+(?:[^/]*:)?(?:/|$)", known):
        return None
    address = known if "://" in known else f"{default}://{known}"
    return address if _is_one(address) else None


def _is_one(address: str) -> bool:
    """Whether it names one host and port: a text that only looks like an address does not."""
    try:
        port = urlsplit(address).port
    except ValueError:
        return False
    return port != 0


def _curl(command: Command) -> None:
    options, urls = separate(command.arguments, _CURL_LETTERS, _CURL_NAMES)
    urls = [*options.get("url", []), *urls]
    if {"version", "help", "V", "h"} & set(options) or not urls:
        command.print_unknown()
        command.unsure(asked=True)
        return
    for url in urls[:1]:
        command.ask(_curl_probe(command, options, url))
    if len(urls) > 1:
        command.print_unknown()
        command.unsure(asked=True)


def _curl_probe(command: Command, options: dict[str, list[Value]], url: Value) -> Probe:
    sends = {"d", "data", "data-raw", "data-binary", "data-ascii", "data-urlencode", "json", "F", "form"} & set(options)
    get = {"G", "get"} & set(options)
    uploads = {"T", "upload-file"} & set(options)
    implied = "HEAD" if {"I", "head"} & set(options) else "POST" if sends and not get else "PUT" if uploads else "GET"
    method = shown(_last(options, "X", "request") or EMPTY) or implied
    prints = _curl_prints(options)
    return _probe(
        command, "curl", url, method=method, headers=_headers([*options.get("H", []), *options.get("header", [])]), prints=prints,
        follows_redirects=bool({"L", "location", "location-trusted"} & set(options)),
        fails_on_error=bool({"f", "fail", "fail-with-body"} & set(options)),
        checks_certificate=not {"k", "insecure"} & set(options),
        timeout_s=_seconds(options, "m", "max-time") or _seconds(options, "connect-timeout"),
        saved="status" not in prints and _saves(_last(options, "o", "output"), options),
    )  # fmt: skip


def _probe(
    command: Command, tool: str, url: Value, *, method: str, headers: tuple[tuple[str, str], ...], prints: tuple[str, ...],
    follows_redirects: bool, fails_on_error: bool, checks_certificate: bool, timeout_s: float | None, saved: bool,
) -> Probe:  # fmt: skip
    known, unknown = _url(url, "http"), ", ".join(origins(url))
    probe = Probe(
        id=0, span=command.span, tool=tool, url=known, url_span=first_span(url) or command.span, method=method, headers=headers,
        yields=_yields(command, prints), follows_redirects=follows_redirects, fails_on_error=fails_on_error,
        checks_certificate=checks_certificate, timeout_s=timeout_s, prints=prints,
        asks=shown(url) if unknown and not known else None,
        unknown=None if known else unknown or "not a whole address",
    )  # fmt: skip
    looked_at = probe.yields != "exit" or command.machine.checked
    return replace(
        probe, purpose=purpose(probe, looked_at=looked_at, saved=saved, reader=command.machine.reader, written=command.words)
    )


def _yields(command: Command, prints: tuple[str, ...]) -> str:
    looked_at = command.path.sinks[0].kind == "captured"
    if "status" in prints and (looked_at or "body" not in prints):
        return "status"
    if "headers" in prints and looked_at:
        return "status"
    return "body" if looked_at and "body" in prints else "exit"


def _saves(output: Value | None, options: dict[str, list[Value]]) -> bool:
    """Whether curl keeps the body in a file."""
    if output is None:
        return bool({"O", "remote-name"} & set(options))
    return literal(output) not in ("/dev/null", "-")


def _headers(values: list[Value]) -> tuple[tuple[str, str], ...]:
    pairs = (shown(value).partition(":") for value in values)
    return tuple((name.strip(), value.strip()) for name, colon, value in pairs if colon)


def _curl_prints(options: dict[str, list[Value]]) -> tuple[str, ...]:
    output = _last(options, "o", "output")
    to_file = (output is not None and literal(output) != "-") or bool({"O", "remote-name", "J"} & set(options))
    head, both = {"I", "head"} & set(options), {"i", "include"} & set(options)
    dumps = shown(_last(options, "D", "dump-header") or EMPTY) == "-"
    parts = ["headers"] if dumps or ((head or both) and not to_file) else []
    parts += [] if head or to_file else ["unknown" if "fail-with-body" in options else "body"]
    layout = _last(options, "w", "write-out")
    return (*parts, *(_write_out(layout) if layout is not None else []))


def _write_out(layout: Value) -> list[str]:
    if any(not isinstance(part, Text) for part in layout) or shown(layout).startswith("@"):
        return ["unknown"]
    parts = []
    for piece in _FORMAT.split(shown(layout)):
        if piece in ("%{http_code}", "%{response_code}"):
            parts.append("status")
        elif piece == "%%":
            parts.append("=%")
        elif piece.startswith("%{"):
            parts.append("unknown")
        elif piece:
            parts.append("=" + re.sub(r"\\([nrt])", lambda match: {"n": "\n", "r": "\r", "t": "\t"}[match[1]], piece))
    return parts


def _wget(command: Command) -> None:
    options, urls = separate([_long(argument) for argument in command.arguments], _WGET_LETTERS, _WGET_NAMES)
    if not urls:
        command.print_unknown()
        command.unsure(asked=True)
        return
    output = _last(options, "O", "output-document")
    body = output is not None and literal(output) == "-" and "spider" not in options
    posts = {"post-data", "post-file"} & set(options)
    prints = ("headers", "body") if body and "S" in options else ("body",) if body else ()
    command.ask(_probe(
        command, "wget", urls[0], method="HEAD" if "spider" in options else "POST" if posts else "GET",
        headers=_headers(options.get("header", [])), prints=prints, follows_redirects=True, fails_on_error=True,
        checks_certificate="no-check-certificate" not in options,
        timeout_s=_seconds(options, "T", "timeout", "connect-timeout", "read-timeout"),
        saved="spider" not in options and not body and (output is not None or not command.machine.checked)
        and shown(output or EMPTY) != "/dev/null",
    ))  # fmt: skip


def _long(argument: Value) -> Value:
    """wget's two-letter options (`-nv`, `-nc`) take no value and mean nothing here."""
    known = literal(argument)
    return text("-q") if known is not None and re.fullmatch(r"-n[vcdHpcr]", known) else argument


HANDLERS: dict[str, Handler] = {"curl": _curl, "wget": _wget}
