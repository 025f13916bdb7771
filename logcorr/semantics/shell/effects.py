"""What scripts do to running systems: compose, docker, services, processes, nginx, kubernetes, the host, files."""

from __future__ import annotations

import re

from logcorr.semantics.shell import probes, texts
from logcorr.semantics.shell.calls import scripts_in
from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.values import Value, literal, shown

RENEWAL_HOOKS = tuple(f"/etc/letsencrypt/renewal-hooks/{when}/" for when in ("pre", "deploy", "post"))
"""Folders whose scripts certbot runs around each renewal."""


_SIGNALS = {"kill": ("-s", "--signal", "-n"), "pkill": ("--signal",), "killall": ("-s", "--signal")}
_CHOOSING = {
    "kill": (),
    "pkill": (
        "-u",
        "-U",
        "-P",
        "-G",
        "-g",
        "-s",
        "-t",
        "-F",
        "--euid",
        "--uid",
        "--parent",
        "--pgroup",
        "--terminal",
        "--pidfile",
    ),
    "killall": ("-u", "-Z", "--user", "--context"),
}
_AGES = {
    "kill": ("-q", "--queue"),
    "pkill": ("-O", "--older", "-q", "--queue", "--ns", "--nslist"),
    "killall": ("-o", "-y", "-n", "--older-than", "--younger-than", "--ns"),
}
"""Options of kill(1), pkill(1) and killall(1) with a value: the signal; which processes; and how old, which tells not which."""


def _kill(command: Command) -> None:
    signal, targets = None, list[str]()
    arguments = list(command.arguments)
    while arguments:
        known = shown(arguments.pop(0))
        if known in _SIGNALS.get(command.name, ()) and arguments:
            signal = shown(arguments.pop(0))
        elif known in _AGES.get(command.name, ()) and arguments:
            arguments.pop(0)
        elif known in _CHOOSING.get(command.name, ()) and arguments:
            targets.append(f"{known} {shown(arguments.pop(0))}")
        elif known.startswith("--signal="):
            signal = known.partition("=")[2]
        elif re.fullmatch(r"-(\d+|(SIG)?[A-Z][A-Z0-9]+)", known):
            signal = known[1:]
        elif known != "--" and not re.fullmatch(r"-[a-z-]+|--[a-z-]+=.*", known):
            targets.append(known)
    if signal == "0":
        probes.ask(command, "kill -0", " ".join(targets), prints=False)
        return
    if targets:
        command.do("kill", "process", tuple(targets), signal=signal or "TERM", by_name=_by_name(command))
    else:  # it only complains, as after `xargs` with nothing to hand on
        command.unsure()


def _by_name(command: Command) -> bool:
    """Whether it looks at the names of processes alone."""
    whole = any(re.fullmatch(r"--full|-[a-z]*f[a-z]*", shown(word)) for word in command.arguments)
    return command.name == "killall" or (command.name == "pkill" and not whole)


def _fuser(command: Command) -> None:
    """`fuser -k 3000/tcp` ends whatever uses a port or a file; without `-k` it asks what does."""
    options, names = separate([word for word in command.arguments if not _is_signal(word)], "n", ("namespace",))
    space = [f"/{shown(value)}" for name in ("n", "namespace") for value in options.get(name, [])]
    targets = tuple(shown(name) + "".join(space) for name in names)
    if {"k", "kill"} & set(options):
        signal = next((shown(word)[1:].removeprefix("SIG") for word in command.arguments if _is_signal(word)), "KILL")
        command.do("kill", "process", targets, signal=signal)
    else:
        probes.ask(command, "fuser", " ".join(targets))


def _is_signal(word: Value) -> bool:
    return re.fullmatch(r"-(SIG)?[A-Z]{2,}\d?", shown(word)) is not None


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
    machine = command.machine
    for hook in (value for name in ("pre-hook", "post-hook", "deploy-hook", "renew-hook") for value in options.get(name, [])):
        _hook(command, hook)
    for folder in RENEWAL_HOOKS if verb == "renew" else ():
        if machine.resolve(folder, None) and machine.decide(command.path, f"certbot renews a certificate ({command.span})"):
            scripts_in(command, folder)


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
        command.path.write(shown(name), ())


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("kill", "pkill", "killall", "skill"), _kill),
    "fuser": _fuser,
    "nginx": _nginx,
    "certbot": _certbot,
    "logrotate": _logrotate,
    "rm": _rm,
    "truncate": _truncate,
}
