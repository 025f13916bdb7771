"""What `docker events` prints: the life of containers.

`2026-11-03T15:32:31.123456789Z container die 3856c96bc3d4 (exitCode=137, image=thumbs:1, name=thumbs_thumbs_1)`

https://docs.docker.com/reference/cli/docker/system/events/
"""

from __future__ import annotations

import re

from logcorr.grammar import stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events

_PATTERN = (
    r"^(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) "
    r"(?P<object>container|image|network|volume|plugin|daemon|service|node|secret|config) (?P<action>[a-z_]+(?:: ?\S+)?) "
    r"(?P<message>.*)$"
)

_ACTIONS = {
    "start": "process.started",
    "kill": "process.terminating",
    "stop": "process.terminating",
    "die": "process.exited",
    "oom": "process.out_of_memory",
    "restart": "service.restarting",
    "health_status: unhealthy": "probe.failed",
    "health_status: healthy": "probe.passed",
}

_EMITS = {kind: [f"container {action}" for action, meant in _ACTIONS.items() if meant == kind] for kind in _ACTIONS.values()} | {
    "process.killed": ["container kill (signal=9)", "container die (exitCode=137)"]
}


def _recognise(sample: Sample) -> float:
    return 0.97 * stamps.share(sample.lines, re.compile(_PATTERN, re.ASCII).match)


@log_parser(title="docker events", source="docker", recognise=_recognise, emits=_EMITS)
def docker_events(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with object, action, exit_code, signal, name, and unit: compose's service, or the container's name."""
    part = pl.col("groups").struct.field
    stamp = part("stamp")
    service = part("message").str.extract(r"com\.docker\.compose\.service=([^,)]+)", 1)
    name = part("message").str.extract(r"[(,] ?name=([^,)]+)", 1)
    zoned = stamp.str.replace("Z$", "+00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)
    return events(
        lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups")),
        time=zoned.dt.convert_time_zone("UTC"),
        kind=_kind(part("action"), part("message")),
        message=pl.coalesce(pl.concat_str(part("object"), part("action"), part("message"), separator=" "), pl.col("text")),
        parsed=stamp.is_not_null(),
        own={
            "object": part("object"),
            "action": part("action"),
            "exit_code": part("message").str.extract(r"exitCode=([0-9]+)", 1).cast(pl.Int32, strict=False),
            "signal": part("message").str.extract(r"signal=([0-9A-Z]+)", 1),
            "name": name,
            "unit": pl.coalesce(service, name),
            "utc_offset_s": stamps.offset_s(stamp.str.extract(r"([+-][0-9]{2}:[0-9]{2})$", 1)),
        },
    )


def _kind(action: pl.Expr, attributes: pl.Expr) -> pl.Expr:
    killed = attributes.str.contains(r"exitCode=137\b|signal=(?:9|SIGKILL)\b")
    return (
        pl.when(pl.col("groups").struct.field("object") != "container")
        .then(None)
        .when(action.is_in(["die", "kill"]) & killed)
        .then(pl.lit("process.killed"))
        .otherwise(action.replace_strict(list(_ACTIONS), list(_ACTIONS.values()), default=None, return_dtype=pl.String))
    )
