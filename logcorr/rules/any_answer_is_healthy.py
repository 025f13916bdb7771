"""A health check asks without `-f`: an error page is an answer, too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Healthcheck, Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import excused
from logcorr.semantics.written import AndOr, If, Node, Pipeline, Written, commands, compound

HEALTH = regex(r"(?i)(?<!v1/sys/)health(?!checks)|/(?:readyz?|livez?|readiness|liveness)(?![\w-])")
KEPT = regex(r"<\(|>>?(?!\s*/dev/null|&|>)|\s(?:-\w*o|--output)\b(?![ =]?\s*/dev/null)|\b(?!https?:)\w+://|/v1/sys/health")
"""Where the answer goes to something that may judge it, or where another protocol or vault's own statuses are meant."""

DISCARDED = regex(r"(?<!\w)(?:1|&)?>>?\s*/dev/null|\s-\w*o\s*/dev/null|--output[ =]/dev/null")
ELSEWHERE = regex(r"(?i)^\$\{?\w*(?:opt|arg|flag)|^\$\{?\w+\[[@*]\]")
"""Options that are kept in a variable."""

JUDGING = frozenset({"f", "fail", "fail-with-body", "w", "write-out"})
"""Options by which the status counts."""

REACHED = regex(r"(?i)\b(?:un)?reachable\b|\bnot running\b|\bno(?:t|body) (?:listening|answering)\b|could not connect")
WELL = regex(r"(?i)health|\bready\b|\bok\b|success|\bup\b|working")
"""Words by which a script tells that all is well, and not only that somebody is there."""

SENDING = frozenset({"X", "request", "d", "data", "json", "F", "form", "T", "upload-file"})
ASKED_BY_CURL = regex(r"(?:^|[\s;&(])curl\s+([^;&|]*)")
ADDRESS = regex(r"https?://|localhost|127\.0\.0\.1")


@rule(code="SH028", title="A health check takes any answer for a success", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for curl without `-f` that asks for health and throws the answer away, in conditions and containers' checks."""
    for script in case.of(Script):
        places = [command for command in commands(script) if _takes_any(command)]
        if places:
            yield _finding(places)
    services = (service for file in case.of(ComposeFile) for service in file.services)
    for test in (*case.of(Healthcheck), *(one.healthcheck for one in services if one.healthcheck)):
        if _passes(test):
            yield _of_container(test)


def _takes_any(command: Written) -> bool:
    words = _of_curl(command)
    if words is None or not any(HEALTH.search(word) for word in words) or any(ELSEWHERE.search(word) for word in words):
        return False
    judged = (JUDGING | SENDING) & _options(words)
    return (
        not judged
        and command.asked()
        and not excused(command)
        and DISCARDED.search(command.text) is not None
        and not _only_reached(command)
        and not _skips(command)
        and not _only_presence(command)
    )


def _only_presence(command: Written) -> bool:
    """Whether the script's own words ask no more than whether anybody is there."""
    branch = next((node for node in reversed(command.around) if isinstance(node, If)), None)
    if branch is None or not branch.arms[0][0].start <= command.node.start < branch.arms[0][0].end:
        return False
    first = [_first_words(command, part) for part in (branch.arms[0][1], branch.otherwise) if part]
    return any(map(REACHED.search, first)) and not any(map(WELL.search, first))


def _first_words(command: Written, part: Node) -> str:
    """What a branch says first."""
    return next((one.text for one in compound(command.script, part) if one.name not in ("curl", "[")), "")


def _skips(command: Written) -> bool:
    """Whether the script leaves with success where nobody answers: it only looks whether there is anything to do."""
    branch = next((node for node in reversed(command.around) if isinstance(node, If)), None)
    asking = branch is not None and any(node.start <= command.node.start < node.end for node, _ in branch.arms[:1])
    inside = compound(command.script, branch.arms[0][1]) if branch and asking else []
    return any(one.name in ("exit", "return") and one.words[:1] in ((), ("0",)) for one in inside) and _negated(command)


def _negated(command: Written) -> bool:
    return any(isinstance(node, Pipeline) and node.negated for node in command.around)


def _only_reached(command: Written) -> bool:
    """Whether any page will do: the same condition asks for another one, too."""
    whole = next((node for node in command.around if isinstance(node, AndOr)), None)
    asked = [one for one in compound(command.script, whole) if one.name == "curl"] if whole else []
    return any(not any(HEALTH.search(word) for word in one.words) for one in asked)


def _of_curl(command: Written) -> Sequence[str] | None:
    """The words behind curl, called directly or in a container; None where its output is read by another command."""
    if command.pipeline:
        return None
    if command.name == "curl":
        return command.words
    carried = command.name in ("docker", "docker-compose", "podman", "kubectl") and "curl" in command.words
    return command.words[command.words.index("curl") + 1 :] if carried else None


def _options(words: Sequence[str]) -> set[str]:
    short = {letter for word in words if re.match(r"-[A-Za-z]", word) for letter in word[1:]}
    return short | {word[2:].partition("=")[0] for word in words if word.startswith("--")}


def _passes(test: Healthcheck) -> bool:
    """Whether a container's check is curl alone, which succeeds with whatever is answered."""
    text = " ".join(test.test[1:] if test.test[:1] in (("CMD",), ("CMD-SHELL",)) else test.test)
    if re.search(r"(?<!\|)\|(?!\|)|\$\(|`", text) or KEPT.search(text) or not ADDRESS.search(text):
        return False
    asked = ASKED_BY_CURL.findall(text)
    return bool(asked) and not any((JUDGING | SENDING) & _options(one.split()) for one in asked)


def _finding(places: Sequence[Written]) -> Finding:
    return Finding(
        confidence=0.9,
        claim=claim(
            "any_answer_is_healthy.found",
            "curl without -f succeeds with any answer: one of 500 or 503 counts as healthy here (such places: {places})",
            places=len(places),
        ),
        evidence=tuple(Evidence(one.span, "asks for no status") for one in places[:3]),
        would_refute=claim("any_answer_is_healthy.refute", "a run against a server that answers 503 in which this fails"),
        subject=places[0].script.span.path,
        measured={"places": len(places)},
        fix=claim("any_answer_is_healthy.fix", "curl -f, which fails at a status of 400 and above"),
    )


def _of_container(test: Healthcheck) -> Finding:
    return Finding(
        confidence=0.92,
        claim=claim(
            "any_answer_is_healthy.container",
            "curl without -f succeeds with any answer: a container that answers 500 stays healthy",
        ),
        evidence=(Evidence(test.span, "asks for no status"),),
        would_refute=claim("any_answer_is_healthy.refute", "a run against a server that answers 503 in which this fails"),
        subject=test.span.path,
        fix=claim("any_answer_is_healthy.fix", "curl -f, which fails at a status of 400 and above"),
    )
