"""What tools write that start a program anew when a file changes: they are meant for development, and found elsewhere."""

from __future__ import annotations

from logcorr.grammar.phrase import Phrase

RELOADERS = (
    Phrase("process.terminating", ("[nodemon] restarting",), r"^\[nodemon\] restarting due to changes"),
    Phrase(
        "process.terminating",
        ("Reloading...", ", reloading", "Worker reloading"),
        r"^(?:(?:WatchFiles|StatReload) detected changes? in '.+'\. Reloading\.\.\.$"
        r"|(?: ?\* )?Detected change in '.+', reloading$|\S+ changed, reloading\.$|Worker reloading: .+ modified$)",
    ),
)
"""nodemon; uvicorn, werkzeug, Django and gunicorn."""
