"""Effects on containers: compose, docker, kubernetes."""

from __future__ import annotations

from logcorr.semantics.shell import probes
from logcorr.semantics.shell.calls import separate_leading
from logcorr.semantics.shell.command import Command, Handler, before_dashes, separate
from logcorr.semantics.shell.elsewhere import in_container
from logcorr.semantics.shell.values import Value, literal, shown

_COMPOSE = {
    "restart": "restart",
    "stop": "stop",
    "start": "start",
    "kill": "kill",
    "down": "down",
    "up": "up",
    "rm": "delete",
    "pull": "pull",
    "build": "build",
    "pause": "pause",
    "unpause": "unpause",
    "create": "create",
    "scale": "scale",
    "watch": "up",
}

_COMPOSE_VALUES = (
    "file",
    "project-name",
    "project-directory",
    "env-file",
    "profile",
    "ansi",
    "progress",
    "host",
    "context",
    "parallel",
    "log-level",
)

_VERB_VALUES = (
    "timeout",
    "scale",
    "wait-timeout",
    "pull",
    "signal",
    "rmi",
    "no-attach",
    "attach",
    "exit-code-from",
    "build-arg",
    "user",
    "workdir",
    "env",
    "index",
    "format",
    "filter",
    "status",
    "tail",
    "since",
)


def _docker_compose(command: Command) -> None:
    _compose(command, command.arguments)


def _compose(command: Command, arguments: list[Value]) -> None:
    options, rest = separate_leading(arguments, "fpH", _COMPOSE_VALUES)
    verb = literal(rest[0]) if rest else None
    if verb in {"exec", "run"}:
        _compose_exec(command, rest[1:])
        return
    given, names = separate(rest[1:], "t" + ("s" if verb == "kill" else ""), _VERB_VALUES)
    if verb not in _COMPOSE:
        if verb in ("ps", "top", "ls", "port", "images"):
            probes.docker_list(command, f"docker compose {verb}", rest[1:])
        else:
            command.print_unknown()
            command.unsure()
        return
    action = _COMPOSE[verb]
    if verb == "up" and "force-recreate" in given:
        action = "recreate"
    project = options.get("p") or options.get("project-name")
    directory = options.get("project-directory")
    signal = (given.get("s") or given.get("signal") or [()])[-1]
    command.do(
        action, "compose", tuple(shown(name) for name in names), signal=shown(signal) or None,
        compose_files=tuple(shown(value) for value in [*options.get("f", []), *options.get("file", [])]),
        project=shown(project[-1]) if project else None, directory=shown(directory[-1]) if directory else None,
    )  # fmt: skip


def _compose_exec(command: Command, arguments: list[Value]) -> None:
    _, rest = separate_leading(arguments, "euwpv", _VERB_VALUES)
    if len(rest) > 1:
        in_container(shown(rest[0]), command, rest[1:])
    else:
        command.print_unknown()
        command.unsure()


_CONTAINER = {
    "restart": "restart",
    "stop": "stop",
    "start": "start",
    "kill": "kill",
    "rm": "delete",
    "pause": "pause",
    "unpause": "unpause",
}


def _docker(command: Command) -> None:
    options, rest = separate_leading(command.arguments, "HcLl", ("host", "context", "config", "log-level"))
    words = [shown(word) for word in rest]
    verb = words[0] if words else ""
    if verb == "compose":
        _compose(command, rest[1:])
    elif verb in ("container", "image", "system", "volume", "network", "stack", "service", "swarm", "builder", "node"):
        _docker_object(command, verb, words[1] if len(words) > 1 else "", rest[2:])
    else:
        _docker_verb(command, verb, rest[1:])
    if options.get("H"):
        command.path.doubts |= {f"docker at {shown(options['H'][-1])}"}


