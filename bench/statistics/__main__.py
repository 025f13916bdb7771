"""python -m bench.statistics [--seed N] [--rounds N] [TASK ...]: print the tables."""

from __future__ import annotations

import argparse
import time

from bench.statistics import attribution, changes, clocks, detection, lags, speed

TASKS = {
    "detection": detection.run,
    "attribution": attribution.run,
    "clocks": clocks.run,
    "changes": changes.run,
    "lags": lags.run,
    "speed": speed.run,
}
DEVELOPMENT_SEED = 7


def main() -> None:
    """Run the tasks named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench.statistics", description="Print the tables of logcorr.statistics.")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}; all when none is named")
    parser.add_argument("--seed", type=int, default=DEVELOPMENT_SEED)
    parser.add_argument("--rounds", type=int, default=2, help="trains for each maker and size; 2 take about two minutes")
    asked = parser.parse_args()
    unknown = [name for name in asked.tasks if name not in TASKS]
    if unknown:
        parser.error(f"no such task: {', '.join(unknown)}")
    for name in asked.tasks or TASKS:
        begun = time.perf_counter()
        TASKS[name](asked.seed, asked.rounds)
        print(f"({name}: {time.perf_counter() - begun:.0f} s)\n", flush=True)


if __name__ == "__main__":
    main()
