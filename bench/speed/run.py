"""Measure reading: `python -m pip install -e '.[bench]'`, then `python bench/speed/run.py [MEGABYTES [PAIRS]]`.

First that the digest of each format is the slow reference parser's. Then pairs of runs, ours and the peer's right after each
other: their medians, and the median of their ratios, as a table in Markdown. `process` counts starting the interpreter and
importing, `call` does not. Peers that are not installed are left out; `wc -l` and `rg -c` are the limits. Last, what growing
folders ask of time and memory (`python bench/speed/run.py memory` measures nothing else).
"""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import generate
import polars as pl
import reference

from logcorr import plugins
from logcorr.collect import collect
from logcorr.parsers import LogParser
from logcorr.timeline.blocks import Log, log_of, scan

try:
    import duckdb
except ImportError:
    duckdb = None

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
CORES = os.cpu_count()
SETTINGS = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
READERS = {name: parser for name, parser in plugins.parsers().items() if isinstance(parser, LogParser)}
LNAV = ';SELECT log_level, regexp_match(\'host: "([^"]+)"\', log_body) AS host, count(*) FROM error_log GROUP BY 1, 2'
GROUPS = "import logcorr; logcorr.scan({!r}).group_by('level', 'host').len().collect(engine='streaming')"
TABLE = "import logcorr; logcorr.scan({!r}).drop('kind').collect(engine='streaming')"
AGGREGATE = "import logcorr; logcorr.scan({!r}).group_by('path', 'level').len().collect(engine='streaming')"
ANALYSIS = "import logcorr; logcorr.analyze({!r})"
DUCKDB = r"""SET threads = {threads}; CREATE OR REPLACE TABLE t AS
SELECT regexp_extract(line, $rx${pattern}$rx$, {names}) AS fields
FROM read_csv($file${file}$file$, columns={{line: 'VARCHAR'}}, delim='\x01', quote='', escape='', header=false,
auto_detect=false, strict_mode=false)"""
DUCKDB_JSON = """SET threads = {threads}; CREATE OR REPLACE TABLE t AS SELECT * FROM read_json('{file}',
format='newline_delimited', ignore_errors=true,
columns={{level: 'VARCHAR', message: 'VARCHAR', timestamp: 'TIMESTAMP', service: 'VARCHAR'}})"""


def log(name: str, file: Path) -> Log:
    """A file on its way to the timeline, hashed and looked over."""
    parser = "winston" if name == "winston_json" else name
    (artifact,) = collect([file], {parser: lambda sample: 1.0}).artifacts
    return log_of(artifact, READERS[parser], (), None, {})


def table(opened: Log) -> pl.DataFrame:
    """All typed columns but the kinds, which no peer has."""
    return scan([opened], lambda timed: [lambda events: events.drop("kind", "clock", "service")]).collect(engine="streaming")


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
    return lambda: subprocess.run(command, check=True, capture_output=True, env=SETTINGS)


def python(code: str) -> Callable[[], object]:
    """A program to be run by a new interpreter."""
    return process(sys.executable, "-c", code)


def compare(what: str, target: str, size: float, pairs: int, *both: Callable[[], object]) -> None:
    """Print a row for ours and the peer's: medians by the clock, the median of their ratios, and that by processors' time."""
    runs = [[cost(work) for work in both] for _ in range(pairs)]
    mine, other = (size / statistics.median(run[side][0] for run in runs) for side in (0, 1))
    ratios = [statistics.median(peer[which] / own[which] for own, peer in runs) for which in (0, 1)]
    row(what, f"{mine:.0f}", f"{other:.0f}", f"{ratios[0]:.2f}", f"{ratios[1]:.2f}", target)


