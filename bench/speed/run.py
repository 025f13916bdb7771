"""Measure reading: `python -m pip install -e '.[bench]'`, then `python bench/speed/run.py [MEGABYTES [PAIRS]]`.

First that the digest of each format is the slow reference parser's. Then pairs of runs, ours and the peer's right after each
other: their medians, and the median of their ratios. `whole process` counts starting the interpreter and importing, `in process`
does not. Peers that are not installed are left out. `wc -l` and `rg -c` are the limits. With the argument `memory` it measures
growing folders instead. README.md has the table of one run.
"""

from __future__ import annotations

import gzip
import json
import os
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

from logcorr import plugins
from logcorr.collect import collect
from logcorr.parsers import LogParser
from logcorr.timeline.blocks import Log, log_of, scan

PATTERN = (
    r"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] (\d+)#(\d+): (?:\*(\d+) )?(.*?)(?:, client: ([^,]+))?"
    r'(?:, server: ([^,]*))?(?:, request: "(.*?)")?(?:, upstream: "(.*?)")?(?:, host: "(.*?)")?(?:, referrer: "(.*?)")?$'
)
COLUMNS = {
    "nginx_error": ["time", "message", "pid", "tid", "connection", "client", "server", "request", "upstream", "host", "referrer"],
    "nginx_access": ["time", "message", "client", "user", "request", "status", "bytes", "referrer", "user_agent"],
    "winston": ["time", "level", "message"],
    "winston_json": ["time", "message"],
}
READERS = {name: parser for name, parser in plugins.parsers().items() if isinstance(parser, LogParser)}
LNAV = ';SELECT log_level, regexp_match(\'host: "([^"]+)"\', log_body) AS host, count(*) FROM error_log GROUP BY 1, 2'
GROUPS = "import logcorr; logcorr.scan({!r}).group_by('level', 'host').len().collect(engine='streaming')"
TABLE = "import logcorr; logcorr.scan({!r}).drop('kind').collect(engine='streaming')"
AGGREGATE = "import logcorr; logcorr.scan({!r}).group_by('path', 'level').len().collect(engine='streaming')"
ANALYSIS = "import logcorr; logcorr.analyze({!r})"
DUCKDB = """
import duckdb
duckdb.execute(r'''SET threads = {threads}; CREATE TABLE t AS SELECT regexp_extract(line, $rx${pattern}$rx$, {names}) AS fields
FROM read_csv($file${file}$file$, columns={{line: 'VARCHAR'}}, delim='\\x01', quote='', escape='', header=false,
auto_detect=false, strict_mode=false)''')
"""
DUCKDB_JSON = """
import duckdb
duckdb.execute("SET threads = {threads}; CREATE TABLE t AS SELECT * FROM read_json('{file}', format='newline_delimited', "
    "ignore_errors=true, columns={{level: 'VARCHAR', message: 'VARCHAR', timestamp: 'TIMESTAMP', service: 'VARCHAR'}})")
"""


def log(name: str, file: Path) -> Log:
    """A file on its way to the timeline, hashed and looked over."""
    parser = "winston" if name == "winston_json" else name
    (artifact,) = collect([file], {parser: lambda sample: 1.0}).artifacts
    return log_of(artifact, READERS[parser], (), None, {})


def table(opened: Log) -> pl.DataFrame:
    """All typed columns but the kinds, which no peer has."""
    return scan([(opened, lambda events: events.drop("kind", "clock", "service"))]).collect(engine="streaming")


def digest(name: str, frame: pl.DataFrame) -> dict[str, object]:
    """As `reference.digest`, of a table."""
    kept = frame if name == "nginx_access" else frame.filter("parsed")  # the reference counts unknown access lines as events
    found: dict[str, object] = {"events": kept.height}
    for column in COLUMNS[name]:
        values = kept[column].drop_nulls()
        found[column] = [len(values), int(_numbers(values).sum())]
    return found


def _numbers(values: pl.Series) -> pl.Series:
    if values.dtype.is_temporal():
        return values.dt.epoch("s")
    return values.str.len_bytes() if values.dtype == pl.String else values.cast(pl.Int64)


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one run: by the clock, and of all processors together, child processes included."""
    start, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    return time.perf_counter() - start, max(sum(after[:4]) - sum(before[:4]), 0.01)


def process(*command: str) -> Callable[[], object]:
    """A command to be run, its output thrown away."""
    return lambda: subprocess.run(command, check=True, capture_output=True)


def python(code: str) -> Callable[[], object]:
    """A program to be run by a new interpreter."""
    return process(sys.executable, "-c", code)


def compare(what: str, megabytes: float, pairs: int, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print the medians of pairs, in MB/s, and the median of their ratios: by the clock, and by the processors' time."""
    runs = [(cost(ours), cost(theirs)) for _ in range(pairs)]
    shown = []
    for which, unit in enumerate(("MB/s", "MB a processor's second")):
        mine, other = (megabytes / statistics.median(run[side][which] for run in runs) for side in (0, 1))
        ratio = statistics.median(peer[which] / own[which] for own, peer in runs)
        shown.append(f"{mine:.0f} and {other:.0f} {unit}, {ratio:.2f} times")
    print(f"{what}: {'; '.join(shown)}", flush=True)


