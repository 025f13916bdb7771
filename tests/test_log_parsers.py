"""Each log format reads its fixtures as the records written beside them, and recognises them as its own."""

import json
from pathlib import Path

import polars as pl
import pytest

import logcorr
from logcorr import parse, plugins
from logcorr.grammar import messages
from logcorr.model.events import KINDS, event_schema
from logcorr.model.facts import Directive, NginxFile
from logcorr.model.source import Sample, Span
from logcorr.parsers import Context, LogParser

FIXTURES = Path(__file__).parent / "fixtures" / "parsers"
PARSERS = plugins.parsers()
FORMATS = sorted(name for name, parser in PARSERS.items() if isinstance(parser, LogParser))
CASES = sorted(file for name in FORMATS for file in (FIXTURES / name).glob("*.log"))


def named(file):
    return f"{file.parent.name}/{file.stem}"


def record(row):
    """A row as the fixtures write it: nulls, `lines` 1 and `parsed` true left out, times in ISO form."""
    shown = {name: value for name, value in row.items() if value is not None}
    if shown["lines"] == 1:
        del shown["lines"]
    if shown["parsed"]:
        del shown["parsed"]
    if "time" in shown:
        shown["time"] = shown["time"].isoformat()
    return shown


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_fixtures_and_a_page(name):
    assert list((FIXTURES / name).glob("*.log"))
    assert (Path(__file__).parent.parent / "docs" / "parsers" / f"{name}.md").exists()


@pytest.mark.parametrize("file", CASES, ids=named)
def test_lines_become_the_expected_records(file):
    frame = getattr(parse, file.parent.name)(file.read_text().splitlines())
    expected = [json.loads(line) for line in file.with_suffix(".jsonl").read_text().splitlines()]
    assert [record(row) for row in frame.to_dicts()] == expected
    assert frame["lines"].sum() == len(file.read_text().splitlines())
    own = dict(event_schema())
    assert [name for name in frame.columns if name in own] == list(own)
    assert all(frame.schema[name] == own[name] for name in own if name != "time")


@pytest.mark.parametrize("file", CASES, ids=named)
def test_the_format_claims_its_own_lines(file):
    sample = Sample("input.txt", tuple(file.read_text().splitlines()))
    claims = {name: parser.recognise(sample) for name, parser in PARSERS.items()}
    assert max(claims, key=lambda name: claims[name]) == file.parent.name


@pytest.mark.parametrize("file", CASES, ids=named)
def test_only_declared_kinds_are_emitted(file):
    frame = getattr(parse, file.parent.name)(file.read_text().splitlines())
    assert set(frame["kind"].drop_nulls()) <= PARSERS[file.parent.name].emits.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_no_lines_and_odd_lines_are_read_without_a_fault(name):
    read = getattr(parse, name)
    assert read([]).height == 0
    odd = ["", " ", "\u00e9" * 30, '"', "[", "[[[", "{", '{"a":', "2026-99-99 99:99:99 x", "\\", "\x00", "a" * 100_000]
    assert read(odd)["lines"].sum() == len(odd)


def test_a_configured_log_format_gives_its_columns():
    text = '$remote_addr [$time_iso8601] "$request" $status $request_time "$upstream_addr"'
    directive = Directive(span=Span("nginx.conf", 3), name="log_format", args=("main", text))
    facts = (NginxFile(span=Span("nginx.conf", 1), directives=(directive,)),)
    line = '192.0.2.1 [2026-01-31T12:00:00+01:00] "GET / HTTP/1.1" 502 0.004 "10.0.0.3:4000"'
    frame = pl.LazyFrame({"line": [1, 2], "text": [line, "odd"]}, schema={"line": pl.UInt32, "text": pl.String})
    read = PARSERS["nginx_access"].read(frame, Context(Sample("access.log", (line,)), facts, 2)).collect()
    assert record(read.to_dicts()[0]) == {
        "line": 1,
        "time": "2026-01-31T11:00:00+00:00",
        "severity": "error",
        "kind": "http.5xx",
        "message": "GET / HTTP/1.1 502",
        "client": "192.0.2.1",
        "request": "GET / HTTP/1.1",
        "status": 502,
        "request_time": 0.004,
        "upstream_addr": "10.0.0.3:4000",
        "utc_offset_s": 3600,
    }
    assert read["parsed"].to_list() == [True, False]


