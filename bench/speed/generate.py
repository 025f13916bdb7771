"""Make logs to measure with: `python bench/speed/generate.py FORMAT MEGABYTES FILE [SEED]`.

The same seed gives the same bytes; a long log is some megabytes again and again, each time a day later. One line in fifty is
hostile or odd: quotes and field names inside requests, CRLF, times that go back, lines of no known format; and there are letters
that are not ASCII, and stack traces.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

HOSTS = ("shop.example.com", "api.example.com", "www.example.com")
PATHS = ("/api/orders/{}", "/api/users/{}/profile", "/health", "/static/main.{}.js", "/suche?q=stra\u00dfe{}", "/ws/{}")
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "curl/8.5.0", "kube-probe/1.29")
FAILURES = (
    "connect() failed (111: Connection refused) while connecting to upstream",
    "upstream prematurely closed connection while reading response header from upstream",
    "upstream timed out (110: Connection timed out) while reading response header from upstream",
    "no live upstreams while connecting to upstream",
)
SENTENCES = ("order {} stored", "Client connected: {}", "slow query ({} ms)", "Grüße an Kunde {}", "cache miss for key {}")

FIRST_DAY = datetime(2026, 1, 31)  # noqa: DTZ001 - logs write local time
DATES = ("%Y/%m/%d", "%d/%b/%Y", "%Y-%m-%d")
BLOCK_MB = 16
"""So much of any format is less than a day."""


def _address(source: random.Random) -> str:
    return f"203.0.113.{source.randint(1, 254)}"


def nginx_error(source: random.Random, time: datetime) -> str:
    """One line, with the fields after the message; now and then one that tries to pass for another."""
    head = f"{time:%Y/%m/%d %H:%M:%S} [error] {source.randint(1, 40)}#7: *{source.randint(1, 10**7)} "
    path = source.choice(PATHS).format(source.randint(1, 10**5))
    host, client = source.choice(HOSTS), _address(source)
    fields = f', client: {client}, server: {host}, request: "GET {path} HTTP/1.1"'
    odd = source.random()
    if odd < 0.005:
        return f'{head}{FAILURES[0]}, client: {client}, server: {host}, request: "GET /x", host: "evil HTTP/1.1", host: "{host}"'
    if odd < 0.01:
        return f'{head}open() "/srv/a, client: 192.0.2.66" failed (2: No such file or directory){fields}, host: "{host}"'
    if odd < 0.015:
        return f"{time:%Y/%m/%d %H:%M:%S} [error] {source.choice(FAILURES)}"
    referrer = f', referrer: "https://{host}/"' if odd < 0.4 else ""
    return f'{head}{source.choice(FAILURES)}{fields}, upstream: "http://10.0.0.3:4000{path}", host: "{host}"{referrer}'


def nginx_access(source: random.Random, time: datetime) -> str:
    """One line of `combined`."""
    path = source.choice(PATHS).format(source.randint(1, 10**5))
    user = "alice smith" if source.random() < 0.005 else "-"
    agent = 'a \\"strange\\" browser' if source.random() < 0.005 else source.choice(AGENTS)
    status = source.choice((200,) * 20 + (404, 499, 502))
    stamp = f"{time:%d/%b/%Y:%H:%M:%S} +0000"
    return f'{_address(source)} - {user} [{stamp}] "GET {path} HTTP/1.1" {status} {source.randint(0, 10**5)} "-" "{agent}"'


def winston(source: random.Random, time: datetime) -> str:
    """One event of `printf`; an error in ten lines brings its stack along."""
    level = source.choice(("info",) * 9 + ("error",))
    text = f"{time:%Y-%m-%d %H:%M:%S} [{level}]: {source.choice(SENTENCES).format(source.randint(1, 10**6))}"
    return text + "\n    at handler (/srv/app/orders.js:12:7)\n    at next (/srv/app/router.js:3:1)" if level == "error" else text


def winston_json(source: random.Random, time: datetime) -> str:
    """One event of `format.json()`."""
    level = source.choice(("info",) * 9 + ("error",))
    event = {
        "level": level,
        "message": source.choice(SENTENCES).format(source.randint(1, 10**6)),
        "service": "orders",
        "timestamp": f"{time:%Y-%m-%dT%H:%M:%S}.{source.randint(0, 999):03}Z",
    }
    return json.dumps(event, ensure_ascii=source.random() < 0.5, separators=(",", ":"))


FORMATS: dict[str, Callable[[random.Random, datetime], str]] = {
    "nginx_error": nginx_error,
    "nginx_access": nginx_access,
    "winston": winston,
    "winston_json": winston_json,
}


def lines(name: str, seed: int = 7) -> Iterator[str]:
    """Lines of a format without end, line ends included."""
    source = random.Random(seed)
    time = FIRST_DAY
    while True:
        time += timedelta(seconds=source.choice((0, 0, 0, 1)))
        odd = source.random()
        if odd < 0.001:
            yield "a line of no known format\n"
        else:
            shown = time - timedelta(seconds=90) if odd < 0.006 else time
            yield FORMATS[name](source, shown) + ("\r\n" if odd > 0.995 else "\n")


def write(name: str, megabytes: float, file: Path, seed: int = 7) -> None:
    """A file of about this size: some megabytes of lines, and the same again for each day that follows."""
    block = _block(name, int(min(megabytes, BLOCK_MB) * 1e6), seed)
    left = int(megabytes * 1e6)
    with file.open("wb") as out:
        for number in count():
            today = block
            for spelt in DATES:
                today = today.replace(f"{FIRST_DAY:{spelt}}".encode(), f"{FIRST_DAY + timedelta(days=number):{spelt}}".encode())
            out.write(today if len(today) <= left else today[: today.find(b"\n", left) + 1])
            left -= len(today)
            if left <= 0:
                return


def _block(name: str, size: int, seed: int) -> bytes:
    parts = []
    for line in lines(name, seed):
        parts.append(line.encode())
        size -= len(parts[-1])
        if size <= 0:
            break
    return b"".join(parts)


if __name__ == "__main__":
    write(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 7)
