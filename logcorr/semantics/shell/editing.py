"""Transfer functions of programs that change lines: cut, awk, sed, tr."""

from __future__ import annotations

import re

from msgspec.structs import replace

from logcorr.lazily import regex
from logcorr.semantics.shell.bounded import Bounded
from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.filters import first_line, give, input_of
from logcorr.semantics.shell.patterns import regular
from logcorr.semantics.shell.values import (
    EMPTY,
    Text,
    Unknown,
    Value,
    derived,
    joined,
    like,
    lines,
    literal,
    text,
)


def _cut(command: Command) -> None:
    options, files = separate(command.arguments, "dfcb")
    value = input_of(command, files)
    delimiter = literal(options["d"][-1]) if options.get("d") else "\t"
    fields = literal(options["f"][-1]) if options.get("f") else None
    characters = literal(options["c"][-1]) if options.get("c") else None
    known = literal(value)
    if known is None:
        give(command, derived(value, f"output of `{command.words}`"))
        return
    results = []
    for line in known.splitlines():
        if characters is not None:
            results.append("".join(line[index - 1 : index] for index in _listed(characters, len(line))))
        elif delimiter is None or fields is None:
            give(command, derived(value, f"output of `{command.words}`"))
            return
        else:
            parts = line.split(delimiter)
            chosen = [parts[index - 1] for index in _listed(fields, len(parts)) if index <= len(parts)]
            results.append(delimiter.join(chosen) if len(parts) > 1 else line)
    give(command, like(value, "".join(f"{line}\n" for line in results)))


def _listed(ranges: str, length: int) -> list[int]:
    numbers: list[int] = []
    for piece in ranges.split(","):
        first, dash, last = piece.partition("-")
        if not (first + last).isdigit():
            continue
        begin = int(first or 1)
        numbers.extend(range(begin, (int(last) if last else length) + 1) if dash else [begin])
    return sorted(set(numbers))


def _awk(command: Command) -> None:
    options, others = separate(command.arguments, "Fvf")
    program = literal(others[0]) if others else None
    value = input_of(command, others[1:])
    known = literal(value)
    match = re.fullmatch(r"\s*(NR\s*==\s*1\s*)?\{\s*print\s+\$(\d|NF)\s*;?\s*\}\s*", program or "")
    separator = literal(options["F"][-1]) if options.get("F") else None
    if match is None or (separator is not None and len(separator) != 1):
        _print_written(command, program or "", value)
        return
    if known is None and match[1] and value:
        value = first_line(value)
        known = literal(value)
    if known is None:
        give(command, derived(value, f"output of `{command.words}`"))
        return
    rows = known.splitlines()[: 1 if match[1] else None]
    results = []
    for row in rows:
        columns = row.split(separator)
        wanted = len(columns) if match[2] == "NF" else int(match[2])
        results.append(row if wanted == 0 else columns[wanted - 1] if 0 < wanted <= len(columns) else "")
    give(command, like(value, "".join(f"{line}\n" for line in results)))


_PRINTS = regex(r"""[^{}]*\{\s*print\s+(?P<items>(?:"(?:[^"\\]|\\.)*"|[^"{}])*?);?\s*\}\s*""")
_ITEM = regex(r"""\s*"((?:[^"\\]|\\.)*)"\s*|\s*(,)\s*|[^",]+""")


def _print_written(command: Command, program: str, value: Value) -> None:
    """`awk '{print "kill " $2}'`: lines with words of its own, if there is any line."""
    rest, prints = derived(value, f"output of `{command.words}`"), _PRINTS.fullmatch(program)
    if prints is None or '"' not in program:
        give(command, rest)
        return
    items = (text(item[1]) if item[1] is not None else text(" ") if item[2] else rest for item in _ITEM.finditer(prints["items"]))
    written = joined(*items, text("\n"))
    give(command, written if command.machine.decide(command.path, f"`{command.words}` prints a line") else EMPTY)


def _sed(command: Command) -> None:
    options, others = separate(command.arguments, "ef", ("expression", "file"))
    scripts = [*options.get("e", []), *options.get("expression", [])]
    if not scripts and others:
        scripts, others = others[:1], others[1:]
    if "i" in options or any(name.startswith("i") or name == "in-place" for name in options):
        for name in others:
            command.path.files = command.path.files.without(literal(name) or "")
        command.presumed()
        return
    value = input_of(command, others)
    extended = bool({"E", "r", "regexp-extended"} & set(options))
    for source in scripts:
        changed = _edited(value, literal(source), extended, quiet="n" in options)
        if changed is None:
            give(command, derived(value, f"output of `{command.words}`"))
            return
        value = changed
    give(command, value)


