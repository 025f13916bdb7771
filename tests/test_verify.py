"""`logcorr verify`: what still stands passes, and everything that does not is named."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

import logcorr
from logcorr.cli import main
from logcorr.report.redaction.tags import agrees, begins

CASES = Path(__file__).parent / "fixtures/cases"
SEED = CASES / "heart-whisper-town"
REPORTS = sorted(path for path in CASES.glob("*/report*") if path.suffix in (".md", ".json"))


@pytest.fixture
def verify(capsys):
    """Runs the command; gives its code and what it printed."""

    def run(report, *roots):
        with pytest.raises(SystemExit) as exited:
            main(["verify", str(report), *(part for root in roots for part in ("--root", str(root)))])
        out, err = capsys.readouterr()
        return exited.value.code, out + err

    return run


@pytest.fixture
def root(tmp_path):
    """A copy of the seed's files."""
    return shutil.copytree(SEED / "input", tmp_path / "input")


def edited(path, *changes):
    """A report with some text replaced; each replacement must apply."""
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_our_own_reports_hold(verify, report):
    code, said = verify(report, report.parent / "input")
    assert code == 0, said
    assert re.fullmatch(r"\d+ citations in \d+ files: all hold\n", said)


@pytest.mark.parametrize("report", ["report.md", "report.zh-TW.md", "report.json"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("byte", "health-check.sh:4: the report quotes"),
        ("blank", "crontab.txt:1: the bytes of the lines are not those that were cited"),
        ("shift", "crontab.txt:1: the report quotes"),
        ("missing", "crontab.txt:1: there is no such file"),
        ("short", "there are no such lines: the file has 3"),
        ("link", "crontab.txt:1: skipped: a link that leads out of the folder"),
    ],
)
def test_what_changed_on_disk_is_named(verify, root, report, change, said):
    script, table, log = root / "health-check.sh", root / "crontab.txt", root / "backend/logs/combined.log"
    match change:
        case "byte":
            script.write_bytes(script.read_bytes().replace(b"localhost/health", b"localhost/healtz"))
        case "blank":
            table.write_bytes(table.read_bytes().rstrip(b"\n") + b"\r\n")
        case "shift":
            table.write_text("# moved down\n" + table.read_text())
        case "missing":
            table.unlink()
        case "short":
            log.write_text("".join(log.read_text().splitlines(keepends=True)[:3]))
        case "link":
            (root.parent / "outside").write_text(table.read_text())
            table.unlink()
            table.symlink_to(root.parent / "outside")
    code, told = verify(SEED / report, root)
    assert code == 1
    assert said in told
    assert len(told.splitlines()) == 1


HASH = "f18ae35a91ea"  # sed -n 4p health-check.sh | sha256sum


@pytest.mark.parametrize(
    ("report", "change", "said"),
    [
        ("report.md", (f"| `{HASH}` |", "| `f18ae35a91eb` |"), "health-check.sh:4: the bytes"),
        ("report.md", (f":4` | `{HASH}`", f":5` | `{HASH}`"), "health-check.sh:5: the report quotes"),
        ("report.md", (f":4` | `{HASH}` | `HEALTH", f":4` | `{HASH}` | `STEALTH"), "health-check.sh:4: the report quotes"),
        ("report.md", ("| `crontab.txt:1` | `5b8d", "| `../crontab.txt:1` | `5b8d"), "the path leads out of the folder"),
        ("report.md", ("| `crontab.txt:1` | `5b8d", "| `/etc/crontab:1` | `5b8d"), "the path leads out of the folder"),
        ("report.md", ("> 12 |     docker-compose", "> 12 |     podman-compose"), "health-check.sh:12: the report quotes"),
        ("report.md", ("| `crontab.txt:1` | `*/5", "| `crontab.txt:1` | `*/6"), "crontab.txt:1: the report quotes"),
        ("report.md", ("change: `health-check.sh:4`", "change: `health-check.sh:44`"), "sh:44: there are no such lines"),
        ("report.json", ('"quote": "*/5', '"quote": "*/6'), "crontab.txt:1: the report quotes"),
        ("report.json", ('"path": "crontab.txt"', '"path": "../crontab.txt"'), "the path leads out of the folder"),
        ("report.json", (HASH, "0" * 12), "health-check.sh:4: the bytes"),
        ("report.json", ('    # ❌ 重啟所有服務！', '    # fine'), "health-check.sh:11: the report quotes"),
        ("report.json", ('"end_line": 12,', '"end_line": 99999999999,'), "there are no such lines: the file has 13"),
    ],
)  # fmt: skip
def test_what_never_held_is_named(verify, tmp_path, report, change, said):
    forged = tmp_path / report
    forged.write_text(edited(SEED / report, change))
    code, told = verify(forged, SEED / "input")
    assert code == 1
    assert said in told


