"""What shell scripts and what they run write: checks, restarts, releases, and commands that fail."""

from __future__ import annotations

from logcorr.grammar.outside import AUTOHEAL
from logcorr.grammar.phrase import Phrase, at_start
from logcorr.grammar.tongues import RELEASE

_ALARM = r"(?:(?:error|warn(?:ing)?|critical|alert|info)[:!]+ )?"

SCRIPT = (
    AUTOHEAL,
    Phrase(
        "probe.failed",
        ("ealth", " down", "unhealthy", "not responding", " not answer", "t answer", " not respond", "異常", "异常"),
        at_start(
            rf"{_ALARM}(?:[\w.-]+ ){{0,2}}health[ -]?check[\w ]{{0,20}}\bfail(?:ed|ure|s|ing)?\b"
            rf"|{_ALARM}[\w.-]+ (?:is |service is )?(?:down|unhealthy|not healthy|not responding)\b"
            rf"|{_ALARM}[\w.-]+ (?:does not|doesn't|did not) (?:answer|respond)\b"
            r"|(?:服務|服务)(?:異常|异常)"
        ),
    ),
    Phrase(
        "probe.passed",
        ("ealth", "服務正常", "服务正常", " ok"),
        at_start(
            r"(?:[\w.-]+ ){0,2}health[ -]?check (?:passed|ok|succeeded|success)"
            r"|(?:all )?(?:services?|[\w.-]+) (?:is |are )?healthy\b|(?:[\w.-]+|all services) ok[.!]?$|(?:服務|服务)正常"
        ),
    ),
    Phrase(
        "service.restarting",
        ("estarting", "Restarting", "重啟", "重启"),
        at_start(rf"{_ALARM}(?:now )?restarting\b|(?: *container )?\S+ +restarting$|嘗試重啟|尝试重启|正在重[啟启]"),
    ),
    Phrase(
        "job.failed",
        ("not found", "ermission denied", "No such file", "syntax error", "unbound variable", "ERROR:", "no such service"),
        r"^(?:\S+: )?(?:line \d+: |\d+: )?\S.*: (?:command )?not found$"
        r"|^\S+: (?:line \d+|\d+): .*(?:No such file or directory|[pP]ermission denied|syntax error|unbound variable)"
        r"|^(?:bash|sh|cp|mv|cat|cd|tar|ls|rm|curl|find|mkdir|touch|chmod): .*(?:No such file or directory|[pP]ermission denied)"
        r"|^ERROR: |^no such service: ",
    ),
    Phrase("process.started", (" Started",), r"^ *Container \S+ +Started$"),
    Phrase("deploy.started", ("eploy",), at_start(r"deploy(?:ment)? (?:of \S+ )?(?:start(?:ed|s|ing)?|begins)\b|deploying\b")),
    RELEASE,
)
"""Phrases of shell scripts and what they run."""
