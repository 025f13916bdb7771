"""nginx's configuration: what a case yields, and what is recognised as one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_captures import artifact, case_artifact, differences, record

from logcorr.model.facts import NginxFile
from logcorr.model.source import Problem, Sample
from logcorr.parsers.nginx_conf import parser

CASES = sorted(path.parent for path in (Path(__file__).parent / "fixtures/parsers/nginx_conf").glob("*/expected.json"))


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_case_yields_what_it_says(folder):
    expected = json.loads((folder / "expected.json").read_text())
    found = [record(item) for item in parser.read(case_artifact(folder))]

    assert len(found) == len(expected), found
    for want, got in zip(expected, found, strict=True):
        assert differences(want, got) == []


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_cases_are_recognised(folder):
    assert parser.recognise(case_artifact(folder).sample) >= 0.8


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("server.js", "const app = express();\nserver.listen(80);\nif (x) {\n  return 200;\n}"),
        ("logrotate.d/nginx", "/var/log/nginx/*.log {\n  daily\n  rotate 14\n  postrotate\n    nginx -s reopen\n  endscript\n}"),
        ("named.conf", 'zone "example.com" {\n  type master;\n  file "db.example.com";\n};'),
        ("haproxy.cfg", "frontend http\n  bind *:80\n  default_backend app\nbackend app\n  server a 10.0.0.1:80 check"),
        ("Caddyfile", "example.com {\n  root * /srv\n  file_server\n}"),
        ("dhcpd.conf", "subnet 10.0.0.0 netmask 255.255.255.0 {\n  range 10.0.0.10 10.0.0.20;\n}"),
        ("notes.md", "# nginx\n\nWe set `listen 80;` in the server block.\n"),
        ("empty.conf", ""),
    ],
)
def test_other_files_are_not_recognised(path, text):
    assert parser.recognise(Sample(path, tuple(text.split("\n")))) == 0.0


@pytest.mark.parametrize(
    "text", ["a {" * 5000, "}" * 5000, "{" * 3000 + "}" * 3000, '"' * 999, "a ${" * 500, "\\", "a\\", "\x00;{\x00"]
)
def test_hostile_text_yields_problems_and_a_file(text):
    found = list(parser.read(artifact("conf.d/x.conf", text)))

    assert isinstance(found[-1], NginxFile)
    assert all(isinstance(item, Problem) for item in found[:-1])
