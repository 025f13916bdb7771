"""PM2's ecosystem files, in JavaScript, JSON or YAML.

    module.exports = {
      apps: [{ name: "api", script: "server.js", cron_restart: "0 3 * * *", max_memory_restart: "300M" }],
    };

Format: https://pm2.keymetrics.io/docs/usage/application-declaration/. Nothing in the file is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.grammar.js_object import value_of
from logcorr.grammar.yaml_tree import Node, NotYaml, load
from logcorr.lazily import regex
from logcorr.model.facts import Fact, ScheduledJob, Unit
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_APPS = regex(r"""\s*(?:module\.exports\s*=\s*\{\s*)?["']?apps["']?\s*:""")
_SCRIPT = regex(r"""["']?\bscript["']?\s*:""")
_OWN = regex(
    r"""["']?\b(?:autorestart|cron_restart|exec_mode|exp_backoff_restart_delay|kill_timeout|max_memory_restart|max_restarts|min_uptime|
    restart_delay|wait_ready)["']?\s*:""",
    re.VERBOSE,
)
"""What only pm2 has settings for: by it a file in YAML is known, whose name may be any."""

_NAME = regex(r"(^|/)(ecosystem|pm2|processes?)[\w.-]*\.(c?js|json|ya?ml)$")
_SIZE = regex(r"(\d+)([KMG]?)", re.IGNORECASE)
_LOGS = ("out_file", "output", "error_file", "error", "log_file", "log")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def _recognise(sample: Sample) -> float:
    if not (any(map(_APPS.match, sample.lines)) and any(map(_SCRIPT.search, sample.lines))):
        return 0.0
    if _NAME.search(sample.path):
        return 0.95
    is_known = sample.name.endswith((".js", ".cjs", ".json")) or any(map(_OWN.search, sample.lines))
    return 0.6 if is_known else 0.0


@configuration_parser(title="PM2 ecosystem file", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """Each app as a unit that pm2 keeps running, and its `cron_restart` as a job."""
    text = artifact.text()
    try:
        apps = load(text, artifact.path).get("apps") if artifact.sample.name.endswith((".yml", ".yaml")) else None
    except NotYaml as error:
        yield Problem(artifact.path, str(error), error.line)
        return
    apps = apps or value_of(text, "apps", artifact.path)
    for app in apps.each() if apps else ():
        yield from _app(artifact, app)


def _app(artifact: Artifact, app: Node) -> Iterator[Fact | Problem]:
    script = _text(app, "script")
    name = _text(app, "name") or re.sub(r"\.\w+$", "", (script or "").rpartition("/")[2])
    if not name:
        yield Problem(artifact.path, "an app without a name or script that can be read", app.line)
        return
    delay = _text(app, "restart_delay")
    yield Unit(
        span=artifact.span(app.line, app.end_line),
        name=name,
        manager="pm2",
        command=" ".join(filter(None, (script, _text(app, "args")))) or None,
        restart="no" if _text(app, "autorestart") == "false" else "always",
        restart_s=int(delay) / 1000 if delay and delay.isdigit() else None,
        memory_limit=_bytes(_text(app, "max_memory_restart")),
        logs=tuple(dict.fromkeys(path for key in _LOGS if (path := _text(app, key)))),
    )
    times = app.get("cron_restart") or app.get("cron")
    if times is not None and times.tag != "str":
        yield Problem(artifact.path, f"cron_restart is not known: {name} sets it by a program", times.line)
    elif times is not None:
        span = artifact.span(times.line)
        yield ScheduledJob(span=span, schedule=times.text, scheduler="pm2", command=f"pm2 restart {name}")


def _text(app: Node, key: str) -> str | None:
    """A literal value; None for what would have to be evaluated."""
    node = app.get(key)
    return node.text if node is not None and node.is_scalar and node.tag != "expression" else None


def _bytes(written: str | None) -> int | None:
    found = _SIZE.fullmatch(written or "")
    return int(found[1]) * _UNITS[found[2].upper()] if found else None
