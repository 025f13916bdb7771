"""Parsed blocks put aside: each line is parsed once, whatever rules ask of it afterwards."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cached_property, partial
from tempfile import TemporaryFile
from threading import Lock
from typing import IO

import polars as pl

from logcorr.errors import LogcorrError

IN_MEMORY_BYTES = 32 << 20
"""So much of what is parsed first stays in memory as it is."""

Events = Callable[[], pl.LazyFrame]
"""The events of one block; they are read when the frame is collected."""


class Store:
    """Frames in memory as long as they are small, then as compressed columns in a temporary file.

    The file has no name, so that nobody else opens it and nothing is left behind; it is gone with the last frame in it. Several
    threads may put and read frames at once.
    """

    def __init__(self) -> None:
        self._room = IN_MEMORY_BYTES
        self._lock = Lock()

    @cached_property
    def _file(self) -> IO[bytes]:
        return TemporaryFile()

    def put(self, frame: pl.DataFrame) -> Events:
        """Keep a frame, and say how to get it back. Raises LogcorrError where there is no room for it."""
        self._room -= int(frame.estimated_size())
        if self._room >= 0:
            return frame.lazy
        columns = io.BytesIO()
        frame.write_parquet(columns, compression="lz4", statistics=False)
        try:
            with self._lock:
                begin = self._file.seek(0, io.SEEK_END)
                self._file.write(columns.getbuffer())
        except OSError as error:
            raise LogcorrError(
                f"what was read cannot be put aside: {error.strerror}", "set TMPDIR to a folder with room for it"
            ) from error
        return partial(self._read, begin, columns.tell())

    def _read(self, begin: int, size: int) -> pl.LazyFrame:
        with self._lock:
            self._file.seek(begin)
            return pl.scan_parquet(io.BytesIO(self._file.read(size)))
