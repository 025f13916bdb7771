"""nginx's `log_format`: from its text to a pattern for the lines it makes.

Text and variables alternate (ngx_http_log_module). A value in quotes ends at the first quote that is not escaped: nginx writes
quotes inside values as `\\x22`, or `\\"` with `escape=json`.
"""

from __future__ import annotations

import re

from msgspec import Struct

from logcorr.grammar.shape import Shape
from logcorr.lazily import regex

_VARIABLE = regex(r"\$(?:\{(\w+)\}|(\w+))")

COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
"""nginx's default, and Apache's."""

COMMON = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'

MANAGER = (
    '[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host "$request_uri"'
    ' [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer"'
)
"""What Nginx Proxy Manager writes of requests it hands on."""

MANAGER_OWN = (
    '[$time_local] $status - $request_method $scheme $host "$request_uri"'
    ' [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] "$http_user_agent" "$http_referer"'
)
"""What it writes of requests that it answers itself."""

TRIES = r"[^\s,]*(?:(?:,| :) [^\s,]+)*"
"""A value for each server that was asked: `, ` between those of one group, ` : ` after an internal redirect."""

_STAMPS = {"time_local": r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"}
_DIGITS = _STAMPS | {"status": r"\d{3}|-", "body_bytes_sent": r"\d+|-", "bytes_sent": r"\d+|-", "msec": r"[\d.]+"}


class LogFormat(Struct, frozen=True):
    """A format by its name; `variables` in order, as groups of `pattern`: built from `text`, unless `regex` is given.

    `shape` is that of its times, where no variable of nginx's own tells.
    """

    name: str
    text: str
    regex: str = ""
    shape: Shape | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its variables, in order."""
        return tuple(braced or plain for braced, plain in _VARIABLE.findall(self.text))

    def pattern(self, whole: bool = True, *, one_word: bool = False) -> str:
        """A pattern with a group for each variable; `whole`: to the end of the line, else more may follow a blank.

        `one_word`: for users whose names hold no blank, which is where most patterns else have two ways to go on, and are slow.
        """
        if self.regex:
            return self.regex
        parts = []
        end = 0
        for match in _VARIABLE.finditer(self.text):
            literal, end_of_literal = self.text[end : match.start()], match.start()
            end = match.end()
            quoted = end_of_literal > 0 and self.text[end_of_literal - 1] == '"' and self.text[end : end + 1] == '"'
            name = match[1] or match[2]
            word = one_word and name == "remote_user" and not quoted
            parts += [re.escape(literal), r"(\S*)" if word else _value(name, quoted, self.text[end : end + 3])]
        return "^" + "".join(parts) + re.escape(self.text[end:]) + ("$" if whole else r"(?:\s.*)?$")


def _value(name: str, quoted: bool, following: str) -> str:
    if quoted:
        return r'((?:[^"\\]|\\.)*)'
    if following.startswith((',"', ', "')) or following in {"}", " }"}:
        return "(.*?)"  # a member of a JSON object: nginx writes several upstreams' numbers, `-` or nothing at all
    if name == "request" or name.startswith("http_"):
        return "(.*?)"  # what a client sends may hold blanks
    if name in _DIGITS:
        return f"({_DIGITS[name]})"
    if name.startswith("upstream_") and following[:1] in (" ", ""):
        return f"({TRIES})"
    if following[:1] in (" ", ""):
        return r"(\S*)" if name != "remote_user" else r"(.*?)"
    if following[:1] == "]":
        return r"([^\[\]]*)"  # a time; users may be called anything
    return f"([^{re.escape(following[:1])}]*)"


_MEMBER = regex(r'"(@?\w[\w.-]*)"( ?: ?)(?:(")(?:[^"\\]|\\.)*"|([^"{\[]*?))(, ?(?=")| ?\}$)')
_RENAMED = {"time": "time_iso8601", "timestamp": "time_iso8601", "@timestamp": "time_iso8601", "ts": "msec"} | {
    **dict.fromkeys(("code", "status_code", "response_code", "http_status"), "status"),
    **dict.fromkeys(("method", "verb", "http_method"), "request_method"),
    **dict.fromkeys(("path", "url", "request_path"), "request_uri"),
}
"""Members by the variable they usually hold, where no collected `log_format` tells."""


def of_json(line: str) -> LogFormat | None:
    """The format that a line of JSON was written by, its members taken for variables; None where it is not flat."""
    if not line.startswith("{"):
        return None
    text = "{ " if line.startswith("{ ") else "{"
    end = len(text)
    while match := _MEMBER.match(line, end):
        quote = match[3] or ""
        text += f'"{match[1]}"{match[2]}{quote}${{{_variable(match[1], line[match.end(2) :])}}}{quote}{match[5]}'
        end = match.end()
    return LogFormat("json", text) if end == len(line) and end > 1 else None


def _variable(member: str, value: str) -> str:
    """The variable a member holds: its own name where that is not known, with `_` for what a variable's name cannot have."""
    known = _RENAMED.get(member)
    dated = known == "msec" and re.match(r"\"\d{4}-\d\d-\d\dT", value)
    return "time_iso8601" if dated else known or re.sub(r"\W", "_", member)


_IP = r"(\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4})"

UNKNOWN = LogFormat(
    "unknown",
    '$remote_addr [$time_local] "$request" $status $body_bytes_sent',
    rf"^.*?{_IP}\b.*?\[(\d\d/[A-Z][a-z]{{2}}/\d{{4}}:\d\d:\d\d:\d\d [+-]\d{{4}})\].*?"
    r'"([A-Z]+ [^ ]+ HTTP/\d(?:\.\d)?)"[ |,;"]+(\d{3})(?:[ |,;"]+(\d+|-))?',
)
"""A format that nobody collected: what nearly all have, in the usual order."""
