"""`python -m bench.incidents [FOLDER]`: judge every incident below FOLDER (tests/fixtures/cases); a table and the figures."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import logcorr
from bench.incidents.scoring import Score, score

CASES = Path(__file__).parents[2] / "tests/fixtures/cases"


def main(argv: Sequence[str]) -> None:
    """Run the benchmark and print it."""
    folder = Path(argv[0]) if argv else CASES
    scores = [judged(path.parent) for path in sorted(folder.glob("*/truth.json"))]
    print(f"{'incident':28} {'verdict':13} {'ok':3} {'top-1':6} {'path':6} {'cited':6} {'conf.':>6} {'sec.':>6}  blamed")
    for one in scores:
        print(row(one))
    print()
    for line in figures(scores):
        print(line)


def judged(case: Path) -> Score:
    """Analyse one incident and compare it with its truth."""
    began = time.perf_counter()
    result = logcorr.analyze(case / "input").result
    seconds = time.perf_counter() - began
    return score(case.name, result, json.loads((case / "truth.json").read_text()), case / "input", seconds)


def row(one: Score) -> str:
    """One line of the table."""
    marks = [_mark(one.top1), _mark(one.path), _mark(one.grounded)]
    return (
        f"{one.name:28} {one.verdict:13} {_mark(one.verdict_right):3} {marks[0]:6} {marks[1]:6} {marks[2]:6} "
        f"{one.probability:6.2f} {one.seconds:6.2f}  {', '.join(one.blamed)}"
    )


def figures(scores: Sequence[Score]) -> list[str]:
    """The figures over all incidents."""
    return [
        f"verdict right      {_share([one.verdict_right for one in scores])}",
        f"top-1 culprit      {_share([one.top1 for one in scores if one.top1 is not None])}",
        f"path grounded      {_share([one.path for one in scores if one.path is not None])}",
        f"every quote holds  {_share([one.grounded for one in scores])}",
        f"innocents blamed   {sum(len(one.blamed) for one in scores)}",
        f"Brier              {sum(one.brier for one in scores) / max(len(scores), 1):.3f}",
        f"slowest            {max((one.seconds for one in scores), default=0.0):.2f} s",
    ]


def _share(values: Sequence[bool | None]) -> str:
    return f"{sum(map(bool, values))} of {len(values)}"


def _mark(value: bool | None) -> str:
    return {True: "yes", False: "NO", None: "-"}[value]


if __name__ == "__main__":
    main(sys.argv[1:])
