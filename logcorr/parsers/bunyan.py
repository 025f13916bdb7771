"""bunyan's JSON lines.

`{"name":"api","hostname":"web-1","pid":40161,"level":30,"msg":"hi","time":"2013-01-04T18:46:23.851Z","v":0}`

https://github.com/trentm/node-bunyan: `v` is the version of the format, 0.
"""

from __future__ import annotations

from logcorr.grammar import messages
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.records import members, records


def _recognise(sample: Sample) -> float:
    found = members(sample.lines)
    own = [record for record in found if record.get("v") == 0 and isinstance(record.get("level"), int)]
    return 0.96 * len(own) / len(found) if found else 0.0


@log_parser(title="bunyan", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def bunyan(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with name, hostname, pid and err (JSON)."""
    read = records(lines, context, {"name": "name", "hostname": "hostname", "pid": "pid", "err": "err"})
    return read.with_columns(pl.col("pid").cast(pl.Int32, strict=False))
