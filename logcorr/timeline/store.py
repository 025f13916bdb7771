"""Parsed logs put aside: each line is parsed once, whatever rules ask of it afterwards."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from itertools import chain
from tempfile import TemporaryFile
from typing import IO

from logcorr.errors import LogcorrError
from logcorr.lazily import pl

IN_MEMORY_BYTES = 32 << 20
"""So much of what is parsed stays in memory as it is."""

MOST_FILES = 400
"""So many files are opened; a process may have a thousand."""

ROWS = 1 << 16
"""Rows that are compressed together: as many as a block of short lines has."""


class Store:
    """Frames in memory as long as they are small, then as compressed columns, a temporary file a log.

    The files have no names, so that nobody else opens them and nothing is left behind; each is gone with the frame that reads it.
    """

    def __init__(self) -> None:
        self._room = IN_MEMORY_BYTES
        self._files = 0

    def put(self, frames: Iterator[pl.DataFrame], schema: pl.Schema) -> pl.LazyFrame:
        """Keep the frames of a log, and give them as one. Raises LogcorrError where there is no room for them."""
        held = deque([pl.DataFrame(schema=schema)])
        size = 0
        for frame in frames:
            held.append(frame)
            size += int(frame.estimated_size())
            if size > self._room:
                return _written(chain(_leaving(held), frames), schema, self._file())
        self._room -= size
        return pl.concat(held).lazy()

    def _file(self) -> IO[bytes]:
        """Where a log goes; of very many logs the last ones are kept compressed in memory."""
        self._files += 1
        return TemporaryFile() if self._files <= MOST_FILES else io.BytesIO()


def _leaving(held: deque[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The frames, none of them held any longer."""
    while held:
        yield held.popleft()


def _written(frames: Iterator[pl.DataFrame], schema: pl.Schema, file: IO[bytes]) -> pl.LazyFrame:
    broken: list[Exception] = []

    def read(columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, size: int | None) -> Iterator[pl.DataFrame]:
        try:
            yield from frames
        except Exception as error:  # polars would tell of it in its own words
            broken.append(error)
            raise

    try:
        pl.io.plugins.register_io_source(read, schema=schema).sink_parquet(
            file, compression="lz4", statistics=False, row_group_size=ROWS, maintain_order=True
        )
    except pl.exceptions.PolarsError as error:
        if broken:
            raise broken[0] from None
        raise LogcorrError(f"what was read cannot be put aside: {error}", "set TMPDIR to a folder with room for it") from error
    file.seek(0)
    return pl.scan_parquet(file)
