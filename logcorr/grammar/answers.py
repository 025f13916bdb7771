"""How programs tell, among other things, what they answered to a request."""

from __future__ import annotations

from itertools import permutations

from logcorr.grammar.phrase import Phrase

_FAILED = ("500", "501", "502", "503", "504", "507", "508")
_METHOD = "(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)"

IN_WORDS = (
    Phrase(
        "http.5xx",
        tuple(f" {status}" for status in _FAILED),
        rf"^(?:\S+ ){{0,8}}?[\"'(\[]?{_METHOD} /\S*(?: HTTP/[\d.]+)?[\"')\]]*:? 5\d\d(?:[,;)]|\s+(?:[\d.,]+ ?m?s\b|\d+|-)|\s*$)"
        r"|^(?:\S+ ){0,2}Completed 5\d\d [A-Z][\w ]+ in \d",
    ),
)
"""`127.0.0.1:51701 - "GET /stock/7 HTTP/1.1" 500` (uvicorn), `GET /stock/7 500 3.1 ms - 12` (morgan), `Completed 500 …` (Rails).

A status behind an arrow may be that of a request which the program itself made.
"""

_MEMBERS = (
    rf"[\w.]*(?:method|verb)\"?\s*[:=]\s*\"?{_METHOD}\b",
    r"[\w.]*(?:ur[il]|path|[uU]rl|endpoint|route|target)\"?\s*[:=]\s*\"?/",
    r"[\w.]*[sS]tatus(?:_?[cC]ode)?\"?\s*[:=]\s*\"?5\d\d\b",
)

IN_MEMBERS = (
    Phrase(
        "http.5xx",
        tuple(f"{name}{mark}5" for name in ("tatus", "tatusCode", "tatus_code") for mark in ('":', '": ', '":"', "=", '="')),
        "|".join(rf"\b{'.*?'.join(rf'{one}' for one in order)}" for order in permutations(_MEMBERS)),
    ),
)
"""The same in members of a record, in whatever order: `"req":{"method":"GET","url":"/stock/7"},"res":{"statusCode":500}` (pino).

A whole address is one that the program asked itself.
"""