def row(*cells: str) -> None:
    """Print a row of a table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def unpacked(file: Path) -> None:
    """Decompress, and look at nothing."""
    with gzip.open(file) as stream:
        while stream.read(1 << 22):
            pass


def peak(code: str, folder: Path) -> tuple[float, int]:
    """Wall seconds and peak memory, in MiB, of a program in a process of its own."""
    told = f"{code}; import re; print(re.search('VmHWM: *(.*) kB', open('/proc/self/status').read())[1])"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True, cwd=folder, env=SETTINGS)
    return time.perf_counter() - start, int(done.stdout) >> 10


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
    row("what / peer", "MB/s", "peer's", "times", "by processors", "target")
    row("---", *["---:"] * 5)
    _errors(files["nginx_error"], megabytes, pairs)
    if shutil.which("goaccess"):
        access = str(files["nginx_access"])
        peer = process("goaccess", access, "--log-format=COMBINED", "-o", str(folder / "report.json"), "--no-progress")
        compare("access log, table / GoAccess, process", "30", megabytes, pairs, python(TABLE.format(access)), peer)
    if duckdb:
        objects, told = log("winston_json", files["winston_json"]), DUCKDB_JSON.format(file=files["winston_json"], threads=CORES)
        theirs = partial(duckdb.execute, told)
        compare("JSON lines, table / DuckDB read_json, call", "0.9", megabytes, pairs, lambda: table(objects), theirs)
    _stacks(files["winston"], megabytes, pairs)
    _packed(files["nginx_error"], megabytes, pairs)
    for command in (["wc", "-l"], ["rg", "-c", "error"]):
        if shutil.which(command[0]):
            runs = [cost(process(*command, str(files["nginx_error"])))[0] for _ in range(pairs)]
            row(" ".join(command), f"{megabytes / statistics.median(runs):.0f}", "", "", "", "the limit")


def _errors(file: Path, megabytes: float, pairs: int) -> None:
    opened, path = log("nginx_error", file), str(file)
    lines = pl.scan_lines(path, name="text").select(pl.col("text").str.extract_groups(PATTERN))
    theirs = partial(lines.collect, engine="streaming")
    compare("error log, table / polars extract_groups, call", "5", megabytes, pairs, lambda: table(opened), theirs)
    if duckdb:
        told = DUCKDB.format(file=path, pattern=PATTERN, names=[f"f{n}" for n in range(12)], threads=CORES)
        peer = python(f"import duckdb; duckdb.execute({told!r})")
        compare("error log, table / DuckDB regexp_extract, process", "8", megabytes, pairs, python(TABLE.format(path)), peer)
    if shutil.which("lnav"):
        peer = process("lnav", "-n", "-c", LNAV, path)
        compare("error log, by level and host / lnav, process", "4", megabytes, pairs, python(GROUPS.format(path)), peer)


def _stacks(file: Path, megabytes: float, pairs: int) -> None:
    """Ratios are of time for as many bytes: what joining costs."""
    plain = file.with_suffix(".plain")
    plain.write_bytes(b"".join(line for line in file.open("rb") if not line.startswith(b" ")))
    joined, alone, share = log("winston", file), log("winston", plain), plain.stat().st_size / file.stat().st_size
    runs = [(cost(lambda: table(joined))[0], cost(lambda: table(alone))[0] / share) for _ in range(pairs)]
    mine, other = (megabytes / statistics.median(run[side] for run in runs) for side in (0, 1))
    ratio = statistics.median(peer / own for own, peer in runs)
    row("winston, stacks joined / without stacks, call", f"{mine:.0f}", f"{other:.0f}", f"{ratio:.2f}", "", "0.7")


def _packed(file: Path, megabytes: float, pairs: int) -> None:
    packed = file.with_suffix(".gz")
    packed.write_bytes(gzip.compress(file.read_bytes(), 6))
    lines = log("nginx_error", packed).artifact.lines.select(pl.len())
    compare("gzip, lines / Python's gunzip alone, call", "0.85", megabytes, pairs, lines.collect, lambda: unpacked(packed))


def memory(folder: Path, sizes: tuple[int, ...]) -> None:
    """Time and peak memory of a streamed aggregate and of an analysis, for growing folders of three logs."""
    row("folder", "what", "s", "MB/s", "MiB at most", "target")
    row("---", "---", *["---:"] * 3, "---")
    for size in sizes:
        place = folder / f"{size}"
        place.mkdir()
        for name in ("nginx_error", "nginx_access", "winston"):
            generate.write(name, size / 3, place / f"{name}.log")
        for what, code, target in (("aggregate", AGGREGATE, "400 MiB"), ("analyze", ANALYSIS, "1024 MiB, 150 MB/s")):
            seconds, mebibytes = peak(code.format(str(place)), folder)
            row(f"{size} MB", what, f"{seconds:.1f}", f"{size / seconds:.0f}", str(mebibytes), target)
        shutil.rmtree(place)


def main(arguments: list[str]) -> None:
    numbers = [float(argument) for argument in arguments if argument != "memory"]
    with tempfile.TemporaryDirectory() as temporary:
        check(Path(temporary))
        print(f"load before: {os.getloadavg()[0]:.1f}; cores: {CORES}\n")
        if "memory" not in arguments:
            speed(Path(temporary), numbers[0] if numbers else 250, int(numbers[1]) if len(numbers) > 1 else 5)
            print()
        memory(Path(temporary), (1, 250, 1000, 4000))
        print(f"\nload after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
