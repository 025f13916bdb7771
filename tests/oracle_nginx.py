"""The oracle: a real nginx on loopback ports that the kernel picks, with upstreams that answer, fail or refuse."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from logcorr.model.behaviour import Answer
from logcorr.model.facts import NginxFile
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers.nginx_conf import parser
from logcorr.semantics.nginx import Nginx

PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"
MISSING = None if Path(PROGRAM).exists() else "nginx is not installed"
STUBS = {"ok": 200, "missing": 404, "broken": 503, "refusing": 0}
"""Upstreams by the status they answer; 0 refuses connections."""

TREE = """
    index.html test.txt 50x.html 404.html a/index.html a/x.css a/b/deep.txt static/y.js x.php sub/index.php new/foo img/p.png
    api/v1/q health with%20space.txt d%20r/f html/index.html
"""
"""What is served, relative to a root, as in a URI."""


@dataclass(frozen=True)
class Asked:
    """A request as sent over the wire."""

    address: str
    port: int
    host: str
    target: str
    method: str = "GET"
    tls: bool = False
    headers: tuple[tuple[str, str], ...] = (("User-Agent", "curl/7.88.1"), ("Accept", "*/*"))
    client: str = "127.0.0.1"


@dataclass(frozen=True)
class Seen:
    """What came back; `asked` is the URI that a stub upstream was asked for, `port` its port."""

    status: int | None
    location: str | None = None
    asked: str | None = None
    port: int | None = None


CLOSED = Seen(None)


def free_ports(count: int) -> list[int]:
    """Ports nothing listens on now, never the same twice."""
    return list(itertools.islice(_FREE, count))


def _is_free(port: int) -> bool:
    with socket.socket() as one, contextlib.suppress(OSError):
        one.bind(("", port))
        return True
    return False


# Below the ports that the kernel hands to outgoing connections, which would take one at any moment.
_FREE = (port for port in range(12_000 + os.getpid() % 1000 * 20, 32_768) if _is_free(port))


def _accepts(place: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(place, 1):
        return True
    return False


class Oracle:
    """A folder with files to serve, stub upstreams, and a real nginx that is started once for each configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self.stubs = dict(zip(STUBS, free_ports(len(STUBS)), strict=True))
        self.ports = free_ports(6)
        for root in ("r1", "r2", "."):
            for name in TREE.split()[:: {"r1": 1, "r2": 2, ".": 5}[root]]:
                path = folder / root / name.replace("%20", " ")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("x")
        (folder / "r1/empty").mkdir()
        (folder / "users").write_text("u:{PLAIN}p\n")
        self.secure = self._certificate()

    def _certificate(self) -> bool:
        program = shutil.which("openssl")
        if program is None:
            return False
        subprocess.run(
            [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", "/CN=a.com", "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
        return True

    def preamble(self) -> str:
        """What any configuration needs to run here, before its `http` content."""
        f = self.folder
        places = " ".join(f"{kind}_temp_path {f}/temp-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        tls = f"ssl_certificate {f}/cert.pem; ssl_certificate_key {f}/key.pem;" if self.secure else ""
        return (
            f"daemon off; master_process off; pid {f}/pid; error_log {f}/error.log; events {{ worker_connections 128; }}\n"
            f"http {{ access_log off; {places} {tls} auth_basic_user_file {f}/users; server_names_hash_bucket_size 128;\n"
        )

    def refuses(self, path: Path) -> str:
        """Why nginx refuses the configuration; nothing if it does not."""
        command = [PROGRAM, "-p", self.folder, "-c", path, "-e", self.folder / "error.log", "-t"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stderr

    @contextlib.contextmanager
    def running(self, path: Path, places: list[tuple[str, int]]) -> Iterator[subprocess.Popen[bytes]]:
        """A real nginx with this configuration, once it accepts connections at all these places."""
        command = [PROGRAM, "-p", self.folder, "-c", path, "-e", self.folder / "error.log"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            for place in places:
                while not _accepts(place):
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError((self.folder / "error.log").read_bytes()[-400:])
                    time.sleep(0.005)
            yield process
        finally:
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def stubs_running(self) -> Iterator[None]:
        """The upstreams: another nginx that tells in headers what it was asked for."""
        path = self.folder / "stubs.conf"
        heads = "add_header X-Asked $request_uri always; add_header X-Stub-Port $server_port always;"
        servers = "\n".join(
            f"server {{ listen 127.0.0.1:{self.stubs[name]}; {heads} location / {{ return {status} up; }} }}"
            for name, status in STUBS.items()
            if status
        )
        path.write_text(self.preamble().replace(f"{self.folder}/pid", f"{self.folder}/stub-pid") + servers + "}")
        with self.running(path, [("127.0.0.1", port) for name, port in self.stubs.items() if STUBS[name]]):
            yield

    def upstream(self, address: str) -> int | None:
        """What the interpreter is told of an upstream."""
        return next((STUBS[name] for name, port in self.stubs.items() if address.endswith(f":{port}")), None)

    def kind(self, path: str) -> str:
        """What the interpreter is told of a file."""
        place = self.folder / path
        return "file" if place.is_file() else "directory" if place.is_dir() else "none"


def collected(folder: Path, names: list[str]) -> list[NginxFile]:
    """The facts of configuration files, as the parser reads them."""
    out: list[NginxFile] = []
    for name in names:
        lines = (folder / name).read_text().split("\n")
        artifact = Artifact(
            path=name, sha256="", size=0, sample=Sample(name, tuple(lines[:50])), line_count=len(lines),
            scan=pl.LazyFrame, whole=partial("\n".join, lines),
        )  # fmt: skip
        for fact in parser.read(artifact):
            assert not isinstance(fact, Problem), fact
            assert isinstance(fact, NginxFile)
            out.append(fact)
    return out


def ask(asked: Asked) -> Seen:
    """Send one request and read the answer's head."""
    family = socket.AF_INET6 if ":" in asked.address else socket.AF_INET
    lines = [f"{asked.method} {asked.target} HTTP/1.1", f"Host: {asked.host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in asked.headers]
    lines += ["Content-Length: 0"] if asked.method in ("POST", "PUT") else []
    try:
        with socket.socket(family) as plain:
            plain.settimeout(5)
            if family == socket.AF_INET:
                plain.bind((asked.client, 0))
            plain.connect((asked.address, asked.port))
            with _secured(plain, asked) if asked.tls else plain as connection:
                connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"))
                return _read(connection)
    except (ssl.SSLError, ConnectionError):
        return CLOSED


def _secured(plain: socket.socket, asked: Asked) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=asked.host.partition(":")[0] or None)


def _read(connection: socket.socket) -> Seen:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            break
        received += piece
    head = received.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape").split("\r\n")
    if not head[0].startswith("HTTP/1."):
        return CLOSED
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    # An empty Location reads as "Location:" with nothing behind it once the line is cut.
    location = fields.get("location", "" if "location:" in (line.lower().strip() for line in head) else None)
    port = fields.get("x-stub-port")
    return Seen(int(head[0].split()[1]), location, fields.get("x-asked"), int(port) if port else None)


def predicted(nginx: Nginx, asked: Asked, oracle: Oracle, *, informed: bool = True) -> tuple[Answer, ...]:
    """What the interpreter says; uninformed, it knows nothing of files, and of upstreams only which are down."""
    return nginx.request(
        asked.host.partition(":")[0],
        asked.port,
        asked.target,
        scheme="https" if asked.tls else "http",
        method=asked.method,
        headers={**dict(asked.headers), "Host": asked.host},
        client=asked.client,
        address=f"[{asked.address}]" if ":" in asked.address else asked.address,
        files=oracle.kind if informed else lambda path: None,
        upstream=oracle.upstream if informed else lambda address: 0 if oracle.upstream(address) == 0 else None,
    )


def agrees(answer: Answer, seen: Seen) -> bool:
    """Whether an answer is what was seen: status, redirect, upstream and the URI it was asked for."""
    if answer.closed or seen == CLOSED:
        return answer.closed and seen == CLOSED
    if answer.unknown or answer.location != seen.location:
        return False
    if answer.status is None:
        return answer.upstream is not None
    if answer.upstream is None or seen.port is None:
        return answer.status == seen.status and answer.upstream == seen.port
    if " " in (answer.upstream_uri or ""):  # a request line that no server understands
        return seen.status == 400
    return answer.status == seen.status and f":{seen.port}" in answer.upstream and answer.upstream_uri == seen.asked


@dataclass
class Tally:
    """How many answers were right, unknown (more than one, or none given), and wrong; `missed` tells the wrong ones."""

    right: int = 0
    unknown: int = 0
    idle: int = 0
    configurations: int = 0
    missed: list[tuple[Asked, Seen, tuple[Answer, ...], str]] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return self.right + self.unknown + len(self.missed)

    def add(self, asked: Asked, seen: Seen, answers: tuple[Answer, ...], text: str) -> None:
        """One request; `idle` counts those to an address nobody listens on, which prove little."""
        if not answers:
            self.idle += seen == CLOSED
        if (not answers and seen == CLOSED) or (len(answers) == 1 and agrees(answers[0], seen)):
            self.right += 1
        elif len(answers) > 1 or any(answer.unknown for answer in answers):
            self.unknown += 1
        else:
            self.missed.append((asked, seen, answers, text))

    def report(self) -> str:
        """The figures, and the first few that were missed."""
        shown = "\n".join(f"{asked}\n  {seen}\n  {answers}\n{text}" for asked, seen, answers, text in self.missed[:3])
        figures = (
            f"{self.right} of {self.asked} right, {self.unknown} unknown, {self.idle} idle, {self.configurations} configurations"
        )
        return f"{figures}\n{shown}"
