"""supervisord's own log: what it does to the programs it manages.

`2026-03-02 08:00:03,020 INFO stopped: mailer (terminated by SIGTERM)`

http://supervisord.org/logging.html#activity-log; the messages are those of its process states.
"""

from __future__ import annotations

import re

from logcorr.grammar import messages, stamps
from logcorr.grammar.messages import Phrase
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, severity_of

_HEAD = r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (CRIT|ERRO|WARN|INFO|DEBG|TRAC|BLAT) (.*)$"
_OWN = regex(
    r"\S+ \S+ \w{4} (?:spawned: '|(?:stopped|exited|gave up|success): \S+ |supervisord started with pid \d"
    r"|waiting for \S+ to (?:stop|die)$)"
)
_UNIT = r"^(?:spawned: '|(?:stopped|exited|gave up|success): |waiting for |killing ')([\w.@-]+)"
_LEVELS = {"CRIT": "crit", "ERRO": "error", "WARN": "warn", "INFO": "info", "DEBG": "debug", "TRAC": "trace", "BLAT": "trace"}

_PHRASES = (
    Phrase("process.started", ("spawned: ",), r"^spawned: '"),
    Phrase("process.killed", ("SIGKILL",), r"^(?:stopped|exited): \S+ \(terminated by SIGKILL\b"),
    Phrase("process.crashed", ("not expected",), r"^exited: \S+ \(.*; not expected\)$"),
    Phrase("process.exited", ("stopped: ", "exited: "), r"^(?:stopped|exited): \S+ \("),
)


def _recognise(sample: Sample) -> float:
    if stamps.share(sample.lines, re.compile(_HEAD).match) < 0.8:
        return 0.0
    return 0.95 if stamps.share(sample.lines, _OWN.match) >= 0.3 else 0.0


@log_parser(title="supervisord", source="supervisord", recognise=_recognise, emits=messages.emitted(_PHRASES))
def supervisord(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events, one a line, with unit: the program, or the group of programs, that each is about."""
    part = pl.col("text").str.extract_groups(ascii_only(_HEAD)).struct
    message = pl.coalesce(part[2], pl.col("text"))
    return events(
        lines,
        time=stamps.datetimes(part[0], "%Y-%m-%d %H:%M:%S,%3f"),
        severity=severity_of(part[1].replace_strict(list(_LEVELS), list(_LEVELS.values()), default=None)),
        kind=messages.kind_of(part[2], _PHRASES),
        message=message,
        parsed=part[2].is_not_null(),
        own={"unit": part[2].str.extract(ascii_only(_UNIT), 1)},
    )
