"""The setting by which an application refuses what is too large, among those that were collected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.rules._limits import sizes
from logcorr.rules._settings import settings

BEHIND = r"^FastCGI sent in stderr: \"?(?:PHP message: )?"
"""How nginx hands on what an application behind it writes."""

OF_APPLICATIONS = (
    (r"(?i)request line|\bURI\b", r"(?i)\blimit_?request_?line\b|\bmax[-_]?(?:uri|url|request[-_]?line)\w*\b"),
    (
        r"(?i)header",
        r"(?i)\blimit_request_field|max[-_]?(?:http[-_]?)?(?:request[-_]?)?header[-_]?size|\bLimitRequestField(?:Size|s)\b",
    ),
    (r"\bPOST (?:data|Content-Length)\b|\bPostTooLarge", r"\bpost_max_size\b"),
    (r"\bupload_max_filesize\b", r"\bupload_max_filesize\b"),
    (
        "",
        r"(?i)\blimit['\"]?\s*:\s*['\"]?\d+ ?[kmg]?b|\bbody_?limit\b|\bfile_?size['\"]?\s*[:=]|\bMaxBytesReader\("
        r"|\bpost_max_size\b|\bmax[-_]?(?:content[-_]?length|file[-_]?size|request[-_]?size|body[-_]?size|upload\w*|swallow[-_]?size)\b"
        r"|\bDATA_UPLOAD_MAX\w+|\bupload_max_filesize\b|\bLimitRequestBody\b",
    ),
)
"""By what an application refuses (the words of its line), the settings of frameworks and servers that bound it."""

ALLOWED = regex(
    r"(?i)\b(?:limit|maximum|max\w*|size|allowed)\b(?: size| body size)?(?: of| is|:|=)?[ (]*"
    r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kmg]i?b)?(?: bytes)?\b"
)
"""How a refusal names the number that it goes by."""

SET = regex(r"(?i)[:=(,\s]['\"]?(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kmg](?:i?b)?)?['\"]?\s*[;,)}\]]*\s*(?:;|#|//|$)")
VERSION = regex(r"(?<![\d.])\d+\.\d+(?![\d.]*\d)")
COMMAND_LINE = "/cli/"
"""Where PHP keeps what holds for commands, and for no request."""


def limit_of(case: Case, rows: pl.DataFrame) -> Span | None:
    """The one setting that the refusals go by, or None.

    Of several, those of the version that the refusals or the proxy name; of these, the one with the number that they tell. What
    is set to another number than that is not it.
    """
    configured = {file.span.path for file in case.of(NginxFile)}
    message = refusal(rows)
    pattern = next(sets for words, sets in OF_APPLICATIONS if re.search(words, message))
    found = [one for one in settings(case, pattern) if one[0].path not in configured and COMMAND_LINE not in f"/{one[0].path}"]
    found = _of_version(found, _versions(case, rows))
    told = [_value(one) for one in ALLOWED.finditer(message)][-1:]
    if told:
        agreeing = [one for one in found if any(set(told[0]) & set(value) for value in _set_to(one[1]))]
        found = agreeing or [one for one in found if not any(_set_to(one[1]))]
    return found[0][0] if len(found) == 1 else None


def refusal(rows: pl.DataFrame) -> str:
    """The application's own words of the first of them."""
    message: str = rows["message"][0]
    return re.sub(rf"{BEHIND}(.*?)\"? while .*", r"\1", message).strip()


def told_by(service: str, rows: pl.DataFrame) -> str:
    """Who refuses: behind a proxy what its socket is called, or its address."""
    if "upstream" not in rows.columns:
        return service
    name: str = str(rows["upstream"][0]).strip(":").rpartition("/")[2]
    return name.removesuffix(".sock") or "PHP"


def _value(found: re.Match[str]) -> list[float]:
    return sizes(float(found["number"]), found["unit"] or "")


def _set_to(text: str) -> Iterator[list[float]]:
    yield from (_value(found) for found in SET.finditer(text))


def _of_version(found: Sequence[tuple[Span, str]], versions: set[str]) -> list[tuple[Span, str]]:
    """Those in a folder that bears one of the versions, if there are any."""
    return [one for one in found if versions & set(one[0].path.split("/"))] or list(found)


def _versions(case: Case, rows: pl.DataFrame) -> set[str]:
    """What the sockets that were asked, the log's own name, or else the proxy's configuration name as version."""
    upstreams = rows["upstream"].to_list() if "upstream" in rows.columns else []
    told = {version for text in [*upstreams, *rows["file"].unique()] for version in _sockets(text)}
    return told or {
        version
        for file in case.of(NginxFile)
        for top in file.directives
        for one in top.walk()
        if one.name == "fastcgi_pass"
        for version in _sockets(" ".join(one.args))
    }


def _sockets(text: str) -> list[str]:
    return VERSION.findall(text) if "php" in text else []
