"""What tools write that do something with a program: start it anew when a file changes, run a hook."""

from __future__ import annotations

from logcorr.grammar.phrase import Phrase, at_start

TOOLS = (
    Phrase("process.terminating", ("[nodemon] restarting",), r"^\[nodemon\] restarting due to changes"),
    Phrase(
        "process.terminating",
        ("Reloading...", ", reloading", "Worker reloading"),
        r"^(?:(?:WatchFiles|StatReload) detected changes? in '.+'\. Reloading\.\.\.$"
        r"|(?: ?\* )?Detected change in '.+', reloading$|\S+ changed, reloading\.$|Worker reloading: .+ modified$)",
    ),
    Phrase(
        "hook.started",
        ("-hook command: ", " hook:'", "Run reload cmd: "),
        at_start(r"running (?:pre|post|deploy|renew)-hook command: \S|run (?:pre|post|renew) hook:'|run reload cmd: \S"),
    ),
)
"""nodemon; uvicorn, werkzeug, Django and gunicorn; certbot and acme.sh."""
