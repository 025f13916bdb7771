"""The content phase: `try_files`, then a handler, or index, directory listing and file."""

from __future__ import annotations

from collections.abc import Sequence

from logcorr.semantics.nginx import paths, uri, variables
from logcorr.semantics.nginx.locations import PASSES
from logcorr.semantics.nginx.request import Jump, Named, Outcome, Request, Sent, Status
from logcorr.semantics.nginx.tree import Node
from logcorr.semantics.nginx.upstreams import hand_on
from logcorr.semantics.nginx.world import Unanswerable


def serve(r: Request) -> Outcome:
    """What the scope's content is."""
    return _try_files(r) or _content(r)


def _try_files(r: Request) -> Outcome | None:
    """`try_files` of this very block (it is not inherited, not even by an `if`)."""
    node = r.scope.first("try_files")
    if node is None or len(node.args) < 2:
        return None
    if not paths.check_alias(r):
        return Status(500, node)
    *candidates, last = node.args
    for text in candidates:
        wants_directory = text.endswith("/")
        name = _name(r, node, text.removesuffix("/") if wants_directory else text)
        path = paths.file_path(r, name)
        if r.world.file(path) == ("directory" if wants_directory else "file"):
            r.step(f"try_files takes {path}", node)
            _take(r, name, wants_directory)
            return None
    return _fall_back(r, node, last)


def _name(r: Request, node: Node, text: str) -> str:
    """The name to look for below the root; of a name under an alias, the location's prefix is cut off."""
    name = paths.no_gap(variables.expand(r, text), node)
    root = paths.root_of(r)
    if root.alias and root.skipped and "$" in text and name.startswith(r.uri[: root.skipped]):
        return name[root.skipped :]
    return name


def _take(r: Request, name: str, directory: bool) -> None:
    root = paths.root_of(r)
    if not root.alias:
        r.uri = name
    elif root.skipped is not None:
        r.uri = r.uri[: root.skipped] + name
    elif not directory:
        r.uri, r.add_uri_to_alias = name, True


def _fall_back(r: Request, node: Node, last: str) -> Outcome:
    r.step(f"try_files falls back to {last}", node)
    if last.startswith("="):
        return Status(int(last[1:]), node) if last[1:].isdigit() else Status(500, node)
    target = _name(r, node, last)
    return Named(target, node) if target.startswith("@") else Jump(*uri.split(target), node)


def _content(r: Request) -> Outcome:
    handler = r.handler
    if handler is None:
        return _index(r) if r.uri.endswith("/") else _file(r)
    if handler.name in PASSES:
        # The module stays, its settings are those in force now: an `if` after the one that named the upstream has none.
        current = r.scope.first(handler.name) or r.location.first(handler.name)
        return hand_on(r, current) if current else Status(500, handler)
    if handler.name in ("stub_status", "empty_gif"):
        r.step(handler.title(), handler)
        return Sent(200, handler) if r.method in ("GET", "HEAD") else Status(405, handler)
    if handler.name in ("flv", "mp4") and not r.uri.endswith("/"):
        return _file(r)
    raise Unanswerable(f"{handler.name} decides by a program of its own", handler.span)


def _index(r: Request) -> Outcome:
    """An index file by internal redirect, a listing, or 403; 404 where there is no such directory."""
    at = r.scope
    if r.method not in ("GET", "HEAD", "POST"):
        return _listing(r, at)
    names: Sequence[str] = [name for node in r.scope.inherited("index") for name in node.args] or ("index.html",)
    for text in names:
        name = paths.no_gap(variables.expand(r, text), at)
        if name.startswith("/"):
            r.step(f"index {name}", at)
            return Jump(name, r.args, at)
        if not paths.check_alias(r):
            return Status(500, at)
        folder = paths.file_path(r)
        if r.world.file(folder + name) != "none":
            r.step(f"index {name}", at)
            return Jump(r.uri + name, r.args, at)
        kind = r.world.file(folder)
        if kind != "directory":
            r.step(f"{folder} is no directory", at)
            return Status(500 if kind == "file" else 404, at)
    return _listing(r, at)


def _listing(r: Request, at: Node) -> Outcome:
    if r.scope.setting("autoindex", "off") == "on" and r.method in ("GET", "HEAD"):
        # nginx cuts off one character, which is the slash unless an alias has none.
        folder = paths.file_path(r)[:-1] or "/"
        r.step(f"autoindex of {folder}", at)
        return Sent(200, at) if r.world.file(folder) == "directory" else Status(404, at)
    if r.method not in ("GET", "HEAD", "POST"):
        return Status(405, at)
    r.step("there is no index, and listing is off", at)
    return Status(403, at)


def _file(r: Request) -> Outcome:
    at = paths.root_of(r).at
    if r.method not in ("GET", "HEAD", "POST"):
        return Status(405, at)
    if not paths.check_alias(r):
        return Status(500, at)
    path = paths.no_gap(paths.file_path(r), at)
    kind = r.world.file(path)
    if kind == "directory":
        r.step(f"{path} is a directory: redirect to its name with a slash", at)
        return Status(301, at, uri.escape(r.uri + "/") + ("?" + r.args if r.args else ""))
    if kind == "none":
        r.step(f"{path} does not exist", at)
        return Status(404, at)
    if r.method == "POST":
        return Status(405, at)
    r.step(f"the file {path}", at)
    return Sent(200, at)
