"""Compose files together: merging, variables, names, which one runs; against docker-compose where it is installed."""

import os
import random
import shutil
import subprocess

import polars as pl
import pytest
import yaml

import logcorr
from logcorr.grammar.interpolation import NotInterpolated, interpolate
from logcorr.model.facts import ComposeFile, Service, Setting
from logcorr.model.source import Artifact, Sample, Span
from logcorr.parsers.compose import parser
from logcorr.semantics.compose import container_names, project, project_name, variables


def compose_file(text, path="docker-compose.yml"):
    lines = text.split("\n")
    frame = pl.LazyFrame(
        {"line": range(1, len(lines) + 1), "text": lines}, schema={"line": pl.UInt32, "text": pl.String}, strict=False
    )
    artifact = Artifact(path=path, sha256="", size=0, sample=Sample(path, tuple(lines)), scan=frame.lazy)
    (file,) = (fact for fact in parser.read(artifact) if isinstance(fact, ComposeFile))
    return file


BASE = """
services:
  web:
    image: nginx:1.22
    command: nginx -g "daemon off;"
    restart: always
    ports: ["80:80"]
    environment: {A: "1", B: "2"}
    volumes: ["./conf:/etc/nginx", "logs:/var/log"]
    depends_on: [api]
    healthcheck: {test: curl -f http://localhost, interval: 10s, retries: 5}
    stop_grace_period: 30s
  api:
    image: "api:${TAG:-latest}"
    env_file: [a.env]
"""
OVER = """
services:
  web:
    image: nginx:1.27
    command: [nginx-debug]
    ports: ["443:443", "80:80"]
    environment: [B=3, C=4]
    volumes: ["./new:/etc/nginx:ro"]
    depends_on: {redis: {condition: service_healthy}}
    healthcheck: {interval: 1m}
    stop_grace_period: 10s
  api: {env_file: b.env}
  redis: {image: redis}
"""


def services(*files, environment=None, **given):
    found = project(files, environment=environment or {}, partial=environment is None, directory="/srv/shop", **given)
    return {service.name: service for service in found.services}


def test_two_files_are_laid_over_each_other():
    web = services(compose_file(BASE), compose_file(OVER, "docker-compose.prod.yml"))["web"]
    assert (web.image, web.restart, web.command, web.stop_grace_s) == ("nginx:1.27", "always", ("nginx-debug",), 10.0)
    assert [(port.published, str(port.span)) for port in web.ports] == [
        (80, "docker-compose.prod.yml:6"),
        (443, "docker-compose.prod.yml:6"),
    ]
    assert web.environment == (("A", "1"), ("B", "3"), ("C", "4"))
    assert [(mount.source, mount.target, mount.span.path) for mount in web.mounts] == [
        ("./new", "/etc/nginx", "docker-compose.prod.yml"),
        ("logs", "/var/log", "docker-compose.yml"),
    ]
    assert web.depends_on == ("api", "redis")
    assert (web.healthcheck.test, web.healthcheck.interval_s, web.healthcheck.retries) == (
        ("CMD-SHELL", "curl -f http://localhost"),
        60.0,
        5,
    )
    assert str(web.span) == "docker-compose.yml:3-12"


def test_all_services_come_in_the_files_order():
    found = services(compose_file(BASE), compose_file(OVER, "docker-compose.prod.yml"))
    assert list(found) == ["web", "api", "redis"]
    assert found["api"].env_files == ("a.env", "b.env")


@pytest.mark.parametrize(("environment", "image"), [(None, "api:latest"), ({"TAG": "2"}, "api:2"), ({"TAG": ""}, "api:latest")])
def test_variables(environment, image):
    assert services(compose_file(BASE), environment=environment)["api"].image == image


def test_unset_variables():
    file = compose_file('services: {a: {image: "a:${TAG}", ports: ["${PORT}:80"]}, b: {image: "${B:?say which}"}}')
    assert services(file)["a"].image == "a:${TAG}"
    known = project([file], environment={"PORT": "8080"}, directory=None)
    assert (known.services[0].image, known.services[0].ports[0].published) == ("a:", 8080)
    assert [problem.message for problem in known.problems] == ["B is not set: say which"]
    assert known.name is None