_SUBSTITUTE = regex(
    r"s(?P<mark>[^\w\s\\])(?P<pattern>(?:\\.|(?!(?P=mark)).)*)(?P=mark)(?P<with>(?:\\.|(?!(?P=mark)).)*)(?P=mark)(?P<flags>[gp]*)"
)


def _edited(value: Value, source: str | None, extended: bool, *, quiet: bool) -> Value | None:
    match = _SUBSTITUTE.fullmatch((source or "").strip())
    known = literal(value)
    if match is None:
        return _numbered(value, source or "", quiet)
    expression = regular(match["pattern"].replace("\\" + match["mark"], match["mark"]), extended=extended)
    if expression is None:
        return None
    count = 0 if "g" in match["flags"] else 1
    replacement = re.sub(r"\\(\d)", r"\\g<\1>", match["with"].replace("\\" + match["mark"], match["mark"])).replace("&", r"\g<0>")
    if not _is_known(expression, replacement):
        return None
    if known is None:
        return _edited_end(value, match["pattern"], expression, replacement)
    result = ""
    for line in known.splitlines(keepends=True):
        body, end = line.rstrip("\n"), line[len(line.rstrip("\n")) :]
        if quiet and not ("p" in match["flags"] and expression.search(body)):
            continue
        result += expression.subn(replacement, body, count=count)[0] + end
    return like(value, result)


def _is_known(expression: Bounded, replacement: str) -> bool:
    """Whether Python writes what sed would: not `\\u` and its like, nor a group that the pattern has not."""
    try:
        expression.compiled.sub(replacement, "")
    except re.error:
        return False
    return True


def _edited_end(value: Value, pattern: str, expression: Bounded, replacement: str) -> Value | None:
    """`s/.*mark//` on text of which only the last line's end is known."""
    last = value[-1]
    if not pattern.startswith(".*") or not isinstance(last, Text) or "\n" in last.text.rstrip("\n"):
        return None
    changed, count = expression.subn(replacement, last.text, count=1)
    return (
        (*(Unknown("the lines before", probe=part.probe) for part in value[:1]), Text("\n"), replace(last, text=changed))
        if count
        else None
    )


def _numbered(value: Value, source: str, quiet: bool) -> Value | None:
    found = lines(value)
    whole = all(literal(line) is not None for line in found)
    if source == "$d" and (whole or (found and literal(found[-1]) is not None)):
        return joined(*(part for line in found[:-1] for part in (line, text("\n"))))
    match = re.fullmatch(r"(\d+|\$)p", source)
    if match and quiet and whole:
        index = len(found) if match[1] == "$" else int(match[1])
        return joined(found[index - 1], text("\n")) if 0 < index <= len(found) else EMPTY
    return None


def _tr(command: Command) -> None:
    options, sets = separate(command.arguments)
    value = input_of(command, [])
    names = [literal(given) for given in sets]
    first = _set(names[0]) if names and names[0] is not None else None
    second = _set(names[1]) if len(names) > 1 and names[1] is not None else ""
    flags = set(options)
    if first is None or second is None or flags - {"d", "s"} or (not second and not flags):
        give(command, derived(value, f"output of `{command.words}`"))
        return
    table: dict[int, int | None] = dict.fromkeys(map(ord, first)) if "d" in flags else {}
    if second and "d" not in flags:
        table = {ord(character): ord(second[min(index, len(second) - 1)]) for index, character in enumerate(first)}
    changed: list[Text | Unknown] = []
    for part in value:
        if isinstance(part, Unknown):
            changed.append(replace(part, key="", never=frozenset()))
            continue
        piece = part.text.translate(table)
        if "s" in flags:
            piece = re.sub(f"([{re.escape(second or first)}])\\1+", r"\1", piece)
        if piece:
            changed.append(replace(part, text=piece))
    give(command, tuple(changed))


def _set(source: str) -> str | None:
    names = {
        "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "[:lower:]": "abcdefghijklmnopqrstuvwxyz",
        "[:digit:]": "0123456789",
        "[:space:]": " \t\n\r\f\v",
    }
    for name, members in names.items():
        source = source.replace(name, members)
    if "[:" in source:
        return None
    source = source.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r")
    return re.sub(r"(.)-(.)", lambda match: "".join(chr(code) for code in range(ord(match[1]), ord(match[2]) + 1)), source)


HANDLERS: dict[str, Handler] = {"cut": _cut, "awk": _awk, "gawk": _awk, "mawk": _awk, "sed": _sed, "tr": _tr}