def unpacked(file: Path) -> None:
    """Decompress, and look at nothing."""
    with gzip.open(file) as stream:
        while stream.read(1 << 22):
            pass


def peak(code: str, folder: Path) -> str:
    """Wall seconds and peak memory of a program in a process of its own."""
    told = f"{code}; import json, resource; print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True, cwd=folder)
    return f"{time.perf_counter() - start:.1f} s, {json.loads(done.stdout)} MiB"


def check(folder: Path) -> None:
    """The digests."""
    for name in COLUMNS:
        small = folder / f"{name}.small.log"
        generate.write(name, 2, small, seed=3)
        ours, theirs = digest(name, table(log(name, small))), reference.digest(reference.read(name, small), COLUMNS[name])
        print(f"{name}: {'same digest' if ours == theirs else f'DIFFERENT: {ours} and {theirs}'}")


def speed(folder: Path, megabytes: float, pairs: int) -> None:
    """Everything that has a peer."""
    files = {name: folder / f"{name}.log" for name in COLUMNS}
    for name, file in files.items():
        generate.write(name, megabytes, file)
    error, text, objects = (log(name, files[name]) for name in ("nginx_error", "winston", "winston_json"))
    errors = str(files["nginx_error"])
    lines = pl.scan_lines(errors, name="text").select(pl.col("text").str.extract_groups(PATTERN))
    compare(
        "nginx error, table / extract_groups, in process",
        megabytes,
        pairs,
        lambda: table(error),
        lambda: lines.collect(engine="streaming"),
    )
    duck = DUCKDB.format(file=errors, pattern=PATTERN, names=[f"f{n}" for n in range(12)], threads=os.cpu_count())
    compare("nginx error, table / DuckDB, whole process", megabytes, pairs, python(TABLE.format(errors)), python(duck))
    if shutil.which("lnav"):
        peer = process("lnav", "-n", "-c", LNAV, errors)
        compare("nginx error, groups / lnav, whole process", megabytes, pairs, python(GROUPS.format(errors)), peer)
    if shutil.which("goaccess"):
        file = str(files["nginx_access"])
        peer = process("goaccess", file, "--log-format=COMBINED", "-o", str(folder / "report.json"), "--no-progress")
        compare("nginx access, table / GoAccess, whole process", megabytes, pairs, python(TABLE.format(file)), peer)
    duck = DUCKDB_JSON.format(file=files["winston_json"], threads=os.cpu_count())
    compare("JSON lines, table / DuckDB, in process against whole", megabytes, pairs, lambda: table(objects), python(duck))
    plain = folder / "plain.log"
    plain.write_bytes(b"".join(line for line in files["winston"].open("rb") if not line.startswith(b" ")))
    alone, share = log("winston", plain), plain.stat().st_size / files["winston"].stat().st_size
    compare("winston, with stacks / without (as long), in process", megabytes, pairs, lambda: table(text), lambda: table(alone))
    print(f"    (the log without stacks holds {share:.0%} of the bytes)")
    packed = folder / "error.log.gz"
    packed.write_bytes(gzip.compress(files["nginx_error"].read_bytes(), 6))
    zipped = log("nginx_error", packed).artifact.lines.select(pl.len())
    compare("gzip, lines / gunzip alone, in process", megabytes, pairs, zipped.collect, lambda: unpacked(packed))
    for command in (["wc", "-l", errors], ["rg", "-c", "error", errors]):
        if shutil.which(command[0]):
            print(
                f"limit {command[0]}: {megabytes / statistics.median(cost(process(*command))[0] for _ in range(pairs)):.0f} MB/s"
            )


def memory(folder: Path, sizes: tuple[int, ...]) -> None:
    """Time and peak memory of a streamed aggregate and of an analysis, for growing folders of three logs."""
    for size in sizes:
        place = folder / f"{size}"
        place.mkdir()
        for name in ("nginx_error", "nginx_access", "winston"):
            generate.write(name, size / 3, place / f"{name}.log")
        print(f"{size} MB: aggregate {peak(AGGREGATE.format(str(place)), folder)}", flush=True)
        print(f"{size} MB: analyze {peak(ANALYSIS.format(str(place)), folder)}", flush=True)
        shutil.rmtree(place)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        check(Path(temporary))
        if "memory" in sys.argv:
            memory(Path(temporary), (250, 1000, 4000))
        else:
            numbers = [float(argument) for argument in sys.argv[1:]]
            speed(Path(temporary), numbers[0] if numbers else 50, int(numbers[1]) if len(numbers) > 1 else 5)
