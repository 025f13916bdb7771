"""The README shows what the program really prints, and its commands are those that CI runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_output_shown_is_the_real_one():
    shown = re.search(r"```console\n\$ logcorr (?P<arguments>.*)\n(?P<output>[\s\S]*?)…\n```", README)
    command = [sys.executable, "-m", "logcorr", *shown["arguments"].split()]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout
    assert printed.startswith(shown["output"])


def test_ci_runs_the_test_command():
    (pattern,) = re.findall(r"grep -m 1 -E '(.*)' README\.md", (ROOT / ".ci/run").read_text())
    assert len(re.findall(pattern.replace(r"\.", "."), README, flags=re.MULTILINE)) == 1
