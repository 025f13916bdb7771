"""Where a script's tests lead when the command they ask about has answered nothing: an empty word, or curl's 000."""

from __future__ import annotations

import re

from logcorr.lazily import regex
from logcorr.model.facts import Script
from logcorr.semantics.written import AndOr, Commands, If, Node, Pipeline, Simple, Test, compound, tree, walk

COMPARED = regex(r"(?s).*\s(?P<how>==?|!=|=~|-eq|-ne)\s+(?P<to>\S.*?)\s*\]{1,2}\s*")
EMPTY = regex(r"(?s)\[{1,2}\s+(?P<how>-[zn])\s.*\]{1,2}\s*")
NOTHING = frozenset({'""', "''", "000", '"000"', "'000'", "0", '"0"'})
"""What no answer equals, as scripts write it."""


def deciding(script: Script, test: Node) -> Node:
    """The `if`, or the commands joined by `&&` and `||`, of which the test is a condition; itself where it is none."""
    hanging = [node for node in walk(tree(script)) if isinstance(node, If | AndOr) and node.start <= test.start < node.end]
    acting = [node for node in hanging if not _joins_tests(script, node)] or hanging
    return min(acting, key=lambda node: node.end - node.start, default=test)


def led_to(script: Script, test: Node, name: re.Pattern[str]) -> tuple[Node, ...] | None:
    """What runs by such a test where the variable holds no answer: nothing where only an answer is acted on; None: unknown."""
    whole = deciding(script, test)
    if isinstance(whole, AndOr):
        holds = _holds(script, whole.left, name)
        return None if holds is None else (whole.right,) if holds is (whole.operator == "&&") else ()
    if not isinstance(whole, If):
        return None
    for condition, body in whole.arms:
        holds = _holds(script, condition, name)
        if holds is None:
            return None
        if holds:
            return body.commands
    return whole.otherwise.commands if whole.otherwise else ()


def acts_on_success(script: Script, test: Node) -> bool:
    """Whether the branch of an answer leaves, and not with a failure, so that what stands behind it is for none."""
    whole = deciding(script, test)
    return any(
        one.name in ("break", "continue") or (one.name in ("exit", "return") and one.words[:1] in ((), ("0",)))
        for one in compound(script, whole)
    )


def _joins_tests(script: Script, node: Node) -> bool:
    """Whether it is no more than several tests, joined by `&&` or `||`."""
    return isinstance(node, AndOr) and all(one.name in ("[", "test") for one in compound(script, node))


def _holds(script: Script, node: Node, name: re.Pattern[str]) -> bool | None:
    """Whether a condition holds where there is no answer; None where that cannot be told."""
    if isinstance(node, Commands):
        return _holds(script, node.commands[0], name) if len(node.commands) == 1 else None
    if isinstance(node, Pipeline):
        inner = _holds(script, node.commands[0], name) if len(node.commands) == 1 else None
        return None if inner is None else inner is not node.negated
    if isinstance(node, AndOr) or (isinstance(node, Test) and node.operator in ("&&", "||")):
        return _joined(script, node, name)
    return _compares(script.text[node.start : node.end], name) if isinstance(node, Simple | Test) else None


def _joined(script: Script, node: AndOr | Test, name: re.Pattern[str]) -> bool | None:
    parts = (node.left, node.right) if isinstance(node, AndOr) else node.operands
    held = [_holds(script, part, name) for part in parts]
    decides = node.operator == "||"
    return decides if decides in held else None if None in held else not decides


def _compares(text: str, name: re.Pattern[str]) -> bool | None:
    if not name.search(text):
        return None
    sized = EMPTY.fullmatch(text if text.startswith("[") else f"[ {text} ]")
    if sized:
        return sized["how"] == "-z"
    found = COMPARED.fullmatch(text if text.endswith("]") else f"{text} ]")
    if not found or name.search(found["to"]):
        return None
    return (found["to"] in NOTHING) is (found["how"] not in ("!=", "-ne"))