def _docker_object(command: Command, kind: str, verb: str, arguments: list[Value]) -> None:
    if kind == "container" and verb != "prune":
        _docker_verb(command, {"ls": "ps", "list": "ps"}.get(verb, verb), arguments)
    elif verb in ("prune", "rm", "remove"):
        command.do("prune" if verb == "prune" else "delete", "docker", (kind,) if verb == "prune" else tuple(_names(arguments)))
    elif kind == "service" and verb in ("update", "scale", "rollback"):
        action = "restart" if "--force" in map(shown, arguments) else verb
        command.do(action, "swarm", tuple(_names(arguments)[-1:]))
    elif kind == "stack" and verb == "deploy":
        options, names = separate(arguments, "c", ("compose-file",))
        command.do(
            "up",
            "swarm",
            tuple(shown(name) for name in names),
            compose_files=tuple(shown(value) for value in [*options.get("c", []), *options.get("compose-file", [])]),
        )
    elif verb == "inspect":
        probes.docker_inspect(command, arguments)
    elif verb in ("ls", "list", "ps", "df"):
        probes.docker_list(command, f"docker {kind} {verb}", arguments)
    else:
        command.print_unknown()
        command.unsure()


def _names(arguments: list[Value]) -> list[str]:
    _, others = separate(
        arguments, "tsf", ("time", "signal", "timeout", "filter", "image", "detach-keys", "update-parallelism", "update-delay")
    )
    return [shown(other) for other in others]


_RUN_VALUES = (
    "name", "env", "volume", "publish", "network", "restart", "user", "workdir", "env-file", "hostname", "label",
    "memory", "entrypoint", "mount", "add-host", "cpus", "log-driver", "log-opt", "health-cmd", "platform", "pull",
    "ip", "link", "expose", "shm-size", "ulimit", "cap-add", "device", "gpus",
)  # fmt: skip


def _docker_verb(command: Command, verb: str, arguments: list[Value]) -> None:
    if verb in _CONTAINER:
        options, names = separate(arguments, "ts", ("time", "signal", "timeout"))
        signal = shown((options.get("s") or options.get("signal") or [()])[-1]) or None
        command.do(_CONTAINER[verb], "docker", tuple(shown(name) for name in names), signal=signal)
    elif verb == "exec":
        _, rest = separate_leading(arguments, "euw", ("env", "user", "workdir", "env-file", "detach-keys"))
        if len(rest) > 1:
            in_container(shown(rest[0]), command, rest[1:])
    elif verb == "run":
        options, _ = separate_leading(arguments, "pvenuwhlmca", _RUN_VALUES)
        command.do("run", "docker", tuple(shown(value) for value in options.get("name", [])))
    elif verb == "inspect":
        probes.docker_inspect(command, arguments)
    elif verb in ("ps", "stats", "top", "images", "info", "logs", "port", "version"):
        probes.docker_list(command, f"docker {verb}", arguments)
    elif verb in ("pull", "build"):
        command.do(verb, "docker", tuple(_names(arguments)[-1:] if verb == "pull" else ()))
    elif verb == "rmi":
        command.do("delete", "docker", tuple(_names(arguments)))
    else:
        command.print_unknown()
        command.unsure()


def _kubectl(command: Command) -> None:
    values = (
        "namespace",
        "context",
        "kubeconfig",
        "selector",
        "output",
        "container",
        "replicas",
        "timeout",
        "grace-period",
        "filename",
        "cluster",
        "tail",
        "since",
    )
    options, words = separate(before_dashes(command.arguments), "nlocf", values)
    known = [shown(word) for word in words]
    verb = known[0] if known else ""
    if verb == "exec":
        rest = command.arguments[len(before_dashes(command.arguments)) + 1 :] or words[2:]
        if rest:
            in_container(known[1] if len(known) > 1 else "", command, rest)
            return
    action = {
        "create": "create",
        "run": "run",
        "delete": "delete",
        "apply": "apply",
        "scale": "scale",
        "drain": "drain",
        "cordon": "cordon",
        "replace": "apply",
        "patch": "patch",
    }.get(verb)
    if verb == "rollout" and known[1:2] in (["restart"], ["undo"]):
        command.do("restart" if known[1] == "restart" else "rollback", "kubernetes", known[2:])
    elif action and not any(name.startswith("dry-run") for name in options):
        files = [*options.get("f", []), *options.get("filename", [])]
        command.do(action, "kubernetes", known[1:] or [shown(file) for file in files])
    else:
        probes.ask(command, f"kubectl {verb}".strip(), " ".join(known[1:]))


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("docker-compose", "podman-compose"), _docker_compose),
    **dict.fromkeys(("docker", "podman"), _docker),
    "kubectl": _kubectl,
}
