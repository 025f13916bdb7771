"""What nginx would answer, on configurations and answers written by hand; and what else its configuration says."""

from __future__ import annotations

import builtins
import io
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from oracle_nginx import collected

from logcorr.model.behaviour import Answer
from logcorr.model.source import Span
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.nginx.facts import seconds
from logcorr.semantics.nginx.patterns import search
from logcorr.semantics.nginx.world import Unanswerable

CASES = Path(__file__).parent / "fixtures" / "nginx"
GUESSED = "is included in http"


def nginx_of(case: str, **options) -> Nginx:
    """The nginx of a case's folder."""
    folder = CASES / case
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name != "requests.toml")
    return Nginx.of(collected(folder, names), **options)


def requests():
    for path in sorted(CASES.glob("*/requests.toml")):
        for number, request in enumerate(tomllib.loads(path.read_text())["request"]):
            yield pytest.param(path.parent.name, request, id=f"{path.parent.name}-{number}")


def shown(answer: Answer) -> str:
    """An answer as the cases write it."""
    words = ["closed" if answer.closed else "", str(answer.status or ""), answer.location or ""]
    words.append((answer.upstream or "") + (answer.upstream_uri or ""))
    return " ".join(word for word in (*words, f"at {answer.at}") if word)


@pytest.mark.parametrize(("case", "request_"), list(requests()))
def test_answers(case, request_):
    url = urlsplit(request_["url"])
    answers = nginx_of(case).request(
        url.hostname or "",
        url.port or {"http": 80, "https": 443}[url.scheme],
        url.path + (f"?{url.query}" if url.query else ""),
        scheme=url.scheme,
        client=request_.get("client", "127.0.0.1"),
        headers={"User-Agent": request_.get("agent", "curl/8.5.0")},
        files=request_.get("files", {}).get,
        upstream=lambda address: 0 if request_.get("refused") else None,
    )
    expected = {text.partition(" if ")[0]: text.partition(" if ")[2] for text in request_["answers"]}

    assert sorted(shown(answer) for answer in answers) == sorted(text.partition(" if ")[0] for text in request_["answers"])
    if len(set(expected)) == len(answers):
        for answer in answers:
            assert expected[shown(answer)] in ("", *answer.assumes)
    if "assumes" in request_:
        assert [list(answer.assumes) for answer in answers] == [request_["assumes"]]


def test_steps_can_be_followed():
    (answer,) = nginx_of("redirect-to-https").request("localhost", 80, "/health")

    path = "nginx/conf.d/shop.conf"
    assert answer.server == Span(path, 10)
    assert answer.trace == (
        ("listen *:80", Span(path, 11)),
        ("the only server there", Span(path, 10)),
        ("location /", Span(path, 19)),
        ("return 301 https://$host$request_uri", Span(path, 20)),
    )


def test_files_that_no_main_file_includes_are_guessed_in():
    assert [text for text, _ in nginx_of("redirect-to-https").notes] == [
        "nginx/conf.d/shop.conf is included in http, though no collected file says so"
    ]


def test_a_stream_block_is_left_out_and_said_to_be():
    assert [str(span) for text, span in nginx_of("site-behind-main").notes if text.startswith("stream")] == [
        "etc/nginx/nginx.conf:32"
    ]
    assert nginx_of("site-behind-main").request("localhost", 5432, "/") == ()


def test_mounts_say_where_included_files_are():
    folder = CASES / "site-behind-main"
    files = collected(folder, ["etc/nginx/nginx.conf", "etc/nginx/sites-enabled/crm"])

    assert Nginx.of(files, mounts={"/etc/nginx/conf.d": "etc/nginx/sites-enabled"}).site.http.all("server") != []
    assert Nginx.of(files, mounts={"/etc/nginx": "elsewhere"}).site.http.all("include") != []


def test_of_files_that_nobody_includes_the_mounted_ones_are_taken():
    path = "nginx/conf.d/shop.conf"
    (file,) = collected(CASES / "redirect-to-https", [path])
    old = replace(file, span=Span("backup/conf.d/shop.conf", 1))

    assert len(Nginx.of([old, file]).notes) == 2
    assert [span for _, span in Nginx.of([old, file], mounts={"/etc/nginx/conf.d": "nginx/conf.d"}).notes] == [file.span]
    assert [span for _, span in Nginx.of([old, file], mounts={"/etc/nginx/conf.d/x.conf": path}).notes] == [file.span]


def test_an_address_shared_by_several_servers_is_dual_if_one_says_so(tmp_path):
    (tmp_path / "nginx.conf").write_text(
        "events {} http { server { listen [::]:80 ipv6only=off; return 200; }"
        " server { listen [::]:80; server_name b; return 410; } }"
    )

    (answer,) = Nginx.of(collected(tmp_path, ["nginx.conf"])).request("127.0.0.1", 80, "/", headers={"Host": "b"})
    assert answer.status == 410


