"""Commands that run another command: sudo, timeout, nohup, xargs, ssh, find, parallel, watch, flock, su."""

from __future__ import annotations

from logcorr.semantics.shell import cron
from logcorr.semantics.shell.assignments import local
from logcorr.semantics.shell.builtin import seconds
from logcorr.semantics.shell.calls import run_code, separate_leading, shell
from logcorr.semantics.shell.command import Command, Handler
from logcorr.semantics.shell.elsewhere import on_host
from logcorr.semantics.shell.facts import Sleep
from logcorr.semantics.shell.path import FAILURE, SUCCESS, Status
from logcorr.semantics.shell.values import EMPTY, Text, Unknown, Value, joined, lines, literal, shown, text, unknown

_SSH_LETTERS = "BbcDEeFIiJLlmOopQRSWw"


def _wrapper(with_value: str = "", *, skips: int = 0, long_with_value: tuple[str, ...] = ()) -> Handler:
    """A wrapper with getopt options and `skips` arguments of its own before the command."""

    def handler(command: Command) -> None:
        _, rest = separate_leading(command.arguments, with_value, long_with_value)
        rest = rest[skips:]
        while rest and _assigns(rest[0]):
            rest = rest[1:]
        command.again(rest)

    return handler


def _assigns(value: Value) -> bool:
    first = value[0] if value else None
    return isinstance(first, Text) and first.text.partition("=")[0].isidentifier() and "=" in first.text


def _sudo(command: Command) -> None:
    options, rest = separate_leading(command.arguments, "ughCpUDrtT", ("user", "group", "host", "prompt", "chdir", "close-from"))
    while rest and _assigns(rest[0]):
        rest = rest[1:]
    if not rest and {"i", "s"} & set(options):
        run_code(command, command.path.stdin or EMPTY, lambda child: None)
        return
    command.again(rest)


def _timeout(command: Command) -> None:
    """`timeout 5 command`: a probe that hangs is ended with 124 (or 137), which is one more way for it to fail."""
    _, rest = separate_leading(command.arguments, "sk", ("signal", "kill-after"))
    with command.machine.limited(seconds(literal(rest[0]) or "") if rest else None):
        command.again(rest[1:])
    status = command.path.status
    if status.code in (0, None):
        return
    if status.code == 28 and command.machine.choose(lambda: (False, True)):
        command.path.status = Status(124)


def _su(command: Command) -> None:
    options, _ = separate_leading(
        [argument for argument in command.arguments if shown(argument) != "-"], "cslgG", ("command", "shell")
    )
    code = options.get("c") or options.get("command")
    if not code:
        words = [argument for argument in command.arguments if shown(argument) != "-"]
        position = next((index for index, word in enumerate(words) if shown(word) in ("-c", "--command")), len(words))
        code = words[position + 1 : position + 2]
    run_code(command, code[0] if code else command.path.stdin or EMPTY, lambda child: None)


def _flock(command: Command) -> None:
    """`flock -n file command`, `flock -n 9`: the lock is taken for free, unless another run holds it."""
    options, rest = separate_leading(command.arguments, "wEc", ("timeout", "wait", "conflict-exit-code", "command"))
    waits = not {"n", "nonblock", "w", "wait", "timeout"} & set(options)
    code = options.get("c") or options.get("command")
    target = shown(rest[0]) if rest else ""
    if not waits and not command.machine.decide(
        command.path, f"the lock {target} is free", assume=f"the lock {target} is free ({command.span})"
    ):
        command.path.status = FAILURE
        return
    if code:
        run_code(command, code[0], lambda child: None)
    elif len(rest) > 2 and shown(rest[1]) == "-c":
        run_code(command, rest[2], lambda child: None)
    elif len(rest) > 1:
        command.again(rest[1:])
    else:
        command.path.status = SUCCESS


def _ssh(command: Command) -> None:
    _, rest = separate_leading(command.arguments, _SSH_LETTERS)
    if not rest:
        command.unsure()
        return
    host, words = shown(rest[0]), rest[1:]
    _, words = separate_leading(words, _SSH_LETTERS) if words and shown(words[0]).startswith("-") else ({}, words)
    code = joined(*(part for index, word in enumerate(words) for part in ((text(" "), word) if index else (word,))))
    if not words:
        if command.path.stdin is None:
            command.print_unknown()
            command.unsure()
            return
        code = command.path.stdin
    if not command.machine.decide(command.path, f"ssh reaches {host}", assume=f"ssh reaches {host} ({command.span})"):
        command.path.status = Status(255)
        return
    on_host(host, command, code)


def _xargs(command: Command) -> None:
    options, rest = separate_leading(
        command.arguments, "IiLlnPsdEaJ", ("replace", "max-args", "max-procs", "delimiter", "arg-file")
    )
    rest = rest or [text("echo")]
    value = command.path.stdin if command.path.stdin is not None else unknown("standard input")
    given, mark = literal(value), shown((options.get("I") or options.get("replace") or [EMPTY])[-1])
    if given is None:
        _xargs_unknown(command, rest, mark, value, skips={"r", "no-run-if-empty"} & set(options))
        return
    words = [text(word) for word in (given.splitlines() if mark else given.split())]
    if not words and (mark or {"r", "no-run-if-empty"} & set(options)):
        command.path.status = SUCCESS
        return
    single = mark or options.get("n") or options.get("L")
    for group in [[word] for word in words] if single else [words]:
        command.again(_replaced(rest, mark, group[0]) if mark else [*rest, *group])


