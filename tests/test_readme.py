"""The README shows what the program really prints, and its commands are those that CI runs.

`python tests/test_readme.py` draws the picture anew, after a change that is meant; a person looks at it.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PICTURE = ROOT / "docs" / "picture.svg"
SEED = "tests/fixtures/cases/heart-whisper-town/input"
WIDTH, HEIGHT = 96, 40
"""Columns and lines of the picture: the cause and its chain."""


def picture() -> str:
    """The first lines of the seed's analysis as a terminal shows them; its fonts are the reader's own, nothing is fetched."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "logcorr", "analyze", SEED]
    printed = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, encoding="utf-8").stdout
    screen = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor", legacy_windows=False
    )
    screen.print(Text.from_ansi("\n".join(printed.splitlines()[:HEIGHT])))
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return screen.export_svg(title="logcorr analyze incident/", code_format=form, unique_id="logcorr")


def test_the_picture_is_the_real_output():
    assert PICTURE.read_text("utf-8") == picture()


def test_ci_runs_the_test_command():
    (pattern,) = re.findall(r"grep -m 1 -E '(.*)' README\.md", (ROOT / ".ci/run").read_text())
    assert len(re.findall(pattern.replace(r"\.", "."), README, flags=re.MULTILINE)) == 1


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
