"""What `kubectl get events` and `kubectl describe` print of events whose time is told, columns in any number of blanks.

`2026-11-03T15:32:31Z   Warning  Unhealthy   pod/thumbs-5c88b7f4d9-jw6vd   Liveness probe failed: HTTP probe failed with …`

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
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
    r"^(?:[a-z0-9-]+ +)?(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) +"
    r"(?P<type>Normal|Warning) +(?P<reason>[A-Z]\w+) +(?P<object>[A-Za-z]+/[\w.-]+) +(?P<said>.*)$"
)

_KINDS = (
    ("probe.failed", r"^(?:Liveness|Startup) probe (?:failed|errored)"),
    ("service.restarting", r"failed (?:liveness|startup) probe, will be restarted"),
    ("process.terminating", r"^Stopping container "),
    ("process.started", r"^Started container "),
    ("deploy.started", r"^Scaled up replica set .* from 0\b|^Scaled up replica set \S+ to \d+$"),
    ("process.out_of_memory", r"(?i)\bOOM-?Kill|out of memory"),
)

_EMITS = {kind: [pattern] for kind, pattern in _KINDS}


def _recognise(sample: Sample) -> float:
    return 0.97 * stamps.share(sample.lines, re.compile(_PATTERN, re.ASCII).match)


@log_parser(title="kubectl events", source="kubernetes", recognise=_recognise, emits=_EMITS)
def kubernetes_events(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with type, reason, object and unit: the pod's name, or that of what the event is of."""
    part = pl.col("groups").struct.field
    zoned = part("stamp").str.replace("Z$", "+00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)
    kind = pl.coalesce(pl.when(part("said").str.contains(pattern)).then(pl.lit(name)) for name, pattern in _KINDS)
    return events(
        lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups")),
        time=zoned.dt.convert_time_zone("UTC"),
        kind=kind,
        message=pl.coalesce(part("said"), pl.col("text")),
        parsed=part("stamp").is_not_null(),
        own={
            "type": part("type"),
            "reason": part("reason"),
            "object": part("object"),
            "unit": part("object").str.extract(r"/(.+)$", 1),
            "utc_offset_s": stamps.offset_s(part("stamp").str.extract(r"([+-][0-9]{2}:[0-9]{2})$", 1)),
        },
    )
