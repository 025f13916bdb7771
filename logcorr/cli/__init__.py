"""The command line: the only code that prints."""

from logcorr.cli.main import main

__all__ = ["main"]
