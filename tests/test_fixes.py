"""Patches: what a person would have written, what is left after it, and what real bash does with it.

A folder of tests/fixtures/fixes holds the `input`, the files as a person mended them (`expected`; none: nothing may be offered),
and the `worlds` in which bash runs the script: a healthy service, a dead one, and others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import threading
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import oracle_bash
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import logcorr
from logcorr import fixes, plugins
from logcorr.cli import main
from logcorr.fixes.text import Text, overlap
from logcorr.model.result import Edit

FIXES = Path(__file__).parent / "fixtures/fixes"


CASES = sorted(FIXES.iterdir())
MENDED = [case for case in CASES if (case / "expected").exists()]
RUN = [case for case in MENDED if (case / "worlds.json").exists()]
each = pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
each_mended = pytest.mark.parametrize("case", MENDED, ids=lambda path: path.name)


def worlds(case):
    file = case / "worlds.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def given_files(case):
    return (case / worlds(case).get("input", "input")).resolve()


@cache
def analysis(folder):
    return logcorr.analyze(folder)


@cache
def patches(folder):
    return analysis(folder).patches()


def defects(found, but=()):
    return {one.claim.text for one in found.findings if one.role == "defect" and one.rule not in but}


@pytest.fixture
def copy(tmp_path, request):
    """The case's files, to be changed."""
    return shutil.copytree(given_files(request.getfixturevalue("case")), tmp_path / "copy")


@pytest.fixture
def fix(capsys):
    """Runs the command; gives its code, what it prints and what it says."""

    def run(*arguments):
        with pytest.raises(SystemExit) as exited:
            main(["fix", *map(str, arguments)])
        return (exited.value.code, *capsys.readouterr())

    return run


@each
def test_the_files_become_what_a_person_made_of_them(case):
    found = analysis(given_files(case))
    changed = found.repair.together(patches(given_files(case)))
    expected = {
        str(path.relative_to(case / "expected")): path.read_bytes() for path in case.glob("expected/**/*") if path.is_file()
    }
    assert {path: text.encode() for path, text in changed.items()} == expected


@each_mended
@pytest.mark.parametrize("tool", [["patch", "-p1"], ["git", "apply"]], ids=lambda tool: tool[0])
def test_the_diff_is_one_that_others_can_apply(case, tool, copy, fix):
    if shutil.which(tool[0]) is None:
        pytest.skip(f"needs {tool[0]}")
    code, diff, _ = fix(copy)
    assert code == 0
    ran = subprocess.run(
        [*tool, *(["--binary"] if tool[0] == "patch" else [])], input=diff.encode(), cwd=copy, capture_output=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for path in (case / "expected").rglob("*"):
        if path.is_file():
            assert (copy / path.relative_to(case / "expected")).read_bytes() == path.read_bytes()


@each_mended
def test_each_patch_alone_ends_its_finding_and_brings_no_other(case, tmp_path):
    before = analysis(given_files(case))
    for number, patch in enumerate(patches(given_files(case))):
        root = shutil.copytree(given_files(case), tmp_path / str(number))
        after = before.repair.text(patch.path).edited(patch.edits)
        (root / patch.path).write_bytes(after.encode())
        rules = plugins.rules()
        old = [finding.rule for finding in before.findings if finding.id == patch.finding and not rules[finding.rule].static]
        left = defects(logcorr.analyze(root), (*patch.leaves, *old))  # what old logs say does not end with a patch
        ended = next(finding.claim.text for finding in before.findings if finding.id == patch.finding)
        assert ended not in left
        assert left <= defects(before)


@each_mended
def test_after_all_patches_nothing_of_the_defects_is_left(case, copy, fix):
    before = analysis(given_files(case))
    mended = {patch.finding for patch in patches(given_files(case)) if patch.safe}
    code, out, _ = fix(copy, "--write")
    assert (code, out) == (0, "")
    rules = {finding.rule for finding in before.findings if finding.id in mended}
    assert not [finding.claim.text for finding in logcorr.analyze(copy).findings if finding.rule in rules]


@pytest.fixture(scope="module")
def sandbox():
    sandbox = oracle_bash.Sandbox()
    yield sandbox
    sandbox.close()


def acts(sandbox, script, interpreter, answers):
    """Whether bash comes to restart something, when the tools answer so."""
    asked = [(oracle_bash.Asked(tool, key, (answer,)), answer) for tool, keys in answers.items() for key, answer in keys.items()]
    text = re.sub(r"^cd .*$", "cd @ROOT@/srv", script.read_text("utf-8"), flags=re.M)
    return any("restart" in call for call in sandbox.run(text, oracle_bash.World(answers=tuple(asked)), interpreter))


@pytest.mark.skipif(oracle_bash.BASH is None, reason="needs bash")
@pytest.mark.parametrize("case", RUN, ids=lambda path: path.name)
def test_bash_spares_the_healthy_service_and_restarts_the_dead_one(case, sandbox):
    told = worlds(case)
    old, new = given_files(case) / told["script"], case / "expected" / told["script"]
    interpreter = "sh" if old.read_text().startswith("#!/bin/sh") else "bash"
    assert acts(sandbox, old, interpreter, told["healthy"]), "before, the healthy service is restarted"
    assert not acts(sandbox, new, interpreter, told["healthy"]), "after, it is not"
    assert acts(sandbox, new, interpreter, told["dead"]), "after, the dead one still is"
    for world in told["also"]:
        runs = world.pop("runs")
        assert acts(sandbox, new, interpreter, told["healthy"] | world) == runs, world


@contextmanager
def service(*statuses):
    """A service on a free port that answers with one status after the other, then always with the last; none: nobody listens."""
    left = list(statuses)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        if not statuses:
            server.server_close()
            yield server.server_address[1]
            return
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def restarts(script, port, folder):
    """Whether the script, run by real bash with real curl, comes to call systemctl."""
    (folder / "systemctl").write_text(f"#!/bin/sh\ntouch {folder}/called\n")
    (folder / "systemctl").chmod(0o755)
    (folder / "called").unlink(missing_ok=True)
    text = script.read_text().replace(":3000/", f":{port}/").replace("localhost", "127.0.0.1").replace("delay 5", "delay 1")
    path = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)}
    subprocess.run(["bash", "-c", text], env=path, timeout=60, check=False, capture_output=True)
    return (folder / "called").exists()