def _replaced(words: list[Value], mark: str, value: Value) -> list[Value]:
    result = []
    for word in words:
        known = literal(word)
        if known is not None and mark in known:
            pieces = known.split(mark)
            first = next((part.span for part in word if isinstance(part, Text)), None)
            result.append(
                joined(
                    *(
                        part
                        for index, piece in enumerate(pieces)
                        for part in ((value, text(piece, first)) if index else (text(piece, first),))
                    )
                )
            )
        else:
            result.append(word)
    return result


def _xargs_unknown(command: Command, rest: list[Value], mark: str, value: Value, *, skips: bool | set[str]) -> None:
    if not command.machine.decide(command.path, f"there is something for `{command.words}`"):
        if skips or mark:
            command.path.status = SUCCESS
        else:
            command.again(rest)
        return
    item = (Unknown(f"lines from {shown(value)[:60]}", splits=True),)
    command.again(_replaced(rest, mark, item) if mark else [*rest, item])
    command.unsure()


def _find(command: Command) -> None:
    """`find … -exec command {} +` and `-delete`: what is found cannot be known."""
    words = command.known
    command.print_unknown()
    runs = next((index for index, word in enumerate(words) if word in ("-exec", "-execdir", "-ok")), None)
    if "-delete" not in words and runs is None:
        command.presumed()
        return
    starts = [
        word for word in words[: next((index for index, word in enumerate(words) if word[:1] in "-(!"), len(words))] if word
    ]
    names = [
        f"{start.rstrip('/')}/{words[index + 1]}"
        for start in starts or ["."]
        for index, word in enumerate(words[:-1])
        if word in ("-name", "-iname")
    ]
    if not command.machine.decide(command.path, f"`{command.words}` finds something"):
        command.path.status = SUCCESS
        return
    if "-delete" in words:
        command.do("delete", "file", tuple(names or starts))
    if runs is not None:
        end = next((index for index in range(runs, len(words)) if words[index] in (";", "+")), len(words))
        found = (Unknown(f"files found in {', '.join(names or starts)}", splits=True),)
        command.again([found if shown(argument) == "{}" else argument for argument in command.arguments[runs + 1 : end]])
    command.presumed()


def _watch(command: Command) -> None:
    options, rest = separate_leading(command.arguments, "n", ("interval",))
    given = (options.get("n") or options.get("interval") or [text("2")])[-1]
    known = literal(given)
    seconds = float(known) if known and known.replace(".", "", 1).isdigit() else None
    command.machine.record.note(Sleep(span=command.span, seconds=seconds, loop=command.span))
    code = joined(*(part for index, word in enumerate(rest) for part in ((text(" "), word) if index else (word,))))
    run_code(command, code, lambda child: None)


def _env(command: Command) -> None:
    _, rest = separate_leading(command.arguments, "uCS", ("unset", "chdir"))
    names = []
    while rest and _assigns(rest[0]):
        first, *others = rest[0]
        if isinstance(first, Text):
            name, _, value = first.text.partition("=")
            names.append((name, command.path.variables.get(name, _ABSENT)))
            command.path.set(name, joined(text(value, first.span), tuple(others)))
        rest = rest[1:]
    command.again(rest)
    for name, before in names:
        if before is _ABSENT:
            command.path.unset(name)
        else:
            command.path.set(name, before)


_ABSENT: Value = (Unknown("absent"),)


def _crontab(command: Command) -> None:
    """`crontab -` and `crontab file` install a table; `crontab -l` prints one that nobody collected."""
    words = command.known
    if "-l" in words:
        command.print((Unknown("the present crontab"), Text("\n")))
        command.unsure()
        return
    if "-r" in words:
        command.do("delete", "cron")
        return
    names = [argument for argument in command.arguments if not shown(argument).startswith("-") or shown(argument) == "-"]
    user = words[words.index("-u") + 1] if "-u" in words[:-1] else None
    names = [name for name in names if shown(name) != user]
    content = command.path.stdin if not names or shown(names[0]) == "-" else command.path.files.get(shown(names[0]))
    cron.install(command.machine, content or EMPTY, user=user, default=command.span)
    command.do("install", "cron", argv0="crontab")


HANDLERS: dict[str, Handler] = {
    "sudo": _sudo,
    "doas": _wrapper("uC"),
    "timeout": _timeout,
    "gtimeout": _timeout,
    "nice": _wrapper("n"),
    "ionice": _wrapper("cnpPu"),
    "nohup": _wrapper(),
    "setsid": _wrapper(),
    "stdbuf": _wrapper("ioe"),
    "time": _wrapper("fo"),
    "chrt": _wrapper("", skips=1),
    "unbuffer": _wrapper(),
    "taskset": _wrapper("", skips=1),
    "chronic": _wrapper(),
    "runuser": _su,
    "su": _su,
    "env": _env,
    "flock": _flock,
    "ssh": _ssh,
    "xargs": _xargs,
    "find": _find,
    "watch": _watch,
    "crontab": _crontab,
    **dict.fromkeys(("npx", "pnpx", "bunx"), _wrapper("pc", long_with_value=("package",))),
    "run-one": _wrapper(),
    "systemd-cat": _wrapper("tp"),
    "systemd-run": _wrapper("pu", long_with_value=("unit", "on-active", "property")),
    "busybox": _wrapper(),
    "gosu": _wrapper(skips=1),
    "su-exec": _wrapper(skips=1),
    "sshpass": _wrapper("pfe"),
    "tini": _wrapper(),
    "dumb-init": _wrapper(),
    "annotate-output": _wrapper(),
    "eatmydata": _wrapper(),
    "logsave": _wrapper(skips=1),
}

__all__ = ["HANDLERS", "lines", "local", "shell"]
