"""polars, numpy and patterns, each made when something of it is first asked for.

To import polars and numpy takes longer than most that logcorr does without them: reading configuration and judging it. So every
module takes them from here (`from logcorr.lazily import np, pl`) and asks nothing of them while it is itself imported. To compile
the patterns of all formats and rules takes as long as to import the modules; few files need more than a tenth of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, AnyStr, cast

__all__ = ["np", "npt", "pl", "regex"]


class _Later:
    """Stands for what `make` gives; what was asked of it once is kept, so that the next time costs what any attribute does."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):  # asked by those who look what kind of thing this is
            raise AttributeError(attribute)
        if attribute == "_made":
            self._made = self._make()
            return self._made
        value = getattr(self._made, attribute)
        setattr(self, attribute, value)
        return value


if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl
else:
    np, npt, pl = (_Later(partial(import_module, name)) for name in ("numpy", "numpy.typing", "polars"))


def regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """A pattern of a module, compiled when it is first used. It has a pattern's methods; functions of `re` do not take it."""
    return cast("re.Pattern[AnyStr]", _Later(partial(re.compile, pattern, flags)))
