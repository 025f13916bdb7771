"""`logcorr check`: what it runs, how it exits, what comments accept, and the formats for code hosts."""

from __future__ import annotations

import copy
import json
import re
import zipfile
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

import logcorr
from logcorr import plugins
from logcorr.cli import main
from logcorr.errors import LogcorrError, NothingRecognised
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.report import annotations, sarif
from logcorr.report.language import language
from logcorr.rules import rule
from logcorr.semantics.written import commands, in_program

ROOT = Path(__file__).parent.parent
SARIF = Draft7Validator(json.loads((ROOT / "tests/schemas/sarif-2.1.0.json").read_text()))
CHECK = Draft202012Validator(json.loads((ROOT / "docs/check.schema.json").read_text()))
DOCUMENTS = ROOT / "tests/fixtures/documents"

LOCAL = 'load() {\n    local body=$(cat /etc/hostname) || return 1\n    echo "$body"\n}\n'
"""A script with one finding, SH017 (error), in line 2."""

CRON = "0 4 1-7 * 1 /usr/local/bin/report.sh\n* 3 * * * /usr/local/bin/backup.sh\n"
"""A table with two findings, CRON009 (warning) in line 1 and CRON016 (warning) in line 2."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/load.sh").write_text(LOCAL)
    (tmp_path / "crontab").write_text(CRON)
    return tmp_path


@pytest.fixture
def run(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as exited:
            main(["check", *arguments])
        out, err = capsys.readouterr()
        return exited.value.code, out, err

    return run


def codes(checked):
    return [finding.code for finding in checked.findings]


def test_a_rule_is_static_by_what_it_takes():
    @rule(code="X900", title="t", role="defect", severity="info")
    def of_configuration(case: logcorr.Configuration):
        yield from ()

    @rule(code="X901", title="t", role="defect", severity="info")
    def of_case(case: logcorr.Case):
        yield from ()

    assert of_configuration.static
    assert not of_case.static
    static = {name for name, one in plugins.rules().items() if one.static}
    assert {"unsatisfiable_probe", "unescaped_percent", "websocket_without_upgrade"} <= static
    assert not {"server_errors", "periodic_termination", "certificate_failed"} & static


def test_exit_codes(folder, run):
    assert run(".")[0] == 1
    assert run("crontab", "--fail-on", "error")[0] == 0
    assert run(".", "--fail-on", "error")[0] == 1
    assert run(".", "--fail-on", "never")[0] == 0
    assert run(".", "--select", "nonsense")[:2] == (2, "")
    (folder / "deploy/notes.txt").write_text("nothing\nto see\n")
    assert run("deploy/notes.txt")[:2] == (3, "")
    (folder / "good.sh").write_text("#!/bin/sh\necho hello\n")
    assert run("good.sh")[0] == 0


def test_rules_are_chosen_by_name_code_and_group(folder):
    assert codes(logcorr.check(folder)) == ["CRON009", "CRON016", "SH017"]
    assert codes(logcorr.check(folder, select=["CRON"])) == ["CRON009", "CRON016"]
    assert codes(logcorr.check(folder, select=["status-masked-by-local", "CRON016"])) == ["CRON016", "SH017"]
    assert codes(logcorr.check(folder, ignore=["cron", "sh017"])) == []
    with pytest.raises(LogcorrError, match="no static rule is called server_errors"):
        logcorr.check(folder, select=["server_errors"])


def test_logs_alone_are_nothing_to_check(tmp_path):
    (tmp_path / "error.log").write_text("2025/10/16 09:55:13 [error] 7#7: *1 connect() failed (111: Connection refused)\n" * 3)
    with pytest.raises(NothingRecognised):
        logcorr.check(tmp_path)


def accepted_by(folder, comment):
    (folder / "deploy/load.sh").write_text(LOCAL.replace("return 1", f"return 1  {comment}"))
    return logcorr.check(folder / "deploy")


def test_a_comment_behind_the_line_accepts(folder):
    checked = accepted_by(folder, "# logcorr: ignore[SH017] cat of a file that is always there")
    assert codes(checked) == []
    assert [(one.finding.code, one.by.reason) for one in checked.accepted] == [("SH017", "cat of a file that is always there")]
    assert codes(logcorr.check(folder / "deploy", ignores=False)) == ["SH017"]


def test_a_comment_above_accepts_the_next_line_that_is_none(folder):
    table = "# logcorr: ignore[CRON016, CRON009] asked for\n\n# the backup\n"
    (folder / "crontab").write_text(CRON.replace("* 3", f"{table}* 3"))
    checked = logcorr.check(folder / "crontab")
    assert codes(checked) == ["CRON009"]
    told = [problem["message"] for problem in checked.result["problems"]]
    assert [message for message in told if message.startswith("logcorr:")] == [
        "logcorr: ignore[CRON009] accepts nothing: there is no such finding here"
    ]


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("# logcorr: ignore[SH017]", "logcorr: ignore[SH017] needs a reason, and accepts nothing"),
        ("# logcorr: ignore SH017 because", "logcorr: not understood; write `logcorr: ignore[CODE] reason`"),
        ("# logcorr: ignore[] because", "logcorr: not understood; write `logcorr: ignore[CODE] reason`"),
        ("# logcorr: ignore[SH016] because", "logcorr: ignore[SH016] accepts nothing: there is no such finding here"),
    ],
)
def test_other_comments_accept_nothing_and_are_told(folder, comment, said):
    checked = accepted_by(folder, comment)
    assert codes(checked) == ["SH017"]
    assert [(one["line"], one["message"]) for one in checked.result["problems"]] == [(2, said)]


def test_a_comment_for_a_rule_that_did_not_run_is_not_useless(folder):
    accepted_by(folder, "# logcorr: ignore[SH017] known")
    assert logcorr.check(folder / "deploy", ignore=["SH017"]).result["problems"] == []


def test_an_analysis_obeys_and_says_so(folder):
    (folder / "crontab").write_text(CRON.replace("* 3", "# logcorr: ignore[CRON016] asked for\n* 3"))
    result = logcorr.analyze(folder / "crontab").result
    assert "CRON016" not in {finding["code"] for finding in result["findings"]}
    assert "crontab:2 accepts CRON016: asked for" in {assumption["text"] for assumption in result["assumptions"]}


def test_the_document_has_its_schema(folder):
    accepted_by(folder, "# logcorr: ignore[SH017] known")
    document = logcorr.check(folder).result
    assert [error.message for error in CHECK.iter_errors(document)] == []
    for name in document:
        less = copy.deepcopy(document)
        del less[name]
        assert not CHECK.is_valid(less), name


def test_a_line_a_finding(folder, run):
    code, out, _ = run(".", "-f", "jsonl")
    assert code == 1
    assert [json.loads(line)["code"] for line in out.splitlines()] == ["CRON009", "CRON016", "SH017"]


@pytest.mark.parametrize("name", ["seed", "undetermined", "healthy", "hostile"])
def test_every_document_is_valid_sarif(name):
    document = json.loads((DOCUMENTS / f"{name}.json").read_text("utf-8"))
    assert [f"{error.json_path}: {error.message}" for error in SARIF.iter_errors(json.loads(sarif.render(document)))] == []


def test_a_check_is_valid_sarif_whose_paths_are_the_repositorys(folder, run):
    _, out, _ = run("deploy", "crontab", "-f", "sarif")
    written = json.loads(out)
    assert list(SARIF.iter_errors(written)) == []
    (ran,) = written["runs"]
    places = [result["locations"][0]["physicalLocation"] for result in ran["results"]]
    assert {(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in places} == {
        ("crontab", 1),
        ("crontab", 2),
        ("deploy/load.sh", 2),
    }
    rules = ran["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in ran["results"]] == [result["ruleId"] for result in ran["results"]]
    assert rules[-1]["help"]["markdown"].startswith("# A declaration hides the status")


def test_a_cause_is_a_result_with_its_chain_as_code_flow():
    (ran,) = json.loads(sarif.render(json.loads((DOCUMENTS / "seed.json").read_text("utf-8"))))["runs"]
    cause = ran["results"][0]
    assert cause["ruleId"].startswith("cause/")
    flow = cause["codeFlows"][0]["threadFlows"][0]["locations"]
    assert flow[0]["location"]["physicalLocation"]["artifactLocation"]["uri"] == "crontab.txt"
    assert len(flow) > 3
    logs = [one for one in ran["results"] if one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith(".log")]
    assert not logs


def fingerprints(folder):
    (ran,) = json.loads(logcorr.check(folder / "crontab").to_sarif())["runs"]
    return [result["partialFingerprints"]["logcorr/v1"] for result in ran["results"]]


def test_fingerprints_stay_when_lines_move(folder):
    before = fingerprints(folder)
    (folder / "crontab").write_text(f"# a comment\n\n{CRON.replace('1-7 * 1 ', '1-7 *  1 ')}")
    assert fingerprints(folder) == before
    (folder / "crontab").write_text(CRON + CRON)
    assert len(set(fingerprints(folder))) == 4


def test_annotations_are_escaped():
    document = json.loads((DOCUMENTS / "seed.json").read_text("utf-8"))
    finding = next(one for one in document["findings"] if one["rule"] == "unsatisfiable_probe")
    finding["evidence"][0]["path"] = "a:b,c%.sh"
    finding["claim"] = {"id": "x.y", "params": {}, "text": "100% of\n::error::x"}
    document["findings"], document["causes"] = [finding], []
    out = annotations.render(document, language("en"))
    line = finding["evidence"][0]["line"]
    assert out == f"::error file=a%3Ab%2Cc%25.sh,line={line},endLine={line},title={finding['code']}::100%25 of ::error::x\n"


def test_files_are_written_by_their_suffix(folder, run):
    code, out, err = run(".", "-f", "concise", "-o", "c.json", "-o", "c.sarif")
    assert (code, err) == (1, "wrote c.json\nwrote c.sarif\n")
    assert out.splitlines()[2].startswith("deploy/load.sh:2: error[SH017] 0.98: ")
    assert json.loads(Path("c.json").read_text())["schema"] == "logcorr.check/1"
    assert json.loads(Path("c.sarif").read_text())["version"] == "2.1.0"


def test_the_full_output_quotes_the_lines(folder, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    _, out, _ = run("deploy")
    assert out.splitlines()[1:3] == ["  --> deploy/load.sh:2", "    2 |     local body=$(cat /etc/hostname) || return 1"]
    assert out.splitlines()[-1] == "Files read: 1 · accepted: 0 · findings: 1 error"


def test_the_hook_and_the_action_call_what_there_is():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"].split() == ["logcorr", "check"]
    assert all(re.search(hook["files"], path) for path in ("a/b.sh", "compose.yml", "etc/cron.d/x", "crontab", "nginx/site.conf"))
    assert not re.search(hook["files"], "main.py")
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    assert set(action["inputs"]) == {"paths", "fail-on", "format", "sarif", "config"}
    assert "inputs." not in action["runs"]["steps"][-1]["run"], "an input in a script could be code"


def test_a_crashing_rule_is_named_and_the_rest_runs(folder):
    @rule(code="X900", title="t", role="defect", severity="info")
    def check(case: logcorr.Configuration):
        raise ZeroDivisionError("oh")
        yield Finding

    result = logcorr.check(folder, rules=[check]).result
    ran = {one["rule"]: one["outcome"] for one in result["rules_run"]}
    assert ran["test_check"] == "crashed: ZeroDivisionError: oh"
    assert ran["status_masked_by_local"] == "found 1"
    assert result["problems"][-1]["message"] == "the rule test_check crashes: ZeroDivisionError: oh"


def script(text):
    return Script(span=logcorr.Span("x.sh", 1, text.count("\n") + 1), name="x.sh", text=text)


@pytest.mark.parametrize(
    ("text", "name", "wrappers"),
    [
        ("sudo -u app timeout -k 1 5 curl -f x", "curl", ("sudo", "timeout")),
        ("env A=b nice -n 5 /usr/bin/rsync a b", "rsync", ("env", "nice")),
        ("A=b exec ./run", "run", ("exec",)),
    ],
)
def test_wrappers_are_set_apart(text, name, wrappers):
    (command,) = commands(script(text))
    assert (command.name, command.wrappers) == (name, wrappers)


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("set -e\nx", True),
        ("set -euo pipefail\nx", True),
        ("set -o errexit\nx", True),
        ("set -e\nset +e\nx", False),
        ("#!/bin/bash -e\nx", True),
        ("x\nset -e", False),
        ("f() { set -e; }\nx", False),
    ],
)
def test_shell_options_hold_from_where_they_are_set(text, on):
    last = next(command for command in commands(script(text)) if command.name == "x")
    assert in_program(last, "e") is on


def test_only_what_may_be_configuration_is_opened(folder):
    (folder / "NOTES.md").write_text(f"```sh\n{LOCAL}```\n")
    with zipfile.ZipFile(folder / "vendor.zip", "w") as archive:
        archive.writestr("load.sh", LOCAL)
    (folder / "archive").mkdir()
    (folder / "archive/load.sh").write_text(LOCAL)
    document = logcorr.check(folder).result
    assert {one["path"] for one in document["inputs"]} == {"crontab", "deploy/load.sh"}
    assert any(one["path"] == "vendor.zip" and "name it" in one["message"] for one in document["problems"])
    assert codes(logcorr.check(folder / "vendor.zip")) == ["SH017"]


def test_a_log_is_no_configuration(folder):
    log = "PORT=3000\nNODE_ENV=production\n" + "2026-03-14T07:50:12.000Z INFO served in 12 ms\n" * 20
    (folder / "out.log").write_text(log)
    formats = {one["path"]: one["format"] for one in logcorr.check(folder).result["inputs"]}
    assert formats["out.log"] not in ("environment", "crontab", "shell")
