"""Whole incidents: each folder of tests/fixtures/cases has an `input` and the `truth.json` that says what really happened.

Run as a program, this writes the seed's golden reports anew; a person reads the difference.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import logcorr

CASES = sorted(path.parent for path in (Path(__file__).parent / "fixtures/cases").glob("*/truth.json"))
SOME = CASES[::2]
"""Every second incident: all of them take more than a minute and a half, and `bench.incidents` judges them."""

SOLVED = ["heart-whisper-town", "ticketq"]
NEAR = 3


@pytest.fixture(scope="module")
def analyses():
    return {}


@pytest.fixture
def analysis(request, analyses):
    case = request.param
    if case not in analyses:
        analyses[case] = logcorr.analyze(case / "input").result
    return analyses[case]


def truth(case):
    return json.loads((case / "truth.json").read_text())


def named(case):
    return next(path for path in CASES if path.name == case)


def each(cases):
    """All tests of one incident go to one worker, which analyses it once."""
    return pytest.mark.parametrize(
        ("analysis", "expected"),
        [pytest.param(case, truth(case), id=case.name, marks=pytest.mark.xdist_group(case.name)) for case in cases],
        indirect=["analysis"],
    )


def is_near(place, path, line):
    return place["file"] == path and (place["line"] is None or abs(place["line"] - line) <= NEAR)


def places(expected):
    return [expected["culprit"], *expected.get("culprit_alternatives", ()), *expected.get("culprit_related", ())]


@each(SOME)
def test_never_confidently_wrong(analysis, expected):
    assert analysis["verdict"] in ("root-cause", "suspected", "undetermined", "healthy")
    if analysis["verdict"] != "root-cause":
        return
    assert not expected["expected_no_incident"]
    assert expected.get("expected_confidence") != "low"
    culprit = analysis["causes"][0]["culprit"]
    assert any(is_near(place, culprit["path"], culprit["line"]) for place in places(expected)), culprit


@each(SOME)
def test_nothing_innocent_is_blamed(analysis, expected):
    guilty = [(place["file"], place["line"]) for place in places(expected)]
    for cause in analysis["causes"]:
        if cause["confidence"] < 0.5:
            continue
        where = cause["culprit"]
        for place in expected["innocent"]:
            blamed = where["path"] == place["file"] and place["line"] in (None, where["line"])
            assert not blamed or (where["path"], where["line"]) in guilty, f"{place['file']}: {place['why']}"


@each([named(name) for name in SOLVED])
def test_the_cause_is_proved(analysis, expected):
    cause = analysis["causes"][0]
    assert analysis["verdict"] == expected["verdict"] == "root-cause"
    assert cause["proof"] == expected["proof"] == "must"
    assert is_near(expected["culprit"], cause["culprit"]["path"], cause["culprit"]["line"])
    assert cause["trigger"]["path"] == expected["trigger"]["file"]
    assert cause["trigger"]["line"] == expected["trigger"]["line"]
    assert cause["period_s"] == expected["period_s"]


@each([named(name) for name in SOLVED])
def test_every_hop_of_the_chain_is_there_and_cited(analysis, expected):
    chain = analysis["causes"][0]["chain"]
    assert [link["mechanism"] for link in chain][: len(expected["chain"])] == [hop["mechanism"] for hop in expected["chain"]]
    for link, hop in zip(chain, expected["chain"], strict=False):
        cited = [*link["evidence"], link["from"], link["to"]]
        accepted = [hop, *hop.get("or", ())]
        assert any(is_near(place, one["path"], one["line"]) for place in accepted for one in cited), hop


@each([named(name) for name in SOLVED])
def test_the_compose_file_contributes_and_is_not_the_cause(analysis, expected):
    finding = next(finding for finding in analysis["findings"] if finding["rule"] == "compose_file_not_deployed")
    assert finding["id"] in analysis["causes"][0]["contributing"]
    assert finding["evidence"][0]["path"] == expected["contributing"][0]["file"]
    assert finding["claim"]["id"] == "compose_file_not_deployed.shared"


@each([named("heart-whisper-town")])
def test_the_seed_in_numbers(analysis, expected):
    cause = analysis["causes"][0]
    assert cause["lag_s"] == expected["lag_s"]
    assert [time[:19] + "Z" for time in cause["recurrence"]][:1] == expected["recurrence"]
    stops = next(finding for finding in analysis["findings"] if finding["rule"] == "service_terminated")
    explained = next(one for one in cause["explains"] if one["finding"] == stops["id"])
    assert (explained["count"], explained["share"]) == (2, 1.0)
    lags = {link["mechanism"]: link["lag_s"] for link in cause["chain"]}
    assert lags["termination_closes_connections"] == 10.0
    assert lags["termination_refuses_connections"] == 10.0
    spared = next(finding for finding in analysis["findings"] if finding["rule"] == "spared_containers")
    assert spared["subject"] == expected["not_restarted"][0]
    assert not [finding for finding in analysis["findings"] if finding["rule"] == "periodic_termination"]
    assert any(claim["id"] == "cause.few_events" for claim in cause["against"])


@pytest.mark.parametrize(
    "environment", [{"TZ": "Asia/Taipei", "LC_ALL": "C", "PYTHONHASHSEED": "1"}, {"TZ": "UTC", "PYTHONHASHSEED": "2"}]
)
def test_the_report_is_the_same_bytes_everywhere(environment, tmp_path):
    case = named("heart-whisper-town")
    command = [
        sys.executable,
        "-m",
        "logcorr",
        "analyze",
        str(case / "input"),
        "-o",
        "report.md",
        "-o",
        "report.json",
        "--no-redact",
    ]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True)
    assert (tmp_path / "report.md").read_text() == (case / "report.md").read_text()
    assert (tmp_path / "report.json").read_text() == (case / "report.json").read_text()


def test_the_chinese_report(tmp_path):
    case = named("heart-whisper-town")
    logcorr.analyze(case / "input").write(tmp_path / "report.md", lang="zh-TW")
    assert (tmp_path / "report.md").read_text() == (case / "report.zh-TW.md").read_text()


if __name__ == "__main__":
    seed = named("heart-whisper-town")
    found = logcorr.analyze(seed / "input")
    for name, lang in (("report.md", "en"), ("report.zh-TW.md", "zh-TW"), ("report.json", "en")):
        found.write(seed / name, lang=lang)
