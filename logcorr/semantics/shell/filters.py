"""Transfer functions of text filters: what `grep`, `cut`, `awk` and their like make of a value with unknown parts."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.path import FAILURE, SUCCESS
from logcorr.semantics.shell.patterns import regular
from logcorr.semantics.shell.texts import content_of
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
    shown,
    text,
    unknown,
)


def _input(command: Command, files: list[Value]) -> Value:
    """What a filter reads: its files if their content is known, or standard input."""
    if not files:
        return command.path.stdin if command.path.stdin is not None else unknown("standard input")
    contents = [content_of(command, name) for name in files]
    return joined(*(content if content is not None else unknown(f"the content of {shown(name)}")
                    for name, content in zip(files, contents, strict=True)))  # fmt: skip


def _give(command: Command, value: Value) -> None:
    """Print the result and succeed."""
    command.print(value)
    command.path.status = SUCCESS


def _grep(command: Command) -> None:
    options, others = separate(command.arguments, "efmABC", ("regexp", "file", "max-count", "after-context", "before-context"))
    expressions = [*options.get("e", []), *options.get("regexp", [])]
    if not expressions and others:
        expressions, others = others[:1], others[1:]
    value = _input(command, others)
    wanted = [literal(expression) for expression in expressions]
    command.machine.compare(value, *(want for want in wanted if want is not None))
    flags = set(options)
    quiet = bool(flags & {"q", "quiet", "silent"})
    match = _matcher(command.name, flags, wanted)
    if match is None or flags & {"f", "file", "A", "B", "C", "L", "l", "r", "R"}:
        _uncertain(command, value, quiet)
        return
    known = literal(value)
    if known is not None:
        _selected(command, value, flags, match)
        return
    certain = any(literal(line) is not None and match(literal(line) or "") for line in _whole_lines(value))
    if (quiet or command.path.sinks[0].kind == "discarded") and certain and not flags & {"v", "invert-match"}:
        command.path.status = SUCCESS
        return
    _uncertain(command, value, quiet)


def _matcher(name: str, flags: set[str], wanted: list[str | None]) -> re.compile | None:  # type: ignore[valid-type]
    sources = [want for want in wanted if want is not None]
    if not sources or len(sources) != len(wanted):
        return None
    ignore_case = bool(flags & {"i", "ignore-case"})
    if name == "fgrep" or flags & {"F", "fixed-strings"}:
        compiled = [re.compile(re.escape(source), re.IGNORECASE if ignore_case else 0) for source in sources]
    else:
        extended = name == "egrep" or bool(flags & {"E", "extended-regexp", "P", "perl-regexp"})
        found = [regular(source, extended=extended, ignore_case=ignore_case) for source in sources]
        if None in found:
            return None
        compiled = [expression for expression in found if expression is not None]
    if flags & {"w", "word-regexp"}:
        compiled = [re.compile(rf"(?<!\w)(?:{expression.pattern})(?!\w)", expression.flags) for expression in compiled]
    if flags & {"x", "line-regexp"}:
        return lambda line: next((found for expression in compiled if (found := expression.fullmatch(line))), None)
    return lambda line: next((found for expression in compiled if (found := expression.search(line))), None)


def _selected(command: Command, value: Value, flags: set[str], match) -> None:  # type: ignore[no-untyped-def]
    inverted = bool(flags & {"v", "invert-match"})
    chosen = [line for line in lines(value) if bool(match(literal(line) or "")) != inverted]
    command.path.status = SUCCESS if chosen else FAILURE
    if flags & {"q", "quiet", "silent"}:
        return
    if flags & {"c", "count"}:
        command.print(like(value, f"{len(chosen)}\n") or text(f"{len(chosen)}\n"))
    elif flags & {"o", "only-matching"}:
        found = [match(literal(line) or "")[0] for line in chosen]
        command.print(like(value, "".join(f"{piece}\n" for piece in found)))
    else:
        command.print(joined(*(part for line in chosen for part in (line, text("\n")))))


def _whole_lines(value: Value) -> list[Value]:
    """Lines whose whole text is known, though what stands around them is not."""
    return [line for line in lines(value) if literal(line) is not None]


def _uncertain(command: Command, value: Value, quiet: bool) -> None:
    if not quiet:
        command.print(derived(value, f"output of `{command.words}`"))
    command.unsure()


def _wc(command: Command) -> None:
    options, files = separate(command.arguments)
    value = _input(command, files)
    known = literal(value)
    if known is None or files or len(options) != 1:
        _give(command, joined(derived(value, f"output of `{command.words}`"), text("\n")))
        return
    count = {"l": known.count("\n"), "lines": known.count("\n"), "w": len(known.split())}.get(next(iter(options)), len(known))
    _give(command, like(value, f"{count}\n") or text(f"{count}\n"))


def _head(command: Command) -> None:
    options, files = separate(command.arguments, "nc")
    value = _input(command, files)
    count = _count(options, "10")
    found = lines(value)
    whole = [literal(line) is not None for line in found]
    if count is None or "c" in options or (count < 0 and not all(whole)) or not all(whole[: max(count, 0)]):
        first = found[0] if count == 1 and found else None
        _give(command, _first_line(value) if first is not None else derived(value, "the first lines"))
        return
    _give(
        command, joined(*(part for line in found[: count if count >= 0 else len(found) + count] for part in (line, text("\n"))))
    )


def _first_line(value: Value) -> Value:
    """The first line, where unknown text may hold line ends: known up to there."""
    first = lines(value)[0]
    for index, part in enumerate(first):
        if isinstance(part, Unknown):
            return (*first[: index + 1],)
    return joined(first, text("\n"))


def _count(options: dict[str, list[Value]], default: str) -> int | None:
    given = [literal(values[-1]) for name, values in options.items() if name == "n" and values]
    digits = "".join(name for name in options if name.isdigit())
    known = given[-1] if given else digits or default
    return int(known) if known is not None and re.fullmatch(r"[-+]?\d+", known) else None


def _tail(command: Command) -> None:
    options, files = separate(command.arguments, "nc")
    value = _input(command, files)
    if "f" in options or "F" in options:
        _give(command, unknown("the content of a file, as it grows"))
        return
    if "c" in options and options["c"]:
        _last_characters(command, value, literal(options["c"][-1]))
        return
    count, known = _count(options, "10"), literal(value)
    found = lines(value)
    from_start = any(shown(given).startswith("+") for given in options.get("n", []))
    if count is None or (from_start and known is None):
        _give(command, derived(value, "the last lines"))
    elif from_start:
        _give(command, joined(*(part for line in found[count - 1 :] for part in (line, text("\n")))))
    elif known is not None or (len(found) > count and all(literal(line) is not None for line in found[-count:])):
        _give(command, joined(*(part for line in found[-count:] if count for part in (line, text("\n")))))
    else:
        _give(command, derived(value, "the last lines"))


def _last_characters(command: Command, value: Value, count: str | None) -> None:
    last = value[-1] if value else Text("")
    if count is None or not count.isdigit() or not isinstance(last, Text) or (len(last.text) < int(count) and len(value) > 1):
        _give(command, derived(value, "the last characters"))
    else:
        _give(command, (replace(last, text=last.text[-int(count) :]),) if int(count) else EMPTY)


def _cut(command: Command) -> None:
    options, files = separate(command.arguments, "dfcb")
    value = _input(command, files)
    delimiter = literal(options["d"][-1]) if options.get("d") else "\t"
    fields = literal(options["f"][-1]) if options.get("f") else None
    characters = literal(options["c"][-1]) if options.get("c") else None
    known = literal(value)
    if known is None:
        _give(command, derived(value, f"output of `{command.words}`"))
        return
    results = []
    for line in known.splitlines():
        if characters is not None:
            results.append("".join(line[index - 1 : index] for index in _listed(characters, len(line))))
        elif delimiter is None or fields is None:
            _give(command, derived(value, f"output of `{command.words}`"))
            return
        else:
            parts = line.split(delimiter)
            chosen = [parts[index - 1] for index in _listed(fields, len(parts)) if index <= len(parts)]
            results.append(delimiter.join(chosen) if len(parts) > 1 else line)
    _give(command, like(value, "".join(f"{line}\n" for line in results)))


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
    value = _input(command, others[1:])
    known = literal(value)
    match = re.fullmatch(r"\s*(NR\s*==\s*1\s*)?\{\s*print\s+\$(\d|NF)\s*;?\s*\}\s*", program or "")
    separator = literal(options["F"][-1]) if options.get("F") else None
    if match is None or (separator is not None and len(separator) != 1):
        _give(command, derived(value, f"output of `{command.words}`"))
        return
    if known is None and match[1] and value:
        value = _first_line(value)
        known = literal(value)
    if known is None:
        _give(command, derived(value, f"output of `{command.words}`"))
        return
    rows = known.splitlines()[: 1 if match[1] else None]
    results = []
    for row in rows:
        columns = row.split(separator)
        wanted = len(columns) if match[2] == "NF" else int(match[2])
        results.append(row if wanted == 0 else columns[wanted - 1] if 0 < wanted <= len(columns) else "")
    _give(command, like(value, "".join(f"{line}\n" for line in results)))


def _sed(command: Command) -> None:
    options, others = separate(command.arguments, "ef", ("expression", "file"))
    scripts = [*options.get("e", []), *options.get("expression", [])]
    if not scripts and others:
        scripts, others = others[:1], others[1:]
    if "i" in options or any(name.startswith("i") or name == "in-place" for name in options):
        for name in others:
            command.path.files.pop(literal(name) or "", None)
        command.presumed()
        return
    value = _input(command, others)
    extended = bool({"E", "r", "regexp-extended"} & set(options))
    for source in scripts:
        changed = _edited(value, literal(source), extended, quiet="n" in options)
        if changed is None:
            _give(command, derived(value, f"output of `{command.words}`"))
            return
        value = changed
    _give(command, value)


_SUBSTITUTE = re.compile(
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
    if known is None:
        return _edited_end(value, match["pattern"], expression, replacement)
    result = ""
    for line in known.splitlines(keepends=True):
        body, end = line.rstrip("\n"), line[len(line.rstrip("\n")) :]
        if quiet and not ("p" in match["flags"] and expression.search(body)):
            continue
        result += expression.sub(replacement, body, count=count) + end
    return like(value, result)


def _edited_end(value: Value, pattern: str, expression: re.Pattern[str], replacement: str) -> Value | None:
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
    value = _input(command, [])
    names = [literal(given) for given in sets]
    first = _set(names[0]) if names and names[0] is not None else None
    second = _set(names[1]) if len(names) > 1 and names[1] is not None else ""
    flags = set(options)
    if first is None or second is None or flags - {"d", "s"} or (not second and not flags):
        _give(command, derived(value, f"output of `{command.words}`"))
        return
    table = dict.fromkeys(map(ord, first)) if "d" in flags else {
        ord(character): ord(second[min(index, len(second) - 1)]) for index, character in enumerate(first)} if second else {}  # fmt: skip
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
    _give(command, tuple(changed))


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


def _jq(command: Command) -> None:
    options, others = separate(command.arguments, "", ("arg", "argjson", "slurpfile"))
    value = _input(command, others[1:])
    known, program = literal(value), literal(others[0]) if others else None
    if program is not None:
        command.machine.compare(value)
    if known is None or program is None or not re.fullmatch(r"(\.[A-Za-z_]\w*)+", program):
        command.print(derived(value, f"output of `{command.words}`"))
        command.unsure()
        return
    try:
        found = json.loads(known)
        for name in program.split(".")[1:]:
            found = found.get(name) if found is not None else None
    except (ValueError, AttributeError):
        command.path.status = FAILURE
        return
    shape = found if isinstance(found, str) and "r" in options else json.dumps(found)
    command.print(like(value, shape + "\n"))
    command.path.status = FAILURE if "e" in options and found in (None, False) else SUCCESS


def _sort(command: Command) -> None:
    _, files = separate(command.arguments, "ktoS")
    value = _input(command, files)
    found = lines(value)
    if len(found) <= 1 and literal(value) is not None:
        _give(command, value)
    else:
        _give(command, derived(value, f"output of `{command.words}`") if value else EMPTY)


def _other(command: Command) -> None:
    value = command.path.stdin if command.path.stdin is not None else unknown("standard input")
    command.print(derived(value, f"output of `{command.words}`"))
    command.unsure()


HANDLERS: dict[str, Handler] = {
    "grep": _grep, "egrep": _grep, "fgrep": _grep, "zgrep": _other, "wc": _wc, "head": _head, "tail": _tail, "cut": _cut, "awk": _awk,
    "gawk": _awk, "mawk": _awk, "sed": _sed, "tr": _tr, "jq": _jq, "sort": _sort, "uniq": _sort, "bc": _other, "rev": _other, "tac": _other,
    "python": _other, "python3": _other, "perl": _other, "node": _other, "yq": _other, "paste": _other, "base64": _other, "md5sum": _other,
}  # fmt: skip
