"""Transfer functions of text filters: what `grep`, `cut`, `awk` and their like make of a value with unknown parts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from msgspec.structs import replace

from logcorr.semantics.shell.bounded import bounded
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

Match = Callable[[str], "re.Match[str] | None"]


def input_of(command: Command, files: list[Value]) -> Value:
    """What a filter reads: its files if their content is known, or standard input."""
    if not files:
        return command.path.stdin if command.path.stdin is not None else unknown("standard input")
    contents = [content_of(command, name) for name in files]
    return joined(*(content if content is not None else unknown(f"the content of {shown(name)}")
                    for name, content in zip(files, contents, strict=True)))  # fmt: skip


def give(command: Command, value: Value) -> None:
    """Print the result and succeed."""
    command.print(value)
    command.path.status = SUCCESS


def _grep(command: Command) -> None:
    options, others = separate(command.arguments, "efmABC", ("regexp", "file", "max-count", "after-context", "before-context"))
    expressions = [*options.get("e", []), *options.get("regexp", [])]
    if not expressions and others:
        expressions, others = others[:1], others[1:]
    value = input_of(command, others)
    wanted = [literal(expression) for expression in expressions]
    flags = set(options)
    named = (one for want in wanted if want is not None for one in _alternatives(want, _syntax(command.name, flags)))
    command.machine.record.compare(value, *named)
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


def _syntax(name: str, flags: set[str]) -> str:
    """What the expression is written in: `fixed`, `extended` or `basic`."""
    if name == "fgrep" or flags & {"F", "fixed-strings"}:
        return "fixed"
    return "extended" if name == "egrep" or flags & {"E", "extended-regexp", "P", "perl-regexp"} else "basic"


def _alternatives(expression: str, syntax: str) -> list[str]:
    """The words that an expression offers for a choice (`200|301`, `^(200|301)$`); itself where it is anything else."""
    bar = {"extended": "|", "basic": "\\|"}.get(syntax)
    inner = re.fullmatch(r"\^?(?:\\?\()?(.*?)(?:\\?\))?\$?", expression, re.DOTALL)
    words = inner[1].split(bar) if bar and inner else []
    return words if len(words) > 1 and all(re.fullmatch(r"\w+", word) for word in words) else [expression]


def _matcher(name: str, flags: set[str], wanted: list[str | None]) -> Match | None:
    sources = [want for want in wanted if want is not None]
    if not sources or len(sources) != len(wanted):
        return None
    ignore_case = bool(flags & {"i", "ignore-case"})
    syntax = _syntax(name, flags)
    if syntax == "fixed":
        compiled = [bounded(re.escape(source), re.IGNORECASE if ignore_case else 0) for source in sources]
    else:
        found = [regular(source, extended=syntax == "extended", ignore_case=ignore_case) for source in sources]
        if None in found:
            return None
        compiled = [expression for expression in found if expression is not None]
    if flags & {"w", "word-regexp"}:
        compiled = [bounded(rf"(?<!\w)(?:{one.compiled.pattern})(?!\w)", one.compiled.flags & ~re.UNICODE) for one in compiled]
    if flags & {"x", "line-regexp"}:
        return lambda line: next((found for expression in compiled if (found := expression.fullmatch(line))), None)
    return lambda line: next((found for expression in compiled if (found := expression.search(line))), None)


def _selected(command: Command, value: Value, flags: set[str], match: Match) -> None:
    inverted = bool(flags & {"v", "invert-match"})
    chosen = [line for line in lines(value) if bool(match(literal(line) or "")) != inverted]
    command.path.status = SUCCESS if chosen else FAILURE
    if flags & {"q", "quiet", "silent"}:
        return
    if flags & {"c", "count"}:
        command.print(like(value, f"{len(chosen)}\n") or text(f"{len(chosen)}\n"))
    elif flags & {"o", "only-matching"}:
        found = [hit[0] for line in chosen if (hit := match(literal(line) or ""))]
        command.print(like(value, "".join(f"{piece}\n" for piece in found)))
    else:
        command.print(joined(*(part for line in chosen for part in (line, text("\n")))))


def _whole_lines(value: Value) -> list[Value]:
    """Lines whose whole text is known, though what stands around them is not."""
    return [line for line in lines(value) if literal(line) is not None]


def _uncertain(command: Command, value: Value, quiet: bool) -> None:
    if not quiet:
        command.print(derived(value, f"output of `{command.words}`"))
    command.unsure(asked=True)


def _wc(command: Command) -> None:
    options, files = separate(command.arguments)
    value = input_of(command, files)
    known = literal(value)
    if known is None or files or len(options) != 1:
        give(command, joined(derived(value, f"output of `{command.words}`"), text("\n")))
        return
    count = {"l": known.count("\n"), "lines": known.count("\n"), "w": len(known.split())}.get(next(iter(options)), len(known))
    give(command, like(value, f"{count}\n") or text(f"{count}\n"))


def _head(command: Command) -> None:
    options, files = separate(command.arguments, "nc")
    value = input_of(command, files)
    count = _count(options, "10")
    found = lines(value)
    whole = [literal(line) is not None for line in found]
    if count is None or "c" in options or (count < 0 and not all(whole)) or not all(whole[: max(count, 0)]):
        first = found[0] if count == 1 and found else None
        give(command, first_line(value) if first is not None else derived(value, "the first lines"))
        return
    give(command, joined(*(part for line in found[: count if count >= 0 else len(found) + count] for part in (line, text("\n")))))


def first_line(value: Value) -> Value:
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
    value = input_of(command, files)
    if "f" in options or "F" in options:
        give(command, unknown("the content of a file, as it grows"))
        return
    if options.get("c"):
        _last_characters(command, value, literal(options["c"][-1]))
        return
    count, known = _count(options, "10"), literal(value)
    found = lines(value)
    from_start = any(shown(given).startswith("+") for given in options.get("n", []))
    if count is None or (from_start and known is None):
        give(command, derived(value, "the last lines"))
    elif from_start:
        give(command, joined(*(part for line in found[count - 1 :] for part in (line, text("\n")))))
    elif known is not None or (len(found) > count and all(literal(line) is not None for line in found[-count:])):
        give(command, joined(*(part for line in found[-count:] if count for part in (line, text("\n")))))
    else:
        give(command, derived(value, "the last lines"))


def _last_characters(command: Command, value: Value, count: str | None) -> None:
    last = value[-1] if value else Text("")
    if count is None or not count.isdigit() or not isinstance(last, Text) or (len(last.text) < int(count) and len(value) > 1):
        give(command, derived(value, "the last characters"))
    else:
        give(command, (replace(last, text=last.text[-int(count) :]),) if int(count) else EMPTY)


def _jq(command: Command) -> None:
    options, others = separate(command.arguments, "", ("arg", "argjson", "slurpfile"))
    value = input_of(command, others[1:])
    known, program = literal(value), literal(others[0]) if others else None
    if program is not None:
        command.machine.record.compare(value)
    if known is None or program is None or not re.fullmatch(r"(\.[A-Za-z_]\w*)+", program):
        command.print(derived(value, f"output of `{command.words}`"))
        command.unsure(asked=True)
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
    value = input_of(command, files)
    found = lines(value)
    if len(found) <= 1 and literal(value) is not None:
        give(command, value)
    else:
        give(command, derived(value, f"output of `{command.words}`") if value else EMPTY)


def _other(command: Command) -> None:
    value = command.path.stdin if command.path.stdin is not None else unknown("standard input")
    command.print(derived(value, f"output of `{command.words}`"))
    command.unsure()


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("grep", "egrep", "fgrep"), _grep),
    "wc": _wc, "head": _head, "tail": _tail, "jq": _jq, "sort": _sort, "uniq": _sort,
    **dict.fromkeys(
        ("zgrep", "bc", "rev", "tac", "perl", "yq", "paste", "base64", "md5sum"), _other
    ),
}  # fmt: skip
