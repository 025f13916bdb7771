"""Links to files, on terminals that have them: OSC 8 (https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from logcorr.cli.places import located

NAMED = {
    "TERM_PROGRAM": r"iTerm\.app|WezTerm|vscode|ghostty|Hyper|rio|zed|Tabby",
    "TERM": r"xterm-kitty|xterm-ghostty|alacritty.*|foot.*|contour",
    "VTE_VERSION": r"[5-9]\d{3,}",  # GNOME's and its kin, from 0.50 on
    "WT_SESSION": r".+",  # Windows Terminal
    "KONSOLE_VERSION": r".+",
    "DOMTERM": r".+",
}
"""Variables that terminals set, and which values are of those that know links."""


def known(out: Console) -> bool:
    """Whether what is printed goes to a terminal that has links; FORCE_HYPERLINK (0 or 1) knows better."""
    if not sys.stdout.isatty() or not out.is_terminal:  # FORCE_COLOR colours pipes, which must stay without
        return False
    forced = os.environ.get("FORCE_HYPERLINK")
    return forced != "0" if forced else any(re.fullmatch(value, os.environ.get(name, "")) for name, value in NAMED.items())


def target(path: str, paths: Sequence[str]) -> str | None:
    """The URL of a collected file, or of the archive that holds it. None for what is no file, as standard input."""
    file = Path(located(path, paths).split("!")[0]).resolve()
    return file.as_uri() if file.is_file() else None
