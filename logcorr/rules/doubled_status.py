"""`curl … || echo 000` writes the status twice: curl prints 000 itself where no answer comes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere
from logcorr.semantics.written import AndOr, Function, Node, Substitution, Written, compound

STATUS = regex(r"%\{(http_code|response_code)\}\\?n?")


@rule(code="SH011", title="A failed probe prints its status twice", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `$(curl -w '%{http_code}' … || echo 000)`, where the second 000 follows what curl has printed itself."""
    for command in everywhere(case):
        if command.name == "curl" and any(STATUS.fullmatch(word.strip()) for word in command.words):
            echo = _fallback(command)
            if echo:
                yield _finding(command, echo.words[-1], _compared(command))


def _compared(command: Written) -> str | None:
    """The status with which the script compares what it got, and which it can never be: `000`, or with `-f` one of a failure."""
    variable = command.captured()
    name = re.escape(variable.name) if variable else None
    text = _seen_in(command, variable.name) if variable else command.script.text
    if name is None:
        return "000" if re.match(r"""["')\s]*(?:==?|!=)\s*["']?000\b""", text[_outermost(command).end :]) else None
    tested = re.findall(rf"""\$\{{?{name}\b[^\s=!]*\s*(?:==?|!=)\s*["']?(\d{{3}})\b""", text)
    chosen = re.findall(rf"""case\s+["']?\$\{{?{name}\b.*?\besac\b""", text, re.DOTALL)
    statuses = [*tested, *(status for one in chosen for status in re.findall(r"(?:^|[\s|(])(\d{3})(?=[\s|)])", one))]
    fails = bool({"f", "fail"} & command.flags())
    return next((status for status in statuses if status == "000" or (fails and status[0] in "45")), None)


def _seen_in(command: Written, name: str) -> str:
    """The text in which a name is that variable: the script, of a `local` one its function."""
    text = command.script.text
    function = next((node for node in reversed(command.around) if isinstance(node, Function)), None)
    inside = compound(command.script, function) if function else []
    local = any(
        one.name in ("local", "declare", "typeset") and "g" not in one.flags() and word.partition("=")[0] == name
        for one in inside
        for word in one.words
    )
    return text[function.start : function.end] if function and local else text


def _outermost(command: Written) -> Node:
    return next(node for node in command.around if isinstance(node, Substitution))


def _fallback(command: Written) -> Written | None:
    """The `echo 000` that runs in the same substitution where curl fails."""
    for around in reversed(command.around):
        if isinstance(around, Substitution):
            return None
        if isinstance(around, AndOr) and around.operator == "||":
            others = compound(command.script, around.right)
            echoes = [one for one in others if one.name in ("echo", "printf") and re.fullmatch(r"0+(\\n)?", one.words[-1:][0])]
            return echoes[0] if echoes and len(others) == 1 and _captured(command) else None
    return None


def _captured(command: Written) -> bool:
    return any(isinstance(around, Substitution) for around in command.around)


def _finding(command: Written, word: str, compared: str | None) -> Finding:
    return Finding(
        severity="warning" if compared else "info",
        confidence=0.99,
        claim=_claim(word, compared),
        evidence=(Evidence(command.span, "prints the status itself, 000 where no answer comes"),),
        would_refute=claim("doubled_status.refute", "a run against a closed port that prints 000 once"),
        subject=command.script.span.path,
        measured={"status": compared} if compared else {},
        fix=claim("doubled_status.fix", "write code=$(curl …) || code=000, so that the second value replaces the first"),
    )


def _claim(word: str, compared: str | None) -> Claim:
    if compared == "000":
        return claim("doubled_status.compared", "where no answer comes this yields 000{word}, which equals no 000", word=word)
    if compared:
        return claim(
            "doubled_status.failed",
            "where the server answers {status} this yields {status}{word}, which equals no {status}: with -f curl fails there, "
            "and has printed the status already",
            status=compared,
            word=word,
        )
    return claim("doubled_status.found", "where no answer comes this yields 000{word}: curl prints 000 by itself", word=word)
