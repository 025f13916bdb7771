"""A server of the Model Context Protocol, for agents that do incident work: `logcorr mcp --root DIR`.

Everything it gives is read-only, bounded and, unless told otherwise, redacted; paths outside the roots are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def serve(roots: Sequence[Path], *, redact: bool = True) -> None:
    """Serve over standard input and output until the client leaves. Raises LogcorrError without the extra `mcp`."""
    from logcorr.errors import LogcorrError

    try:
        from logcorr.mcp.server import server
    except ModuleNotFoundError as error:
        raise LogcorrError("the MCP server needs the extra mcp", "pip install 'logcorr[mcp]'") from error
    server(roots, redact=redact).run("stdio")
