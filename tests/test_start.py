"""What starting loads: configuration is read and judged without polars and numpy, which take longer to import than that."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "logcorr"
HEAVY = {"polars", "numpy"}
SEED = ROOT / "tests/fixtures/cases/heart-whisper-town/input"
WATCH = """
import sys, logcorr
from logcorr import plugins
{work}
print(*sorted({{name.partition('.')[0] for name in sys.modules}} & {heavy}))
"""


def loaded(work):
    program = WATCH.format(work=work, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "work",
    [
        "assert plugins.parsers() and plugins.rules()",
        f"assert logcorr.check({str(SEED)!r}).findings",
        f"assert logcorr.facts({str(SEED / 'health-check.sh')!r}).facts",
    ],
    ids=["plugins", "check", "facts"],
)
def test_configuration_needs_no_frames(work):
    assert loaded(work) == set()


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_every_module_takes_them_from_one_place():
    direct = [
        str(path.relative_to(ROOT))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "lazily.py" and HEAVY & {name.partition(".")[0] for name in imported(path)}
    ]
    assert direct == []
