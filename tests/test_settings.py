"""Options from files and the environment: which file is read, what is wrong in one, and what wins."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from logcorr.cli import main, settings

EVENT = '{"timestamp":"2026-11-18T06:00:0%dZ","level":"info","message":"one %d"}\n'


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs the command line in `home/work`, beside `home/case` with a log of three events; gives code, stdout, stderr."""
    for name in [name for name in os.environ if name.startswith("LOGCORR_")]:
        monkeypatch.delenv(name)
    for folder in ("home/work", "home/case"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "home/case/app.log").write_text("".join(EVENT % (second, second) for second in range(3)))
    monkeypatch.chdir(tmp_path / "home/work")

    def run(*arguments):
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        return exited.value.code, *capsys.readouterr()

    return run


def events(ran):
    assert ran[0] == 0, ran
    return ran[1].count("\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("logcorr.toml", 'limit = 2\nformat = "jsonl"'),
        (".logcorr.toml", '[timeline]\nlimit = 2\nformat = "jsonl"'),
        ("../logcorr.toml", 'limit = 9\n[timeline]\nlimit = 2\nformat = "jsonl"'),
        ("../pyproject.toml", '[project]\nname = "x"\n[tool.logcorr]\nlimit = 2\n[tool.logcorr.timeline]\nformat = "jsonl"'),
    ],
)
def test_a_file_is_found_from_the_working_directory_upward(run, name, text):
    Path(name).write_text(text)
    assert events(run("timeline", "../case")) == 2


def test_the_nearest_file_alone_is_read(run):
    Path("../logcorr.toml").write_text('limit = 1\nformat = "jsonl"')
    Path(".logcorr.toml").write_text("limit = 2")
    Path("pyproject.toml").write_text("[tool.logcorr]\nlimit = 3")
    assert run("config")[1] == "[timeline]\nlimit = 2 # .logcorr.toml:1\n"


def test_a_pyproject_that_does_not_speak_of_it_is_passed_over(run):
    Path("../logcorr.toml").write_text("limit = 1")
    Path("pyproject.toml").write_text('[project]\ndependencies = ["tool.logcorr"]')
    assert run("config")[1] == "[timeline]\nlimit = 1 # ../logcorr.toml:1\n"


@pytest.mark.parametrize("where", ["../case", "..", "../case/app.log"])
def test_what_is_analysed_says_nothing(run, monkeypatch, where):
    monkeypatch.chdir("../case")
    Path("logcorr.toml").write_text("limit = 1")
    _, out, err = run("timeline", where, "-f", "csv")
    if where.endswith(".log"):
        assert (out.count("\n"), err) == (2, "")
    else:
        assert (out.count("\n"), err.count("is not read: it is part of what is analysed")) == (4, 1)
    assert out.count("\n") == 2 or events(run("--config", "logcorr.toml", "timeline", where, "-f", "csv")) == 2


