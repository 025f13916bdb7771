"""Read lines of one format into a table, for scripts and notebooks: `logcorr.parse.nginx_error(lines)`.

There is a function for every log format; `dir(logcorr.parse)` lists them. `lines` is any iterable of lines, an open file for
one. The table has the columns of `logcorr.model.events.event_schema`, then the format's own; times are as the stamps say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, LogParser

SAMPLE_LINES = 100


def __getattr__(name: str) -> Callable[[Iterable[str]], pl.DataFrame]:
    parser = _formats().get(name) if not name.startswith("_") else None
    if parser is None:
        raise AttributeError(f"no log format is named {name}; there are {', '.join(_formats())}")
    return partial(_read, parser)


def __dir__() -> list[str]:
    return list(_formats())


def _formats() -> dict[str, LogParser]:
    from logcorr import plugins  # here, because finding all plug-ins imports them

    return {name: parser for name, parser in plugins.parsers().items() if isinstance(parser, LogParser)}


def _read(parser: LogParser, lines: Iterable[str]) -> pl.DataFrame:
    texts = [line.rstrip("\r\n") for line in lines]
    frame = pl.LazyFrame({"text": texts}, schema={"text": pl.String}).with_row_index("line", 1).cast({"line": pl.UInt32})
    context = Context(Sample("", tuple(texts[:SAMPLE_LINES])), (), len(texts))
    return parser.read(frame, context).collect()
