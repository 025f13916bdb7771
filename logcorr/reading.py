"""What comes first whatever is asked: from paths to artifacts, facts and logs. `scan` ends here, `analyze` goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from logcorr import plugins, timeline
from logcorr.collect import Collection, collect
from logcorr.errors import NothingRecognised
from logcorr.lazily import pl
from logcorr.model.events import event_schema
from logcorr.model.facts import Fact
from logcorr.model.source import Artifact, Problem
from logcorr.parsers import ConfigurationParser, LogParser, Parser
from logcorr.semantics import topology
from logcorr.semantics.paths import copied_from

Paths = str | Path | Sequence[str | Path]
Zones = Mapping[str | None, str]

FIRST = ("time", "level", "source", "service", "kind", "message", "path", "line", "end_line", "format", "parsed")
"""The columns that events of every format have, in the order in which `scan` gives them."""


UNTOLD = (None, "script_log", "stamped_text")
"""Formats that say nothing of who wrote a file."""


MARKDOWN = "markdown"
"""The envelope of what a document quotes."""

CONTAINED = frozenset({"docker-json", "cri"})
"""The envelopes of what one container prints."""


class Input(Struct, frozen=True):
    """What was collected: files as what they are, the facts of those that are configuration, and what could not be read."""

    artifacts: tuple[Artifact, ...]
    parsers: plugins.Plugins[Parser]
    facts: tuple[Fact, ...]
    problems: tuple[Problem, ...]

    @property
    def files(self) -> frozenset[str]:
        """The paths of everything collected."""
        return frozenset(artifact.path for artifact in self.artifacts)

    @property
    def configured(self) -> tuple[Artifact, ...]:
        """The files that are configuration."""
        formats = {name for name, parser in self.parsers.items() if isinstance(parser, ConfigurationParser)}
        return tuple(artifact for artifact in self.artifacts if artifact.format in formats)

    @property
    def logs(self) -> dict[str, LogParser]:
        """The parsers of logs."""
        return {name: parser for name, parser in self.parsers.items() if isinstance(parser, LogParser)}


def read(paths: Paths) -> Input:
    """Collect, and read the configuration among it.

    Raises LogcorrError for a path that does not exist, NothingRecognised if there is nothing to read.
    """
    parsers = plugins.parsers()
    roots = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    collection = _only_logs_in_text(collect(roots, {name: parser.recognise for name, parser in parsers.items()}), parsers)
    if not any(artifact.format for artifact in collection.artifacts):
        raise NothingRecognised(
            "nothing here is a log or configuration that logcorr knows", "`logcorr sources PATH` says what was seen"
        )
    read: list[Fact | Problem] = []
    paths_read = {artifact.path for artifact in collection.artifacts}
    for artifact in collection.artifacts:
        parser = parsers.get(artifact.format or "")
        if isinstance(parser, ConfigurationParser):
            original = copied_from(artifact.path, paths_read)
            read.extend([Problem(artifact.path, f"left out: a copy of {original}")] if original else parser.read(artifact))
    facts = tuple(one for one in read if isinstance(one, Fact))
    problems = (
        *collection.skipped,
        *(problem for artifact in collection.artifacts for problem in artifact.problems),
        *(one for one in read if isinstance(one, Problem)),
    )
    return Input(tuple(_known_by(artifact, parsers, facts) for artifact in collection.artifacts), parsers, facts, problems)


def _only_logs_in_text(collection: Collection, parsers: Mapping[str, Parser]) -> Collection:
    """What was collected, without formats for configuration that a document quotes: nothing says that it is in use."""
    artifacts = (
        replace(one, format=None)
        if MARKDOWN in one.envelopes and isinstance(parsers.get(one.format or ""), ConfigurationParser)
        else one
        for one in collection.artifacts
    )
    return replace(collection, artifacts=tuple(artifacts))


def _known_by(artifact: Artifact, parsers: Mapping[str, Parser], facts: Sequence[Fact]) -> Artifact:
    """The artifact, in the format that configuration shows it to have where its lines alone did not."""
    if artifact.format not in UNTOLD:
        return artifact
    shown = (name for name, one in parsers.items() if isinstance(one, LogParser) and one.recognise_by(artifact.sample, facts))
    return replace(artifact, format=next(shown, artifact.format))


def writers(given: Input) -> Callable[[str], str | None]:
    """Which service writes a log."""
    logs = given.logs
    sources = {artifact.path: _source(artifact, logs) for artifact in given.artifacts if artifact.format in logs}
    documents = {artifact.path for artifact in given.artifacts if MARKDOWN in artifact.envelopes}
    things, nginx = topology.entities(given.facts, given.files), topology.nginx_name(given.facts)
    return lambda path: None if path in documents else topology.writer(path, sources.get(path, ""), things, nginx)


def _source(artifact: Artifact, logs: Mapping[str, LogParser]) -> str:
    """What writes a log, by its format; text that says nothing of it is an application's where a container printed it."""
    untold = artifact.format in UNTOLD and not CONTAINED.isdisjoint(artifact.envelopes)
    return "app" if untold else logs[artifact.format or ""].source


def names(given: Input) -> dict[str, str]:
    """The names of containers and units, each with that of its service; a name of several services is left out."""
    things = [(alias, thing.name) for thing in topology.entities(given.facts, given.files) for alias in thing.names]
    counts = Counter(alias for alias, _ in things)
    return {alias: name for alias, name in sorted(things) if counts[alias] == 1 and alias != name}


def zones(tz: str | Zones | None) -> Zones:
    """What the user says about zones, by path or source; None stands for all."""
    return {None: tz} if isinstance(tz, str) else tz or {}


def scan(paths: Paths, *, tz: str | Zones | None = None) -> pl.LazyFrame:
    """Every event of every log under `paths`, with the columns of its format: what `logcorr timeline` prints.

    The columns are `time` (UTC, µs), `level` (an Enum: `>=` compares), `source`, `service`, `kind`, `message`, `path`, `line`,
    `end_line`, `format` and `parsed` (false: a line that its format does not know, kept as a message), then those of the formats
    found, null where an event has none; one that bears a name of these is called `…_text`. Rows stand as in their files, one file
    after the other: `.sort("time", nulls_last=True, maintain_order=True)` merges
    them.

    Logs are read when the frame is collected, block by block; of columns and rows that are not asked for only what tells them
    is read. `tz` is as in `analyze`. Raises LogcorrError for a path that does not exist or an unknown zone, NothingRecognised
    where there is no log.
    """
    given = read(paths)
    logs, _ = timeline.logs_of(given.artifacts, given.logs, given.facts, writers(given), names(given))
    if not logs:
        raise NothingRecognised("nothing here is a log that logcorr knows", "`logcorr sources PATH` says what was seen")
    timed = timeline.timed(logs, given.facts, zones(tz))
    return timeline.scan(logs, lambda asked: [partial(_wide, log, query) for log, query in zip(logs, timed(asked), strict=True)])


def _wide(log: timeline.Log, timed: timeline.Query, events: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of `FIRST`, then the format's own."""
    own = [name for name in log.schema.names() if name not in (*event_schema(), "logged_at")]
    return timed(events).select(
        "time",
        pl.col("severity").alias("level"),
        "source",
        "service",
        "kind",
        "message",
        pl.col("file").alias("path"),
        "line",
        (pl.col("line") + pl.col("lines") - 1).alias("end_line"),
        pl.lit(log.artifact.format).alias("format"),
        "parsed",
        *(pl.col(name).alias(f"{name}_text" if name in FIRST else name) for name in own),
    )