@pytest.mark.skipif(oracle_bash.BASH is None or not shutil.which("curl"), reason="needs bash and curl")
@pytest.mark.parametrize(
    ("statuses", "before", "after"),
    [((200,), False, False), ((503, 200), True, False), ((503, 502, 200), True, False), ((500,), True, True), ((), True, True)],
)
def test_with_retries_a_hiccup_restarts_nothing_and_a_dead_service_is_restarted(statuses, before, after, tmp_path):
    case = FIXES / "one-failure-is-enough"
    with service(*statuses) as port:
        assert restarts(case / "input/health.sh", port, tmp_path) == before
    with service(*statuses) as port:
        assert restarts(case / "expected/health.sh", port, tmp_path) == after


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")
@pytest.mark.parametrize("case", ["kept-connections", "a-socket-that-cannot-open", "a-slow-export"])
def test_nginx_takes_what_was_patched(case, tmp_path):
    (file,) = (FIXES / case / "expected").rglob("nginx.conf")
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\n" + file.read_text().replace("listen 80", f"listen unix:{tmp_path}/s")
    )
    command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    ran = subprocess.run(command, capture_output=True, check=False, text=True)
    assert "test is successful" in ran.stderr, ran.stderr


@pytest.mark.parametrize(
    ("finding", "before", "after"),
    [("unsatisfiable_probe", "must", "conditional"), ("whole_stack_restart", "must", "must")],
)
def test_the_seed_tells_how_far_the_restart_is_reached(finding, before, after):
    folder = given_files(FIXES / "the-seed")
    ids = {one.id: one.rule for one in analysis(folder).findings}
    patch = next(patch for patch in patches(folder) if ids[patch.finding] == finding)
    assert (patch.reach_before, patch.reach_after) == (before, after)
    told = next(
        action["patch"]
        for action in analysis(folder).result["actions"]
        if (action["patch"] or {}).get("finding") == patch.finding
    )
    assert (told["diff"], told["reach_after"]) == (patch.diff, after)


def breaks(finding, folder):
    raise RuntimeError("no such luck")
    yield


def test_a_fix_that_crashes_is_named_and_the_rest_go_on(monkeypatch):
    ours = tuple(fixes._fixes())
    monkeypatch.setattr(fixes, "_fixes", lambda: (fixes.Fix(("compose_file_not_deployed",), breaks), *ours))
    found = logcorr.analyze(given_files(FIXES / "the-seed"))
    assert [problem["message"] for problem in found.result["problems"] if "fix" in problem["message"]] == [
        "the fix test_fixes for COMP008 crashes: RuntimeError: no such luck"
    ]
    assert found.patches() == patches(given_files(FIXES / "the-seed"))


def test_no_patch_is_offered_where_a_rule_crashes_on_what_it_makes(monkeypatch, fix):
    """Else the rule's silence would pass for the end of what it found."""
    (ours,) = (one for one in plugins.rules().values() if one.name == "unescaped_percent")

    def check(case):
        assert list(ours.check(case)), "no percent"
        return ours.check(case)

    check.__annotations__ = ours.check.__annotations__
    monkeypatch.setattr(plugins, "rules", lambda: plugins.Plugins({ours.name: replace(ours, check=check)}))
    code, diff, err = fix(given_files(FIXES / "a-bare-percent"))
    assert (code, diff) == (0, "")
    assert "the fix cron_percent for CRON002 crashes: AssertionError: no percent" in err


