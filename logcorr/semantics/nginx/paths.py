"""From URI to file: `root`, `alias`, and what a regular expression's location makes of them (`ngx_http_map_uri_to_path`)."""

from __future__ import annotations

from msgspec import Struct

from logcorr.semantics.nginx import variables
from logcorr.semantics.nginx.locations import prefix_of
from logcorr.semantics.nginx.request import Request
from logcorr.semantics.nginx.tree import Node
from logcorr.semantics.nginx.world import Unanswerable

DEFAULT_ROOT = "html"
"""Relative to where nginx was built to live, which differs: `/etc/nginx`, `/usr/share/nginx`."""


class Root(Struct, frozen=True):
    """Where files are: `folder`, set by `at`, then the URI less its first `skipped` characters; None: just `folder`."""

    folder: str
    at: Node
    skipped: int | None = 0
    alias: bool = False


def root_of(r: Request) -> Root:
    """The `root` or `alias` in force."""
    for node in r.scope.outward():
        setting = node.first("root", "alias")
        if setting and setting.args:
            return _root(r, setting)
    return Root(DEFAULT_ROOT, r.scope)


def _root(r: Request, setting: Node) -> Root:
    folder = variables.known(r, setting.args[0], setting.span)
    if setting.name == "root":
        return Root(folder.removesuffix("/"), setting)
    around = next(node for node in setting.outward() if node.name in ("location", "server"))
    prefix = prefix_of(around)
    return Root(folder, setting, None if prefix is None else len(prefix), alias=True)


def document_root(r: Request) -> str:
    """What `$document_root` holds."""
    return root_of(r).folder


def file_path(r: Request, name: str | None = None) -> str:
    """The path of the URI, or of `name` in its place; a name under an alias is what follows the location's prefix."""
    root = root_of(r)
    if name is not None:
        return root.folder + name
    if root.skipped is None:
        return root.folder + (r.uri if r.add_uri_to_alias else "")
    return root.folder + r.uri[root.skipped :]


def check_alias(r: Request) -> bool:
    """Whether a file's path can be told at all: an alias needs the URI that its location matched."""
    return r.matches_location or not root_of(r).alias


def no_gap(path: str, at: Node) -> str:
    """A path that is wholly known."""
    if variables.has_gap(path):
        raise Unanswerable(f"the path {variables.readable(path)} is not known", at.span)
    return path
