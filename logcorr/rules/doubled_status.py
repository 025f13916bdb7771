"""`curl … || echo 000` writes the status twice: curl prints 000 itself where no answer comes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import written
from logcorr.semantics.written import AndOr, Substitution, Written, compound

STATUS = regex(r"%\{(http_code|response_code)\}\\?n?")
COMPARED = regex(r"""(?:==?|!=|-eq|-ne)\s*["']?0{1,3}["']?(?=\s|\]|$)""")


@rule(code="SH011", title="A failed probe prints its status twice", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `$(curl -w '%{http_code}' … || echo 000)`, where the second 000 follows curl's own."""
    for command in written(case):
        if command.name == "curl" and any(STATUS.fullmatch(word.strip()) for word in command.words):
            echo = _fallback(command)
            if echo:
                compared = bool(COMPARED.search(command.script.text))
                yield _finding(command, echo.words[-1], compared)


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


def _finding(command: Written, word: str, compared: bool) -> Finding:
    return Finding(
        severity="warning" if compared else "info",
        confidence=0.99,
        claim=_claim(word, compared),
        evidence=(Evidence(command.span, "prints 000 itself where no answer comes"),),
        would_refute=claim("doubled_status.refute", "a run against a closed port that prints 000 once"),
        subject=command.script.span.path,
        fix=claim("doubled_status.fix", "write code=$(curl …) || code=000, so that the second value replaces the first"),
    )


def _claim(word: str, compared: bool) -> Claim:
    if compared:
        return claim("doubled_status.compared", "where no answer comes this yields 000{word}, which equals no 000", word=word)
    return claim("doubled_status.found", "where no answer comes this yields 000{word}: curl prints 000 by itself", word=word)