@pytest.fixture
def seed(tmp_path):
    return shutil.copytree(given_files(FIXES / "the-seed"), tmp_path / "seed")


def git(folder, *arguments):
    name = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", "-C", folder, *name, *arguments], check=True, capture_output=True)


def test_nothing_is_written_where_git_could_not_bring_it_back(seed, fix):
    script = seed / "health-check.sh"
    old = script.read_bytes()
    git(seed, "init", "-q")
    code, _, err = fix(seed, "--write")
    assert (code, script.read_bytes()) == (2, old)
    assert "git does not hold health-check.sh as it is" in err
    git(seed, "add", ".")
    git(seed, "commit", "-qm", "as it was")
    script.write_bytes(old + b"# edited\n")
    assert fix(seed, "--write")[0] == 2
    script.write_bytes(old)
    assert fix(seed, "--write")[0] == 0
    assert script.read_bytes() == (FIXES / "the-seed/expected/health-check.sh").read_bytes()
    script.write_bytes(old + b"# edited\n")
    assert fix(seed, "--write", "--allow-dirty")[0] == 0
    assert script.read_bytes().endswith(b"# edited\n")


def test_a_file_keeps_its_mode_and_nothing_is_left_beside_it(seed, fix):
    script = seed / "health-check.sh"
    script.chmod(0o750)
    names = sorted(path.name for path in seed.iterdir())
    assert fix(seed, "--write")[0] == 0
    assert stat.S_IMODE(script.stat().st_mode) == 0o750
    assert sorted(path.name for path in seed.iterdir()) == names


def test_nothing_is_written_if_one_file_has_changed_since(seed, fix, monkeypatch):
    (seed / "jobs").write_text("5 1 * * * root date +%F > /tmp/day\n")
    old = {path: path.read_bytes() for path in (seed / "health-check.sh", seed / "jobs")}
    analyze = logcorr.analyze

    def then_changed(paths, **more):
        made = analyze(paths, **more)
        assert {patch.path for patch in made.patches() if patch.safe} == {"health-check.sh", "jobs"}
        (seed / "jobs").write_text("")
        return made

    monkeypatch.setattr(logcorr, "analyze", then_changed)
    code, _, err = fix(seed, "--write")
    assert (code, (seed / "health-check.sh").read_bytes()) == (2, old[seed / "health-check.sh"])
    assert "jobs has changed meanwhile" in err


def test_a_file_and_a_link_to_it_are_written_once(seed, fix):
    (seed / "health-check.sh").rename(seed / "kept.sh")
    (seed / "health-check.sh").symlink_to("kept.sh")
    _, diff, err = fix(seed)
    assert diff.count("+++ ") == 1
    assert "+++ b/kept.sh" in diff
    assert "patches: 3" in err
    assert fix(seed, "--write")[0] == 0
    assert (seed / "health-check.sh").is_symlink()
    assert (seed / "kept.sh").read_bytes() == (FIXES / "the-seed/expected/health-check.sh").read_bytes()


def test_links_that_lead_out_are_not_followed(seed, fix, tmp_path):
    outside = tmp_path / "outside.sh"
    (seed / "health-check.sh").rename(outside)
    (seed / "health-check.sh").symlink_to(outside)
    old = outside.read_bytes()
    assert fix(seed, "--write")[0] == 0
    assert outside.read_bytes() == old


def test_what_lies_in_an_archive_is_shown_and_not_written(seed, fix, tmp_path):
    bundle = shutil.make_archive(str(tmp_path / "bundle"), "zip", seed.parent, seed.name)
    code, diff, _ = fix(bundle)
    assert code == 0
    assert "+++ b/bundle.zip!seed/health-check.sh" in diff
    assert fix(bundle, "--write")[0] == 2


edits = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.text("ab\n", max_size=4)), max_size=4)


@given(st.lists(st.sampled_from(["a", "b\t", "é", "\n", "\r\n", "\r", "𝄞"]), max_size=30).map("".join), edits)
def test_edits_change_what_they_name_and_no_other_byte(raw, wanted):
    text = Text("x", raw)
    size = len(text.plain)
    made = [Edit(start=min(at, size), end=min(at + length, size), text=new) for at, length, new in wanted]
    if overlap(made):
        return
    plain = text.plain
    for edit in sorted(made, key=lambda edit: edit.start, reverse=True):
        plain = plain[: edit.start] + edit.text + plain[edit.end :]
    after = text.edited(made)
    assert after.replace("\r\n", "\n") == plain or "\r" in raw.replace("\r\n", "")
    if not made:
        assert after == raw
    if "\r" not in raw:
        assert after == plain
