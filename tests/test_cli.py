"""The command line: what it prints where, how it exits, what it asks of the library, how fast it says --help."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

import logcorr
from logcorr import Analysis, plugins
from logcorr.cli import main
from logcorr.cli.main import commands
from logcorr.errors import LogcorrError, NothingRecognised
from logcorr.report import html
from logcorr.report.markdown import render

ROOT = Path(__file__).parent.parent
DOCUMENTS = ROOT / "tests" / "fixtures" / "documents"


BUG = "this is a bug; LOGCORR_DEBUG=1 in the environment shows the traceback"


class Saved:
    """The result of an analysis that was made before."""

    result = json.loads((DOCUMENTS / "seed.json").read_text("utf-8"))


@pytest.fixture
def asked(monkeypatch):
    """What the library was asked for; it answers with the seed."""
    calls = []

    def analyze(paths, **options):
        calls.append((paths, options))
        told = {"timeline": pl.LazyFrame(), "told": pl.LazyFrame(), "sources": (), "findings": (), "causes": (), "repair": None}
        return Analysis(result=Saved.result, **told)

    monkeypatch.setitem(vars(logcorr), "analyze", analyze)
    monkeypatch.setenv("COLUMNS", "80")
    return calls


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs the command line in an empty folder and gives code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "incident").mkdir()

    def run(*arguments):
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        out, err = capsys.readouterr()
        return exited.value.code, out, err

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), DOCUMENTS / "seed.en.txt"),
        (("-f", "full"), DOCUMENTS / "seed.en.txt"),
        (("-f", "concise"), DOCUMENTS / "seed.concise.txt"),
        (("-f", "json"), DOCUMENTS / "seed.json"),
        (("-f", "markdown"), DOCUMENTS / "seed.en.md"),
    ],
)
def test_the_formats(asked, run, arguments, expected):
    code, out, err = run("analyze", "incident/", *arguments)
    assert (code, out, err) == (0, expected.read_text("utf-8"), "")


def test_the_language_is_that_of_the_option(asked, run, monkeypatch):
    monkeypatch.setattr(Saved, "result", json.loads((DOCUMENTS / "healthy.json").read_text("utf-8")))
    assert run("analyze", "incident/", "--lang", "zh-TW")[1] == (DOCUMENTS / "healthy.zh-TW.txt").read_text("utf-8")
    monkeypatch.setenv("LANG", "zh_TW.UTF-8")
    monkeypatch.setenv("LANGUAGE", "zh_TW")
    assert run("analyze", "incident/")[1] == (DOCUMENTS / "healthy.en.txt").read_text("utf-8")


def test_files_are_written_by_their_suffix(asked, run):
    files = ("-o", "a.md", "-o", "b.json", "-o", "c.html")
    code, out, err = run("analyze", "incident", "-f", "concise", *files, "--lang", "zh-TW", "--no-redact")
    assert (code, err) == (0, "wrote a.md\nwrote b.json\nwrote c.html\n")
    assert out.startswith("health-check.sh:4: root-cause[")
    assert Path("a.md").read_text("utf-8") == render(Saved.result, "zh-TW")
    assert Path("b.json").read_text("utf-8") == (DOCUMENTS / "seed.json").read_text("utf-8")
    assert Path("c.html").read_text("utf-8") == html.render(Saved.result, "zh-TW")


def test_what_people_wrote_into_a_report_stays(asked, run):
    run("analyze", "incident", "-o", "a.md", "--no-redact")
    written = Path("a.md").read_text("utf-8")
    edited = re.sub(r"(<!-- human: lessons -->\n).*?\n(<!-- /)", r"\1Test restores.\n\2", written)
    Path("a.md").write_text(edited, "utf-8")
    run("analyze", "incident", "-o", "a.md", "--no-redact")
    assert Path("a.md").read_text("utf-8") == edited != written


def test_reports_are_made_by_ones_own_templates_and_as_small_as_asked(asked, run, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "postmortem.md.j2").write_text(
        '{% extends "bundled/postmortem.md.j2" %}{% block results %}ours{% endblock %}'
    )
    out = run("analyze", "incident", "-f", "markdown", "--template", "own", "--max-size", "15k")[1]
    assert "\nours\n" in out
    assert 14_000 < len(out.encode()) <= 15_000


def test_an_own_template_that_is_wrong_is_named(asked, run, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "postmortem.md.j2").write_text("\n{{ document.cuases }}")
    code, _, err = run("analyze", "incident", "-f", "markdown", "--template", "own")
    assert code == 2
    assert err.splitlines() == [
        "error: own/postmortem.md.j2:2: 'dict object' has no attribute 'cuases'",
        "tip: docs/templates.md says what a template may use",
    ]


def test_what_leaves_is_redacted_and_the_screen_is_not(run, monkeypatch, tmp_path):
    (tmp_path / "app.log").write_text(
        '{"timestamp":"2026-11-18T06:00:00Z","level":"info","message":"GET /home/jesse from 203.0.113.9"}\n'
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crontab").write_text("*/5 * * * * /home/jesse/check.sh --token=abc\n")
    shown = run("analyze", ".", "-f", "json", "-o", "report.json", "-o", "report.md")[1]
    written = [Path(name).read_text("utf-8") for name in ("report.json", "report.md")]
    assert "assumption.redacted" not in shown
    assert all("jesse" not in text and "abc" not in text for text in written)
    assert "assumption.redacted" in written[0]
    assert "assumption.redacted" in run("analyze", ".", "-f", "json", "--redact")[1]


def test_options_reach_the_library(asked, run):
    run(
        "analyze",
        "incident",
        "--tz",
        "Asia/Taipei",
        "--tz",
        "nginx=+00:00",
        "--since",
        "2025-10-16",
        "--until",
        "2025-10-16T10:00+08:00",
    )
    paths, options = asked[0]
    assert paths == ("incident",)
    assert options == {
        "tz": {None: "Asia/Taipei", "nginx": "+00:00"},
        "since": datetime(2025, 10, 16, tzinfo=UTC),
        "until": datetime(2025, 10, 16, 10, tzinfo=timezone(timedelta(hours=8))),
        "accept": [],
    }
    run("analyze", "incident", "-")
    assert asked[1][0] == ("incident", "-")
    assert asked[1][1] == {"tz": None, "since": None, "until": None, "accept": []}


@pytest.mark.parametrize(
    ("arguments", "error", "tip"),
    [
        (["analyze"], "Missing argument 'PATH...'.", "`logcorr analyze --help` lists what there is"),
        (["analyze", "incidnet"], "'incidnet' does not exist; did you mean 'incident'?", "`logcorr analyze --help`"),
        (["analyze", "nowhere/at/all"], "'nowhere/at/all' does not exist.", "`logcorr analyze --help`"),
        (
            ["analyze", "incident", "-f", "consise"],
            "'consise' is not one of full, concise, json, jsonl, markdown, html, sarif, github; did you mean 'concise'?",
            "",
        ),
        (["analyze", "incident", "--lang", "fr"], "'fr' is not one of en, zh-TW.", ""),
        (
            ["analyze", "incident", "--formt", "json"],
            "No such option '--formt'. Did you mean '--format'?",
            "`logcorr analyze --help`",
        ),
        (["analyze", "incident", "-o", "a.pdf"], "'a.pdf': the suffix decides the format: .md, .html, .json or .sarif.", ""),
        (["analyze", "incident", "--max-size", "big"], "'big' is no size; write 60k or 1M.", ""),
        (["analyze", "incident", "--template", "nowhere"], "'nowhere' is no folder.", ""),
        (
            ["analyze", "incident", "-f", "html", "--template", "incident"],
            "incident holds no template",
            "a template is named as the",
        ),
        (["analyze", "incident", "--tz", "nginx="], "'nginx=' is neither ZONE nor SOURCE=ZONE.", ""),
        (["analyze", "incident", "--since", "monday"], "'monday' is no time; write 2025-10-16T09:55", ""),
        (["analyse", "incident"], "No such command 'analyse'. Did you mean 'analyze'?", "`logcorr --help`"),
        (["incident"], "No such command 'incident'.", "say what to do with it: logcorr analyze incident"),
        (["explain", "no_such_rule"], "no such rule: no_such_rule", "`logcorr rules` lists them"),
    ],
)
def test_mistakes_cost_one_line_and_a_tip(asked, run, arguments, error, tip):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert lines[1].startswith(f"tip: {tip}")


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (LogcorrError("no such zone: X\x1b[2J", "try Asia/Taipei"), 2, "error: no such zone: X␛[2J\ntip: try Asia/Taipei\n"),
        (NothingRecognised("nothing here"), 3, "error: nothing here\n"),
        (KeyboardInterrupt(), 130, "\n"),
        (
            ZeroDivisionError("oh\nno"),
            5,
            f"error: internal error: ZeroDivisionError: oh\ntip: {BUG}\n",
        ),
    ],
)
def test_errors_of_the_library_end_as_a_line(run, monkeypatch, raised, code, message):
    def analyze(*_, **__):
        raise raised

    monkeypatch.setitem(vars(logcorr), "analyze", analyze)
    monkeypatch.delenv("LOGCORR_DEBUG", raising=False)
    assert run("analyze", "incident") == (code, "", message)


def test_a_bug_shows_its_traceback_to_who_asks(run, monkeypatch):
    def analyze(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setitem(vars(logcorr), "analyze", analyze)
    monkeypatch.setenv("LOGCORR_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["analyze", "incident"])


def test_a_file_that_cannot_be_written_is_named(asked, run):
    code, _, err = run("analyze", "incident", "-f", "concise", "-o", "no/such/folder/a.md")
    assert (code, err) == (
        2,
        "error: cannot write no/such/folder/a.md: No such file or directory\ntip: name a folder that can be written to\n",
    )


def test_sources_says_what_was_read_and_what_was_not(asked, run, monkeypatch):
    monkeypatch.setattr(Saved, "result", json.loads((DOCUMENTS / "undetermined.json").read_text("utf-8")))
    code, out, _ = run("sources", "incident")
    assert code == 0
    assert out == (
        "FILE                  READ AS      LINES  NOT UNDERSTOOD\n"
        "nginx/logs/error.log  nginx_error  2\n"
        "    2025-10-16 09:55:13Z – 2025-10-16 09:55:13Z, zone UTC: assumed: as the\n"
        "    application's log, whose forced close it meets to the second\n"
        "problem: core.bin: not text: 4096 bytes, 31 % of them zero\n"
        "1 files, 0 not recognised, 2 lines read, 0 not understood.\n"
    )


def test_sources_says_what_was_seen_where_nothing_was_recognised(run, monkeypatch):
    def analyze(*_, **__):
        raise NothingRecognised("nothing here", "look elsewhere")

    monkeypatch.setitem(vars(logcorr), "analyze", analyze)
    Path("incident/poem.txt").write_text("Whose woods these are\nI think I know\n")
    code, out, err = run("sources", "incident")
    assert (code, err) == (3, "error: nothing here\n")
    assert out == (
        "FILE      READ AS         LINES  NOT UNDERSTOOD\n"
        "poem.txt  not recognised  2\n"
        "1 files, 1 not recognised, 2 lines read, 0 not understood.\n"
    )


RULES = {
    "whole_stack_restart": SimpleNamespace(
        name="whole_stack_restart", code="RSTR001", title="restarts everything", role="defect"
    ),
    "a_rule": SimpleNamespace(name="a_rule", code="AAA001", title="a title", role="symptom"),
}


def test_rules_are_listed_by_code(run, monkeypatch):
    monkeypatch.setattr(plugins, "rules", lambda: RULES)
    code, out, _ = run("rules")
    assert (code, out) == (
        0,
        "AAA001   a_rule               symptom  a title\nRSTR001  whole_stack_restart  defect   restarts everything\n",
    )


@pytest.mark.parametrize("name", ["a_rule", "AAA001", "aaa001", "A-Rule"])
def test_a_rule_without_page_is_explained_by_its_title(run, monkeypatch, name):
    monkeypatch.setattr(plugins, "rules", lambda: RULES)
    assert run("explain", name)[:2] == (0, "# a_rule\n\na title\n")


def test_a_rule_that_was_meant_is_proposed(run, monkeypatch):
    monkeypatch.setattr(plugins, "rules", lambda: RULES)
    code, _, err = run("explain", "whole_stack_restrat")
    assert (code, err) == (2, "error: no such rule: whole_stack_restrat\ntip: did you mean whole_stack_restart?\n")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["analyze", "--help"], ["sources", "-h"], ["rules", "-h"], ["explain", "-h"]]
)
def test_help_is_no_error(run, arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: logcorr ")


def test_the_page_shows_the_help_as_it_is(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    shown = re.findall(r"```text\n\$ logcorr (.*?)--help\n(.*?)```", page, re.DOTALL)
    assert sorted(words.strip() for words, _ in shown) == ["", *commands.list_commands(None)]
    for words, text in shown:
        assert run(*words.split(), "--help")[1] == text


def test_nothing_asked_is_answered_with_help(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: logcorr ")


HEAVY = {"polars", "numpy", "rich", "jinja2", "yaml", "pyparsing", "crossplane", "tree_sitter", "dateutil"}


def python(script, **options):
    return subprocess.Popen(
        [sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, **options
    )


def test_help_imports_click_and_nothing_heavy():
    told = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    script = f"{told}; import logcorr.cli; logcorr.cli.main(['-h'])"
    _, err = python(script, text=True).communicate()
    loaded = {name.partition(".")[0] for name in err.split()}
    assert "click" in loaded
    assert not loaded & HEAVY


def test_a_closed_pipe_is_no_error():
    process = python("from logcorr.cli import main; main(['analyze', '--help'])")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_reports_are_written_though_nobody_reads_what_is_printed(tmp_path):
    (tmp_path / "crontab").write_text("*/5 * * * * /opt/shop/check.sh\n")
    process = python(f"from logcorr.cli import main; main(['analyze', {str(tmp_path)!r}, '-o', {str(tmp_path / 'report.md')!r}])")
    process.stdout.close()
    assert process.wait() == 0
    assert (tmp_path / "report.md").read_text("utf-8").startswith("# ")
