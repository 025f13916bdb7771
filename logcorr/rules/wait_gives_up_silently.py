"""A script waits for something, gives up, and goes on as if it had come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import asks, excused, only_tells
from logcorr.semantics.written import Commands, For, If, Node, Written, commands, compound, spanned, tree, walk

SHOWS = frozenset({"open", "xdg-open", "sleep"})
DONE = regex(r"(?i)\b(?:complete[d]?|success\w*|deployed|done|finished|live)\b")
GIVES_UP = frozenset({"exit", "return", "die", "fail", "error", "abort", "rollback"})


@rule(code="SH021", title="A wait that gives up is taken for success", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for loops that ask a limited number of times, end in any case, and are followed by what needs the answer."""
    for script in case.of(Script):
        for node in walk(tree(script)):
            if isinstance(node, Commands):
                yield from _in_list(script, node.commands)
        yield from _rollouts(script)


def _rollouts(script: Script) -> Iterator[Finding]:
    """Waits for a rollout whose end nobody asks for, before the script says that all is done."""
    waits = [one for one in commands(script) if one.name in ("kubectl", "oc") and _waits_for_rollout(one) and excused(one)]
    said = [one for one in commands(script) if only_tells(one)]
    for wait in waits[:1]:
        done = next((one for one in said if one.node.start > wait.node.end and DONE.search(one.text)), None)
        if done:
            yield _goes_on(wait, done, len(waits))


def _waits_for_rollout(command: Written) -> bool:
    words = [word for word in command.words if not word.startswith("-")]
    return words[:2] == ["rollout", "status"] or (
        words[:1] == ["wait"] and any(word.startswith("--for") for word in command.words)
    )


def _goes_on(wait: Written, done: Written, places: int) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "wait_gives_up_silently.rollout",
            "where this is not so in time, the script goes on, and says in line {line} that all is done (such places: {places})",
            line=done.span.line,
            places=places,
        ),
        evidence=(Evidence(wait.span, "its failure is forgiven"), Evidence(done.span, "says so in any case")),
        would_refute=claim(
            "wait_gives_up_silently.refute", "a run against something that never comes up, which ends with a failure"
        ),
        subject=wait.script.span.path,
        measured={"line": done.span.line, "places": places},
        fix=claim("wait_gives_up_silently.fix", "remember the success in a variable and leave with exit 1 without it"),
    )


def _in_list(script: Script, nodes: Sequence[Node]) -> Iterator[Finding]:
    for number, node in enumerate(nodes):
        if isinstance(node, For) and node.words and _waits(script, node):
            after = [one for one in commands(script) if nodes[number + 1 :] and node.end <= one.node.start < nodes[-1].end]
            acting = next((one for one in after if not only_tells(one) and not _looks(one) and one.name not in SHOWS), None)
            known = _remembered(script, node, after) or _asks_for_the_last(script, node)
            if acting and not any(map(_looks, after[:3])) and not known:
                yield _finding(script, node, acting)


def _waits(script: Script, loop: For) -> bool:
    """Whether it asks, leaves on the answer, and sleeps; and does not itself give up."""
    inside = list(compound(script, loop))
    names = {one.name for one in inside}
    return {"break", "sleep"} <= names and any(asks(one) or _asks_inside(one) for one in inside) and not names & GIVES_UP


def _asks_inside(command: Written) -> bool:
    """Whether it runs a question in a container."""
    return command.name in ("docker", "docker-compose") and "exec" in command.words[:4] and "curl" in command.text


def _looks(command: Written) -> bool:
    """Whether it asks again, or for a state, or shows it."""
    return (
        asks(command) or command.name in ("[", "[[", "test", "if") or {"ps", "logs", "status"} & set(command.words[:3]) != set()
    )


def _remembered(script: Script, loop: For, after: Sequence[Written]) -> bool:
    """Whether something that the loop sets is looked at behind it."""
    body = script.text[loop.start : loop.end]
    rest = script.text[loop.end : after[-1].node.end] if after else ""
    names = {loop.name, *re.findall(r"(?:^|[\s;])(\w+)(?:=|\+\+)", body)}
    return any(re.search(rf"\$\{{?{name}\b|\b{name}\s*[<>=!]=", rest) for name in names)


def _asks_for_the_last(script: Script, loop: For) -> bool:
    """Whether it does something of its own in one of its rounds: somebody knows that the last can fail, and goes on."""
    conditions = (arm[0] for node in walk(loop.body) if isinstance(node, If) for arm in node.arms)
    asked = [script.text[one.start : one.end] for one in conditions]
    counted = re.compile(rf"\$\{{?{loop.name}\b|\b{loop.name}\s*[<>=!]=")
    return any(counted.search(text) and "%" not in text for text in asked)


def _finding(script: Script, loop: For, acting: Written) -> Finding:
    return Finding(
        confidence=0.88,
        claim=claim(
            "wait_gives_up_silently.found",
            "where the last attempt fails too, the loop just ends: line {line} runs as if it had succeeded",
            line=acting.span.line,
        ),
        evidence=(Evidence(spanned(script, loop), "ends in any case"), Evidence(acting.span, "goes on")),
        would_refute=claim(
            "wait_gives_up_silently.refute", "a run against something that never comes up, which ends with a failure"
        ),
        subject=script.span.path,
        measured={"line": acting.span.line},
        fix=claim("wait_gives_up_silently.fix", "remember the success in a variable and leave with exit 1 without it"),
    )
