"""Measure what one run costs beside the reading of logs: `python bench/speed/start_up.py [ROUNDS]`.

Every command is a process of its own, run once a round after all the others, so that a busy machine slows all of them. Shown
are the least and the median of the processor's time (user and system, all threads; the clock shows more on a busy machine and
less where threads work side by side). The analysis in process is that of the seed's folder: the first one, which compiles
patterns and builds grammars, and the quickest of five more.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

SEED = str(Path(__file__).parents[2] / "tests/fixtures/cases/heart-whisper-town/input")
IN_PROCESS = """
import sys, time, logcorr
logcorr.analyze
took = []
for _ in range(6):
    start = time.process_time()
    logcorr.analyze(sys.argv[1])
    took.append(time.process_time() - start)
print(took[0], min(took[1:]))
"""
LOGCORR = [sys.executable, "-m", "logcorr"]
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
    "logcorr --help": [*LOGCORR, "--help"],
    "import polars": [sys.executable, "-c", "import polars"],
    "import polars, numpy": [sys.executable, "-c", "import polars, numpy"],
    "import all that analyze needs": [sys.executable, "-c", "import logcorr; logcorr.analyze"],
    "logcorr check, the seed": [*LOGCORR, "check", SEED],
    "logcorr analyze, the seed": [*LOGCORR, "analyze", SEED],
}


def milliseconds(command: list[str]) -> float:
    """The processor's time that a command takes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    return 1000 * (used.ru_utime + used.ru_stime)


def show(name: str, taken: list[float]) -> None:
    """One row of the table."""
    print(f"{name:32} {min(taken):6.0f} ms at least, {statistics.median(taken):6.0f} ms in the median", flush=True)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    inside: list[list[float]] = []
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(milliseconds(command))
        told = subprocess.run([sys.executable, "-c", IN_PROCESS, SEED], check=True, capture_output=True, text=True).stdout
        inside.append([1000 * float(number) for number in told.split()])
    for name, one in taken.items():
        show(name, one)
    show("analyze in process, first", [first for first, _ in inside])
    show("analyze in process, again", [again for _, again in inside])
