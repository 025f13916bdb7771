"""URIs as nginx reads and writes them: normalised on arrival (`ngx_http_parse_complex_uri`), escaped on the way out."""

from __future__ import annotations

import re
from urllib.parse import unquote

from logcorr.lazily import regex

ESCAPED_URI = regex(rb'[\x00-\x20"#%<>?\\^`{|}\x7f-\xff]')
ESCAPED_ARGS = regex(rb'[\x00-\x20"#%&+;<>?\\^`{|}\x7f-\xff]')
BAD_ESCAPE = regex(r"%(?![0-9A-Fa-f]{2})|%00")


def host_name(header: str) -> str:
    """The host without port and final dot, lower case: `$host`."""
    name = re.sub(r":\d*$", "", header.lower())
    return name.removesuffix(".")


def split(target: str) -> tuple[str, str]:
    """A request's target as path and arguments."""
    path, _, args = target.partition("#")[0].partition("?")
    return path, args


def normal(path: str, *, merge_slashes: bool = True) -> str | None:
    """The path unescaped, with `.` and `..` resolved and slashes merged; None where nginx answers 400."""
    if BAD_ESCAPE.search(path):
        return None
    parts: list[str] = []
    segments = unquote(path, errors="surrogateescape").split("/")[1:]
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == "..":
            if not parts:
                return None
            parts.pop()
        elif segment != "." and (segment or last or not merge_slashes):
            parts.append(segment)
        if last and segment in (".", ".."):
            parts.append("")
    return "/" + "/".join(parts)


def escape(path: str) -> str:
    """A path as it stands in a request line."""
    return _escape(ESCAPED_URI, path)


def escape_args(text: str) -> str:
    """Text as it stands among arguments."""
    return _escape(ESCAPED_ARGS, text)


def _escape(wanted: re.Pattern[bytes], text: str) -> str:
    raw = text.encode("utf-8", "surrogateescape")
    return wanted.sub(lambda match: b"%%%02X" % match[0][0], raw).decode("utf-8", "surrogateescape")


def unescape_redirect(target: str) -> str:
    """A redirect's path with needless escapes undone (`NGX_UNESCAPE_REDIRECT`); arguments stay."""
    path, mark, args = target.partition("?")

    def undone(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        return chr(code) if ord("%") < code < 0x7F else match[0]

    return re.sub(r"%([0-9A-Fa-f]{2})", undone, path) + mark + args
