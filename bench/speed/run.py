"""Measure reading: `python bench/speed/run.py [MEGABYTES [PAIRS]]`.

For each format: that the digest is the slow reference parser's (on a smaller file), then the medians of pairs of runs, ours and
polars' `extract_groups` with one pattern, both in process and to a full typed table; and the whole of collecting and merging.
`wc -l` and `rg -c` are printed beside them as the limits, where they are installed.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import generate
import polars as pl
import reference

from logcorr import plugins, timeline
from logcorr.collect import collect
from logcorr.parsers import LogParser

PATTERNS = {
    "nginx_error": r"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] (\d+)#(\d+): (?:\*(\d+) )?(.*?)(?:, client: ([^,]+))?"
    r'(?:, server: ([^,]*))?(?:, request: "(.*?)")?(?:, upstream: "(.*?)")?(?:, host: "(.*?)")?(?:, referrer: "(.*?)")?$',
    "nginx_access": r'^(\S+) \S+ (\S+) \[([^\]]+)\] "([^"]*)" (\d+) (\S+) "([^"]*)" "([^"]*)"',
    "winston": r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \[(\w+)\]: (.*)$",
}
COLUMNS = {
    "nginx_error": ["time", "message", "pid", "tid", "connection", "client", "server", "request", "upstream", "host", "referrer"],
    "nginx_access": ["time", "message", "client", "user", "request", "status", "bytes", "referrer", "user_agent"],
    "winston": ["time", "level", "message"],
}
PARSERS = plugins.parsers()
LOGS = {name: parser for name, parser in PARSERS.items() if isinstance(parser, LogParser)}


def events(name: str, file: Path) -> pl.LazyFrame:
    """All columns of a file but the kinds, which no peer has."""
    (artifact,) = collect([file], {name: lambda sample: 1.0}).artifacts
    frame = LOGS[name].events(artifact)
    return frame.select(column for column in frame.collect_schema().names() if column != "kind")


def digest(name: str, frame: pl.DataFrame) -> dict[str, object]:
    """As `reference.digest`, of a table."""
    kept = frame if name == "nginx_access" else frame.filter("parsed")  # the reference counts unknown access lines as events
    found: dict[str, object] = {"events": kept.height}
    for column in COLUMNS[name]:
        values = kept[column].drop_nulls()
        total = (
            values.dt.epoch("s")
            if column == "time"
            else values.str.len_bytes()
            if values.dtype == pl.String
            else values.cast(pl.Int64)
        )
        found[column] = [len(values), int(total.sum())]
    return found


def _numbers(column: str, values: pl.Series) -> pl.Series:
    if column == "time":
        return values.dt.epoch("s")
    return values.str.len_bytes() if values.dtype == pl.String else values.cast(pl.Int64)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def whole(file: Path) -> timeline.Timeline:
    """Collect and merge, as `analyze` does."""
    return timeline.build(collect([file], {name: parser.recognise for name, parser in PARSERS.items()}).artifacts, LOGS)


def limits(file: Path) -> str:
    """What counting alone costs."""
    shown = []
    for command in (["wc", "-l", str(file)], ["rg", "-c", "error", str(file)]):
        if shutil.which(command[0]):
            took = seconds(lambda command=command: subprocess.run(command, check=False, capture_output=True))
            shown.append(f"{command[0]} {file.stat().st_size / 1e6 / took:.0f}")
    return ", ".join(shown)


def measure(name: str, megabytes: float, pairs: int, folder: Path) -> None:
    """Check one format, then time it."""
    small, large = folder / f"{name}.small.log", folder / f"{name}.log"
    generate.write(name, 2, small, seed=3)
    ours, theirs = digest(name, events(name, small).collect()), reference.digest(reference.read(name, small), COLUMNS[name])
    same = "the same digest as the reference" if ours == theirs else f"DIFFERENT: {ours} and {theirs}"
    generate.write(name, megabytes, large)
    size = large.stat().st_size / 1e6
    lines = pl.scan_lines(large, name="text")
    peer = lines.select(pl.col("text").str.extract_groups(PATTERNS[name]))
    runs = [
        (
            seconds(lambda: events(name, large).collect(engine="streaming")),
            seconds(lambda: peer.collect(engine="streaming")),
            seconds(lambda: whole(large)),
        )
        for _ in range(pairs)
    ]
    table, pattern, merged = (size / statistics.median(column) for column in zip(*runs, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs, _ in runs)
    print(
        f"{name}: table {table:.0f} MB/s, extract_groups {pattern:.0f} MB/s, {ratio:.1f} times; merged {merged:.0f} MB/s; {same}"
    )
    print(f"    limits in MB/s: {limits(large)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for format_name in generate.FORMATS:
            measure(
                format_name,
                float(sys.argv[1]) if len(sys.argv) > 1 else 50,
                int(sys.argv[2]) if len(sys.argv) > 2 else 5,
                Path(temporary),
            )
