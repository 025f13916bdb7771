"""Text from logs is shown by Markdown and Mermaid, never obeyed."""

from __future__ import annotations

import pytest

from logcorr.report import escape


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("backend received SIGTERM 2 times", "backend received SIGTERM 2 times"),
        ("asks http://localhost/health, gets 301", "asks `http://localhost/health`, gets 301"),
        ("腳本檢查 http://localhost/health，得到 301", "腳本檢查 `http://localhost/health`，得到 301"),
        ("runs (see nginx/conf.d/ssl.conf:20).", "runs (see `nginx/conf.d/ssl.conf:20`)."),
        ("on */5 * * * * health-check.sh asks", "on `*/5 * * * *` `health-check.sh` asks"),
        ("the job on 0 3 * * *: /home/x/backup.sh", "the job on `0 3 * * *`: `/home/x/backup.sh`"),
        ("24/24 restarts, 0.97, 10:00:03, e.g. this", "24/24 restarts, 0.97, 10:00:03, e.g. this"),
        ("<script>alert(1)</script>", "`<script>alert(1)</script>`"),
        ("**bold** [a](http://b) ![i](x)", "`**bold** [a](http://b`) `![i](x`)"),
        ("@team see #12", "`@team` see `#12`"),
        ("a `b` c", "a `` `b` `` c"),
        ("first\nsecond\r\nthird", "first second␍ third"),
        ("red \x1b[31mtext\x07", "red ␛`[31mtext`␇"),
        ("right \u202e left", "right `<U+202E>` left"),
        ("", ""),
    ],
)
def test_a_sentence(text, markdown):
    assert escape.prose(text) == markdown


def test_a_cell_keeps_its_column():
    assert escape.cell("a | b\nc") == "a `\\|` b c"
    assert escape.code_cell("a | b\nc") == "`a \\| b ⏎ c`"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [("plain", "`plain`"), ("a`b", "``a`b``"), ("``", "``` `` ```"), ("`x", "`` `x ``"), ("", ""), ("a\nb\n", "`a ⏎ b`")],
)
def test_a_code_span_is_longer_than_the_runs_inside(text, markdown):
    assert escape.code(text) == markdown


def test_a_fence_is_longer_than_the_runs_inside():
    assert escape.fence("a\n```\nb", "sh") == "````sh\na\n```\nb\n````"
    assert escape.fence("tab\tstays\x00") == "```text\ntab\tstays␀\n```"


def test_a_mermaid_label_holds_no_sign_that_mermaid_reads():
    assert escape.label('say "hi" <b>; end[x]{y}|z|#`') == (
        "say #34;hi#34; #60;b#62;#59; end#91;x#93;#123;y#125;#124;z#124;#35;#96;"
    )
    assert escape.label("一二三四五", most=3) == "一二…"
