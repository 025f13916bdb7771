"""Instants, of which there may be millions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, overload

import polars as pl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Times(Sequence[datetime]):
    """A sequence of instants in UTC that takes eight bytes for each."""

    def __init__(self, times: Iterable[datetime] = ()) -> None:
        self.series = pl.Series(times if isinstance(times, pl.Series) else list(times), dtype=pl.Datetime("us", "UTC"))

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """The same as epoch seconds."""
        seconds: npt.NDArray[np.float64] = self.series.dt.epoch("us").to_numpy() / 1e6
        return seconds

    @property
    def ends(self) -> tuple[datetime, datetime] | None:
        """The earliest and the latest; None where there are none."""
        first, last = self.series.min(), self.series.max()
        return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else None

    @overload
    def __getitem__(self, place: int) -> datetime: ...

    @overload
    def __getitem__(self, place: slice) -> Times: ...

    def __getitem__(self, place: int | slice) -> datetime | Times:
        if isinstance(place, slice):
            return Times(self.series[place])
        found: datetime = self.series[place]
        return found

    def __len__(self) -> int:
        return len(self.series)

    def __iter__(self) -> Iterator[datetime]:
        return iter(self.series)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(datetime.__eq__, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))