def test_the_file_of_another_user_is_not_obeyed(run, monkeypatch):
    Path("logcorr.toml").write_text("limit = 1")
    if os.geteuid() == 0:
        os.chown("logcorr.toml", 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert "it belongs to another user" in run("config")[2]


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(run, monkeypatch):
    Path("logcorr.toml").write_text('[timeline]\nlimit = 1\nformat = "jsonl"')
    assert events(run("timeline", "../case")) == 1
    monkeypatch.setenv("LOGCORR_TIMELINE_LIMIT", "2")
    assert events(run("timeline", "../case")) == 2
    assert events(run("timeline", "../case", "--limit", "3")) == 3
    assert run("config")[1] == '[timeline]\nlimit = "2" # LOGCORR_TIMELINE_LIMIT\nformat = "jsonl" # logcorr.toml:3\n'
    assert events(run("--isolated", "timeline", "../case", "-f", "jsonl")) == 2


@pytest.mark.parametrize(
    ("text", "said", "tip"),
    [
        ('lagn = "en"', "logcorr.toml:1: no option is called lagn", "did you mean lang?"),
        ("\n[timelin]\nlimit = 1", "logcorr.toml:2: no option is called timelin", "did you mean timeline?"),
        ("[timeline]\n\nlimits = 1", "logcorr.toml:3: `logcorr timeline` has no option --limits", "did you mean limit?"),
        ("[timeline]\nlang = 'en'", "logcorr.toml:2: `logcorr timeline` has no option --lang", "there are around, "),
        ("limit = 0", "logcorr.toml:1: limit: 0 is not in the range x>=1", "[timeline] can set it for that command alone"),
        ("limit = [1]", "logcorr.toml:1: limit takes one value", "docs/configuration.md"),
        ("[analyze]\nredact = 'yes'", "logcorr.toml:2: redact takes true or false", "docs/configuration.md"),
        ("[analyze]\ntz = ['=UTC']", "logcorr.toml:2: tz: '=UTC' is neither ZONE", "docs/configuration.md"),
        ("[analyze]\ntemplate = 'no'", "logcorr.toml:2: template: 'no' is no folder", "docs/configuration.md"),
        ("output = 'x.md'", "logcorr.toml:1: output cannot be set in a file", "say it on the command line"),
        ("lang = 'en'\nlang =\n", "logcorr.toml:2: ", "docs/configuration.md"),
        ("lang = \x00", "logcorr.toml:1: ", "docs/configuration.md"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(run, text, said, tip):
    Path("logcorr.toml").write_text(text)
    code, out, err = run("config")
    error, advice = err.splitlines()
    assert (code, out) == (2, "")
    assert error.startswith(f"error: {said}")
    assert advice.startswith("tip: ")
    assert tip in advice


def test_a_wrong_file_is_told_by_every_command_but_help_is_given(run):
    Path("logcorr.toml").write_text("lagn = 1")
    assert run("rules")[0] == 2
    assert run("timeline", "--help")[0] == 0


def test_a_path_is_seen_from_the_folder_of_the_file(run):
    Path("../ours").mkdir()
    Path("../logcorr.toml").write_text('template = "ours"')
    assert run("config")[:2] == (0, '[analyze]\ntemplate = "ours" # ../logcorr.toml:1\n')


def test_nothing_set_is_said(run, monkeypatch):
    monkeypatch.setattr(settings, "find", lambda *_: None)  # the machine may have one above the test's folder
    assert run("config")[1].startswith(
        "no option is set by the environment or by a logcorr.toml, .logcorr.toml or pyproject.toml"
    )


def test_a_wrong_variable_is_named(run, monkeypatch):
    monkeypatch.setenv("LOGCORR_TIMELINE_LIMIT", "0")
    assert run("timeline", "../case")[2].splitlines()[1] == "tip: the environment variable LOGCORR_TIMELINE_LIMIT says so"


def test_an_option_at_the_wrong_place_is_told_its_place(run):
    _, _, err = run("timeline", "../case", "--isolated")
    assert err.splitlines()[1] == "tip: it stands before the command: logcorr --isolated … timeline"


ACCEPT = 'lang = "en"\n[check]\nfail-on = "info"\n\n[[accept]]\nrule = "%s"\npath = "%s"\nreason = "once, on one host"\n'
TABLE = "* 3 * * * /usr/local/bin/backup.sh\n"
"""A table with one finding, CRON016."""


@pytest.mark.parametrize(
    ("rule", "path", "code"),
    [
        ("CRON016", "*", 0),
        ("cron016", "crontab", 0),
        ("every_minute_of_an_hour", "jobs/cron*", 0),
        ("every-minute-of-an-hour", "jobs/*", 0),
        ("CRON016", "cron", 1),
        ("CRON016", "tc/crontab", 1),
        ("CRON009", "*", 1),
    ],
)
def test_a_file_accepts_findings_of_a_rule_in_files_that_match(run, rule, path, code):
    Path("host/jobs").mkdir(parents=True)
    Path("host/jobs/crontab").write_text(TABLE)
    Path("logcorr.toml").write_text(ACCEPT % (rule, path))
    ran, out, _ = run("check", "host", "-f", "json")
    assert ran == code, out
    told = json.loads(out)
    assert [(one["comment"], one["reason"]) for one in told["accepted"]] == [
        ({"path": "./logcorr.toml", "line": 5, "end_line": 5}, "once, on one host")
    ] * (1 - code)
    where = "" if path == "*" else f" in {path}"
    useless = f"{rule}{where} is accepted, but there is no such finding"
    assert [(one["path"], one["line"]) for one in told["problems"] if one["message"] == useless] == [("./logcorr.toml", 5)] * code
    assert (f"problem: logcorr.toml:5: {useless}" in run("check", "host")[1].replace("\n         ", " ")) == bool(code)
    assert run("check", "host", "--no-ignores")[0] == 1


def test_an_analysis_takes_what_is_accepted_for_granted(run):
    Path("../logcorr.toml").write_text(ACCEPT % ("CRON016", "*"))
    Path("crontab").write_text(TABLE)
    _, out, _ = run("analyze", "crontab", "-f", "json")
    told = json.loads(out)
    assert [one["code"] for one in told["findings"]] == []
    assert "../logcorr.toml:5 accepts CRON016: once, on one host" in [one["text"] for one in told["assumptions"]]
    assert run("config")[1].endswith(
        '[[accept]]\nrule = "CRON016", path = "*", reason = "once, on one host" # ../logcorr.toml:5\n'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[accept]]\nrule = "CRON016"', "logcorr.toml:1: accept needs a reason"),
        ('[[accept]]\nrule = "CRON016"\nreason = " "', "logcorr.toml:1: accept: reason takes a text"),
        (
            '[[accept]]\nrule = "A"\nreason = "b"\n[[accept]]\nrule = "A"\nreasons = "b"',
            "logcorr.toml:4: accept has no reasons; did you mean reason?",
        ),
        ('lang = "en"\naccept = ["CRON016"]', "logcorr.toml:2: accept takes tables"),
        ("[[acept]]\nrule = 1", "logcorr.toml:1: no option is called acept"),
    ],
)
def test_what_is_wrong_in_what_is_accepted_is_named(run, text, said):
    Path("logcorr.toml").write_text(text)
    code, out, err = run("config")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}\ntip: ")


def test_only_what_static_rules_find_can_be_accepted(run):
    Path("crontab").write_text(TABLE)
    for name in ("server_errors", "nonsense"):
        Path("logcorr.toml").write_text(ACCEPT % (name, "*"))
        code, _, err = run("check", "crontab")
        assert (code, err.splitlines()[0]) == (2, f"error: logcorr.toml:5: no static rule is called {name}")