def test_what_people_write_elsewhere_does_not_matter(verify, tmp_path):
    text = edited(
        SEED / "report.md",
        ("_✎ Severity, owner,", "Sev 2, *Jesse*. | `health-check.sh:400` | `nobody said this` |\n_✎ Severity, owner,"),
        ("## Problem\n", "## What went wrong\n\nWe run `localhost:80` and `node:20`.\n"),
    )
    (tmp_path / "report.md").write_text(text.replace("\n", "\r\n"))
    assert verify(tmp_path / "report.md", SEED / "input") == verify(SEED / "report.md", SEED / "input")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("notes.md", "# Shopping\n", "the report has no table of evidence"),
        ("x.json", '{"a": 1}', "this is no document of logcorr"),
        ("x.json", '{"schema": "logcorr.result/1", ', "its document is no JSON"),
        ("x.json", '{"schema": "logcorr.result/1", "findings": [{"quote": 1}]}', "the document is broken"),
        ("x.json", "{" + '"a":{' * 5000, "its document is no JSON"),
        ("x.json", '{"schema": "logcorr.facts/1", "jobs": []}', "the document has no findings"),
        ("x.html", "<!doctype html><p>hello", "the page holds no document"),
    ],
)
def test_what_is_no_report_is_a_mistake(verify, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    code, told = verify(tmp_path / name)
    assert code == 2
    assert said in told


def test_backticks_without_end_take_no_time(verify, tmp_path):
    (tmp_path / "x.md").write_text("|".join("`" * length for length in range(1, 1000)) + "\n| `` a`b:1 `` | `q` |\n")
    assert verify(tmp_path / "x.md", tmp_path) == (1, "a`b:1: there is no such file\n")


def test_html_is_checked_by_the_document_in_it(verify, root, tmp_path):
    document = (SEED / "report.json").read_text("utf-8").replace("<", "\\u003c")
    page = tmp_path / "report.html"
    page.write_text(f"<!doctype html><script>1</script><script type='application/json' id='x'>{document}</script>")
    assert verify(page, root)[0] == 0
    (root / "crontab.txt").unlink()
    assert verify(page, root) == (1, "crontab.txt:1: there is no such file\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">f18ae35a91ea</code>", ">f18ae35a91eb</code>"),
        ("<code>health-check.sh:4</code></td><td><code", "<code>health-check.sh:5</code></td><td><code"),
        ('"quote">*/5 * *', '"quote">*/9 * *'),
    ],
)
def test_what_a_page_shows_is_checked_as_well(verify, root, tmp_path, old, new):
    page = tmp_path / "report.html"
    logcorr.analyze(root).write(page)
    assert verify(page, root)[0] == 0
    page.write_text(edited(page, (old, new)))
    assert verify(page, root)[0] == 1


@pytest.fixture
def packed(tmp_path):
    """The seed in a bundle whose log is compressed once more, in a folder of its own."""
    source = shutil.copytree(SEED / "input", tmp_path / "source")
    log = source / "backend/logs/combined.log"
    (log.parent / "combined.log.gz").write_bytes(gzip.compress(log.read_bytes(), mtime=0))
    log.unlink()
    (tmp_path / "input").mkdir()
    with tarfile.open(tmp_path / "input/bundle.tar.gz", "w:gz") as archive:
        archive.add(source, arcname=".")
    return tmp_path / "input"


@pytest.mark.parametrize("suffix", [".md", ".json"])
def test_citations_inside_archives(verify, packed, tmp_path, suffix):
    report = tmp_path / f"report{suffix}"
    logcorr.analyze(packed).write(report)
    assert "bundle.tar.gz!" in report.read_text()
    assert (
        "combined.log.gz:" in report.read_text() or '"path": "bundle.tar.gz!./backend/logs/combined.log.gz"' in report.read_text()
    )
    assert verify(report, packed)[0] == 0
    with tarfile.open(packed / "bundle.tar.gz", "w:gz") as archive:
        archive.add(SEED / "input/health-check.sh", arcname="./other.sh")
    code, told = verify(report, packed)
    assert code == 1
    assert "there is no such file" in told


def test_several_roots(verify, tmp_path):
    shutil.copytree(SEED / "input/backend", tmp_path / "app")
    shutil.copytree(SEED / "input", tmp_path / "host", ignore=shutil.ignore_patterns("backend"))
    roots = [tmp_path / "host", tmp_path / "app"]
    report = tmp_path / "report.md"
    logcorr.analyze(roots).write(report)
    assert verify(report, *roots)[0] == 0
    assert verify(report, roots[0])[0] == 1


