"""What must not leave does not, what the diagnosis needs stays, and one identity has one name throughout."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from logcorr.report.redaction import redacted, redacted_frame

DOCUMENTS = Path(__file__).parent / "fixtures" / "documents"


def redact(*texts):
    return redacted_frame(pl.DataFrame({"text": texts}, schema={"text": pl.String}))["text"].to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("connect(), client: 203.0.113.9, upstream: 10.0.0.4", "connect(), client: <IP-1>, upstream: 10.0.0.4"),
        ("from 2001:db8::17 to ::1", "from <IP-1> to ::1"),
        ("mail to ann.lee+ops@example.com failed", "mail to <EMAIL-1> failed"),
        ('host: "shop.example.com", request: "GET / HTTP/1.1"', 'host: "<HOST-1>", request: "GET / HTTP/1.1"'),
        ("curl https://api.example.org:8443/health", "curl https://<HOST-1>:8443/health"),
        ("    server_name www.example.com example.com;", "    server_name <HOST-2> <HOST-1>;"),
        ("Nov 18 06:00:01 web-07 CRON[12]: (jesse) CMD (/home/jesse/x.sh)",
         "Nov 18 06:00:01 <HOST-1> CRON[12]: (<USER-1>) CMD (/home/<USER-1>/x.sh)"),
        ("Accepted publickey for mary from 198.51.100.7 port 22", "Accepted publickey for <USER-1> from <IP-1> port 22"),
        ("DATABASE_URL=postgres://shop:p@ss:w0rd@db:5432/shop", "DATABASE_URL=postgres://<SECRET-credentials>@db:5432/shop"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer <SECRET-authorization>"),
        ('{"password":"hunter2","user":"x"}', '{"password":"<SECRET-value>","user":"x"}'),
        ('"env": "{\\"api_key\\": \\"s3cr3t\\"}"', '"env": "{\\"api_key\\": \\"<SECRET-value>\\"}"'),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = <SECRET-value>"),
        ("MYSQL_ROOT_PASSWORD: changeme", "MYSQL_ROOT_PASSWORD: <SECRET-value>"),
        ("mysqldump -u root -pS3cret shop", "mysqldump -u root -p<SECRET-option> shop"),
        ("redis-cli -h cache -a hunter2 ping", "redis-cli -h cache -a <SECRET-option> ping"),
        ("curl -fsS -u admin:hunter2 http://localhost/x", "curl -fsS -u admin:<SECRET-login> http://localhost/x"),
        ("GET /socket.io/?EIO=4&sid=Xa9_-k2 HTTP/1.1", "GET /socket.io/?EIO=4&sid=<SECRET-parameter> HTTP/1.1"),
        ("Cookie: sid=abc; theme=dark", "Cookie: <SECRET-cookie>"),
        ("token eyJhbGciOi.eyJzdWIi.SflKxw expired", "token <SECRET-token> expired"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key <SECRET-token> used"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
         "-----BEGIN RSA PRIVATE KEY-----<SECRET-private-key>"),
    ],
)  # fmt: skip
def test_it_is_replaced(text, expected):
    assert redact(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "nginx/1.22.1 started at 10:00:00.123 on 0.0.0.0:80 and [::]:80",
        '"Mozilla/5.0 (X11) Chrome/120.0.0.0 Safari/537.36"',
        "MAC 02:42:ac:11:00:02, 172.17.0.2, 192.168.1.9, 127.0.0.1",
        "socket.io@4.7.2 installed, getty@tty1.service started",
        "open() /etc/nginx/conf.d/app.conf and server.js, index.html",
        'upstream: "http://backend:4000/health", server: localhost',
        "PWD=/srv/app status=200 code=exited, status=143/n/a",
        "[error] 7#7: *12 connect() failed (111: Connection refused)",
        "Failed password attempts are counted; tokens expire after 3600 s",
        "std::ad::Feed and a::b",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "su root, (root) CMD (run-parts /etc/cron.hourly), for user www-data",
    ],
)
def test_it_is_kept(text):
    assert redact(text) == [text]


def test_one_identity_has_one_name_and_none_is_part_of_another():
    assert redact("1.2.3.4 1.2.3.40", "91.2.3.4 1.2.3.4") == ["<IP-1> <IP-2>", "<IP-3> <IP-1>"]


def test_a_user_of_a_common_name_is_replaced_only_where_users_stand():
    assert redact("/home/shop/run.sh", "/srv/shop/run.sh of shop") == ["/home/<USER-1>/run.sh", "/srv/shop/run.sh of shop"]


@pytest.mark.parametrize("name", ["seed", "hostile"])
def test_a_redacted_document_has_no_hash_of_a_line_and_says_what_was_done(name):
    document = json.loads((DOCUMENTS / f"{name}.json").read_text("utf-8"))
    clean = redacted(document)
    assert not any(piece["sha256"] for piece in quotes(clean))
    assert [one["sha256"] for one in clean["inputs"]] == [one["sha256"] for one in document["inputs"]]
    assert clean["assumptions"][-1]["id"] == "assumption.redacted"
    assert redacted(document) == clean


def quotes(part):
    children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    if isinstance(part, dict) and {"quote", "sha256"} <= part.keys():
        yield part
    for child in children:
        yield from quotes(child)


def test_the_user_in_the_seed_is_gone_everywhere():
    document = json.loads((DOCUMENTS / "seed.json").read_text("utf-8"))
    assert "jesse" in json.dumps(document)
    assert "home/jesse" not in json.dumps(redacted(document))


def test_redacting_twice_changes_nothing_more():
    once = redact("password=x from 203.0.113.9", "https://shop.example.com/?token=abc", "Authorization: Basic eDp5")
    assert redact(*once) == once


def test_columns_of_names_are_redacted_with_the_lines_that_hold_them():
    frame = pl.DataFrame(
        {
            "message": ["Jan  2 03:04:05 web-7 cron[3]: (jesse) CMD (/home/jesse/run)", "done", "done"],
            "host": ["web-7", "web-8", None],
            "user": ["jesse", "robin", "root"],
            "count": [1, 2, 3],
        }
    )
    assert redacted_frame(frame).to_dict(as_series=False) == {
        "message": ["Jan  2 03:04:05 <HOST-1> cron[3]: (<USER-1>) CMD (/home/<USER-1>/run)", "done", "done"],
        "host": ["<HOST-1>", "<HOST-2>", None],
        "user": ["<USER-1>", "<USER-2>", "root"],
        "count": [1, 2, 3],
    }
