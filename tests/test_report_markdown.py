"""The postmortem from saved documents: as expected to the byte, and safe whatever the logs hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from logcorr.errors import LogcorrError
from logcorr.report import gantt
from logcorr.report.markdown import render

DOCUMENTS = Path(__file__).parent / "fixtures" / "documents"
ENGLISH_SECTIONS = [
    "Problem", "Impact, as logged", "Timeline", "Diagnosis", "Root cause analysis", "Suggested changes", "Results",
    "Verification", "Related configuration", "Monitoring", "Coverage and gaps", "Summary", "Evidence",
]  # fmt: skip
CHINESE_SECTIONS = [
    "問題描述", "影響範圍（以日誌所載為準）", "時間軸", "診斷過程", "根本原因分析", "解決方案（建議）", "修復效果", "驗證步驟",
    "相關設定檔", "監控建議", "涵蓋範圍與缺口", "總結", "證據",
]  # fmt: skip


def document(name):
    return json.loads((DOCUMENTS / f"{name}.json").read_text("utf-8"))


def parse(text):
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)


@pytest.mark.parametrize(("name", "lang"), [("seed", "en"), ("healthy", "zh-TW"), ("undetermined", "en"), ("healthy", "en")])
def test_the_postmortem_is_as_expected(name, lang):
    assert render(document(name), lang) == (DOCUMENTS / f"{name}.{lang}.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["seed", "undetermined", "healthy", "hostile"])
@pytest.mark.parametrize(("lang", "sections"), [("en", ENGLISH_SECTIONS), ("zh-TW", CHINESE_SECTIONS)])
def test_every_section_is_there_and_none_but_ours(name, lang, sections):
    tokens = parse(render(document(name), lang))
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]
    assert headings == sections
    assert sum(token.type == "heading_open" and token.tag == "h1" for token in tokens) == 1


@pytest.mark.parametrize("name", ["seed", "undetermined", "healthy"])
def test_blank_lines_come_one_at_a_time(name):
    assert "\n\n\n" not in render(document(name))


@pytest.mark.parametrize("lang", ["en", "zh-TW"])
def test_hostile_text_makes_no_html_no_link_no_image(lang):
    tokens = parse(render(document("hostile"), lang))
    inline = [child for token in tokens for child in token.children or ()]
    assert not {child.type for child in inline} & {"link_open", "image", "html_inline"}
    comments = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert comments
    assert all(re.fullmatch(r"<!-- (/?human: [a-z]+|logcorr: [^<>]*) -->(\n.*)?", comment, re.DOTALL) for comment in comments)
    assert not any("<script" in comment for comment in comments)


def test_hostile_text_stays_in_its_cell():
    text = render(document("hostile"))
    tables = [group.splitlines() for group in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)]
    columns = [{len(re.split(r"(?<!\\)\|", row)) for row in table} for table in tables]
    assert all(len(widths) == 1 for widths in columns)


def test_hostile_text_is_shown_in_full():
    text = render(document("hostile"))
    inline = [child for token in parse(text) for child in token.children or ()]
    assert any("<script>alert(1)</script>" in child.content for child in inline if child.type == "code_inline")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_every_prompt_for_people_is_closed():
    text = render(document("seed"))
    opened = re.findall(r"^<!-- human: ([a-z]+) -->$", text, re.MULTILINE)
    assert opened == re.findall(r"^<!-- /human: ([a-z]+) -->$", text, re.MULTILINE)
    assert len(opened) == len(set(opened)) == 10


def test_a_long_chain_is_not_drawn_but_told():
    long = document("seed")
    long["causes"][0]["chain"] = long["causes"][0]["chain"][:1] * 30
    assert "flowchart" not in render(long)
    assert render(long).count("| cron runs `health-check.sh`") == 30


def event(time, source="app", inferred=False):
    return {"time": f"2025-10-16T{time}Z", "source": source, "service": None, "inferred": inferred}


def test_one_run_is_drawn_with_each_event_under_its_row_of_the_table():
    run = event("09:55:00", "schedule", inferred=True)
    told = [event("09:54:00"), run, event("09:55:03.25"), event("09:55:03.25"), event("09:55:13", "a:b#;c"), {**run, "time": "x"}]
    assert list(gantt.drawn(told)) == [1, 2, 3, 4]
    assert gantt.sections(told, "排程") == {
        "排程": {"2025-10-16T09:55:00.000": [2]},
        "app": {"2025-10-16T09:55:03.250": [3, 4]},
        "a·b··c": {"2025-10-16T09:55:13.000": [5]},
    }


@pytest.mark.parametrize(
    ("told", "axis"),
    [
        ([event("09:54:00"), event("09:55:00")], "%H:%M:%S"),
        ([event("09:54:00"), {**event("09:54:00"), "time": "2025-10-17T09:54:00Z"}], "%m-%d %H:%M"),
    ],
)
def test_the_axis_tells_the_day_where_there_are_several(told, axis):
    assert gantt.axis(told) == axis


@pytest.mark.parametrize("told", [[], [event("09:54:00")], [event("09:54:00"), event("09:54:00", "nginx")]])
def test_a_single_instant_is_not_drawn(told):
    assert gantt.sections(told, "schedule") == {}


@pytest.mark.parametrize("name", ["seed", "undetermined", "healthy", "hostile"])
@pytest.mark.parametrize("lang", ["en", "zh-TW"])
def test_drawings_are_small_enough_for_forges(name, lang):
    for drawing in re.findall(r"```mermaid\n(.*?)```", render(document(name), lang), re.DOTALL):
        assert len(drawing) < 10_000
        assert drawing.count(":milestone") <= 40
        assert drawing.count("-->") <= 30


def test_an_own_template_replaces_one_section(tmp_path):
    (tmp_path / "postmortem.md.j2").write_text('{% extends "bundled/postmortem.md.j2" %}{% block results %}ours{% endblock %}')
    text = render(document("seed"), templates=tmp_path)
    assert "\nours\n" in text
    assert "## Results" not in text
    assert "## Verification" in text


def test_a_name_that_does_not_exist_is_an_error(tmp_path):
    (tmp_path / "postmortem.md.j2").write_text("{{ document.nothing.there }}")
    with pytest.raises(LogcorrError, match=r"postmortem\.md\.j2:1: 'dict object' has no attribute 'nothing'"):
        render(document("seed"), templates=tmp_path)


def test_an_unknown_language_is_named():
    with pytest.raises(LogcorrError, match="no such language: fr"):
        render(document("seed"), "fr")


def test_a_template_of_somebody_elses_reaches_nothing_of_pythons(tmp_path):
    own = '{% extends "bundled/postmortem.md.j2" %}{% block summary %}{{ document.__class__.__mro__ }}{% endblock %}'
    (tmp_path / "postmortem.md.j2").write_text(own)
    with pytest.raises(LogcorrError, match="unsafe"):
        render(document("healthy"), templates=tmp_path)
