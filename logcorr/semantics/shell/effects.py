"""What scripts do to running systems: compose, docker, services, processes, nginx, kubernetes, the host, files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from logcorr.semantics.shell import probes, texts
from logcorr.semantics.shell.calls import in_container, separate_leading
from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.values import Value, literal, shown

_UNITS = {
    "restart": "restart", "try-restart": "restart", "reload-or-restart": "restart", "start": "start", "stop": "stop", "reload": "reload",
    "kill": "kill", "enable": "enable", "disable": "disable", "mask": "disable", "daemon-reload": "daemon-reload", "force-reload": "reload",
    "condrestart": "restart",
}  # fmt: skip
_HOST = {"reboot": "reboot", "poweroff": "shutdown", "halt": "shutdown", "suspend": "suspend", "isolate": "isolate"}


def _systemctl(command: Command) -> None:
    options, words = separate(
        command.arguments, "HMtpnos", ("host", "machine", "type", "property", "lines", "output", "signal", "kill-who", "job-mode")
    )
    verb = literal(words[0]) if words else None
    units = words[1:]
    if verb in _UNITS:
        names = tuple(shown(unit).removesuffix(".service") for unit in units)
        signal = shown((options.get("s") or options.get("signal") or [()])[-1]) or None
        command.do(_UNITS[verb], "systemd", names, signal=signal)
        if verb == "enable" and "now" in options:
            command.do("start", "systemd", names)
        elif verb == "disable" and "now" in options:
            command.do("stop", "systemd", names)
    elif verb in _HOST:
        command.do(_HOST[verb], "host")
    else:
        probes.systemctl_state(command, verb or "", units)


def _service(command: Command) -> None:
    words = [word for word in command.known if not word.startswith("-")]
    if command.name == "initctl":
        words = words[::-1]
    verb = words[1] if len(words) > 1 else ""
    if verb in _UNITS:
        command.do(_UNITS[verb], "systemd" if command.name != "rc-service" else "openrc", (words[0],))
    else:
        probes.ask(command, f"{command.name} {verb}".strip(), words[0] if words else None)


_SIMPLE = {"restart": "restart", "start": "start", "stop": "stop", "reload": "reload", "signal": "kill", "update": "reload", "reread": "reread",
           "delete": "delete", "kill": "stop", "restartall": "restart", "gracefulReload": "reload", "resurrect": "start", "startOrRestart": "restart",
           "startOrReload": "reload", "scale": "scale", "shutdown": "stop", "flush": "truncate"}  # fmt: skip


def _manager(name: str, with_value: str = "", long_with_value: tuple[str, ...] = ()) -> Handler:
    """A process manager of the form `manager verb names`; `all` is everything it manages."""

    def handler(command: Command) -> None:
        _, words = separate_leading(command.arguments, with_value)
        verb = shown(words[0]) if words else ""
        _, names = separate(
            words[1:], "nciou", ("name", "instances", "interpreter", "cwd", "log", "max-memory-restart", *long_with_value)
        )
        targets = tuple(shown(word) for word in names)
        if verb in _SIMPLE:
            command.do(_SIMPLE[verb], name, () if targets[:1] == ("all",) else targets)
        elif verb in ("save", "startup", "install", "set", "log", "logs", "monit"):
            command.print_unknown()
            command.presumed()
        else:
            probes.ask(command, f"{command.name} {verb}".strip(), " ".join(targets))

    return handler


_COMPOSE = {
    "restart": "restart", "stop": "stop", "start": "start", "kill": "kill", "down": "down", "up": "up", "rm": "delete", "pull": "pull",
    "build": "build", "pause": "pause", "unpause": "unpause", "create": "create", "scale": "scale", "watch": "up",
}  # fmt: skip
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
    if verb == "exec" or verb == "run":
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
    command.do(
        action, "compose", tuple(shown(name) for name in names), signal=shown((given.get("s") or given.get("signal") or [()])[-1]) or None,
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
        options, _ = separate_leading(
            arguments,
            "pvenuwhlmca",
            (
                "name",
                "env",
                "volume",
                "publish",
                "network",
                "restart",
                "user",
                "workdir",
                "env-file",
                "hostname",
                "label",
                "memory",
                "entrypoint",
                "mount",
                "add-host",
                "cpus",
                "log-driver",
                "log-opt",
                "health-cmd",
                "platform",
                "pull",
                "ip",
                "link",
                "expose",
                "shm-size",
                "ulimit",
                "cap-add",
                "device",
                "gpus",
            ),
        )
        command.do("run", "docker", tuple(shown(value) for value in options.get("name", [])))
    elif verb == "inspect":
        probes.docker_inspect(command, arguments)
    elif verb in ("ps", "stats", "top", "images", "info", "logs", "port", "version"):
        probes.docker_list(command, f"docker {verb}", arguments)
    elif verb == "rmi":
        command.do("delete", "docker", tuple(_names(arguments)))
    else:
        command.print_unknown()
        command.unsure()


_SIGNALS = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM"}


def _kill(command: Command) -> None:
    signal, targets = None, list[str]()
    arguments = list(command.arguments)
    while arguments:
        known = shown(arguments.pop(0))
        if known in ("-s", "--signal", "-n") and arguments:
            signal = shown(arguments.pop(0))
        elif (
            command.name != "kill"
            and known in ("-u", "-U", "-P", "-G", "-g", "-t", "-F", "-O", "-y", "-Z", "-o", "-d")
            and arguments
        ):
            targets.append(f"{known} {shown(arguments.pop(0))}")
        elif known.startswith("--signal="):
            signal = known.partition("=")[2]
        elif re.fullmatch(r"-(\d+|(SIG)?[A-Z][A-Z0-9]+)", known):
            signal = known[1:]
        elif known != "--" and not re.fullmatch(r"-[a-z-]+", known):
            targets.append(known)
    signal = signal.removeprefix("SIG") if signal else None
    signal = _SIGNALS.get(signal or "", signal)
    if signal == "0":
        probes.ask(command, "kill -0", " ".join(targets), prints=False)
        return
    action = {"HUP": "reload", "USR1": "reopen-logs"}.get(signal or "", "kill")
    command.do(action, "process", tuple(targets), signal=signal or "TERM")


def _nginx(command: Command) -> None:
    options, _ = separate(command.arguments, "cgpse")
    signal = literal(options["s"][-1]) if options.get("s") else None
    actions = {"reload": "reload", "stop": "stop", "quit": "stop", "reopen": "reopen-logs"}
    if signal in actions:
        command.do(actions[signal], "nginx", signal={"stop": "TERM", "quit": "QUIT", "reload": "HUP", "reopen": "USR1"}[signal])
    elif {"t", "T", "v", "V", "h"} & set(options):
        probes.ask(command, "nginx -t", None)
    else:
        command.do("start", "nginx")


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
    options, words = separate(_before_dashes(command.arguments), "nlocf", values)
    known = [shown(word) for word in words]
    verb = known[0] if known else ""
    if verb == "exec":
        rest = command.arguments[len(_before_dashes(command.arguments)) + 1 :] or words[2:]
        if rest:
            in_container(known[1] if len(known) > 1 else "", command, rest)
            return
    action = {
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
    elif action:
        files = [*options.get("f", []), *options.get("filename", [])]
        command.do(action, "kubernetes", known[1:] or [shown(file) for file in files])
    else:
        probes.ask(command, f"kubectl {verb}".strip(), " ".join(known[1:]))


def _before_dashes(arguments: list[Value]) -> list[Value]:
    position = next((index for index, argument in enumerate(arguments) if literal(argument) == "--"), len(arguments))
    return arguments[:position]


def _host(action: str) -> Handler:
    def handler(command: Command) -> None:
        if command.name == "shutdown" and "-c" in command.known:
            command.presumed()
        else:
            command.do("reboot" if command.name == "shutdown" and "-r" in command.known else action, "host")

    return handler


def _certbot(command: Command) -> None:
    options, words = separate(
        command.arguments,
        "dmwn",
        ("deploy-hook", "post-hook", "pre-hook", "renew-hook", "webroot-path", "domain", "email", "domains", "cert-name"),
    )
    verb = shown(words[0]) if words else "certonly"
    if verb not in ("renew", "certonly", "run", "revoke", "delete"):
        command.print_unknown()
        command.unsure()
        return
    command.do(
        "renew" if verb in ("renew", "certonly", "run") else verb,
        "certbot",
        tuple(shown(value) for value in options.get("d", [])),
    )
    for hook in (value for name in ("pre-hook", "post-hook", "deploy-hook", "renew-hook") for value in options.get(name, [])):
        _hook(command, hook)


def _hook(command: Command, hook: Value) -> None:
    """A command that certbot runs only when a certificate is renewed."""
    machine = command.machine
    if machine.decide(command.path, f"certbot renews a certificate ({command.span})"):
        command.run(machine, command.path, [_word("sh"), _word("-c"), hook], command.span, command.words)


def _word(characters: str) -> Value:
    from logcorr.semantics.shell.values import text

    return text(characters)


def _logrotate(command: Command) -> None:
    _, files = separate(command.arguments, "sml", ("state", "mail", "log"))
    if "-d" in command.known or "--debug" in command.known:
        command.print_unknown()
        command.unsure()
        return
    command.do("rotate", "logrotate", tuple(shown(file) for file in files))


def _rm(command: Command) -> None:
    _, names = separate(command.arguments)
    if names:
        command.do("delete", "file", tuple(shown(name) for name in names))
    texts.remove(command)


def _truncate(command: Command) -> None:
    _, names = separate(command.arguments, "sr", ("size", "reference"))
    command.do("truncate", "file", tuple(shown(name) for name in names))
    for name in names:
        command.path.files[shown(name)] = ()


def _fixed(action: str, manager: str) -> Handler:
    def handler(command: Command) -> None:
        command.do(action, manager, tuple(word for word in command.known if not word.startswith("-")))

    return handler


def _init_script(command: Command) -> None:
    """`/etc/init.d/name verb`."""
    verb = command.known[0] if command.known else ""
    if verb in _UNITS:
        command.do(_UNITS[verb], "systemd", (posixpath.basename(command.name),))
    else:
        command.unsure()


def init_script(name: str) -> Callable[[Command], None] | None:
    """The handler for `/etc/init.d/name`, None for other programs."""
    return _init_script if re.match(r"/etc/(?:rc\.d/)?init\.d/", name) else None


HANDLERS: dict[str, Handler] = {
    "systemctl": _systemctl, "service": _service, "rc-service": _service, "initctl": _service, "supervisorctl": _manager("supervisor", "cups"),
    "pm2": _manager("pm2"), "forever": _manager("forever"), "docker-compose": _docker_compose, "docker": _docker, "podman": _docker,
    "podman-compose": _docker_compose, "kill": _kill, "pkill": _kill, "killall": _kill, "skill": _kill, "nginx": _nginx, "kubectl": _kubectl,
    "k3s": _manager("k3s"), "reboot": _host("reboot"), "shutdown": _host("shutdown"), "poweroff": _host("shutdown"), "halt": _host("shutdown"),
    "certbot": _certbot, "logrotate": _logrotate, "rm": _rm, "truncate": _truncate, "apachectl": _fixed("control", "apache"),
    "apache2ctl": _fixed("control", "apache"), "monit": _manager("monit", "gc"), "svc": _fixed("control", "daemontools"),
    "sv": _fixed("control", "runit"), "launchctl": _fixed("control", "launchd"),
}  # fmt: skip
