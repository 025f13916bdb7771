"""nginx's `log_format`: from its text to a pattern for the lines it makes.

Text and variables alternate (ngx_http_log_module). A value in quotes ends at the first quote that is not escaped: nginx writes
quotes inside values as `\\x22`, or `\\"` with `escape=json`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")

COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
"""nginx's default, and Apache's."""

COMMON = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'

_DIGITS = {"status": r"\d{3}|-", "body_bytes_sent": r"\d+|-", "bytes_sent": r"\d+|-", "msec": r"[\d.]+"}


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A format by its name; `variables` in order, as groups of `pattern`."""

    name: str
    text: str

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its variables, in order."""
        return tuple(braced or plain for braced, plain in _VARIABLE.findall(self.text))

    def pattern(self, whole: bool = True) -> str:
        """A pattern with a group for each variable; `whole`: to the end of the line, else more may follow."""
        parts = []
        end = 0
        for match in _VARIABLE.finditer(self.text):
            literal, end_of_literal = self.text[end : match.start()], match.start()
            end = match.end()
            quoted = end_of_literal > 0 and self.text[end_of_literal - 1] == '"' and self.text[end : end + 1] == '"'
            parts += [re.escape(literal), _value(match[1] or match[2], quoted, self.text[end : end + 1])]
        return "^" + "".join(parts) + re.escape(self.text[end:]) + ("$" if whole else "")


def _value(name: str, quoted: bool, following: str) -> str:
    if quoted:
        return r'((?:[^"\\]|\\.)*)'
    if name in _DIGITS:
        return f"({_DIGITS[name]})"
    if following in (" ", ""):
        return r"(\S*)" if name != "remote_user" else r"(.*?)"
    return f"([^{re.escape(following)}]*)"
