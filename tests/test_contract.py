"""What every module, parser and rule owes: its place in the house, fixtures both ways, a page."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from logcorr import plugins
from logcorr.causes.words import MECHANISMS
from logcorr.parsers import LogParser

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "logcorr"
FIXTURES = ROOT / "tests/fixtures"

# Who may import whom (docs/architecture.md): a row may use what stands right of its name, and its own.
MAY_IMPORT = {
    "__init__": {
        "analysis", "checking", "configuration", "errors", "model", "outcome", "parse", "reading", "rules", "suppression",
        "timeline",
    },
    "__main__": {"cli"},
    "reading": {"collect", "parsers", "plugins", "semantics", "timeline", "model", "errors"},
    "analysis": {
        "reading", "configuration", "collect", "semantics", "timeline", "casework", "rules", "suppression", "causes", "repair",
        "assumptions", "report", "outcome", "model", "plugins", "errors",
    },
    "casework": {"reading", "configuration", "semantics", "timeline", "model", "errors"},
    "assumptions": {"suppression", "model", "errors"},
    "outcome": {"comparison", "repair", "report", "semantics", "timeline", "model", "errors"},
    "comparison": {"statistics", "report", "model", "errors"},
    "repair": {"fixes", "parsers", "semantics", "rules", "model", "errors"},
    "checking": {
        "reading", "configuration", "suppression", "collect", "semantics", "rules", "report", "model", "plugins", "errors",
    },
    "suppression": {"rules", "model", "errors"},
    "configuration": {"reading", "collect", "parsers", "semantics", "timeline", "report", "model", "plugins", "errors"},
    "parse": {"parsers", "collect", "timeline", "model", "errors", "plugins"},
    "plugins": {"parsers", "rules", "model", "errors"},
    "mcp": {"analysis", "cli", "collect", "errors", "model", "outcome", "plugins", "reading", "report"},
    "report": {"model", "errors"},
    "fixes": {"semantics", "grammar", "model", "errors"},
    "causes": {"timeline", "statistics", "model", "errors"},
    "rules": {"timeline", "statistics", "semantics", "model", "errors"},
    "timeline": {"statistics", "model", "errors", "parsers"},
    "semantics": {"grammar", "model", "errors"},
    "parsers": {"grammar", "model", "errors"},
    "collect": {"model", "errors"},
    "statistics": {"errors"},
    "grammar": {"model", "errors"},
    "model": {"errors"},
    "errors": set(),
    "lazily": set(),
}  # fmt: skip


def ours(found):
    """Those that ship with logcorr: an installed third-party plug-in owes us no fixture."""
    return [
        name for name in found if (PACKAGE / "parsers" / f"{name}.py").exists() or (PACKAGE / "rules" / f"{name}.py").exists()
    ]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("logcorr"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("logcorr"))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_keep_to_the_table(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    room = parts[0]
    if room == "cli":
        return
    for name in imported(path):
        target = name.split(".")[1] if "." in name else "__init__"
        if not (PACKAGE / target).exists() and not (PACKAGE / f"{target}.py").exists():
            continue  # a name that the package itself defines
        assert target in (room, "lazily", *MAY_IMPORT[room]), f"{room} imports {name}"
        if room in ("parsers", "rules") and target == room:
            other = name.split(".")[2]
            plugin = (PACKAGE / room / f"{other}.py").exists() and not other.startswith("_")
            assert not plugin, f"{path.name} imports {name}"


@pytest.mark.parametrize("name", ours(plugins.rules()))
def test_a_rule_has_a_hit_a_miss_and_a_page(name):
    folder = FIXTURES / "rules" / name
    assert list(folder.glob("hit-*")), f"no hit in {folder}"
    assert list(folder.glob("miss-*")), f"no miss in {folder}"
    page = ROOT / f"docs/rules/{name}.md"
    assert page.exists(), f"no page {page}"
    headings = [line[3:] for line in page.read_text().splitlines() if line.startswith("## ")]
    assert headings == [
        "What it looks for", "Why it matters", "Example", "What it does not see", "What to do", "What would disprove it"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ours(plugins.parsers()))
def test_a_parser_has_fixtures_and_a_page(name):
    assert any((FIXTURES / "parsers" / name).iterdir())
    assert (ROOT / f"docs/parsers/{name}.md").exists()


def test_codes_are_unique():
    codes = [rule.code for rule in plugins.rules().values()]
    assert len(codes) == len(set(codes))


def test_no_log_parser_claims_an_empty_file():
    from logcorr.model.source import Sample

    for parser in plugins.parsers().values():
        if isinstance(parser, LogParser):
            assert parser.recognise(Sample("x.bin", ())) == 0, parser.name


def test_lines_show_mechanisms_of_the_closed_list():
    shown = [
        (keyword.value.value, str(path.relative_to(ROOT)))
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "shows" and isinstance(keyword.value, ast.Constant)
    ]
    assert shown
    assert not [(word, path) for word, path in shown if word not in MECHANISMS]
