"""The postmortem as HTML: the same sections as in Markdown, and whatever the logs hold it asks for nothing and obeys nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_report_markdown import CHINESE_SECTIONS, ENGLISH_SECTIONS, parse

from logcorr.errors import LogcorrError
from logcorr.report import html
from logcorr.report.chart import chart
from logcorr.report.html import render
from logcorr.report.markdown import render as markdown
from logcorr.report.write import BARS

DOCUMENTS = Path(__file__).parent / "fixtures" / "documents"
NAMES = ["seed", "undetermined", "healthy", "hostile"]
VOID = {"meta", "input", "line", "rect"}
LOADING = {"src", "srcset", "data", "action", "formaction", "poster", "background", "style"}


def document(name):
    return json.loads((DOCUMENTS / f"{name}.json").read_text("utf-8"))


class Page(HTMLParser):
    """Elements with their attributes and the text of each kind; notes what is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts, self.wrong = [], [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("lang", "sections"), [("en", ENGLISH_SECTIONS), ("zh-TW", CHINESE_SECTIONS)])
def test_every_section_is_there_and_every_element_is_closed(name, lang, sections):
    page = Page(render(document(name), lang))
    assert page.texts["h2"] == sections
    assert len(page.texts["h1"]) == 1
    assert (page.wrong, page.open) == ([], [])


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_what_is_there_and_names_are_given_once(name):
    elements = Page(render(document(name))).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for tag, attributes in elements if tag == "a"} <= set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_and_no_attribute_runs(name):
    for tag, attributes in Page(render(document(name))).elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "audio", "video"}
        assert not LOADING & set(attributes), (tag, attributes)
        assert not [attribute for attribute in attributes if attribute.startswith("on")]


def test_the_policy_names_the_one_style_and_the_one_script():
    text = render(document("seed"))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[1].replace("&#39;", "'")
    blocks = re.findall(r"<(style|script)>(.*?)</\1>", text, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["style", "script"]
    hashes = [
        f"{kind}-src 'sha256-{base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()}'" for kind, block in blocks
    ]
    assert policy.split("; ") == ["default-src 'none'", *hashes, "base-uri 'none'", "form-action 'none'"]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_carries_its_document(name):
    blocks = re.findall(r'<script type="application/json" id="result">(.*?)</script>', render(document(name)), re.DOTALL)
    assert [json.loads(block) for block in blocks] == [document(name)]


@pytest.mark.parametrize("lang", ["en", "zh-TW"])
def test_hostile_text_is_shown_not_obeyed(lang):
    text = render(document("hostile"), lang)
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert any("</code><script>alert(1)</script>" in shown for shown in page.texts["code"])
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "␛[31mESC␇" in text
    assert re.findall(r"<!-- human: (\w+) -->", text) == re.findall(r"<!-- /human: (\w+) -->", text)
    assert "<!-- human: x -->" not in text


def hostile_everywhere(part):
    """A document whose every free text is an attack."""
    attack = "</script><img src=x onerror=alert(1)>\"'`\u202e{{ 7*7 }}\x1b"
    if isinstance(part, dict):
        return {
            name: attack if name in FREE and isinstance(child, str) else hostile_everywhere(child) for name, child in part.items()
        }
    return [hostile_everywhere(child) for child in part] if isinstance(part, list) else part


FREE = {
    "path",
    "quote",
    "note",
    "text",
    "source",
    "service",
    "zone",
    "zone_reason",
    "command",
    "code",
    "rule",
    "message",
    "format",
}


def test_an_attack_in_every_text_stays_text():
    text = render(hostile_everywhere(document("seed")))
    elements = [tag for tag, _ in Page(text).elements]
    assert "img" not in elements
    assert elements.count("script") == 2
    assert not re.search(r"[\x1b\u202e]", text)


def test_every_name_and_place_of_the_markdown_is_in_the_page():
    inline = [child for token in parse(markdown(document("seed"))) for child in token.children or ()]
    words = {child.content.replace(" ⏎ ", " ") for child in inline if child.type == "code_inline"}
    page = " ".join("".join(Page(render(document("seed"))).texts["body"]).split())
    assert len(words) > 50
    assert [word for word in words if word not in page and not set(word) & set(BARS)] == []


def test_a_patch_is_shown_with_what_it_changes():
    patched = document("seed")
    diff = "--- a/health-check.sh\n+++ b/health-check.sh\n@@ -4 +4 @@\n-old </pre>\n+new\n"
    patched["actions"][0]["patch"] = {
        "diff": diff, "reach_before": "must", "reach_after": "never", "finding": "F5", "safe": True,
        "change": {"id": "x", "params": {}, "text": "ask the service"},
    }  # fmt: skip
    patched["diffs"] = [{"path": "health-check.sh", "diff": diff}]
    text = render(patched)
    assert '<span class="line removed">-old &lt;/pre&gt;\n</span><span class="line added">+new\n</span>' in text
    assert '<span class="line ">--- a/health-check.sh' in text
    assert "<td>ask the service</td><td>on every run</td><td>never</td>" in text


def test_the_drawing_is_of_the_document():
    drawn = chart(document("seed"))
    assert [(lane.source, [(bar.x, bar.height, bar.wrong) for bar in lane.bars]) for lane in drawn.lanes] == [
        ("app", [(0.0, 100.0, 0.0), (3.1, 100.0, 0.0), (93.8, 100.0, 0.0), (96.9, 100.0, 0.0)]),
        ("nginx", [(3.1, 100.0, 100.0)]),
    ]
    assert drawn.marks == {"cause": [0.0, 93.8], "symptom": [0.9, 4.1, 94.4, 97.5]}
    assert drawn.ticks == (
        (0.0, "09:55"), (18.8, "09:56"), (37.5, "09:57"), (56.2, "09:58"), (75.0, "09:59"), (93.8, "10:00"),
    )  # fmt: skip


def test_own_templates_style_and_script_replace_ours(tmp_path):
    (tmp_path / "postmortem.html.j2").write_text(
        '{% extends "bundled/postmortem.html.j2" %}{% block results %}ours{% endblock %}'
    )
    (tmp_path / "report.css").write_text("body { color: teal }")
    text = render(document("seed"), templates=tmp_path)
    assert "ours" in text
    assert "<style>body { color: teal }</style>" in text
    assert base64.b64encode(hashlib.sha256(b"body { color: teal }").digest()).decode() in text


def test_a_mistake_in_an_own_template_is_named_with_its_line(tmp_path):
    (tmp_path / "postmortem.html.j2").write_text("fine\n{% block %}\n")
    with pytest.raises(LogcorrError, match=r"postmortem\.html\.j2:2: "):
        render(document("seed"), templates=tmp_path)


def test_a_notebook_shows_the_page_in_a_frame_of_its_own():
    shown = html.frame('<p title="x">&amp;</p>')
    assert shown == (
        '<iframe sandbox="allow-scripts" width="100%" height="800" frameborder="0" '
        'srcdoc="&lt;p title=&quot;x&quot;&gt;&amp;amp;&lt;/p&gt;"></iframe>'
    )