def test_reset_and_override():
    over = "services: {web: {ports: !reset [], environment: !override {C: x}, depends_on: !reset null}}"
    web = services(compose_file(BASE), compose_file(over))["web"]
    assert (web.ports, web.environment, web.depends_on) == ((), (("C", "x"),), ())


def test_extends():
    common = compose_file(
        "services: {base: {restart: always, volumes: ['./logs:/logs'], env_file: x.env}, mid: {extends: base, image: mid}}",
        "common/base.yml",
    )
    file = compose_file(
        "services:\n  app:\n    extends: {file: common/base.yml, service: mid}\n    image: app\n"
        "  lost: {extends: {file: gone.yml, service: x}}\n  loop: {extends: loop}"
    )
    found = project([file], environment={}, directory="/srv/shop", others=[common])
    app = found.services[0]
    assert (app.image, app.restart, app.mounts[0].source, app.env_files) == (
        "app",
        "always",
        "./common/logs",
        ("./common/x.env",),
    )
    assert str(app.mounts[0].span) == "common/base.yml:1"
    assert [problem.line for problem in found.problems] == [5, 6]


def test_include():
    file = compose_file("include: [infra/compose.yml, gone.yml]\nservices: {app: {image: app}}")
    infra = compose_file("services: {db: {image: postgres, volumes: ['./data:/data', 'vol:/x']}}", "infra/compose.yml")
    found = project([file], environment={}, directory="/srv/shop", others=[infra])
    assert [(service.name, service.image) for service in found.services] == [("app", "app"), ("db", "postgres")]
    assert [mount.source for mount in found.services[1].mounts] == ["./infra/data", "vol"]
    assert [problem.message for problem in found.problems] == ["the included gone.yml was not collected"]


def test_profiles():
    file = compose_file(
        "services: {app: {image: a}, debug: {image: d, profiles: [debug]}, test: {image: t, profiles: [test, ci]}}"
    )
    assert list(services(file)) == ["app"]
    assert list(services(file, environment={"COMPOSE_PROFILES": "ci,other"})) == ["app", "test"]
    assert list(services(file, environment={"COMPOSE_PROFILES": "*"})) == ["app", "debug", "test"]
    assert [service.name for service in project([file], environment={}, directory="/a").inactive] == ["debug", "test"]


@pytest.mark.parametrize(
    ("argument", "environment", "written", "directory", "expected"),
    [
        ("Given", {"COMPOSE_PROJECT_NAME": "env"}, "file", "/srv/dir", "given"),
        (None, {"COMPOSE_PROJECT_NAME": "env"}, "file", "/srv/dir", "env"),
        (None, {}, "file", "/srv/dir", "file"),
        (None, {}, None, "/home/deploy/Heart-Whisper.Town_2/", "heart-whispertown_2"),
        (None, {}, None, "/srv/_dir", "dir"),
        (None, {}, None, None, None),
    ],
)
def test_project_names(argument, environment, written, directory, expected):
    assert project_name(argument=argument, environment=environment, written=written, directory=directory) == expected


def test_container_names():
    web = Service(span=Span("c.yml", 1), name="web")
    assert container_names("shop", web) == ("shop_web_1", "shop-web-1")
    assert container_names(None, web) == ()
    assert container_names("shop", Service(span=Span("c.yml", 1), name="web", container_name="shop-front")) == ("shop-front",)


def test_variables_of_a_folder():
    settings = [Setting(span=Span("app/.env", 1), name="TAG", value="2"), Setting(span=Span("env.txt", 1), name="TAG", value="3")]
    assert variables(settings, "app") == {"TAG": "2"}
    assert variables(settings, "") == {}


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("$A-${A}", {"A": "x"}, "x-x"),
        ("$$A", {"A": "x"}, "$A"),
        ("${A-d}|${A:-d}", {"A": ""}, "|d"),
        ("${A:-${B:-c}}", {}, "c"),
        ("${A:+set}|${B+set}", {"A": "x", "B": ""}, "set|set"),
        ("${A:+set}|${B:+set}", {"B": ""}, "|"),
        ("${A:-a b/c:d}", {}, "a b/c:d"),
    ],
)
def test_interpolation(text, environment, expected):
    assert interpolate(text, environment) == expected


