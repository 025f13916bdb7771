"""JSON lines of any logger: zap, logrus, structlog, zerolog, Python's json formatters.

`{"severity":"ERROR","time":"2026-01-31T12:00:00Z","message":"connect ECONNREFUSED 10.0.0.3:5432"}`

Time, level and message are looked for under their usual names.
"""

from __future__ import annotations

from logcorr.grammar import messages
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.records import LEVELS, MESSAGES, TIMES, members, records


def _recognise(sample: Sample) -> float:
    found = members(sample.lines)
    parts = [sum(any(name in record for name in names) for names in (TIMES, LEVELS, MESSAGES)) for record in found]
    return 0.5 * sum(part >= 2 for part in parts) / len(found) if len(found) else 0.0


@log_parser(title="JSON lines", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def json_log(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with the service and logger that many name."""
    return records(lines, context, {"service_name": "service", "logger": "logger"})
