"""python -m bench.statistics [--seed N] [--rounds N] [TASK ...]: print the tables."""

from __future__ import annotations

import argparse
import time

from bench.statistics import attribution, detection

TASKS = {"detection": detection.run, "attribution": attribution.run}
DEVELOPMENT_SEED = 7


def main() -> None:
    """Run the tasks named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench.statistics", description=__doc__)
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []], help="default: all")
    parser.add_argument("--seed", type=int, default=DEVELOPMENT_SEED)
    parser.add_argument("--rounds", type=int, default=4, help="trains for each maker and size; 4 take about two minutes")
    asked = parser.parse_args()
    for name in asked.tasks or TASKS:
        begun = time.perf_counter()
        TASKS[name](asked.seed, asked.rounds)
        print(f"({name}: {time.perf_counter() - begun:.0f} s)\n")


if __name__ == "__main__":
    main()
