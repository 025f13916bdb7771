"""Variables: nginx's own, those of the client's headers, `set`, named groups, `map`, `geo` and `split_clients`.

A variable that configuration and request do not decide (`$geoip_country_code`) becomes a marked gap in the text;
what depends on the gap is undecided.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from logcorr.lazily import regex
from logcorr.model.source import Span
from logcorr.semantics.nginx import maps, paths, uri
from logcorr.semantics.nginx.names import primary_name
from logcorr.semantics.nginx.patterns import search
from logcorr.semantics.nginx.request import Request
from logcorr.semantics.nginx.world import Unanswerable

VARIABLE = regex(r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+))")
GAP = regex("\ufdd0(\\w+)\ufdd1")
"""A value that is not known; the two code points are never characters."""

OWN: dict[str, Callable[[Request], str]] = {
    "host": lambda r: uri.host_name(r.question.host) or primary_name(r.server),
    "http_host": lambda r: r.question.host,
    "uri": lambda r: r.uri,
    "document_uri": lambda r: r.uri,
    "request_uri": lambda r: r.question.target,
    "args": lambda r: r.args,
    "query_string": lambda r: r.args,
    "is_args": lambda r: "?" if r.args else "",
    "scheme": lambda r: "https" if r.question.tls else "http",
    "https": lambda r: "on" if r.question.tls else "",
    "server_name": lambda r: primary_name(r.server),
    "server_port": lambda r: str(r.question.port),
    "server_addr": lambda r: r.question.address.strip("[]"),
    "server_protocol": lambda r: "HTTP/1.1",
    "request_method": lambda r: r.method,
    "request": lambda r: f"{r.question.method} {r.question.target} HTTP/1.1",
    "remote_addr": lambda r: r.question.client,
    "realip_remote_addr": lambda r: r.question.client,
    "binary_remote_addr": lambda r: r.question.client,
    "remote_user": lambda r: "" if "authorization" not in r.question.headers else gap("remote_user"),
    "content_type": lambda r: r.question.headers.get("content-type", ""),
    "content_length": lambda r: r.question.headers.get("content-length", ""),
    "proxy_add_x_forwarded_for": lambda r: ", ".join(
        part for part in (r.question.headers.get("x-forwarded-for", ""), r.question.client) if part
    ),
    "document_root": lambda r: _absolute("document_root", paths.document_root(r)),
    "request_filename": lambda r: _absolute("request_filename", paths.file_path(r)),
    "fastcgi_script_name": lambda r: _script(r)[0],
    "fastcgi_path_info": lambda r: _script(r)[1],
    "limit_rate": lambda r: "0",
    "ssl_server_name": lambda r: uri.host_name(r.question.host) if r.question.tls else "",
    "http2": lambda r: "",
    "request_body": lambda r: "",
    "request_completion": lambda r: "",
}
EMPTY = regex(r"(?:upstream|sent_http|sent_trailer)_\w+|ssl_client_\w+")


def _absolute(name: str, path: str) -> str:
    """A relative path begins where nginx was built to live, which is not known."""
    return path if path.startswith("/") else gap(name)


def gap(name: str) -> str:
    """The mark of a value that is not known."""
    return f"\ufdd0{name}\ufdd1"


def has_gap(text: str) -> bool:
    """Whether a part of the text is not known."""
    return "\ufdd0" in text


def readable(text: str) -> str:
    """The text with gaps written as the variables they stand for."""
    return GAP.sub(r"$\1", text)


def expand(r: Request, text: str, escape: Callable[[str], str] | None = None) -> str:
    """The text with its variables' values; `escape` is applied to what regular expressions captured (`$1`)."""

    def value_of(match: re.Match[str]) -> str:
        name = match["braced"] or match["plain"]
        if name[0].isdigit():
            captured = _capture(r, int(name[0]))
            return (escape(captured) if escape else captured) + name[1:]
        return value(r, name)

    return VARIABLE.sub(value_of, text)


def known(r: Request, text: str, at: Span) -> str:
    """The text with its variables' values, all of which must be known."""
    out = expand(r, text)
    if has_gap(out):
        raise Unanswerable(f"the value of {readable(out)} is not known", at)
    return out


def _script(r: Request) -> tuple[str, str]:
    """The script's name and the path behind it, as `fastcgi_split_path_info` splits the URI."""
    name, rest = r.uri, ""
    for node in r.scope.inherited("fastcgi_split_path_info"):
        match = search(node.args[0], r.uri, node.span)
        if match and len(match.groups) >= 2:
            name, rest = match.groups[0] or "", match.groups[1] or ""
    return name + (r.scope.setting("fastcgi_index", "") if name.endswith("/") else ""), rest


def _capture(r: Request, number: int) -> str:
    if r.captures is None or not 0 < number <= len(r.captures.groups):
        return ""
    return r.captures.groups[number - 1] or ""


def value(r: Request, name: str) -> str:
    """One variable's value now."""
    name = name.lower()
    if name in r.values:
        return r.values[name]
    if name in r.variables:
        return maps.look_up(r, name, r.variables[name])
    if name in OWN:
        return OWN[name](r)
    if name.startswith(("arg_", "http_", "cookie_")):
        return _from_client(r, *name.split("_", 1))
    return "" if name in r.assigned or EMPTY.fullmatch(name) else gap(name)


def _from_client(r: Request, kind: str, name: str) -> str:
    headers = r.question.headers
    if kind == "http":
        header = name.replace("_", "-")
        # What the client calls itself is always sent; which name it is, only the caller knows.
        return headers.get(header, gap("http_user_agent") if header == "user-agent" else "")
    pairs = r.args.split("&") if kind == "arg" else re.split(r";\s*", headers.get("cookie", ""))
    for pair in pairs:
        key, separator, content = pair.partition("=")
        if separator and key.lower() == name:
            return content
    return ""
