"""`logcorr facts`: what was understood of folders of configuration; the expected parts are written by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

import logcorr
from logcorr.cli.main import commands

ROOT = Path(__file__).parent.parent
CASES = sorted((ROOT / "tests/fixtures/facts").iterdir())
VALIDATOR = Draft202012Validator(json.loads((ROOT / "docs/facts.schema.json").read_text("utf-8")))


def read(case):
    arguments = case / "arguments.json"
    given = json.loads(arguments.read_text("utf-8")) if arguments.exists() else {}
    at = {"at": datetime.fromisoformat(given.pop("at"))} if "at" in given else {}
    return logcorr.facts(case / "input", **given, **at)


def differences(expected, found, where=""):
    """Where the document is not as expected: objects may have more fields, lists are as long and in this order."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            yield from differences(value, found.get(name, "(missing)"), f"{where}.{name}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, pair in enumerate(zip(expected, found, strict=True)):
            yield from differences(*pair, f"{where}[{number}]")
    elif expected != found:
        yield f"{where}: expected {expected}, found {found}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_was_understood_is_as_written_by_hand(case):
    assert list(differences(json.loads((case / "expected.json").read_text("utf-8")), read(case).result)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_document_is_as_its_schema_says(case):
    assert [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(read(case).result)] == []


def run(*arguments):
    return CliRunner().invoke(commands, ["facts", *arguments])


def test_the_text_has_the_place_of_every_probe_and_effect():
    text = run(str(ROOT / "tests/fixtures/facts/script/input")).output
    for place in ("watch.sh:6", "watch.sh:7", "watch.sh:10", "watch.sh:13"):
        assert place in text


def test_a_request_is_answered_step_by_step():
    folder = str(ROOT / "tests/fixtures/facts/stack/input")
    assert run(folder, "--request", "GET http://localhost/health").output.splitlines()[2] == "301 to https://localhost/health"


@pytest.mark.parametrize("request_", ["", "GET /health", "GET ftp://localhost/", "GET http://localhost/ HTTP/1.1"])
def test_what_is_no_request_is_refused(request_):
    with pytest.raises(logcorr.LogcorrError, match="no request"):
        logcorr.facts(CASES[0] / "input", request=request_)


def test_nothing_of_statistics_is_loaded():
    code = "import sys, logcorr.configuration; print([name for name in sys.modules if 'statistics' in name or 'causes' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


WATCH = """
import sys
from pathlib import Path

import logcorr
from logcorr import configuration

root = Path(sys.argv[1]).resolve()
logcorr.facts(sys.argv[2])  # what is imported when first needed, is
opened, refused = set(), {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "socket.getaddrinfo"}


def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes | Path):
        opened.add(str(Path(str(arguments[0])).resolve()))
    elif event in refused:
        opened.add(f"{event} {arguments}")


sys.addaudithook(watch)
logcorr.facts(root, request="GET http://localhost/secret")
own = (sys.prefix, sys.base_prefix + "/lib/python", str(Path(logcorr.__file__).parent))
print(sorted(Path(path).name for path in opened if Path(path).is_relative_to(root)))
print(sorted(path for path in opened if not path.startswith((str(root), *own))))
"""


def test_no_file_is_opened_but_the_collected_ones(tmp_path):
    """Every way in which configuration names other files: links, includes, env_file, source, `-f`, mounts, run-parts."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    for name in ("secret.conf", "secret.sh", "secret.yml", "secret.env", "hooks/job"):
        (outside / name).parent.mkdir(parents=True, exist_ok=True)
        (outside / name).write_text("server { listen 80; }\nservices: {a: {image: b}}\nSECRET=1\n")
    inside.mkdir()
    (inside / "link.conf").symlink_to(outside / "secret.conf")
    (inside / "nginx.conf").write_text(
        f"events {{}} http {{ include {outside}/*.conf; server {{ listen 80; root {outside}; auth_basic x;"
        f" auth_basic_user_file {outside}/secret.env; location / {{ try_files $uri /index.html; }} }} }}"
    )
    (inside / "docker-compose.yml").write_text(
        f"include: [{outside}/secret.yml]\nservices:\n  web:\n    image: nginx\n    env_file: {outside}/secret.env\n"
        f"    extends: {{file: ../outside/secret.yml, service: a}}\n"
        f"    volumes: ['{outside}/secret.conf:/etc/nginx/nginx.conf']\n"
    )
    (inside / "crontab").write_text(
        f"* * * * * run-parts {outside}/hooks\n* * * * * . {outside}/secret.sh\n@daily certbot renew\n"
    )
    (inside / "watch.sh").write_text(
        f"#!/bin/bash\nsource {outside}/secret.sh\n. ../outside/secret.sh\nread X < {outside}/secret.env\n"
        f"docker compose --env-file {outside}/secret.env -f {outside}/secret.yml restart\nssh host < {outside}/secret.sh\n"
        f"cat {outside}/secret.env | grep a && curl -K {outside}/secret.conf http://localhost/\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(inside), str(CASES[0] / "input")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    names = ["crontab", "docker-compose.yml", "nginx.conf", "watch.sh"]
    assert (done.stdout, done.stderr) == (f"{names}\n[]\n", "")
