"""The rewrite module: `set`, `if`, `rewrite`, `break` and `return`, run in the order of the text (`ngx_http_script.c`)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logcorr.semantics.nginx import uri, variables
from logcorr.semantics.nginx.patterns import search
from logcorr.semantics.nginx.request import Outcome, Request, Sent, Status
from logcorr.semantics.nginx.scopes import enter
from logcorr.semantics.nginx.tree import Node
from logcorr.semantics.nginx.world import Unanswerable

REDIRECTS = (301, 302, 303, 307, 308)
FLAGS = {"redirect": 302, "permanent": 301}


class Stop(Exception):
    """The module is done: with an outcome, or to go on with the request."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        super().__init__()
        self.outcome = outcome


def run(r: Request, block: Node) -> Outcome | None:
    """All directives of the module in a server or location; None to go on."""
    try:
        _directives(r, block)
    except Stop as stop:
        return stop.outcome
    return None


def _directives(r: Request, block: Node) -> None:
    for node in block.children:
        if node.name == "set" and len(node.args) == 2:
            r.values[node.args[0].lstrip("$").lower()] = variables.expand(r, node.args[1])
        elif node.name == "return" and node.args:
            raise Stop(_return(r, node))
        elif node.name == "rewrite" and len(node.args) >= 2:
            _rewrite(r, node)
        elif node.name == "break":
            if r.uri_changed:
                r.matches_location = r.uri_changed = False
            raise Stop
        elif node.name == "if" and holds(r, node):
            r.step(f"{node.title()} holds", node)
            enter(r, node)
            _directives(r, node)


def _return(r: Request, node: Node) -> Outcome:
    r.step(node.title(), node)
    if not node.args[0].isdigit():
        return Status(302, node, variables.expand(r, node.args[0]))
    code = int(node.args[0])
    if code in REDIRECTS:
        return Status(code, node, variables.expand(r, node.args[1]) if len(node.args) > 1 else "")
    if code < 400 or len(node.args) > 1:
        return Sent(code, node)
    return Status(code, node)


def _rewrite(r: Request, node: Node) -> None:
    """One `rewrite`: nothing if it does not match, else a changed URI or a redirect."""
    match = search(node.args[0], r.uri, node.span)
    r.tried(match)
    if not match:
        return
    flag = node.args[2] if len(node.args) > 2 else ""
    target, keeps_args = node.args[1].removesuffix("?"), not node.args[1].endswith("?")
    if flag in FLAGS or re.match(r"https?://|\$scheme", target):
        raise Stop(_redirect(r, node, target, FLAGS.get(flag, 302), keeps_args))
    _change(r, node, target, keeps_args)
    r.internal, r.untouched = True, False
    r.uri_changed = flag != "break"
    if flag == "break":
        r.matches_location = False
    if flag in ("last", "break"):
        raise Stop


def _escape(r: Request) -> bool:
    """Captures are escaped only if the client's own URI was."""
    return r.quoted or "+" in r.question.target


def _redirect(r: Request, node: Node, target: str, code: int, keeps_args: bool) -> Status:
    out = uri.unescape_redirect(variables.expand(r, target, uri.escape_args if _escape(r) else None))
    if keeps_args and r.args:
        out += ("&" if "?" in target else "?") + r.args
    r.step(f"{node.title()} matches: redirect to {variables.readable(out)}", node)
    return Status(code, node, out)


def _change(r: Request, node: Node, target: str, keeps_args: bool) -> None:
    path_text, mark, args_text = target.partition("?")
    path = variables.expand(r, path_text)
    if variables.has_gap(path):
        raise Unanswerable(f"the URI {variables.readable(path)} is not known", node.span)
    args = variables.expand(r, args_text, uri.escape_args if _escape(r) else None)
    if mark:
        r.args = args + ("&" + r.args if keeps_args and r.args else "")
    elif not keeps_args:
        r.args = ""
    if not path:
        r.step("the rewritten URI is empty", node)
        raise Stop(Status(500, node))
    r.uri = path
    r.step(f"{node.title()} matches: the URI becomes {path}", node)


def holds(r: Request, node: Node) -> bool:
    """Whether an `if`'s condition is true."""
    words = _condition(node.args)
    if len(words) == 1:
        text = variables.expand(r, words[0])
        return _undecided(r, node) if variables.has_gap(text) else text not in ("", "0")
    if re.fullmatch(r"!?-[fdex]", words[0]) and len(words) == 2:
        return _file_test(r, node, words[0], words[1])
    if len(words) != 3:
        raise Unanswerable(f"the condition {node.title()} is not understood", node.span)
    return _comparison(r, node, words)


def _condition(args: Sequence[str]) -> list[str]:
    words = list(args)
    if words:
        words[0] = words[0].removeprefix("(")
        words[-1] = words[-1].removesuffix(")")
    return words[not words[0] if words else 0 : len(words) - (not words[-1]) if words else 0] or [""]


def _undecided(r: Request, node: Node) -> bool:
    condition = " ".join(node.args)
    return (
        r.world.choose(f"condition {node.span}", [("yes", f"{condition} holds"), ("no", f"{condition} does not hold")]) == "yes"
    )


def _file_test(r: Request, node: Node, test: str, text: str) -> bool:
    path = variables.expand(r, text)
    if variables.has_gap(path) or test.endswith("x"):
        return _undecided(r, node)
    kind = r.world.file(path)
    true = {"f": kind == "file", "d": kind == "directory", "e": kind != "none"}[test[-1]]
    return true != test.startswith("!")


def _comparison(r: Request, node: Node, words: list[str]) -> bool:
    left, operator, right = variables.expand(r, words[0]), words[1], words[2]
    if operator in ("=", "!="):
        right = variables.expand(r, right)
        if variables.has_gap(left + right):
            return _undecided(r, node)
        return (left == right) == (operator == "=")
    if operator not in ("~", "~*", "!~", "!~*"):
        raise Unanswerable(f"the condition {node.title()} is not understood", node.span)
    if variables.has_gap(left):
        return _undecided(r, node)
    match = search(right, left, node.span, ignore_case=operator.endswith("*"))
    r.tried(match)
    return (match is not None) != operator.startswith("!")
