"""The terminal output of saved documents: readable in 80 columns, safe whatever the logs hold."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from rich.cells import cell_len

from logcorr.cli import concise, links, terminal
from logcorr.report.language import language
from logcorr.report.write import parents, score, sparkline, when

DOCUMENTS = Path(__file__).parent / "fixtures" / "documents"


@pytest.fixture
def printed(capsys, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def show(name, lang="en", renderer=terminal):
        document = json.loads((DOCUMENTS / f"{name}.json").read_text("utf-8"))
        renderer.show(document, language(lang), *([["incident/"]] if renderer is terminal else []))
        return capsys.readouterr().out

    return show


@pytest.mark.parametrize(("name", "lang"), [("seed", "en"), ("healthy", "zh-TW"), ("undetermined", "en"), ("healthy", "en")])
def test_the_full_output_is_as_expected(printed, name, lang):
    assert printed(name, lang) == (DOCUMENTS / f"{name}.{lang}.txt").read_text("utf-8")


def test_the_concise_output_is_a_line_each(printed):
    assert printed("seed", renderer=concise) == (DOCUMENTS / "seed.concise.txt").read_text("utf-8")
    assert printed("healthy", renderer=concise) == "healthy: No incident in 2 files\n"


@pytest.mark.parametrize("lang", ["en", "zh-TW"])
def test_lines_fit_80_columns(printed, lang):
    assert max(map(cell_len, printed("seed", lang).splitlines())) <= 80


@pytest.mark.parametrize("renderer", [terminal, concise])
def test_hostile_text_is_shown_not_obeyed(printed, renderer):
    text = printed("hostile", renderer=renderer)
    assert "[red]rich[/red]" in re.sub(r"\s+", " ", text)
    assert "␛[31mESC␇" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_colour_is_for_those_who_want_it(printed, monkeypatch):
    assert "\x1b[" not in printed("seed")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31mroot-cause" in printed("seed")
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in printed("seed")


@pytest.mark.parametrize(
    ("counts", "bars"), [([], ""), ([0, 0], "··"), ([1, 0, 1], "█·█"), ([1, 100], "▂█"), ([1, 10000], "▁█"), ([25, 100], "▅█")]
)
def test_a_sparkline_grows_with_the_square_root(counts, bars):
    assert sparkline(counts) == bars


@pytest.mark.parametrize(("value", "text"), [(1, "1.00"), (0.999, "0.99"), (0.5, "0.50"), (0.001, "0.01"), (0, "0.00")])
def test_a_score_is_certain_only_if_it_is(value, text):
    assert score(value) == text


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        ("2025-10-16T09:55:03Z", "2025-10-16 09:55:03Z"),
        ("2025-10-16T09:55:03.460000Z", "2025-10-16 09:55:03.46Z"),
        ("2025-10-16T09:55:10.000001Z", "2025-10-16 09:55:10.000001Z"),
    ],
)
def test_an_instant_is_as_long_as_it_must_be(instant, text):
    assert when(instant) == text


def test_hops_hang_on_what_leads_to_them():
    places = [("cron", "script"), ("probe", "nginx"), ("branch", "stop"), ("stop", "closed"), ("stop", "refused")]
    chain = [{"from": {"path": start, "line": 1}, "to": {"path": end, "line": 1}} for start, end in places]
    assert parents(chain) == [0, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (2.5, "2.5 s", "2.5 秒"),
        (60, "1 min", "1 分鐘"),
        (300, "5 min", "5 分鐘"),
        (3661.5, "1 h 1 min", "1 小時 1 分鐘"),
        (90000, "1 d 1 h", "1 天 1 小時"),
    ],
)
def test_durations(seconds, english, chinese):
    assert language("en").duration(seconds) == english
    assert language("zh-tw").duration(seconds) == chinese


def on_a_terminal(*arguments, **environment):
    """What a command prints where standard output is a terminal."""
    screen, program = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in (*links.NAMED, "NO_COLOR", "FORCE_COLOR")}
    ran = subprocess.Popen(
        [sys.executable, "-m", "logcorr", "--isolated", *arguments],
        stdout=program,
        env={**variables, "TERM": "xterm", **environment},
    )
    os.close(program)
    told = b""
    with suppress(OSError):  # a terminal whose program has gone
        while part := os.read(screen, 65536):
            told += part
    os.close(screen)
    assert ran.wait() in (0, 1)
    return told.decode()


@pytest.mark.parametrize(
    ("environment", "linked"),
    [
        ({"VTE_VERSION": "7600"}, True),
        ({"VTE_VERSION": "4600"}, False),
        ({"TERM_PROGRAM": "WezTerm", "NO_COLOR": "1"}, True),
        ({"WT_SESSION": "x", "FORCE_HYPERLINK": "0"}, False),
        ({"FORCE_HYPERLINK": "1"}, True),
        ({}, False),
    ],
)
def test_places_are_links_where_a_terminal_has_them(tmp_path, environment, linked):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/crontab").write_text("* 3 * * * /usr/local/bin/backup.sh\n")
    told = on_a_terminal("check", str(tmp_path / "a b"), **environment)
    link = f"\x1b]8;id=[0-9-]+;{re.escape((tmp_path / 'a b/crontab').as_uri())}\x1b\\\\"
    assert bool(re.search(link, told)) == linked
    assert ("\x1b]8;" in told) == linked


def test_a_pipe_gets_no_links_whatever_is_forced(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("FORCE_HYPERLINK", "1")
    terminal.show(json.loads((DOCUMENTS / "seed.json").read_text("utf-8")), language("en"), [str(tmp_path)])
    assert "\x1b]8;" not in capsys.readouterr().out


def test_more_and_less_is_told(printed, capsys):
    document = json.loads((DOCUMENTS / "seed.json").read_text("utf-8"))
    terminal.show(document, language("en"), ["incident/"], whole=True)
    told = capsys.readouterr().out
    assert all(f"[{finding['code']}]" in told for finding in document["findings"])
    assert "found nothing: " in told
    concise.show_causes(document, language("en"))
    assert capsys.readouterr().out.count("\n") == 1
