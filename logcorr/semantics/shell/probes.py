"""Questions about health that are not HTTP: units, containers, processes, ports, databases."""

from __future__ import annotations

import re

from logcorr.lazily import regex
from logcorr.model.behaviour import Probe
from logcorr.semantics.shell import http
from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.values import Value, literal, origins, shown

PG_ISREADY_S = "3"
"""What it waits if not told; 0 is for ever (https://www.postgresql.org/docs/current/app-pg-isready.html)."""


def ask(command: Command, tool: str, asks: str | None, *, prints: bool = True, values: list[Value] | None = None,
        timeout_s: float | None = None) -> None:  # fmt: skip
    """Run a probe of one of the tools whose outcomes are listed, or of one that can answer anything."""
    captured = command.path.sinks[0].kind == "captured"
    unknown = [origin for value in values or [] for origin in origins(value)]
    command.ask(Probe(
        id=0, span=command.span, tool=tool, asks=asks or None, yields="body" if captured and prints else "exit",
        prints=("body",) if prints else (), timeout_s=timeout_s, unknown=", ".join(dict.fromkeys(unknown)) or None,
    ))  # fmt: skip


def _plain(tool: str, with_value: str = "", asked: str = "") -> Handler:
    """A tool whose arguments (or options named in `asked`) say what is asked."""

    def handler(command: Command) -> None:
        options, others = separate(command.arguments, with_value, ("host", "port", "username", "dbname", "user", "timeout"))
        wanted = [value for letter in asked for value in options.get(letter, [])] or others
        ask(
            command,
            tool,
            ":".join(shown(value) for value in wanted) if asked else " ".join(shown(value) for value in wanted),
            values=wanted,
        )

    return handler


def _lsof(command: Command) -> None:
    """`lsof -t -i:3000` prints who uses the port; the address may be a word of its own."""
    words = [shown(value) for value in command.arguments]
    held = [re.sub(r"^-[a-zA-Z]*?i", "", word) for word in words if re.match(r"-[a-zA-Z]*?i(?:tcp|udp|TCP|UDP)?:\d", word)]
    plain = [word for word in words if not word.startswith("-")]
    ask(command, "lsof", " ".join(held or plain), values=command.arguments)


def _pg_isready(command: Command) -> None:
    options, others = separate(command.arguments, "hpdUt", ("host", "port", "username", "dbname", "timeout"))
    names = (("h", "host"), ("p", "port"), ("t", "timeout"))
    hosts, ports, limits = ([*options.get(short, []), *options.get(long, [])] for short, long in names)
    wanted = [*hosts, *ports] or others
    limit = literal(limits[-1]) if limits else PG_ISREADY_S
    ask(command, "pg_isready", ":".join(map(shown, wanted)), values=wanted,
        timeout_s=float(limit) if limit and limit.isdigit() and int(limit) else None)  # fmt: skip


def _nc(command: Command) -> None:
    options, others = separate(command.arguments, "wpisxXIOqcegGo")
    timeout = literal(options["w"][0]) if options.get("w") else None
    if "l" in options or len(others) < 2:
        command.print_unknown()
        command.unsure(asked=True)
        return
    ask(command, "nc", f"{shown(others[0])}:{shown(others[1])}", prints="z" not in options, values=others,
        timeout_s=float(timeout) if timeout and timeout.isdigit() else None)  # fmt: skip


def _redis(command: Command) -> None:
    options, others = separate(command.arguments, "hpanui")
    where = ":".join(shown(value) for letter in "hp" for value in options.get(letter, []))
    known = [(literal(other) or "").lower() for other in others]
    ask(command, "redis-cli ping" if known == ["ping"] else "redis-cli", where or " ".join(known), values=others)


def _mysqladmin(command: Command) -> None:
    _, others = separate(command.arguments, "hPup")
    words = [shown(other) for other in others]
    if "shutdown" in words:
        command.do("stop", "mysql", argv0="mysqladmin")
    else:
        ask(command, f"mysqladmin {words[-1] if words else ''}".strip(), "mysql")


def systemctl_state(command: Command, verb: str, units: list[Value]) -> None:
    """`systemctl is-active` and its like."""
    quiet = {"-q", "--quiet"} & set(command.known)
    ask(command, f"systemctl {verb}", " ".join(shown(unit) for unit in units), prints=not quiet, values=units)


_FORMATS = (
    (
        regex(r"\{\{ *json *\.State\.Health\.Status *\}\}|\{\{ *\.State\.Health\.Status *\}\}|\{\{ *if *\.State\.Health *\}\}.*"),
        "docker inspect health",
    ),
    (regex(r"\{\{ *\.State\.Running *\}\}"), "docker inspect running"),
    (regex(r"\{\{ *\.State\.Status *\}\}"), "docker inspect status"),
)


def docker_inspect(command: Command, arguments: list[Value]) -> None:
    """`docker inspect`, with what its format picks out."""
    options, names = separate(arguments, "f", ("format", "type"))
    given = [*options.get("f", []), *options.get("format", [])]
    layout = literal(given[-1]) if given else None
    exact = "{{" in (layout or "") and "json" not in (layout or "") and "if" not in (layout or "")
    tool = next((tool for expression, tool in _FORMATS if layout and exact and expression.fullmatch(layout)), "docker inspect")
    ask(command, tool, " ".join(shown(name) for name in names), values=names)


def docker_list(command: Command, tool: str, arguments: list[Value]) -> None:
    """`docker ps` and `docker compose ps`: a list nobody can know."""
    options, others = separate(arguments, "fn", ("filter", "format", "last"))
    asked = [*options.get("f", []), *options.get("filter", []), *others]
    ask(command, tool, " ".join(shown(value) for value in asked), values=asked)


def _openssl(command: Command) -> None:
    words = command.known
    if words and words[0] in ("s_client", "x509"):
        target = words[words.index("-connect") + 1] if "-connect" in words[:-1] else ""
        ask(command, f"openssl {words[0]}", target)
    else:
        command.print_unknown()
        command.unsure(asked=True)


HANDLERS: dict[str, Handler] = {
    **http.HANDLERS,
    "nc": _nc,
    "ncat": _nc,
    "netcat": _nc,
    "telnet": _plain("telnet"),
    "redis-cli": _redis,
    "mysqladmin": _mysqladmin,
    "openssl": _openssl,
    "pg_isready": _pg_isready,
    "psql": _plain("psql", "hpdUcfvtAF", "hp"),
    "mysql": _plain("mysql", "hPuDe", "hP"),
    "mongosh": _plain("mongosh"),
    "mongo": _plain("mongo"),
    "ping": _plain("ping", "cWwiIst"),
    "pgrep": _plain("pgrep", "uUPGgstn"),
    "pidof": _plain("pidof", "o"),
    "ps": _plain("ps", "opuUC"),
    "ss": _plain("ss"),
    "netstat": _plain("netstat"),
    "lsof": _lsof,
    "df": _plain("df"),
    "free": _plain("free"),
    "dig": _plain("dig"),
    "nslookup": _plain("nslookup"),
    "host": _plain("host"),
    "getent": _plain("getent"),
    "rabbitmqctl": _plain("rabbitmqctl"),
    "rabbitmq-diagnostics": _plain("rabbitmq-diagnostics"),
    "grpc_health_probe": _plain("grpc_health_probe"),
    "journalctl": _plain("journalctl", "unS"),
}
