"""Entering a block whose settings apply from then on (`ngx_http_update_location_config`)."""

from __future__ import annotations

from logcorr.semantics.nginx.locations import PASSES
from logcorr.semantics.nginx.request import Request
from logcorr.semantics.nginx.tree import Node

MODULES = (
    "stub_status",
    "empty_gif",
    "flv",
    "mp4",
    "perl",
    "content_by_lua",
    "content_by_lua_block",
    "content_by_lua_file",
    "js_content",
)
HANDLERS = (*PASSES, *MODULES)


def enter(r: Request, block: Node) -> None:
    """Make a location, `if` or server the scope; its content handler replaces an earlier one if it has one."""
    limits = block.first("limit_except")
    limited = limits is not None and not _allowed(r.method, limits.args)
    r.scope = limits if limits and limited else block
    # Under limit_except the location's upstream stays in force, its other handlers do not.
    handler = r.scope.first(*HANDLERS) or (block.first(*PASSES) if limited else None)
    if handler:
        r.handler = handler


def _allowed(method: str, methods: tuple[str, ...]) -> bool:
    """`limit_except GET` lets HEAD through, too."""
    return method in methods or (method == "HEAD" and "GET" in methods)
