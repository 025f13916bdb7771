"""Before and after: folders collected after a change of the seed, each with what a person says became of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import logcorr
from logcorr.cli import main

FIXTURES = Path(__file__).parent / "fixtures"
SEED = FIXTURES / "cases/heart-whisper-town/input"
SCHEMA = json.loads((FIXTURES.parent.parent / "docs/result.schema.json").read_text("utf-8"))
each = pytest.mark.parametrize("case", sorted((FIXTURES / "after").iterdir()), ids=lambda path: path.name)


@cache
def seed():
    return logcorr.analyze(SEED)


@cache
def compared(case):
    changed = datetime.fromisoformat(json.loads((case / "expected.json").read_text())["changed"]).replace(tzinfo=UTC)
    return seed().compared(logcorr.analyze(case / "after"), changed=changed).result


@each
def test_what_became_of_it_is_what_a_person_says(case):
    expected = json.loads((case / "expected.json").read_text())
    told = compared(case)["comparison"]
    rules = {finding["id"]: finding["rule"] for finding in compared(case)["findings"]}
    symptoms = {rules[one["finding"]]: one["outcome"] for one in told["symptoms"]}
    assert told["outcome"] == expected["outcome"]
    assert {rule: symptoms[rule] for rule in expected["symptoms"]} == expected["symptoms"]
    assert [one["outcome"] for one in told["causes"]] == expected["causes"]
    assert (told["causes"][0]["runs"], told["causes"][0]["events"]) == (expected["runs"], expected["events"])


@each
def test_the_document_is_valid_and_can_be_read_in_every_language(case):
    Draft202012Validator(SCHEMA).validate(compared(case))
    from logcorr.report.html import render as page
    from logcorr.report.markdown import render

    for lang in ("en", "zh-TW"):
        assert render(compared(case), lang) != render(seed().result, lang)
        assert page(compared(case), lang)


def test_a_defect_that_still_stands_in_the_files_is_said_to():
    told = seed().compared(seed()).result["comparison"]
    assert (told["outcome"], told["window"]) == ("not-covered", None)
    assert told["causes"][0]["claim"]["id"] == "comparison.defect_left"
    assert told["new"] == []


def test_what_is_found_since_the_change_only_is_new(tmp_path):
    (tmp_path / "error.log").write_text("2025/10/16 11:00:00 [error] 7#7: *1 no live upstreams while connecting to upstream\n")
    told = seed().compared(logcorr.analyze(tmp_path)).result["comparison"]
    assert [claim["id"].partition(".")[0] for claim in told["new"]] == ["no_live_upstreams"]


def test_the_command_tells_it(capsys):
    with pytest.raises(SystemExit) as exited:
        main(["analyze", str(SEED), "--after", str(FIXTURES / "after/gone/after"), "--changed", "2025-10-16T10:13:54"])
    out = capsys.readouterr().out
    assert exited.value.code == 0
    assert "After the change: what was seen before is not seen any more" in out
