"""Every rule against its folders: what it must find, what it must not, and what its page says.

`python tests/test_docs.py` writes the examples of the pages anew, after a change that is meant; a person reads the diff.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from pathlib import Path

import pytest

import logcorr
from logcorr import plugins

ROOT = Path(__file__).parent.parent
RULES = Path(__file__).parent / "fixtures/rules"
PAGES = sorted((ROOT / "docs/rules").glob("*.md"))
SHOWN = 5
EXAMPLE = re.compile(r"From `tests/fixtures/rules/(?P<folder>[\w/-]+)`:\n\n```text\n.*?```\n", re.DOTALL)


# What is known to be wrong, and where it is to be mended; a test that passes again must leave this list.
KNOWN: dict[str, str] = {}


def folders(pattern, known=KNOWN):
    """A parameter for each folder; those that are `known` to fail must fail."""
    named = {"/".join(folder.parts[-2:]): folder for folder in sorted(RULES.glob(f"*/{pattern}"))}
    marks = {name: [pytest.mark.xfail(reason=reason, strict=True)] for name, reason in known.items()}
    return pytest.mark.parametrize(
        "folder", [pytest.param(folder, marks=marks.get(name, ()), id=name) for name, folder in named.items()]
    )


@functools.cache
def findings(folder):
    """What the rule says that the folder belongs to."""
    return [found for found in logcorr.analyze(folder / "input").result["findings"] if found["rule"] == folder.parent.name]


def seen(finding, expected):
    """The finding, told by what was expected of it; how sure it is where the folder says so."""
    first = finding["evidence"][0]
    told = {"path": first["path"], "line": first["line"], "claim": finding["claim"]["id"], "severity": finding["severity"]}
    told |= {name: finding[name] for name in ("confidence",) if name in expected}
    return told | {"measured": {name: finding["measured"].get(name) for name in expected["measured"]}}


def close(expected):
    """The expectation, its fractions good to one in a hundred: written by hand, they are rounded."""
    return {name: pytest.approx(value, rel=0.01) if isinstance(value, float) else value for name, value in expected.items()}


@folders("hit-*")
def test_it_finds_what_is_there(folder):
    expected = json.loads((folder / "findings.json").read_text())
    found = sorted(findings(folder), key=lambda finding: (finding["evidence"][0]["path"], finding["evidence"][0]["line"]))
    assert len(found) == len(expected), [finding["claim"]["text"] for finding in found]
    for finding, wanted in zip(found, expected, strict=True):
        assert seen(finding, wanted) == wanted | {"measured": close(wanted["measured"])}
    for finding in found:
        quotes_what_the_file_says(folder, finding)


@folders("miss-*")
def test_it_is_silent_on_the_innocent(folder):
    assert [finding["claim"]["text"] for finding in findings(folder)] == []


def quotes_what_the_file_says(folder, finding):
    """In the test above, as to analyse a folder a second time takes longer than all that is asked of it."""
    for evidence in finding["evidence"]:
        raw = (folder / "input" / evidence["path"]).read_bytes().splitlines(keepends=True)
        lines = raw[evidence["line"] - 1 : evidence["end_line"]]
        assert evidence["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
        text = b"".join(lines).decode().removesuffix("\n")
        assert text.startswith(evidence["quote"].removesuffix("…"))
        assert text == evidence["quote"] or evidence["quote"].endswith("…")


def example(folder):
    """The example of a rule's page: the first lines that carry the finding, and its claim."""
    finding = findings(folder)[0]
    cited = {(one["path"], one["line"]): one["quote"].split("\n")[0] for one in finding["evidence"]}
    quoted = [f"{path}:{line}: {quote}" for (path, line), quote in list(cited.items())[:SHOWN]]
    more = [f"(and {len(cited) - SHOWN} more)"] if len(cited) > SHOWN else []
    told = f"{finding['code']} {finding['severity']}: {finding['claim']['text']}"
    return "\n".join(["```text", *quoted, *more, "", told, "```", ""])


def generated(page):
    """The page with its example written anew."""

    def block(match):
        return f"From `tests/fixtures/rules/{match['folder']}`:\n\n{example(RULES / match['folder'])}"

    return EXAMPLE.sub(block, page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_of_a_page_is_true(page):
    text = page.read_text()
    folders = [match["folder"] for match in EXAMPLE.finditer(text)]
    assert [folder.partition("/")[0] for folder in folders] == [page.stem], "one example, of this rule"
    assert generated(page) == text
    assert text.index("## Example") < text.index(folders[0]) < text.index("## What it does not see")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_headed_by_the_rules_own_words(page):
    rule = plugins.rules()[page.stem]
    head = page.read_text().splitlines()[:3]
    assert head == [f"# {rule.title}", "", f"`{rule.code}` · `{rule.name}` · {rule.role} · {rule.severity}"]
