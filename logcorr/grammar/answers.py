"""How programs tell, among other things, what they answered to a request."""

from __future__ import annotations

from itertools import permutations

from logcorr.grammar.phrase import Phrase

_FAILED = ("500", "501", "502", "503", "504", "507", "508")
_METHOD = "(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)"

_CHECK = r"(?:/\S*)?/(?:health|ready|readiness|livez|liveness|alive|ping|heartbeat)\w*(?:/\w*)?(?:\?\S*)?"
"""What checks of a service's health ask for: who is not ready yet fails nobody."""

_HEAD = rf"^(?:\S+ ){{0,8}}?[\"'(\[]?{_METHOD} "
_TAIL = r"(?: HTTP/[\d.]+)?[\"')\]]*:? 5\d\d(?:[,;)]|\s+(?:[\d.,]+ ?m?s\b|\d+|-)|\s*$)"
_NEEDLES = tuple(f" {status}" for status in _FAILED)

IN_WORDS = (
    Phrase("probe.failed", _NEEDLES, f"{_HEAD}{_CHECK}{_TAIL}"),
    Phrase(
        "http.5xx",
        _NEEDLES,
        rf"{_HEAD}/\S*{_TAIL}|^(?:\S+ ){{0,2}}Completed 5\d\d [A-Z][\w ]+ in \d",
    ),
)
"""`127.0.0.1:51701 - "GET /stock/7 HTTP/1.1" 500` (uvicorn), `GET /stock/7 500 3.1 ms - 12` (morgan), `Completed 500 …` (Rails).

A status behind an arrow may be that of a request which the program itself made.
"""


def _members(path: str) -> str:
    """A pattern for a method, a path and a status of 5xx in members of any order."""
    parts = (
        rf"[\w.]*(?:method|verb)\"?\s*[:=]\s*\"?{_METHOD}\b",
        rf"[\w.]*(?:ur[il]|path|[uU]rl|endpoint|route|target)\"?\s*[:=]\s*\"?{path}",
        r"[\w.]*[sS]tatus(?:_?[cC]ode)?\"?\s*[:=]\s*\"?5\d\d\b",
    )
    return "|".join(rf"\b{'.*?'.join(order)}" for order in permutations(parts))


_SET = tuple(f"{name}{mark}5" for name in ("tatus", "tatusCode", "tatus_code") for mark in ('":', '": ', '":"', "=", '="'))

IN_MEMBERS = (
    Phrase("probe.failed", _SET, _members(_CHECK + r"(?:[\"',\s}]|$)")),
    Phrase("http.5xx", _SET, _members("/")),
)
"""The same in members of a record, in whatever order: `"req":{"method":"GET","url":"/stock/7"},"res":{"statusCode":500}` (pino).

A whole address is one that the program asked itself.
"""