@pytest.mark.parametrize("suffix", [".md", ".json"])
def test_odd_bytes_are_cited_and_checked(verify, tmp_path, suffix):
    """Names and lines with pipes, backticks, blanks, controls and bytes that are no text."""
    root = tmp_path / "input"
    (root / "a | b  `c`").mkdir(parents=True)
    log = root / "a | b  `c`" / "app.log"
    stamp = b"2025-10-16 09:5%d:03 [info]: Received SIGTERM, shutting down | `x` \\| \xff \x1b[31m\xe2\x80\xae \\ end"
    log.write_bytes(b"\r\n".join(stamp % minute for minute in range(6)))
    report = tmp_path / f"report{suffix}"
    logcorr.analyze(root).write(report)
    code, told = verify(report, root)
    assert code == 0, told
    log.write_bytes(log.read_bytes().replace(b"\xff", b"\xfe"))
    assert verify(report, root)[0] == 1


@pytest.mark.parametrize("suffix", [".md", ".html", ".json"])
def test_a_path_may_hold_the_end_of_a_line(verify, tmp_path, suffix):
    (tmp_path / "host").mkdir()
    (tmp_path / "host/a\nb.sh").write_text("#!/bin/sh\ncd /srv/a\nrm -rf ./x\n")
    report = tmp_path / f"report{suffix}"
    logcorr.analyze(tmp_path / "host").write(report)
    assert verify(report, tmp_path / "host")[0] == 0


def test_nothing_that_is_not_cited_is_opened(verify, root):
    (root / "secret").write_text("x")
    (root / "secret").chmod(0)
    document = json.loads((SEED / "report.json").read_text())
    assert "secret" not in json.dumps(document)
    assert verify(SEED / "report.json", root)[0] == 0


@pytest.mark.parametrize("suffix", [".json", ".md", ".html"])
def test_a_redacted_report_holds_and_a_changed_line_is_still_found(verify, tmp_path, suffix):
    root = shutil.copytree(SEED / "input", tmp_path / "input")
    report = tmp_path / f"report{suffix}"
    logcorr.analyze(root).redacted().write(report)
    assert "jesse" not in report.read_text("utf-8")
    assert verify(report, root)[0] == 0
    table = root / "crontab.txt"
    table.write_text(table.read_text().replace("*/5", "*/6"))
    code, said = verify(report, root)
    assert (code, "crontab.txt:1: the report quotes" in said) == (1, True)


@pytest.mark.parametrize(
    ("written", "text", "agree"),
    [
        ("from <IP-1> to <IP-2>", "from 203.0.113.9 to 198.51.100.1", True),
        ("/home/<USER-1>/x", "/home/jesse/x", True),
        ("a <SECRET-value>", "a b", True),
        ("a <SECRET-value>", "a ", False),
        ("<IP-1> x <IP-2>", "1 y 2", False),
        ("<IP-1><IP-2>", "1", False),
        ("plain", "plain", True),
        ("plain", "plain ", False),
    ],
)
def test_a_tag_stands_for_something(written, text, agree):
    assert agrees(written, text) is agree


@pytest.mark.parametrize(
    ("written", "text", "does"),
    [
        ("from <IP-1> to <IP-2> by", "from 203.0.113.9 to 198.51.100.1 by night", True),
        ("from <IP-1> to <I", "from 203.0.113.9 to 198.51.100.1 by night", True),
        ("from <IP-1> to <SECRET-val", "from 203.0.113.9 to x", True),
        ("from <IP-1> by", "from 203.0.113.9 to 198.51.100.1", False),
        ("plain", "plainly", True),
        ("plainly", "plain", False),
    ],
)
def test_a_cut_quote_may_end_in_a_tag(written, text, does):
    assert begins(written, text) is does


def test_long_quotes_of_a_redacted_report_hold(verify, tmp_path):
    line = '203.0.113.63 - - [18/Nov/2026:06:00:12 +0000] "GET /%s HTTP/1.1" 502 150 "-" "someone@example.org" "203.0.113.64"\n'
    (tmp_path / "host").mkdir()
    (tmp_path / "host/access.log").write_text((line % ("a" * 60)) * 3 + (line % ("b" * 90)) * 3)
    report = tmp_path / "report.md"
    logcorr.analyze(tmp_path / "host").redacted().write(report)
    assert "…" in report.read_text()
    assert verify(report, tmp_path / "host")[0] == 0
