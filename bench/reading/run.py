"""What of real logs is read, and as what: `python bench/reading/run.py FOLDER`.

For each file under FOLDER: its format, its lines, how many of them are typed, and how many its format does not know. A line is
typed if it belongs to an event whose documented fields are all filled: those that every line of the format has (`ALWAYS`), and
those whose mark stands in the event's text (`MARKED`). The generic parser types nothing. Every line is counted: one that is lost,
or counted twice, is an error.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from logcorr import plugins
from logcorr.collect import collect
from logcorr.model.facts import Fact
from logcorr.model.source import Artifact
from logcorr.parsers import ConfigurationParser, LogParser

GENERIC = "stamped_text"

ALWAYS = {
    "browser_console": ["message"],
    "bunyan": ["time", "severity", "message", "name", "hostname", "pid"],
    "dmesg": ["message"],
    "docker_events": ["time", "object", "action"],
    "json_log": ["time", "severity", "message"],
    "klog": ["time", "severity", "pid", "caller", "message"],
    "levelled_text": ["severity", "message"],
    "logfmt": ["severity", "message"],
    "morgan": ["request", "status"],
    "nginx_access": ["time", "client", "bytes"],
    "nginx_error": ["time", "severity", "pid", "tid", "message"],
    "php_error": ["time", "message"],
    "pino": ["time", "severity", "message"],
    "pm2_log": ["time", "message"],
    "postgresql": ["time", "message"],
    "python_logging": ["severity", "logger", "message"],
    "redis": ["time", "severity", "pid", "message"],
    "script_log": ["time", "message"],
    "syslog": ["time", "host", "program", "message"],
    "w3c_log": ["message"],
    "haproxy": ["message"],
    "winston": ["severity", "message"],
}
MARKED = {
    "nginx_access": {r"(?:\] |, |- )\"[A-Z]+ [^\"]": "request", r"\" \d\d\d ": "status"},
    "nginx_error": {
        r"\] \d+#\d+: \*\d+ ": "connection",
        r", client: [^,]": "client",
        r", server: [^,]": "server",
        r', request: "[^"]': "request",
        r', upstream: "[^"]': "upstream",
        r', host: "[^"]': "host",
        r', referrer: "[^"]': "referrer",
    },
    "levelled_text": {r"^\W*(?:\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d)": "time"},
    "logfmt": {r"(?:^| )(?:time|ts)=": "time"},
    "syslog": {r"^[^\[]{0,60}\[\d+\]: ": "pid"},
    "winston": {r"^\W*(?:\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d)": "time", '"timestamp":"': "time"},
}


def typed(name: str, events: pl.DataFrame, texts: pl.DataFrame) -> pl.Series:
    """Whether each event has all its fields; `texts` has the lines."""
    if name == GENERIC:
        return pl.repeat(False, events.height, eager=True)
    filled = [pl.col(column).is_not_null() for column in ALWAYS.get(name, []) if column in events.columns]
    marked = [
        ~pl.col("whole").str.contains(mark) | pl.col(column).is_not_null()
        for mark, column in MARKED.get(name, {}).items()
        if column in events.columns
    ]
    of_event = texts.join_asof(events.select("line", pl.col("line").alias("event")), on="line")
    whole = of_event.group_by("event", maintain_order=True).agg(pl.col("text").str.join("\n").alias("whole"))
    joined = events.join(whole, left_on="line", right_on="event", how="left")
    return joined.select(pl.all_horizontal(pl.col("parsed"), *filled, *marked).alias("typed"))["typed"]


def measured(artifact: Artifact, parser: LogParser, facts: tuple[Fact, ...]) -> tuple[int, int]:
    """Lines that are typed, and lines that the format does not know."""
    events = parser.events(artifact, facts).collect()
    counted = int(events["lines"].sum())
    if counted != artifact.line_count:
        raise SystemExit(f"{artifact.path}: {counted} lines counted of {artifact.line_count}")
    known = typed(parser.name, events, artifact.lines.select("line", "text").collect())
    return int(events["lines"].filter(known).sum()), int(events["lines"].filter(~events["parsed"]).sum())


def facts_of(artifacts: tuple[Artifact, ...]) -> Iterator[Fact]:
    """What the configuration among them says."""
    parsers = plugins.parsers()
    for artifact in artifacts:
        parser = parsers.get(artifact.format or "")
        if isinstance(parser, ConfigurationParser):
            yield from (fact for fact in parser.read(artifact) if isinstance(fact, Fact))


def main(folder: Path) -> None:
    """Print a line a file, and the sums of each format."""
    parsers = plugins.parsers()
    artifacts = collect([folder], {name: parser.recognise for name, parser in parsers.items()}).artifacts
    facts = tuple(facts_of(artifacts))
    lines, good = Counter[str](), Counter[str]()
    print(f"{'format':16}{'lines':>9}{'typed':>9}{'unparsed':>9}  file")
    for artifact in artifacts:
        parser = parsers.get(artifact.format or "")
        name = artifact.format or "-"
        of_log = measured(artifact, parser, facts) if isinstance(parser, LogParser) else (0, 0)
        lines[name] += artifact.line_count
        good[name] += of_log[0]
        print(f"{name:16}{artifact.line_count:9}{of_log[0]:9}{of_log[1]:9}  {artifact.path}")
    print()
    for name in sorted(lines):
        print(f"{name:16}{lines[name]:9}{good[name]:9}  {good[name] / lines[name]:.2%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
