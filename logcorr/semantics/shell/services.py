"""Effects on services: systemd, init scripts, process managers, the host itself."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from logcorr.semantics.shell import probes
from logcorr.semantics.shell.calls import separate_leading
from logcorr.semantics.shell.command import Command, Handler, before_dashes, separate
from logcorr.semantics.shell.values import literal, shown

_UNITS = {
    "restart": "restart",
    "try-restart": "restart",
    "reload-or-restart": "restart",
    "start": "start",
    "stop": "stop",
    "reload": "reload",
    "kill": "kill",
    "enable": "enable",
    "disable": "disable",
    "mask": "disable",
    "daemon-reload": "daemon-reload",
    "daemon-reexec": "daemon-reexec",
    "force-reload": "reload",
    "condrestart": "restart",
}

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


_RC_ACTIONS = {**_UNITS, "rotate": "reopen-logs"}
"""What Debian's init scripts are asked; rotate is for logrotate's hooks."""


def _service(command: Command) -> None:
    words = [word for word in command.known if not word.startswith("-")]
    if command.name == "initctl":
        words = words[::-1]
    verb = words[1] if len(words) > 1 else ""
    if verb in _RC_ACTIONS:
        command.do(_RC_ACTIONS[verb], "systemd" if command.name != "rc-service" else "openrc", (words[0],))
    else:
        probes.ask(command, f"{command.name} {verb}".strip(), words[0] if words else None)


_SIMPLE = {
    "restart": "restart",
    "start": "start",
    "stop": "stop",
    "reload": "reload",
    "signal": "kill",
    "update": "reload",
    "reread": "reread",
    "delete": "delete",
    "kill": "stop",
    "restartall": "restart",
    "gracefulReload": "reload",
    "resurrect": "start",
    "startOrRestart": "restart",
    "startOrReload": "reload",
    "scale": "scale",
    "shutdown": "stop",
    "flush": "truncate",
}


_PM2 = (
    "name", "namespace", "instances", "interpreter", "interpreter-args", "node-args", "cwd", "log", "output", "error", "env",
    "max-memory-restart", "max-restarts", "restart-delay", "exp-backoff-restart-delay", "kill-timeout", "listen-timeout",
    "wait-ready-timeout", "cron", "cron-restart", "user", "uid", "gid", "ignore-watch", "watch-delay", "log-date-format", "lines",
)  # fmt: skip
"""Options of `pm2 start` and its like that take a value (https://pm2.keymetrics.io/docs/usage/quick-start/)."""


def _manager(name: str, with_value: str = "", letters: str = "nciou", long_with_value: tuple[str, ...] = ("name",)) -> Handler:
    """A process manager of the form `manager verb names`; `all` is everything it manages.

    `with_value` are the letters of its own options with a value, `letters` and `long_with_value` those after the verb.
    """

    def handler(command: Command) -> None:
        _, words = separate_leading(before_dashes(command.arguments), with_value)
        verb = shown(words[0]) if words else ""
        _, names = separate(words[1:], letters, long_with_value)
        targets = tuple(shown(word) for word in names)
        signal = targets[0] if verb == "signal" and targets else None
        targets = targets[1:] if signal else targets
        if verb in _SIMPLE:
            command.do(_SIMPLE[verb], name, () if targets[:1] == ("all",) else targets, signal=signal)
        elif verb in ("save", "startup", "install", "set", "log", "logs", "monit"):
            command.print_unknown()
            command.presumed()
        else:
            probes.ask(command, f"{command.name} {verb}".strip(), " ".join(targets))

    return handler


def _brew(command: Command) -> None:
    """`brew services restart name`; whatever else it does is about packages."""
    words = [word for word in command.known if not word.startswith("-")]
    verb = words[1] if words[:1] == ["services"] and len(words) > 1 else ""
    if verb in _SIMPLE:
        command.do(_SIMPLE[verb], "brew", words[2:])
    else:
        command.print_unknown()
        command.unsure()


def _host(action: str) -> Handler:
    def handler(command: Command) -> None:
        if command.name == "shutdown" and "-c" in command.known:
            command.presumed()
        else:
            command.do("reboot" if command.name == "shutdown" and "-r" in command.known else action, "host")

    return handler


def _verbs(manager: str, actions: Mapping[str, str], asks: str, *, targets: bool = True) -> Handler:
    """A program of the form `program verb names`; a verb that does nothing is a question, as `asks` is without any."""

    def handler(command: Command) -> None:
        words = [word for word in command.known if word not in ("-k", "-w", "-v") and not word.isdigit()]
        verb, names = (words[0], tuple(words[1:])) if words else (asks, ())
        verb = "kickstart -k" if verb == "kickstart" and "-k" in command.known else verb
        if verb in actions:
            command.do(actions[verb], manager, names if targets else ())
        else:
            probes.ask(command, f"{command.name} {verb}", " ".join(names))

    return handler


_RUNIT = {
    "up": "start", "start": "start", "down": "stop", "stop": "stop", "force-stop": "stop", "shutdown": "stop",
    "force-shutdown": "stop", "restart": "restart", "force-restart": "restart", "try-restart": "restart", "hup": "reload",
    "reload": "reload", "force-reload": "reload", "term": "kill", "kill": "kill", "once": "start",
}  # fmt: skip
_DAEMONTOOLS = {"-u": "start", "-o": "start", "-d": "stop", "-t": "restart", "-k": "kill", "-h": "reload", "-x": "stop"}
_LAUNCHD = {
    "load": "start", "bootstrap": "start", "start": "start", "kickstart": "start", "kickstart -k": "restart", "unload": "stop",
    "bootout": "stop", "stop": "stop", "kill": "kill", "enable": "enable", "disable": "disable",
}  # fmt: skip
_APACHE = {"start": "start", "stop": "stop", "graceful-stop": "stop", "restart": "restart", "graceful": "reload"}


def _init_script(command: Command) -> None:
    verb = command.known[0] if command.known else ""
    if verb in _RC_ACTIONS:
        command.do(_RC_ACTIONS[verb], "systemd", (posixpath.basename(command.name),))
    else:
        command.unsure()


def init_script(name: str) -> Handler | None:
    """The handler for `/etc/init.d/name`, None for other programs."""
    return _init_script if re.match(r"/etc/(?:rc\.d/)?init\.d/", name) else None


HANDLERS: dict[str, Handler] = {
    "brew": _brew,
    "systemctl": _systemctl,
    **dict.fromkeys(("service", "rc-service", "initctl", "invoke-rc.d"), _service),
    "supervisorctl": _manager("supervisor", "cups"),
    "pm2": _manager("pm2", letters="nciouelp", long_with_value=_PM2),
    "forever": _manager("forever"),
    "k3s": _manager("k3s"),
    "monit": _manager("monit", "gc"),
    "reboot": _host("reboot"),
    **dict.fromkeys(("shutdown", "poweroff", "halt"), _host("shutdown")),
    **dict.fromkeys(("apachectl", "apache2ctl"), _verbs("apache", _APACHE, "status", targets=False)),
    "svc": _verbs("daemontools", _DAEMONTOOLS, "status"),
    "sv": _verbs("runit", _RUNIT, "status"),
    "launchctl": _verbs("launchd", _LAUNCHD, "list"),
}
