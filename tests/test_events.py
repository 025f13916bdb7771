"""`logcorr timeline` and `logcorr.scan`: every event with its fields, filtered, in each form."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import logcorr
from logcorr.cli import main
from logcorr.errors import NothingRecognised

FIXTURES = Path(__file__).parent / "fixtures" / "timeline"
MIXED = FIXTURES / "mixed"
EXPECTED = [json.loads(line) for line in (FIXTURES / "mixed.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture
def run(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as exited:
            main(["timeline", str(MIXED), *arguments])
        out, err = capsys.readouterr()
        return exited.value.code, out, err

    return run


@pytest.mark.parametrize(("form", "expected"), [("table", "mixed.txt"), ("jsonl", "mixed.jsonl")])
def test_the_forms(run, form, expected):
    assert run("-f", form) == (0, (FIXTURES / expected).read_text("utf-8"), "")


def test_tables_hold_the_same(run, tmp_path):
    assert (
        run("-f", "csv", "-o", str(tmp_path / "a.csv")) == run("-f", "parquet", "-o", str(tmp_path / "a.parquet")) == (0, "", "")
    )
    csv, parquet = pl.read_csv(tmp_path / "a.csv"), pl.read_parquet(tmp_path / "a.parquet")
    assert csv.columns == parquet.columns
    for table in (csv, parquet):
        assert table["message"].to_list() == [event["message"] for event in EXPECTED]
        assert table["status"].to_list() == [event.get("status") for event in EXPECTED]


def test_a_file_leaves_without_identities_unless_told_otherwise(run, tmp_path):
    file = tmp_path / "a.jsonl"
    run("-f", "timesketch", "-o", str(file))
    assert file.read_text("utf-8") == (FIXTURES / "mixed.timesketch.jsonl").read_text("utf-8")
    run("-f", "jsonl", "-o", str(file), "--no-redact")
    assert file.read_text("utf-8") == (FIXTURES / "mixed.jsonl").read_text("utf-8")
    assert "203.0.113.5" not in run("-f", "jsonl", "--redact")[1]


def test_timesketch_is_given_no_event_without_a_time(capsys, tmp_path):
    (tmp_path / "a.log").write_text('{"level":"info","message":"one"}\n')
    (tmp_path / "b.log").write_text('{"timestamp":"2026-01-31T12:00:00Z","level":"info","message":"two"}\n')
    with pytest.raises(SystemExit):
        main(["timeline", str(tmp_path), "-f", "timesketch"])
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == ["two"]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--source", "nginx"], [1, 3, 4, 5]),
        (["--source", "api.log"], [0, 2, 6]),
        (["--service", "api", "--service", "other"], [0, 2, 6]),
        (["--kind", "upstream"], [1]),
        (["--kind", "upstream.refused", "--kind", "http"], [1, 4]),
        (["--level", "notice"], [1, 2, 3, 4]),
        (["--grep", r"203\.0\.113"], [1, 4]),
        (["--grep", "nginx"], []),
        (["--since", "2026-01-31T12:00:02", "--until", "2026/01/31 12:00:03"], [2, 3]),
        (["--around", "2026-01-31T13:00:02+01:00±1s"], [1, 2, 3]),
        (["--around", "2026-01-31T12:00:02 +- 1.5s", "--limit", "2"], [1, 2]),
        (["--tz", "nginx=+01:00", "--until", "2026-01-31T11:30"], [1, 3]),
    ],
)
def test_the_filters(run, arguments, lines):
    code, out, _ = run("-f", "jsonl", *arguments)
    assert code == 0
    got = [(event["path"], event["line"]) for event in map(json.loads, out.splitlines())]
    assert got == [(EXPECTED[number]["path"], EXPECTED[number]["line"]) for number in lines]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--kind", "upsteam"], "error: no such kind: upsteam\ntip: did you mean upstream?\n"),
        (["--grep", "("], "error: --grep: '(' is no pattern\ntip: escape ( [ { . * + ? | \\ with \\\n"),
        (["-f", "parquet"], "error: parquet is not for the screen: add -o FILE."),
        (["--around", "yesterday"], "error: Invalid value for '--around': 'yesterday' is no TIME±SPAN"),
        (["-o", "no/such/folder/x"], "error: cannot write no/such/folder/x: No such file or directory"),
    ],
)
def test_mistakes_end_in_one_sentence_and_a_tip(run, arguments, error):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(error)


def test_what_is_not_asked_for_is_left_to_the_scan():
    plan = logcorr.scan(MIXED).filter(pl.col("level") >= "error").select("message").explain()
    assert plan.count("PYTHON SCAN") == plan.count('SELECTION: col("level") >= ') == 1
    assert plan.count("PROJECT 2/") == 1


def test_names_of_files_are_no_commands_to_a_terminal(tmp_path, capsys):
    (tmp_path / "a\x1b[31m\nb.log").write_text("2026-01-31 12:00:00 [error] x\n")
    with pytest.raises(SystemExit):
        main(["timeline", str(tmp_path)])
    out = capsys.readouterr().out
    assert "a␛[31m b.log:1" in out
    assert out.count("\n") == 2


def test_a_folder_without_logs_is_told_from_an_empty_timeline(tmp_path):
    (tmp_path / "Dockerfile.txt").write_text("no log\n")
    with pytest.raises(NothingRecognised):
        logcorr.scan(tmp_path)
    assert logcorr.scan(MIXED).filter(pl.col("message") == "").collect().is_empty()


def test_lines_are_read_by_the_template_in_the_collected_source():
    expected = [json.loads(line) for line in (FIXTURES / "printf.jsonl").read_text("utf-8").splitlines()]
    frame = logcorr.scan(FIXTURES / "printf").collect()
    assert set(frame["format"]) == {"winston"}
    shown = [{name: value for name, value in row.items() if value is not None} for row in frame.to_dicts()]
    for want, row in zip(expected, shown, strict=True):
        assert want == {name: row[name].isoformat() if name == "time" else row[name] for name in row.keys() & EVERY}


def test_a_function_of_ones_own_may_give_the_time(tmp_path):
    source = "const winston = require('winston');\nwinston.format.printf((i) => `${stamp()} ${i.level} shop: ${i.message}`)\n"
    (tmp_path / "server.js").write_text(source)
    (tmp_path / "shop.log").write_text("05.03.2026 08:41:19 info shop: up\n05.03.2026 09:02:18 error shop: no cache\n")
    frame = logcorr.scan(tmp_path).collect()
    assert [f"{time:%d %H:%M}" for time in frame["time"]] == ["05 08:41", "05 09:02"]
    assert frame["message"].to_list() == ["up", "no cache"]


EVERY = {"time", "level", "kind", "message", "line", "end_line", "service_name", "region", "meta"}
