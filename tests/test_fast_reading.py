"""What the fast parsers make of hostile lines is what a slow reader of the same formats makes of them, line by line."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.speed import reference
from logcorr import parse

MARKS = (", client: ", ", server: ", ', request: "', '", upstream: "', '", host: "', '", referrer: "', '"', '" "', " [", "] ")
WORDS = st.sampled_from((*MARKS, "GET /x HTTP/1.1", "evil", "straße", "198.51.100.7", " ", "\\", "-", "\t", "a,b", "502"))
HOSTILE = st.lists(WORDS, max_size=6).map("".join)
NAME = st.sampled_from(("shop.example.com", "_", ""))
STAMP = "2026/01/31 12:00:00"

ERROR = st.builds(
    '{stamp} [{level}] {ids}{message}, client: 192.0.2.1, server: {server}, request: "{request}", host: "{host}"{rest}'.format,
    stamp=st.sampled_from((STAMP, "2026/01/31 12:00:01")),
    level=st.sampled_from(("error", "warn", "info")),
    ids=st.sampled_from(("7#7: *42 ", "7#7: ", "")),
    message=st.sampled_from(
        ("upstream timed out (110: Connection timed out)", 'open() "/srv/a, client: x" failed (2: No such file or directory)')
    ),
    server=NAME,
    request=HOSTILE.map(lambda text: text.replace('"', "") + " HTTP/1.1"),
    host=NAME,
    rest=st.sampled_from(("", ', referrer: "https://shop.example.com/"')),
)
QUOTED = st.sampled_from(("-", "GET /a HTTP/1.1", r"a \"strange\" agent", r"\x22", "straße", "", "a [b] c", "\\\\"))
ACCESS = st.builds(
    '192.0.2.1 - {user} [31/Jan/2026:12:00:0{second} {zone}] "{request}" {status} {bytes} "{referrer}" "{agent}"{rest}'.format,
    user=st.sampled_from(("-", "alice", "alice smith", "a [b", "a - b")),
    second=st.integers(0, 9),
    zone=st.sampled_from(("+0000", "-0530")),
    request=QUOTED.filter(lambda text: text != "-"),
    status=st.sampled_from((200, 404, 502)),
    bytes=st.sampled_from(("-", "0", "12345")),
    referrer=QUOTED,
    agent=QUOTED,
    rest=st.sampled_from(("", "", "", " x")),
)
LEVELS = st.sampled_from(("info", "error", "warn"))
WINSTON = st.builds("2026-01-31 12:00:0{} [{}]: order{}".format, st.integers(0, 9), LEVELS, HOSTILE)


def found(name: str, lines: list[str], columns: list[str]) -> list[dict[str, object]]:
    """Events as the reference gives them, but for columns without a value."""
    rows = getattr(parse, name)(lines).filter("parsed").select(columns).to_dicts()
    for row in rows:
        time = row["time"]
        row["time"] = int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def expected(name: str, lines: list[str], columns: list[str]) -> list[dict[str, object]]:
    rows = (row for row in reference.READERS[name](lines) if "time" in row)
    return [{key: row[key] for key in columns if row.get(key) is not None} for row in rows]


def same(name: str, plain: str, lines: list[str], columns: list[str]) -> None:
    """Some plain lines tell the format; the others hide among them."""
    lines = [plain] * 20 + lines
    assert found(name, lines, columns) == expected(name, lines, columns)


@settings(max_examples=25)
@given(st.lists(ERROR, min_size=10, max_size=40))
def test_error_lines(lines):
    plain = f'{STAMP} [error] 7#7: *1 down, client: 192.0.2.1, server: _, request: "GET / HTTP/1.1", host: "_"'
    columns = ["time", "message", "pid", "tid", "connection", "client", "server", "request", "upstream", "host", "referrer"]
    same("nginx_error", plain, lines, columns)


@settings(max_examples=25)
@given(st.lists(ACCESS, min_size=10, max_size=40))
def test_access_lines(lines):
    plain = '192.0.2.1 - - [31/Jan/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8.5.0"'
    columns = ["time", "message", "client", "user", "request", "status", "bytes", "referrer", "user_agent"]
    same("nginx_access", plain, lines, columns)


@settings(max_examples=25)
@given(st.lists(WINSTON, min_size=10, max_size=40))
def test_winston_lines(lines):
    same("winston", "2026-01-31 12:00:00 [info]: order stored", lines, ["time", "level", "message"])
