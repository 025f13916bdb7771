"""What would nginx answer? The public face of the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.model.behaviour import Answer
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.semantics.nginx import engine, facts, uri
from logcorr.semantics.nginx.listen import Listen, local_addresses, sharing
from logcorr.semantics.nginx.names import choose, default_of, primary_name
from logcorr.semantics.nginx.request import Handed, Question, Request, Status
from logcorr.semantics.nginx.site import Site, build, is_main, missing_includes
from logcorr.semantics.nginx.world import Unanswerable, World, in_every_world
from logcorr.semantics.paths import below, folder_of


def _unknown(_: str) -> None:
    return None


class Nginx(Struct, frozen=True):
    """One running nginx, as its collected configuration describes it."""

    site: Site

    @classmethod
    def of(cls, files: Sequence[NginxFile], mounts: Mapping[str, str] | None = None, main: str | None = None) -> Nginx:
        """The nginx of these files. `mounts` maps container paths to collected ones; `main` names the main file's path.

        Without `main` it is the one mounted as `/etc/nginx/nginx.conf`, else a dump's, else the one nearest the top.
        Raises ValueError without files.
        """
        if not files:
            raise ValueError("no nginx configuration files")
        wanted = main or (mounts or {}).get("/etc/nginx/nginx.conf")
        mains = [file for file in files if is_main(file)]
        mains = [file for file in mains if file.span.path == wanted] or ([] if main else mains)
        mains.sort(
            key=lambda file: (
                file.name is None,
                file.span.path.count("/"),
                not file.span.path.endswith("nginx.conf"),
                file.span.path,
                file.span.line,
            )
        )
        return cls(build(mains[0] if mains else None, files, mounts or {}))

    @classmethod
    def every(cls, files: Sequence[NginxFile]) -> tuple[Nginx, ...]:
        """One for each main file that has a folder of its own: several hosts or containers may run nginx. None without files."""
        if not files:
            return ()
        first = cls.of(files)
        taken = {folder_of(first.site.http.span.path)}
        found = [first]
        for file in files:
            home = folder_of(file.span.path)
            if is_main(file) and not any(not other or below(home, other) or below(other, home) for other in taken):
                taken.add(home)
                found.append(cls.of([one for one in files if below(one.span.path, home)], main=file.span.path))
        return tuple(found)

    @property
    def notes(self) -> tuple[tuple[str, Span], ...]:
        """What was guessed, left out or not collected, each with its line."""
        return self.site.notes

    def listens(self) -> tuple[Listen, ...]:
        """The addresses and ports of all servers, in the order of the text."""
        return self.site.listens

    def upstreams(self) -> tuple[facts.Upstream, ...]:
        """The upstream groups."""
        return tuple(facts.upstreams(self.site.http))

    def log_formats(self) -> tuple[facts.LogFormat, ...]:
        """The formats of the access log that are defined."""
        return tuple(facts.log_formats(self.site.http))

    def logs(self) -> tuple[facts.Log, ...]:
        """The logs that are written."""
        return tuple(facts.logs(self.site.http.parent or self.site.http))

    def proxied(self) -> tuple[facts.Proxied, ...]:
        """The blocks that hand requests on, with the time limits in force."""
        return tuple(facts.proxied(self.site.http))

    def server_name(self, place: facts.Proxied) -> str:
        """What nginx calls the server in which requests are handed on, in its error log too; empty where it has no name."""
        return primary_name(next(node for node in self.site.http.walk() if node.span == place.server))

    def in_force(self, place: facts.Proxied, name: str) -> tuple[tuple[str, ...], Span] | None:
        """The arguments of the directive of this name that holds where requests are handed on, and its line."""
        passes = next(node for node in self.site.http.walk() if node.span == place.span)
        return next(((node.args, node.span) for node in passes.inherited(name) if node.args), None)

    def request(
        self,
        url_host: str,
        port: int,
        path: str,
        *,
        scheme: str = "http",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
        address: str | None = None,
        files: Callable[[str], str | None] = _unknown,
        upstream: Callable[[str], int | None] = _unknown,
    ) -> tuple[Answer, ...]:
        """All answers this request can get, likeliest first; none if nginx does not listen there.

        `path` includes the arguments. A Host header stands in for `url_host` if given. `address` is nginx's own address
        that the connection arrives at (a container's, behind a published port); without it, each is tried that makes a
        difference. `files` tells `file`, `directory`, `none` or None (unknown) of a path. `upstream` tells of an address
        (`backend:4000`) the status it answers, 0 if it refuses, None if unknown. A client that names no `User-Agent` in
        `headers` has one that is not known.
        """
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        default_port = 443 if scheme == "https" else 80
        host = sent.get("host", url_host if port == default_port else f"{url_host}:{port}")
        places = [address] if address else local_addresses(self.site.listens, port, url_host)
        world = World(files, upstream)
        found: dict[tuple[object, ...], tuple[Answer, list[str]]] = {}
        for place in places:
            question = Question(
                host=host,
                port=port,
                target=path,
                tls=scheme == "https",
                method=method,
                headers=sent,
                client=client,
                address=place,
            )
            for answer in self._answers(question, world):
                apart_from_listen = (replace(answer, trace=()), *(text for text, _ in answer.trace[1:]))
                found.setdefault(apart_from_listen, (answer, []))[1].append(place)
        return tuple(_placed(answer, at, places, url_host) for answer, at in found.values())

    def _answers(self, question: Question, world: World) -> Iterator[Answer]:
        here = sharing(self.site.listens, question.port, question.address)
        if here:
            yield from in_every_world(world, lambda one: self._answer(question, here, one))

    def _answer(self, question: Question, here: list[Listen], world: World) -> Answer:
        first = choose(here, uri.host_name(question.host))[0] if question.tls else default_of(here)
        path, args = uri.split(question.target)
        normal = uri.normal(path, merge_slashes=first.server.setting("merge_slashes", "on") == "on")
        valid = normal is not None and engine.valid_host(question.host)
        if not valid:  # nginx gives up before it has read the host
            question = replace(question, host="", target=question.target if normal else "", headers={"user-agent": ""})
        listen, why, match = (
            choose(here, uri.host_name(question.host)) if valid else (default_of(here), "the default server", None)
        )
        r = Request(
            question=question, world=world, server=listen.server, scope=listen.server, variables=self.site.variables,
            assigned=self.site.assigned, upstreams=self.site.upstreams, uri=normal or "", args=args, method=question.method,
            quoted="%" in path,
        )  # fmt: skip
        r.trace += [(f"listen {listen.address}:{listen.port}", listen.span), (why, listen.server.span)]
        if match:
            r.captured(match)
        secure = _is_secure(here)
        silence = _silence(r, here, secure)
        if silence:
            r.trace.append((silence, listen.span))
            return self._made(r, engine.End(Status(400, listen.server), None, closed=True))
        arrival = _objection(r, valid, secure)
        try:
            return self._made(r, engine.answer(r, arrival))
        except Unanswerable as unclear:
            made = self._made(r, engine.End(Status(0, r.scope), None))
            return replace(made, at=unclear.at, unknown=unclear.reason)

    def _made(self, r: Request, end: engine.End) -> Answer:
        handed = end.outcome if isinstance(end.outcome, Handed) else None
        return Answer(
            status=end.status,
            at=end.outcome.at.span,
            server=r.server.span,
            location=end.location,
            upstream=handed.upstream if handed else None,
            upstream_uri=handed.uri if handed else None,
            trace=tuple(r.trace),
            assumes=(*r.assumes, *(decision.sentence for decision in r.world.decisions), *self._guesses(r)),
            closed=end.closed,
        )

    def _guesses(self, r: Request) -> Iterator[str]:
        """What was guessed of the files, where it could have changed this answer."""
        if r.server.span.path in self.site.guesses:
            yield self.site.guesses[r.server.span.path]
        for block in r.scope.outward():
            for node in missing_includes(block.children):
                yield f"{node.title()}, which was not collected, does not change this ({node.span})"


def _is_secure(here: Sequence[Listen]) -> bool:
    """TLS is a property of the address: one server's `ssl` holds for all, and `ssl on` of the default server."""
    return any("ssl" in listen.options for listen in here) or default_of(here).server.setting("ssl", "off") == "on"


def _silence(r: Request, here: Sequence[Listen], secure: bool) -> str | None:
    """Why the client gets no answer it can read, if so."""
    if r.question.tls and not secure:
        return "the port speaks no TLS: the handshake fails"
    if any("proxy_protocol" in listen.options for listen in here):
        return "the port wants the PROXY protocol first: the connection is closed"
    name = choose(here, uri.host_name(r.question.host))[0].server
    if secure and r.question.tls and name.setting("ssl_reject_handshake", "off") == "on":
        return "ssl_reject_handshake: the handshake fails"
    if not secure and any("http2" in listen.options for listen in here):
        options = [
            ("no", "nginx is older than 1.25.1: a plain http2 port speaks HTTP/2 only"),
            ("yes", "nginx is 1.25.1 or newer"),
        ]
        if r.world.choose("version", options) == "no":
            return "the port speaks HTTP/2 only: the client cannot read it"
    return None


def _objection(r: Request, valid: bool, secure: bool) -> Status | None:
    """What nginx refuses before looking for a location."""
    if not valid:
        r.step("the request is not valid", r.server)
        return Status(400, r.server)
    if secure and not r.question.tls:
        r.step("plain HTTP on a port that speaks TLS", r.server)
        return Status(497, r.server)
    if secure and r.server.setting("ssl_verify_client", "off") == "on":
        r.step("ssl_verify_client wants a certificate", r.server)
        return Status(496, r.server)
    return None


def _placed(answer: Answer, at: list[str], places: Sequence[str], host: str) -> Answer:
    """The answer, with what it assumes of the address that a name leads to."""
    if set(at) == set(places):
        return answer
    return replace(answer, assumes=(*answer.assumes, f"{host} leads to {' or '.join(at)}"))
