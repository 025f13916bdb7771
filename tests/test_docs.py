"""What the pages say is so: their code is run, their lists and outputs are compared with the program's.

`python tests/test_docs.py` writes the generated blocks of all pages anew, after a change that is meant; a person reads the diff.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest
import test_contract
import test_rules

import logcorr
from logcorr import plugins
from logcorr.causes import words
from logcorr.collect import collect
from logcorr.model.source import Sample

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FILE = re.compile(r"<!-- file: (?P<path>\S+) -->\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)
RUN = re.compile(r"<!-- run -->\n```python\n(?P<code>.*?)```\n.*?<!-- output -->\n```text\n(?P<output>.*?)```\n", re.DOTALL)
GENERATED = re.compile(r"<!-- generated: (?P<what>[^>]+) -->\n.*?<!-- end -->\n", re.DOTALL)


def files_of(page):
    return {match["path"]: match["text"] for match in FILE.finditer((DOCS / page).read_text())}


def lay_out(page, folder):
    """Everything that a page shows as a file, written where it says."""
    for path, text in files_of(page).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def run(code, folder):
    """What a program prints, run in a folder whose modules and installed packages it can import."""
    paths = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(folder):
    """As if the package in `folder` were installed: its entry points are found, its modules can be imported."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    home = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    home.mkdir()
    (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [
        line for group, entries in groups for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (home / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("page", ["adding-a-rule.md", "adding-a-parser.md", "tutorial.md"])
def test_the_program_of_a_page_prints_what_the_page_says(page, tmp_path):
    lay_out(page, tmp_path)
    if (tmp_path / "pyproject.toml").exists():
        install(tmp_path)
    shown = RUN.search((DOCS / page).read_text())
    assert run(shown["code"], tmp_path if files_of(page) else ROOT) == shown["output"]


@pytest.fixture
def module(request, tmp_path, monkeypatch):
    """A module of a page, imported."""
    page, name = request.param
    lay_out(page, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(name)
    del sys.modules[name]


@pytest.mark.parametrize("module", [("adding-a-rule.md", "floating_image_tag")], indirect=True)
def test_the_rule_of_the_page_finds_its_hit_and_misses_its_miss(module, tmp_path):
    cases = tmp_path / "tests/fixtures/rules/floating_image_tag"
    for folder in sorted(cases.iterdir()):
        result = logcorr.analyze(folder / "input", rules=[module.check]).result
        found = [finding for finding in result["findings"] if finding["rule"] == "floating_image_tag"]
        told = folder / "findings.json"
        expected = json.loads(told.read_text()) if told.exists() else []
        assert [test_rules.seen(finding, {"measured": {}}) for finding in found] == expected


@pytest.mark.parametrize("module", [("adding-a-parser.md", "gunicorn_error")], indirect=True)
def test_the_log_parser_of_the_page_reads_its_sample(module, tmp_path):
    parser = module.gunicorn_error
    artifact = collect([tmp_path / "sample"], {parser.name: parser.recognise}).artifacts[0]
    assert artifact.format == "gunicorn_error"
    events = parser.events(artifact).collect()
    expected = json.loads((tmp_path / "expected.json").read_text())
    told = events.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), pl.col("severity").cast(pl.String))
    assert told.select(list(expected[0])).to_dicts() == expected


@pytest.mark.parametrize("module", [("adding-a-parser.md", "at_jobs")], indirect=True)
def test_the_configuration_parser_of_the_page_reads_a_queue(module, tmp_path):
    (tmp_path / "atq.txt").write_text("12\tSat Mar 14 23:30:00 2026 a deploy\nwhat is this\n")
    parser = module.at_jobs
    assert parser.recognise(Sample("atq.txt", ("12\tSat Mar 14 23:30:00 2026 a deploy",))) == 0.9
    artifact = collect([tmp_path / "atq.txt"], {}).artifacts[0]
    setting, problem = parser.read(artifact)
    assert (setting.name, setting.value, str(setting.span)) == ("at.12", "Sat Mar 14 23:30:00 2026", "atq.txt:1")
    assert (problem.path, problem.line) == ("atq.txt", 2)


def import_table():
    rows = [
        f"| `{room}` | {', '.join(f'`{name}`' for name in sorted(may)) or 'nothing of ours'} |"
        for room, may in test_contract.MAY_IMPORT.items()
    ]
    return "\n".join(["| room | may import |", "| --- | --- |", *rows])


def word_list(listed):
    return "\n".join(["| word | meaning |", "| --- | --- |", *(f"| `{word}` | {meaning} |" for word, meaning in listed.items())])


WEIGHTS = {
    "PROVED_MUST": "every run ends the service: proved",
    "CONDITIONAL": "some runs do, when a condition holds",
    "POSSIBLE": "perhaps; something could not be read",
    "NOT_COLLECTED": "what it runs was not collected",
    "STOPS_NOTHING_HERE": "read in full, it ends nothing of this service",
    "PROVED_NEVER": "it has the command, and no run reaches it: proved",
    "CONTRADICTED": "the logs contradict it",
}


def weights():
    rows = [f"| {meaning} | {getattr(words, name):g} |" for name, meaning in WEIGHTS.items()]
    return "\n".join(["| what is known of the job | factor |", "| --- | --- |", *rows])


def rule_list():
    rows = [
        f"| [`{rule.name}`](rules/{rule.name}.md) | {rule.code} | {rule.role} | {rule.title} |" for rule in ours(plugins.rules())
    ]
    return "\n".join(["| rule | code | role | says |", "| --- | --- | --- | --- |", *rows])


def format_list():
    rows = [f"| [`{parser.name}`](parsers/{parser.name}.md) | {parser.title} |" for parser in ours(plugins.parsers())]
    return "\n".join(["| format | is |", "| --- | --- |", *rows])


def page_list():
    """The pages that the index does not introduce itself."""
    introduced = re.sub(GENERATED, "", (DOCS / "index.md").read_text())
    pages = [page for page in sorted(DOCS.glob("*.md")) if page.name != "index.md" and f"({page.name})" not in introduced]
    return "\n".join(f"- [{page.read_text().splitlines()[0].removeprefix('# ')}]({page.name})" for page in pages)


def public_names():
    names = {name: inspect.getdoc(getattr(logcorr, name)) for name in logcorr.__all__}
    rows = [f"| `logcorr.{name}` | {(text or '').splitlines()[0]} |" for name, text in names.items()]
    return "\n".join(["| name | what it is |", "| --- | --- |", *rows])


def ours(found):
    return [found[name] for name in test_contract.ours(found)]


GENERATORS = {
    "weights": weights,
    "pages": page_list,
    "public names": public_names,
    "rules": rule_list,
    "formats": format_list,
    "import table": import_table,
    "mechanisms": lambda: word_list(words.MECHANISMS),
    "cause kinds": lambda: word_list(words.CAUSE_KINDS),
}


def generated(page):
    """The page with its generated blocks written anew."""

    def block(match):
        what = match["what"]
        text = terminal(what) if what.startswith("logcorr ") else GENERATORS[what]()
        return f"<!-- generated: {what} -->\n{text}\n<!-- end -->\n"

    return GENERATED.sub(block, page.read_text())


def terminal(command):
    """What a command prints, as a terminal shows it."""
    code = f"from logcorr.cli import main; main({shlex.split(command)[1:]!r})"
    return f"```text\n$ {command}\n{run(code, ROOT)}```"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_generated_blocks_are_up_to_date(page):
    assert generated(page) == page.read_text()


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


if __name__ == "__main__":
    for written in sorted(DOCS.glob("*.md")):
        written.write_text(generated(written))
    for written in test_rules.PAGES:
        written.write_text(test_rules.generated(written))
