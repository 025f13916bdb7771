"""Errors that a user can act on. Everything else is a bug and keeps its traceback."""

from __future__ import annotations


class LogcorrError(Exception):
    """A mistake in what was asked or given: one sentence, and a tip that says what to do.

    The command line prints both and exits with 2; scripts catch this class.
    """

    def __init__(self, message: str, tip: str = "") -> None:
        super().__init__(message)
        self.tip = tip


class NothingRecognised(LogcorrError):
    """None of the given paths holds anything logcorr can read; the command line exits with 3."""
