"""Which compose file the running stack comes from: the best kind of evidence decides, and a tie decides nothing."""

from __future__ import annotations

import zipfile

import polars as pl
import pytest

import logcorr
from logcorr.model.behaviour import Effect
from logcorr.model.facts import Container
from logcorr.model.source import Artifact, Sample, Span
from logcorr.parsers.compose import parser
from logcorr.reading import read
from logcorr.semantics.stack import running_stack
from logcorr.semantics.topology import entities, writer


def compose_file(text, path):
    lines = tuple(text.split("\n"))
    frame = pl.LazyFrame({"line": range(1, len(lines) + 1), "text": lines}, schema={"line": pl.UInt32, "text": pl.String})
    artifact = Artifact(path=path, sha256="", size=len(text), sample=Sample(path, lines), scan=frame.lazy)
    return next(iter(parser.read(artifact)))


PREBUILT = compose_file("services: {web: {image: 'shop/web:1'}}", "shop/docker-compose.prebuilt.yml")
PRODUCTION = compose_file("services: {web: {build: .}}", "shop/docker-compose.production.yml")
LABELLED = Container(
    span=Span("inspect.json", 40),
    name="shop_web_1",
    compose_files=("docker-compose.prebuilt.yml",),
    directory="/home/deploy/shop",
)
BOTH = [PREBUILT, PRODUCTION]
IMAGED = Container(span=Span("ps.txt", 2), name="shop_web_1", image="shop/web:1")


def effect(action, files, line, directory="/home/deploy/shop"):
    span = Span("deploy.sh", line)
    return Effect(span=span, id=line, action=action, manager="compose", compose_files=files, directory=directory)


def up(name, line):
    return effect("up", (f"docker-compose.{name}.yml",), line)


RESTART = effect("restart", ("docker-compose.production.yml",), 1)


@pytest.mark.parametrize(
    ("containers", "effects", "files", "path", "evidence"),
    [
        ([LABELLED], [up("production", 3)], BOTH, "prebuilt", ["inspect.json:40"]),
        ([IMAGED], [up("production", 3)], BOTH, "prebuilt", ["ps.txt:2"]),
        ([], [up("production", 2), up("prebuilt", 3), up("prebuilt", 4)], BOTH, "prebuilt", ["deploy.sh:3", "deploy.sh:4"]),
        ([], [RESTART, up("prebuilt", 2)], BOTH, "prebuilt", ["deploy.sh:2"]),
        ([], [], [PREBUILT], "prebuilt", ["shop/docker-compose.prebuilt.yml:1"]),
    ],
    ids=["a label", "an image only one file names", "most scripts", "a restart says nothing", "the only file"],
)  # fmt: skip
def test_the_best_evidence_decides(containers, effects, files, path, evidence):
    found = running_stack([*files, *containers], effects)
    assert found.compose_paths == (f"shop/docker-compose.{path}.yml",)
    assert [str(span) for _, span in found.evidence] == evidence
    assert [service.name for service in found.services] == ["web"]


@pytest.mark.parametrize("effects", [[], [up("production", 1), up("prebuilt", 2)]], ids=["no sign", "one for each"])
def test_no_evidence_and_a_tie_decide_nothing(effects):
    assert running_stack([PREBUILT, PRODUCTION], effects) is None


def test_without_f_the_default_file_is_meant():
    default = compose_file("services: {web: {image: a}}", "shop/docker-compose.yml")
    assert running_stack([default, PRODUCTION], [effect("up", (), 7)]).compose_paths == ("shop/docker-compose.yml",)


@pytest.mark.parametrize(
    ("source", "files", "mine"),
    [
        ("./logs", {"shop/logs/a.log", "logs/a.log"}, {"shop/logs/a.log"}),
        ("/var/log/shop", {"shop/var/log/shop/a.log", "shop/var/log/other/a.log"}, {"shop/var/log/shop/a.log"}),
        ("/var/log/shop", {"captures/shop/a.log", "captures/a.log"}, {"captures/shop/a.log"}),
        ("/var/log/shop/a.log", {"captures/a.log", "captures/b.log"}, {"captures/a.log"}),
        ("/var/log", {"var/log/shop/a.log"}, set()),
        ("/srv/data", {"one/data/a.log", "two/data/a.log"}, set()),
    ],
    ids=["beside the compose file", "a host's tree", "the last folder", "a single file", "everybody's", "two that may be meant"],
)
def test_mounts_lead_to_collected_files(source, files, mine):
    text = f"services: {{web: {{image: a, volumes: ['{source}:/logs']}}}}"
    (web,) = entities([compose_file(text, "shop/docker-compose.yml")], files)
    assert web.files == mine


@pytest.mark.parametrize("folder", ["", "shop/"])
def test_what_lies_at_the_top_of_an_archive_is_found(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as bundle:
        bundle.writestr(
            f"{folder}compose.yml", "services: {edge: {image: nginx, ports: ['80:80'], volumes: ['./conf:/etc/nginx']}}"
        )
        bundle.writestr(f"{folder}conf/nginx.conf", "events {}\nhttp { include sites/*.conf; }\n")
        bundle.writestr(f"{folder}conf/sites/a.conf", "server { listen 80; return 204; }\n")
        bundle.writestr(f"{folder}crontab", "*/5 * * * * root /opt/tools/check.sh\n")
        bundle.writestr(f"{folder}check.sh", "#!/bin/sh\ncurl -s http://localhost/\n")
    told = logcorr.facts(tmp_path / "bundle.zip", request="GET http://localhost/").result
    assert [answer["status"] for answer in told["request"]["answers"]] == [204]
    assert told["probes"][0]["run_by"]["path"] == f"bundle.zip!{folder}crontab"
    given = read(tmp_path / "bundle.zip")
    (edge,) = entities(given.facts, given.files)
    assert edge.files == {f"bundle.zip!{folder}conf/nginx.conf", f"bundle.zip!{folder}conf/sites/a.conf"}


@pytest.mark.parametrize(
    ("path", "services", "whose"),
    [
        ("docker/9f0c41d7aa3e-json.log", ["mill", "proxy"], "mill"),
        ("docker/9f0c41d7aa3e-json.log", ["mill", "proxy", "store"], "9f0c41d7aa3e"),
        ("store/9f0c41d7aa3e-json.log", ["mill", "proxy", "store"], "store"),
        ("docker/sieve-json.log", ["mill", "proxy"], "sieve"),
    ],
    ids=["the one it can be", "either of two", "its folder says", "a name of its own"],
)
def test_the_id_of_a_container_names_nobody(path, services, whose):
    stack = "".join(f"  {name}: {{image: {'nginx' if name == 'proxy' else name}}}\n" for name in services)
    things = entities([compose_file(f"services:\n{stack}", "compose.yaml")], [path])
    assert writer(path, "app", things, "proxy") == whose


def test_a_captured_id_tells_whose_log_it_is():
    whole = "9f0c41d7aa3e" + "5e58" * 13
    path = f"containers/{whole}/{whole}-json.log"
    stack = compose_file("services:\n  mill: {image: mill}\n  store: {image: store}\n  proxy: {image: nginx}\n", "compose.yaml")
    shown = Container(span=Span("ps.txt", 2), name="corn-mill-1", id="9f0c41d7aa3e")
    assert writer(path, "app", entities([stack, shown], [path]), "proxy") == "mill"
