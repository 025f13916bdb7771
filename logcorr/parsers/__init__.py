"""One module, one format.

A log parser turns a lazy frame of raw lines into a lazy frame of typed columns; a configuration parser turns text into
facts. Both are plain functions, made parsers by the decorators below; `logcorr.plugins` finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field

from logcorr.lazily import pl
from logcorr.model.events import KINDS
from logcorr.model.facts import Fact
from logcorr.model.source import Artifact, Problem, Sample

Recognise = Callable[[Sample], float]
"""How sure a format is that a file is its own, from 0 (not) to 1; the highest claim wins, names break ties."""


class Context(Struct, frozen=True):
    """What a log parser may know besides the lines: the file's sample, its number of lines, the facts of configuration."""

    sample: Sample
    facts: tuple[Fact, ...] = ()
    line_count: int = 0


RecogniseBy = Callable[[Sample, Sequence[Fact]], bool]
"""Whether configuration shows that a file, which by itself is nothing but text with times, is a format's own."""

ReadLog: TypeAlias = "Callable[[pl.LazyFrame, Context], pl.LazyFrame]"
"""Raw lines (`line` UInt32, `text` String) to events: the columns of `model.events.event_schema`, then the format's own.

The dtype of `time` tells what the stamps say: Datetime with zone UTC, instants; naive Datetime, the writer's local time
(with the year `model.events.YEARLESS` where none is written); Time, a time of day. Null: a line without a stamp.
A column `logged_at` of the lines (an envelope's own stamps) is handed on; a format whose stamps tell their offset from
UTC adds `utc_offset_s` (Int32; null for `Z`, which many writers use whatever their zone).
"""

ReadConfiguration = Callable[[Artifact], Iterator[Fact | Problem]]


class LogParser(Struct, frozen=True):
    """A log format. `emits` says which kinds its events can have and by which literals they are known."""

    name: str
    title: str
    source: str
    recognise: Recognise
    read: ReadLog
    emits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    recognise_by: RecogniseBy = lambda sample, facts: False

    def events(self, artifact: Artifact, facts: tuple[Fact, ...] = ()) -> pl.LazyFrame:
        """The events of one collected log."""
        return self.read(artifact.lines, Context(artifact.sample, facts, artifact.line_count))


class ConfigurationParser(Struct, frozen=True):
    """A configuration format, or a capture of a command's output."""

    name: str
    title: str
    recognise: Recognise
    read: ReadConfiguration


Parser = LogParser | ConfigurationParser


def log_parser(
    *,
    title: str,
    source: str,
    recognise: Recognise,
    emits: Mapping[str, Sequence[str]] | None = None,
    recognise_by: RecogniseBy = lambda sample, facts: False,
) -> Callable[[ReadLog], LogParser]:
    """Make a function a log parser named like its module.

    `source` is the timeline's word for who writes such logs (`nginx`, `app`, `cron`).
    """
    unknown = set(emits or {}) - KINDS.keys()
    if unknown:
        raise ValueError(f"no such kinds: {', '.join(sorted(unknown))}")
    return lambda function: LogParser(_module_name(function), title, source, recognise, function, emits or {}, recognise_by)


def configuration_parser(*, title: str, recognise: Recognise) -> Callable[[ReadConfiguration], ConfigurationParser]:
    """Make a function a configuration parser named like its module."""
    return lambda function: ConfigurationParser(_module_name(function), title, recognise, function)


def _module_name(function: Callable[..., object]) -> str:
    return function.__module__.rpartition(".")[2]
