"""`python -m bench.incidents [FOLDER] [--mutations]`: judge every incident below FOLDER (tests/fixtures/cases), and changed ones.

Prints a row an incident, the figures over the incidents and over the mutations of each kind, and how often confidences held.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import logcorr
from bench.incidents.mutations import MUTATIONS, Incident, read, write
from bench.incidents.scoring import Score, score
from logcorr.errors import NothingRecognised

CASES = Path(__file__).parents[2] / "tests/fixtures/cases"
BANDS = (0.0, 0.5, 0.7, 0.9, 0.97, 1.01)


def main() -> None:
    """Run the benchmark and print it."""
    options = ArgumentParser(prog="python -m bench.incidents", description=__doc__)
    options.add_argument("folder", nargs="?", type=Path, default=CASES)
    options.add_argument("--mutations", action="store_true", help="also judge each incident changed in one way at a time")
    asked = options.parse_args()
    cases = [path.parent for path in sorted(asked.folder.glob("*/truth.json"))]
    scores = [judged(case.name, read(case), case / "input") for case in cases]
    print(f"{'incident':28} {'verdict':13} {'ok':3} {'top-1':6} {'path':6} {'cited':6} {'conf.':>6} {'sec.':>6}  blamed")
    print("\n".join([*map(row, scores), "", *figures(scores)]))
    changed: list[Score] = []
    for name in MUTATIONS if asked.mutations else ():
        of_kind = list(mutated(cases, name))
        changed += of_kind
        wrong = [row(one) for one in of_kind if not (one.verdict_right and one.top1 in (None, True) and not one.blamed)]
        print("\n".join(["", f"{name}: {len(of_kind)}", *wrong, *figures(of_kind)]))
    if changed:
        print("\n".join(["", f"all mutations: {len(changed)}", *figures(changed)]))
    print("\n".join(["", "confidence of the first cause, and how often it was right", *calibration([*scores, *changed])]))


def judged(name: str, incident: Incident, folder: Path) -> Score:
    """Analyse one incident that lies in a folder, and compare it with its truth."""
    began = time.perf_counter()
    result = logcorr.analyze(folder).result
    seconds = time.perf_counter() - began
    return score(name, result, incident.truth, folder, seconds)


def mutated(cases: Sequence[Path], mutation: str) -> Iterator[Score]:
    """Judge each incident that can be changed so."""
    for case in cases:
        changed = MUTATIONS[mutation](read(case))
        if changed:
            with tempfile.TemporaryDirectory() as folder:
                write(changed, Path(folder))
                with suppress(NothingRecognised):  # the only log was dropped
                    yield judged(case.name, changed, Path(folder))


def calibration(scores: Sequence[Score]) -> Iterator[str]:
    """For each band of confidence, the mean that was claimed and the share that was right."""
    for low, high in pairwise(BANDS):
        band = [one for one in scores if low <= one.probability < high and one.probability > 0]
        if band:
            said, right = sum(one.probability for one in band) / len(band), sum(one.right for one in band) / len(band)
            yield f"{low:.2f} to {min(high, 1.0):.2f}   {len(band):4} causes   said {said:.2f}   right {right:.2f}"


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
    main()
