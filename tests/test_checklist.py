"""The script that collects: a shell reads it, it changes nothing, takes no secret along, and stops at nothing."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logcorr.cli import main
from logcorr.errors import LogcorrError
from logcorr.report.checklist import DECIDED_BY, script

ROOT = Path(__file__).parent.parent
SEED = json.loads((ROOT / "tests/fixtures/documents/seed.json").read_text("utf-8"))


def missing(id, **params):
    piece = {"id": id, "params": params, "text": id}
    return {"missing": [{"what": piece, "why": piece, "would_decide": piece}]}


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize("result", [None, SEED, missing("missing.script", command="/opt/it's/x.sh >> /dev/null $(reboot)")])
def test_a_shell_reads_it(shell, result):
    subprocess.run([shell, "-n"], input=script(None, result), check=True, text=True)


@pytest.mark.parametrize(
    "piece", [{}, "x", None, {"what": {"id": "x"}}, {"what": {"id": [], "params": {}, "text": 1}, "would_decide": 3}]
)
def test_what_is_missing_in_other_words_than_ours_is_told(piece):
    with pytest.raises(LogcorrError, match="does not say in our words"):
        script(None, {"missing": [piece]})


def tool(folder, name, text):
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def host(tmp_path):
    """Runs the script where docker and crontab are ours, and gives the names and texts of what it collected."""
    tools, work = tmp_path / "tools", tmp_path / "work"
    tools.mkdir()
    work.mkdir()
    (tmp_path / "app").mkdir()
    (tmp_path / "app/check.sh").write_text("#!/bin/sh\ntrue\n")
    (tmp_path / "app/.env").write_text("TOKEN=hunter2\n")
    (tmp_path / "app/compose.yml").write_text("services: {}\n")
    tool(tools, "crontab", f'echo "*/5 * * * * {tmp_path}/app/check.sh"')
    tool(
        tools,
        "docker",
        f"""case "$1 $2" in
        "ps -aq") echo c1 ;;
        "inspect c1") printf '%s\\n' '[ {{ "Env": [' '    "TOKEN=hunter2",' '    "PATH=/bin"' '  ],' '  "Name": "/shop-1" }} ]' ;;
        "ps -a") case "$*" in *config_files*) echo {tmp_path}/app/compose.yml ;; *Names*) echo shop-1 ;; esac ;;
        logs*) echo "2026-11-18T06:00:00Z up" ;;
        esac""",
    )

    def run(text):
        environment = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(
            ["sh", "-s", "found"], input=text, cwd=work, env=environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        with tarfile.open(work / "found.tar.gz") as bundle:
            files = [member for member in bundle.getmembers() if member.isfile()]
            return {
                member.name.removeprefix("found/"): bundle.extractfile(member).read().decode("utf-8", "replace")
                for member in files
            }

    return run


@pytest.mark.skipif(os.name != "posix", reason="the script is for a POSIX shell")
def test_it_collects_what_is_there_and_no_secret(host, tmp_path):
    found = host(script(datetime(2026, 11, 18, 6, tzinfo=UTC)))
    below = str(tmp_path).lstrip("/")
    assert found[f"{below}/app/check.sh"] == "#!/bin/sh\ntrue\n"
    assert found[f"{below}/app/compose.yml"] == "services: {}\n"
    assert found[f"{below}/app/.env"] == "TOKEN=\n"
    assert json.loads(found["docker-inspect.json"])[0]["Env"] == ["TOKEN=", "PATH="]
    assert found["docker-logs/shop-1.log"] == "2026-11-18T06:00:00Z up\n"
    assert not any("hunter2" in text for text in found.values())


def test_only_what_is_missing(host, tmp_path):
    wanted = missing("missing.script", command=f"{tmp_path}/app/check.sh >> {tmp_path}/app/check.log")
    found = host(script(None, wanted))
    assert f"{str(tmp_path).lstrip('/')}/app/check.sh" in found
    assert "docker-inspect.json" not in found


def test_nothing_is_copied_to_beside_the_folder(host, tmp_path):
    wanted = missing("missing.script", command=f"{tmp_path}/app/../../{tmp_path.name}/app/compose.yml")
    assert not [name for name in host(script(None, wanted)) if name.endswith("compose.yml")]


@pytest.mark.parametrize("text", [b'{"schema": "logcorr.check/1", "findings": []}', b"\xff", b"{}"])
def test_what_is_no_result_is_a_mistake(text, tmp_path, capsys):
    (tmp_path / "x.json").write_bytes(text)
    with pytest.raises(SystemExit) as exited:
        main(["checklist", str(tmp_path / "x.json")])
    assert exited.value.code == 2
    assert "internal" not in capsys.readouterr().err


def test_every_kind_of_missing_evidence_has_a_part():
    ids = set()
    for file in (ROOT / "logcorr/causes").rglob("*.py"):
        ids |= {part.split('"')[0] for part in file.read_text().split('claim("missing.')[1:]}
        ids |= {part.split('"')[0] for part in file.read_text().split('claim(\n                    "missing.')[1:]}
    kinds = {f"missing.{id}" for id in ids if not id.endswith(("_why", "_decides"))}
    assert kinds - {"missing.probe"} <= DECIDED_BY.keys()  # what a probe lacks may be anything