def test_a_request_that_was_tried_at_several_servers_is_read():
    text = '$remote_addr [$time_local] "$request" $status $upstream_addr $upstream_status $upstream_response_time'
    directive = Directive(span=Span("nginx.conf", 3), name="log_format", args=("tries", text))
    lines = [
        '192.0.2.4 [09/Apr/2026:07:15:02 +0000] "GET /a HTTP/1.1" 200 10.0.0.1:80, unix:/run/b.sock 502, 200 0.001, 0.020',
        '192.0.2.4 [09/Apr/2026:07:15:03 +0000] "GET /b HTTP/1.1" 200 10.0.0.1:80 : 10.0.0.2:80 404 : 200 0.001 : 0.002',
        '192.0.2.4 [09/Apr/2026:07:15:04 +0000] "GET /c HTTP/1.1" 304 - - -',
    ]
    frame = pl.LazyFrame({"line": [1, 2, 3], "text": lines}, schema={"line": pl.UInt32, "text": pl.String})
    context = Context(Sample("access.log", tuple(lines)), (NginxFile(span=Span("nginx.conf", 1), directives=(directive,)),), 3)
    read = PARSERS["nginx_access"].read(frame, context).collect()
    assert read["parsed"].all()
    assert read["upstream_status"].to_list() == ["502, 200", "404 : 200", None]
    assert read["upstream_addr"].to_list() == ["10.0.0.1:80, unix:/run/b.sock", "10.0.0.1:80 : 10.0.0.2:80", None]


def test_a_log_that_only_configuration_shows_to_be_one_is_recognised(tmp_path):
    text = "$time_local\\t$remote_addr\\t$request_method\\t$request_uri\\t$status\\t$http_user_agent"
    (tmp_path / "nginx.conf").write_text(f"events {{}}\nhttp {{\n log_format tabs '{text}';\n access_log a.log tabs;\n}}\n")
    (tmp_path / "a.log").write_text("08/Jun/2026:21:35:12 -0300\t192.0.2.4\tGET\t/x\t502\tMozilla/5.0 (X11; Linux)\n")
    events = logcorr.scan(tmp_path).collect()
    assert events["format"].to_list() == ["nginx_access"]
    assert (events["kind"][0], events["client"][0], events["user_agent"][0]) == (
        "http.5xx",
        "192.0.2.4",
        "Mozilla/5.0 (X11; Linux)",
    )


TABLES = (messages.APPLICATION, messages.CONSOLE, messages.SCRIPT)


def test_phrases_speak_of_known_kinds():
    assert {phrase.kind for table in TABLES for phrase in table} <= KINDS.keys()


MISSES = [
    "import chapter 3.7 started",
    "order 7 failed: terminate called after throwing an instance of 'x'",
    "Ticket 4: Application run failed",
    "http: panic serving 192.0.2.4:51234: runtime error: index out of range",
    'user alice wrote: "Received SIGTERM, shutting down"',
    "search for SIGTERM took 3 ms",
    "GET /docs/SIGTERM 200",
    "job listening-report finished",
    "user signed up",
    "Document exited the queue",
    "message: Client disconnected: x",
    "5 clients are connected to port 3000",
    "Backing up",
    "room closed",
    "cache ready",
    "restart of month-end report is on 12 May",
    "archive / up 200",
    "import started 300",
    "User disconnected her calendar",
    "SIGTERM handler registered",
    "usuario escuchando canción 30",
    "import gestartet 300",
    "pedido iniciado por 127.0.0.1:3000",
]


@pytest.mark.parametrize("text", MISSES)
def test_words_in_data_are_no_events(text):
    assert not messages.says(text, messages.APPLICATION)