@pytest.mark.parametrize("text", ["$5", "${}", "${A", "a $", "${A:?}"])
def test_text_that_compose_refuses(text):
    with pytest.raises(NotInterpolated):
        interpolate(text, {})


# --- against docker-compose 1.29 ---------------------------------------------------------------------------------------


def chosen(chance, *options):
    return chance.choice(options)


def random_service(chance, name, peers):
    """A stanza of the forms that version 3 files have."""
    port = chance.randint(1000, 9000)
    keys = {
        "container_name": chosen(chance, f"my-{name}", f"{name}_${{SUFFIX:-x}}"),
        "restart": chosen(chance, "always", "no", "on-failure:3", "unless-stopped"),
        "ports": chance.sample(
            [f"{port}:80", f"127.0.0.1:{port + 1}:81/udp", f"{port + 2}-{port + 4}:82-84", "${PORT}:85", "${UNSET:-8086}:86"],
            k=chance.randint(1, 4),
        ),
        "environment": chosen(chance, {"A": "1", "B": "${SUFFIX}"}, ["A=2", "C=d=e"]),
        "depends_on": chance.sample(peers, k=min(len(peers), chance.randint(1, 2))),
        "healthcheck": {
            "test": chosen(chance, "curl -f localhost/$$X", ["CMD", "true"], ["CMD-SHELL", "exit 0"]),
            "interval": chosen(chance, "10s", "1m30s"),
            "timeout": "5s",
            "retries": chance.randint(1, 9),
        },
        "stop_grace_period": chosen(chance, "1m", "45s", "1m30s"),
        "stop_signal": chosen(chance, "SIGINT", "SIGQUIT"),
        "command": chosen(chance, 'run "a b" c', ["run", "x y"]),
        "expose": [str(chance.randint(3000, 3010)), "4000"],
    }
    return {"image": f"{name}:{chosen(chance, '1', '${TAG}', '${UNSET-2}')}"} | {
        key: value for key, value in keys.items() if chance.random() < 0.6 and value
    }


def random_files(chance):
    names = ["api", "db", "web"]
    files = [
        {"version": "3.7", "services": {name: random_service(chance, name, names[:rank]) for rank, name in enumerate(names)}}
    ]
    for _ in range(chance.randint(0, 2)):
        some = chance.sample(names, k=chance.randint(1, 2))
        files.append(
            {"version": "3.7", "services": {name: random_service(chance, name, names[: names.index(name)]) for name in some}}
        )
    return files


def theirs(output):
    """The facts in what `docker-compose config` prints."""
    return {
        name: {
            "image": service.get("image"),
            "container_name": service.get("container_name"),
            "restart": service.get("restart") and str(service["restart"]),
            "ports": sorted(map(port_words, service.get("ports", []))),
            "environment": dict(service.get("environment", {})),
            "depends_on": sorted(service.get("depends_on", [])),
            "test": health_words(service.get("healthcheck", {}).get("test")),
            "retries": service.get("healthcheck", {}).get("retries", 3),
            "interval": seconds(service.get("healthcheck", {}).get("interval", "30s")),
            "stop_grace": seconds(service.get("stop_grace_period", "10s")),
            "stop_signal": service.get("stop_signal", "SIGTERM"),
            "expose": sorted(map(int, service.get("expose", []))),
        }
        for name, service in yaml.safe_load(output)["services"].items()
    }


def port_words(port):
    if isinstance(port, dict):
        return f"{port.get('host_ip', '')}:{port['published']}:{port['target']}/{port.get('protocol', 'tcp')}"
    front, _, target = port.rpartition(":")
    ip, _, published = front.rpartition(":")
    return f"{ip}:{published}:{target}" + ("" if "/" in target else "/tcp")


