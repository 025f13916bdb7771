"""polars and numpy, imported when something of them is first asked for.

To import both takes longer than most that logcorr does without them: reading configuration and judging it. So every module takes
them from here (`from logcorr.lazily import np, pl`) and asks nothing of them while it is itself imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__all__ = ["np", "npt", "pl"]


class _Later:
    """Stands for a module; what was asked of it once is kept, so that the next time costs what a module's attribute does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):  # asked by those who look what kind of thing this is
            raise AttributeError(attribute)
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl
else:
    np, npt, pl = _Later("numpy"), _Later("numpy.typing"), _Later("polars")
