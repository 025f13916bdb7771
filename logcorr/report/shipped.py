"""Where the files are that the wheel ships beside the code."""

from __future__ import annotations

from pathlib import Path


def shipped(folder: str) -> Path:
    """`templates` or `docs/rules`: inside the installed package, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / folder
    return installed if installed.is_dir() else package.parent / folder
