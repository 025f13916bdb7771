"""`logcorr facts`: what was understood of folders of configuration; the expected parts are written by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

import logcorr
from logcorr.cli.main import commands

ROOT = Path(__file__).parent.parent
CASES = sorted((ROOT / "tests/fixtures/facts").iterdir())
VALIDATOR = Draft202012Validator(json.loads((ROOT / "docs/facts.schema.json").read_text("utf-8")))


def read(case):
    arguments = case / "arguments.json"
    given = json.loads(arguments.read_text("utf-8")) if arguments.exists() else {}
    at = {"at": datetime.fromisoformat(given.pop("at"))} if "at" in given else {}
    return logcorr.facts(case / "input", **given, **at)


def differences(expected, found, where=""):
    """Where the document is not as expected: objects may have more fields, lists are as long and in this order."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            yield from differences(value, found.get(name, "(missing)"), f"{where}.{name}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, pair in enumerate(zip(expected, found, strict=True)):
            yield from differences(*pair, f"{where}[{number}]")
    elif expected != found:
        yield f"{where}: expected {expected}, found {found}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_was_understood_is_as_written_by_hand(case):
    assert list(differences(json.loads((case / "expected.json").read_text("utf-8")), read(case).result)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_document_is_as_its_schema_says(case):
    assert [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(read(case).result)] == []


def run(*arguments):
    return CliRunner().invoke(commands, ["facts", *arguments])


def test_the_text_has_the_place_of_every_probe_and_effect():
    text = run(str(ROOT / "tests/fixtures/facts/script/input")).output
    for place in ("watch.sh:6", "watch.sh:7", "watch.sh:10", "watch.sh:13"):
        assert place in text


def test_a_request_is_answered_step_by_step():
    folder = str(ROOT / "tests/fixtures/facts/stack/input")
    assert run(folder, "--request", "GET http://localhost/health").output.splitlines()[2] == "301 to https://localhost/health"


@pytest.mark.parametrize("request_", ["", "GET /health", "GET ftp://localhost/", "GET http://localhost/ HTTP/1.1"])
def test_what_is_no_request_is_refused(request_):
    with pytest.raises(logcorr.LogcorrError, match="no request"):
        logcorr.facts(CASES[0] / "input", request=request_)


def test_nothing_of_statistics_is_loaded():
    code = "import sys, logcorr.configuration; print([name for name in sys.modules if 'statistics' in name or 'causes' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