HITS = {
    "Received SIGTERM, shutting down gracefully...": "process.terminating",
    "SIGTERM received, exiting": "process.terminating",
    "Caught SIGTERM. Exiting.": "process.terminating",
    "[worker-0] SIGTERM signal received: closing HTTP server": "process.terminating",
    "Process received signal: SIGINT": "process.terminating",
    "Server listening on port 3001": "process.started",
    "blog api on 2368": "process.started",
    "gallery api ready on :7000": "process.started",
    "Nest application successfully started": "process.started",
    "berths: listening on 7100": "process.started",
    "loyalty 3.9.2 starting": "process.started",
    "orders service listens on 3000": "process.started",
    "press queue on air, port 3500": "process.started",
    "the studio is on air since 8:00": None,
    "🚀 Server ready at http://localhost:4000/graphql": "process.started",
    "Client disconnected: VTLOnrw, reason: forced close": "client.disconnected",
    'disconnect XbSDe5e8Qc9lLRkVAAAA reason="transport close" online=3': "client.disconnected",
    "ws 8 closed board=control code=1006 after 1104 s": "client.disconnected",
    "[feed] socket closed, code 1006; again in 2.8 s": "client.disconnected",
    "WebSocket connection closed (1006)": "client.disconnected",
    "ws 9 closed board=control code=1000 after 12 s": None,
    "closed order 1006": None,
    "connect XbSDe5e8Qc9lLRkVAAAA transport=websocket online=2": "client.connected",
    "Error: listen EADDRINUSE: address already in use :::3000": "address.in_use",
    "Graceful shutdown complete": "process.exited",
    "uncaughtException: x is not a function": "process.crashed",
    "SIGTERM recibido, cerrando servidor HTTP": "process.terminating",
    "SIGTERM recebido; encerrando": "process.terminating",
    "Signal SIGTERM reçu, arrêt": "process.terminating",
    "SIGTERM empfangen, beende": "process.terminating",
    "получен сигнал SIGTERM": "process.terminating",
    "escola 3.9.0 ouvindo em 127.0.0.1:4000": "process.started",
    "API escuchando en el puerto 3000": "process.started",
    "serveur à l'écoute sur le port 3000": "process.started",
    "Server lauscht auf Port 4400": "process.started",
    "сервер слушает порт 3000": "process.started",
    "服务监听端口 3000": "process.started",
    "serveur démarré sur http://0.0.0.0:3000": "process.started",
    "# A fatal error has been detected by the Java Runtime Environment:": "process.crashed",
    "Terminating due to java.lang.OutOfMemoryError: Java heap space": "process.crashed",
    "APPLICATION FAILED TO START": "process.crashed",
    "Process terminated. Couldn't find a valid ICU package installed on the system.": "process.crashed",
    "terminate called after throwing an instance of 'std::runtime_error'": "process.crashed",
    "Exception in worker process": "process.crashed",
    "DAMN ! worker 2 (pid: 31) died, killed by signal 9 :( trying respawn ...": "process.killed",
    "DAMN ! worker 2 (pid: 31) died :( trying respawn ...": "process.crashed",
    "Kernel pid terminated (application_controller) ({application_start_failure,shop})": "process.crashed",
}


@pytest.mark.parametrize(("text", "kind"), HITS.items())
def test_what_programs_say_has_its_kind(text, kind):
    frame = parse.winston([f"2026-01-31 12:00:00 info: {text}"])
    assert frame["kind"].to_list() == [kind]


RELEASES = {
    "release 3.9.0 (janela de manutenção 20h)": True,
    "desplegando 2.8.0 (antes 2.7.3)": True,
    "déploiement de la version 2.1.0": True,
    "部署 v2.3.1": True,
    "deployed menu:1.8.0": True,
    "release notes for 2.3 read": False,
    "release user 3.2 locks": False,
    "release of lock 3.2 ms": False,
    "publicando artículo 12.5": False,
}


@pytest.mark.parametrize(("text", "tells"), RELEASES.items())
def test_a_script_tells_of_a_release(text, tells):
    frame = parse.script_log([f"[2026-01-31 12:00:00] {text}"])
    assert (frame["kind"].to_list() == ["deploy.started"]) is tells


def test_a_long_object_that_a_sample_cuts_tells_its_format():
    whole = json.dumps({"level": "error", "message": 'a "quoted, {odd" text', "of": {"a": [1, 2]}, "stack": "x, y" * 3000})
    sample = Sample("error.log", (whole[:4096],))
    claims = {name: parser.recognise(sample) for name, parser in PARSERS.items()}
    assert max(claims, key=lambda name: claims[name]) == "winston"
