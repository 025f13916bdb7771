"""Programs that read and write text and touch files: what goes in comes out changed, as far as that can be known."""

from __future__ import annotations

from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.path import SUCCESS, appended
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import EMPTY, Value, joined, literal, shown, text, unknown


def _cat(command: Command) -> None:
    _, names = separate(command.arguments)
    if not names:
        command.print(command.path.stdin if command.path.stdin is not None else unknown("standard input"))
        command.path.status = SUCCESS
        return
    sure = True
    for name in names:
        content = content_of(command, name)
        sure = sure and content is not None
        command.print(content if content is not None else unknown(f"the content of {shown(name)}"))
    if sure:
        command.path.status = SUCCESS
    else:
        command.unsure()


def content_of(command: Command, name: Value) -> Value | None:
    """What a file holds, if the script wrote it."""
    known = literal(name)
    if known == "-":
        return command.path.stdin
    return command.path.files.get(known) if known is not None else None


def _tee(command: Command) -> None:
    options, names = separate(command.arguments)
    value = command.path.stdin if command.path.stdin is not None else unknown("standard input")
    for name in names:
        known = literal(name)
        command.say(value, sink=known or "a file")
        if known is not None and known != "/dev/null":
            before = command.path.files.get(known, unknown(f"the content of {known}")) if "a" in options else EMPTY
            command.path.write(known, appended(known, before, value))
    command.print(value)
    command.path.status = SUCCESS


def _logger(command: Command) -> None:
    _, words = separate(command.arguments, "tpfnPTd", ("tag", "priority", "id", "server", "port"))
    value = joined(*(part for index, word in enumerate(words) for part in ((text(" "), word) if index else (word,))))
    command.say(value or command.path.stdin or EMPTY, sink="syslog")
    command.path.status = SUCCESS


def remove(command: Command) -> None:
    """`rm`, `unlink`: files the script itself may ask about later."""
    for name in command.arguments:
        known = literal(name)
        if known is not None:
            command.path.write(known, None)
    command.path.status = SUCCESS


def _touch(command: Command) -> None:
    for name in command.arguments:
        known = literal(name)
        if known is not None and not known.startswith("-") and command.path.files.get(known) is None:
            command.path.write(known, EMPTY if known in command.path.files else unknown(f"the content of {known}"))
    command.presumed()


def _presumed(command: Command) -> None:
    """Programs whose failure no script is about; what they print is unknown."""
    if command.name in ("cp", "mv", "ln", "install", "rsync", "sed"):
        command.path.files = Store()
    command.print_unknown()
    command.presumed()


def _dirname(command: Command) -> None:
    name = command.arguments[-1] if command.arguments else EMPTY
    known = literal(name)
    if known is None:
        key = "$0" if shown(name) == "<$0>" else ""
        command.print(joined(unknown(f"the directory of {shown(name)}", f"dirname {key}" if key else "", ""), text("\n")))
    else:
        command.print(
            joined(_like(name, known.rstrip("/").rpartition("/")[0] or ("/" if known.startswith("/") else ".")), text("\n"))
        )
    command.path.status = SUCCESS


def _basename(command: Command) -> None:
    _, others = separate(command.arguments, "s")
    known = literal(others[0]) if others else None
    suffix = (literal(others[1]) or "") if len(others) > 1 else ""
    if known is None:
        command.print(joined(unknown("a file's name", "", ""), text("\n")))
    else:
        name = known.rstrip("/").rpartition("/")[2]
        command.print(joined(_like(others[0], name.removesuffix(suffix) if name != suffix else name), text("\n")))
    command.path.status = SUCCESS


def _like(value: Value, characters: str) -> Value:
    return text(characters, next((span for part in value if (span := getattr(part, "span", None))), None))


def _realpath(command: Command) -> None:
    _, others = separate(command.arguments)
    known = literal(others[-1]) if others else None
    command.print(
        joined(
            others[-1] if known and known.startswith("/") and others else unknown(f"the path of {known or 'a file'}", "", ""),
            text("\n"),
        )
    )
    command.presumed()


def _seq(command: Command) -> None:
    numbers = [int(word) for word in command.known if word.lstrip("-").isdigit()]
    command.path.status = SUCCESS
    if len(numbers) != len(command.known) or not 1 <= len(numbers) <= 3:
        command.print_unknown()
        return
    first, step, last = {
        1: (1, 1, numbers[0]),
        2: (numbers[0], 1, numbers[-1]),
        3: (numbers[0], numbers[1 % len(numbers)] or 1, numbers[-1]),
    }[len(numbers)]
    values = range(first, last + (1 if step > 0 else -1), step)
    command.print(text("".join(f"{value}\n" for value in values[:500]), command.span))


def _date(command: Command) -> None:
    command.print(joined(unknown("the date", "", ""), text("\n")))
    command.path.status = SUCCESS


def _runtime(command: Command) -> None:
    command.print(
        joined(
            unknown(
                f"what {command.name} says",
                f"`{command.words}`" if command.name in ("hostname", "whoami", "uname", "id") else "",
                "",
            ),
            text("\n"),
        )
    )
    command.path.status = SUCCESS


def _mktemp(command: Command) -> None:
    command.print(joined(unknown("a temporary file", "", ""), text("\n")))
    command.presumed()


HANDLERS: dict[str, Handler] = {
    "cat": _cat, "tee": _tee, "logger": _logger, "touch": _touch, "dirname": _dirname, "basename": _basename, "unlink": remove,
    "realpath": _realpath, "readlink": _realpath, "seq": _seq, "date": _date, "mktemp": _mktemp,
    **dict.fromkeys(("hostname", "whoami", "uname", "id", "nproc", "uptime", "tput", "tty", "arch"), _runtime),
    **dict.fromkeys((
        "mkdir", "rmdir", "chmod", "chown", "chgrp", "cp", "mv", "ln", "install", "mail", "sendmail", "mailx", "mutt", "tar",
        "gzip", "gunzip", "xz", "zip", "unzip", "clear", "reset", "stty", "printenv", "fold", "column", "du", "mkfifo", "sponge",
        "notify-send", "wall",
    ), _presumed),
}  # fmt: skip