def test_a_name_that_is_refused_leaves_its_wildcard_to_others(tmp_path):
    """As nginx 1.22 answers: `.b.org` conflicts with the exact name, so `*.b.org` is still free."""
    (tmp_path / "nginx.conf").write_text(
        "events {} http { server { listen 80; server_name b.org; return 200; }"
        " server { listen 80; server_name .b.org; return 410; } server { listen 80; server_name *.b.org; return 404; } }"
    )

    (answer,) = Nginx.of(collected(tmp_path, ["nginx.conf"])).request("127.0.0.1", 80, "/", headers={"Host": "www.b.org"})
    assert answer.status == 404


def test_upstreams():
    (group,) = nginx_of("site-behind-main").upstreams()

    assert (group.name, str(group.span)) == ("app", "etc/nginx/conf.d/upstreams.conf:1")
    assert [(server.address, server.parameters) for server in group.servers][:2] == [
        ("10.0.0.11:9000", ("max_fails=2", "fail_timeout=10s")),
        ("10.0.0.12:9000", ()),
    ]
    assert group.settings == (("least_conn", Span("etc/nginx/conf.d/upstreams.conf", 2)),)


def test_logs_and_their_formats():
    nginx = nginx_of("site-behind-main")
    (form,) = nginx.log_formats()

    assert form.name == "timed"
    assert form.text == '$remote_addr [$time_iso8601] "$request" $status rt=$request_time uct="$upstream_connect_time"'
    assert form.span == Span("etc/nginx/nginx.conf", 10, 11)
    assert [(log.kind, log.path, log.detail, log.server) for log in nginx.logs()] == [
        ("access", "/var/log/nginx/access.log", "timed", None),
        ("error", "/var/log/nginx/error.log", "warn", None),
    ]


def test_time_limits_of_upgraded_connections():
    api, socket, _ = nginx_of("redirect-to-https").proxied()

    assert (api.target, api.upgrades, api.limit("proxy_read_timeout").seconds, api.limit("proxy_read_timeout").span) == (
        "http://backend/",
        False,
        60.0,
        None,
    )
    assert (socket.path, socket.upgrades, socket.limit("proxy_read_timeout").seconds) == ("/socket.io/", True, 3600.0)
    assert socket.limit("proxy_read_timeout").span == Span("nginx/conf.d/shop.conf", 47)


@pytest.mark.parametrize(
    ("text", "value"),
    [("60", 60.0), ("75s", 75.0), ("1m30s", 90.0), ("500ms", 0.5), ("1h 30m", 5400.0), ("1d", 86400.0), ("x", None), ("", None)],
)
def test_times(text, value):
    assert seconds(text) == value


def test_nothing_but_the_collected_text_is_read(tmp_path, monkeypatch):
    """Includes of this machine's own files are neither followed nor looked for."""
    secret = tmp_path / "secret.conf"
    secret.write_text("server { listen 81; return 418; }")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "nginx.conf").write_text(
        f"events {{}} http {{ include {secret}; include {tmp_path}/*.conf; include /etc/nginx/mime.types;"
        " server { listen 80; root /etc; auth_basic x; auth_basic_user_file /etc/passwd; } }"
    )
    files = collected(tmp_path / "in", ["nginx.conf"])

    def refuse(*arguments, **_):
        raise AssertionError(f"opened {arguments}")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(io, "open", refuse)
    nginx = Nginx.of(files)
    assert nginx.request("localhost", 80, "/passwd")[0].status == 401
    assert nginx.request("localhost", 81, "/") == ()
    assert [text for text, _ in nginx.notes] == [
        f"include {secret} was not collected",
        f"include {tmp_path}/*.conf was not collected",
    ]


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [
        (r"^/(?<a>[a-z]+)/(\d+)$", "/shop/12", ("shop", "12")),
        (r"^/(?:[a-z]+/)+(\d+)$", "/shop/old/12", ("12",)),  # a repeated group: by the linear engine
        (r"(?<x>(?:a|ab)*)c$", "xababc", ("abab",)),
        (r"\.(?:jpg|jpeg|png|gif|ico|css|js|svg|woff2?)$", "/a.woff2", ()),
        (r"/\.(?!well-known)", "/.git", ()),
        (r"^(.*)-(.*)$", "/a", None),
        (r"^/(a+)+$", "/" + "a" * 4000 + "b", None),
        (r"^/" + "a?" * 40 + "a" * 40 + "$", "/" + "a" * 40, ()),
        (r"^/(a|a)*$", "/" + "a" * 4000 + "b", None),
    ],
)
def test_patterns_take_bounded_time_whatever_they_are(pattern, text, groups):
    found = search(pattern, text, Span("nginx.conf", 1))
    assert (found and found.groups) == groups


@pytest.mark.parametrize("pattern", [r"^/(?!b)(a+)+$", r"^/(a+)+\1$", r"^/(a+$"])
def test_patterns_that_cannot_be_tried_in_bounded_time_are_not_answered(pattern):
    with pytest.raises(Unanswerable):
        search(pattern, "/" + "a" * 4000 + "b", Span("nginx.conf", 1))
