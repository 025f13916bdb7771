"""Shares and calibration, printed as plain tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

_EDGES = (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.999, 1.0001)


def share(values: Iterable[bool]) -> float:
    """Share that is true; not a number for none."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else float("nan")


def calibration(said: Sequence[float], true: Sequence[bool]) -> tuple[float, float, list[str]]:
    """Brier score, expected calibration error, and one line a bin: how many, said, true."""
    probability, outcome = np.array(said), np.array(true, dtype=float)
    lines, error = [], 0.0
    for low, high in pairwise(_EDGES):
        inside = (probability >= low) & (probability < high)
        if inside.any():
            mean, right = float(probability[inside].mean()), float(outcome[inside].mean())
            error += float(inside.mean()) * abs(mean - right)
            lines.append(f"[{low:g}-{min(high, 1):g}) {int(inside.sum())}: said {mean:.2f} true {right:.2f}")
    return float(((probability - outcome) ** 2).mean()), error, lines


def row(name: str, *cells: float | str) -> None:
    """Print one row: a name and cells."""
    print(f"  {name:<28}" + " ".join(f"{cell:>9}" if isinstance(cell, str) else f"{cell:9.3f}" for cell in cells))
