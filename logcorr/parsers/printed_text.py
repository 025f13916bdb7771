"""What a program prints, without times: `console.log` under pm2, `nohup … > app.out`, systemd's `append:`.

    API listening on port 3000
    order 1001 stored

pm2 writes a process's output to `NAME-out.log` and `NAME-error.log` and stamps it only where `log_date_format` says so
(https://pm2.keymetrics.io/docs/usage/log-management/).
"""

from __future__ import annotations

from logcorr.grammar import messages, stamps
from logcorr.grammar.last_words import NEEDLES
from logcorr.lazily import pl, regex
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import DIES, dying, events, folded, no

_NAMES = regex(r".+\.(?:log|out|err|txt)(?:[.-]\d+)?|nohup\.out")
_PM2 = regex(r".+-(?:out|error)(?:-\d+)?\.log")
_CONTINUED = r"^[ \t})\]]|^$"
_PROCESSES = tuple(phrase for phrase in messages.APPLICATION if phrase.kind.startswith("process."))


def _recognise(sample: Sample) -> float:
    lines = [line for line in sample.lines if line.strip()]
    if sample.stamped or not lines or not _NAMES.fullmatch(sample.name) or stamps.share(lines, stamps.at_head):
        return 0.0
    told = any(messages.says(line, _PROCESSES) or line.startswith(NEEDLES[:2]) for line in lines)
    return 0.1 if told or _PM2.fullmatch(sample.name) else 0.0


@log_parser(title="text without times", source="console", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def printed_text(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events, a line each; indented lines and those that close a bracket belong to the one before."""
    begins = ~pl.col("text").str.contains(_CONTINUED)
    told = lines.with_columns(dying(context, begins, pl.col("text"), headed=False).alias("dying"))
    kind = messages.kind_of(pl.col("text"), messages.APPLICATION)
    return events(
        folded(told, begins, context),
        time=no(pl.Datetime("us")),
        kind=pl.coalesce(pl.when(pl.col("dying") == DIES).then("dying"), kind, "dying"),
        message=pl.col("text"),
        count=pl.col("lines"),
    )
