"""A sign of life while something takes long: on standard error, on a terminal, and gone when it is done."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

PATIENCE = 0.5
"""Seconds until it shows."""

STEP = 0.2
"""Seconds between two signs."""


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Tell what is going on and since when, if it goes on for long; not where nobody looks, or with --no-progress."""
    if not sys.stderr.isatty() or click.get_current_context().find_root().params.get("no_progress"):
        yield
        return
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(what, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _tell(what: str, done: threading.Event) -> None:
    begun = time.monotonic()
    if done.wait(PATIENCE):
        return
    while not done.wait(STEP):
        sys.stderr.write(f"\r{what} … {time.monotonic() - begun:.0f} s\x1b[K")
        sys.stderr.flush()
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()