def health_words(test):
    words = ["CMD-SHELL", test] if isinstance(test, str) else test or []
    return [word.replace("$$", "$") for word in words]


def seconds(text):
    minutes, _, rest = text.rpartition("m")
    return 60.0 * int(minutes or 0) + float(rest.rstrip("s") or 0)


def ours(service):
    check = service.healthcheck
    return {
        "image": service.image,
        "container_name": service.container_name,
        "restart": service.restart,
        "ports": sorted(f"{port.host_ip}:{port.published}:{port.target}/{port.protocol}" for port in service.ports),
        "environment": dict(service.environment),
        "depends_on": sorted(service.depends_on),
        "test": list(check.test) if check else [],
        "retries": check.retries if check else 3,
        "interval": check.interval_s if check else 30.0,
        "stop_grace": service.stop_grace_s,
        "stop_signal": service.stop_signal,
        "expose": sorted(service.expose),
    }


@pytest.mark.skipif(
    not shutil.which("docker-compose"), reason="needs docker-compose 1.29 (Debian's package), of which only `config` is run"
)
def test_random_files_are_understood_as_by_docker_compose(tmp_path):
    chance, environment = random.Random(20261122), {"TAG": "9", "PORT": "7085", "SUFFIX": "s"}
    compared = 0
    for job in range(20):
        folder = tmp_path / f"Job.{job}"
        folder.mkdir()
        texts = [yaml.safe_dump(document, sort_keys=False) for document in random_files(chance)]
        for number, text in enumerate(texts):
            (folder / f"{number}.yml").write_text(text)
        command = ["docker-compose", *(word for number in range(len(texts)) for word in ("-f", f"{number}.yml")), "config"]
        path = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        done = subprocess.run(command, cwd=folder, env=path | environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        files = [compose_file(text, f"{number}.yml") for number, text in enumerate(texts)]
        found = project(files, environment=environment, directory=str(folder))
        assert {service.name: ours(service) for service in found.services} == theirs(done.stdout)
        compared += 12 * len(found.services)
    assert compared == 720


@pytest.mark.skipif(
    not shutil.which("docker-compose"), reason="needs docker-compose 1.29 (Debian's package), of which only `config` is run"
)
def test_random_folders_are_understood_as_by_docker_compose(tmp_path):
    """Without `-f`: the default file with its override and `.env`, services that extend others, and profiles."""
    chance = random.Random(20261129)
    for job in range(8):
        folder = tmp_path / f"Job.{job}"
        (folder / "common").mkdir(parents=True)
        plain = [random_service(chance, name, []) for name in ("base", "near", "api", "web")]
        base, near, api, web = ({key: value for key, value in one.items() if key != "depends_on"} for one in plain)
        extended = {"near": near, "api": api | {"extends": {"file": "common/base.yml", "service": "base"}}}
        services = extended | {
            "web": web | {"extends": {"service": "near"}},
            "debug": {"image": "busybox", "profiles": ["debug"]},
        }
        override = {"services": {"api": random_service(chance, "api", ["near"])}}
        default, over = chance.choice([("docker-compose.yml", "docker-compose.override.yml"), ("compose.yaml", None)])
        contents = {"common/base.yml": {"services": {"base": base}}, default: {"services": services}}
        for name, document in (contents | ({over: override} if over else {})).items():
            (folder / name).write_text(yaml.safe_dump(document, sort_keys=False))
        active = chance.choice(["", "debug", "a,debug"])
        (folder / ".env").write_text(f"TAG=9\nPORT=7085\nSUFFIX=s\nUNSET=\nCOMPOSE_PROFILES={active}")
        path = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        done = subprocess.run(["docker-compose", "config"], cwd=folder, env=path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found = logcorr.facts(folder).understanding.stack
        wanted = {name: facts for name, facts in theirs(done.stdout).items() if active or name != "debug"}  # 1.29 shows all
        assert {service.name: ours(service) for service in found.services} == wanted
