"""pino's JSON lines.

`{"level":30,"time":1531171074631,"pid":657,"hostname":"web-1","msg":"hello"}`

https://getpino.io: levels are numbers, times milliseconds since 1970 unless configured otherwise.
"""

from __future__ import annotations

from logcorr.grammar import messages
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.records import members, records


def _recognise(sample: Sample) -> float:
    found = members(sample.lines)
    own = [record for record in found if isinstance(record.get("level"), int) and "msg" in record and "v" not in record]
    return 0.95 * len(own) / len(found) if found else 0.0


@log_parser(title="pino", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def pino(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with name, hostname, pid and err (JSON)."""
    read = records(lines, context, {"name": "name", "hostname": "hostname", "pid": "pid", "err": "err"})
    return read.with_columns(pl.col("pid").cast(pl.Int32, strict=False))
