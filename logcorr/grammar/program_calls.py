"""By what calls a program in JavaScript or Python runs commands, asks and speaks: its language's own, or functions of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex

LONGEST_HELPER, LONGEST_WORDY = 12, 3
"""So many lines has a function by which a program asks, and by which it speaks."""

_MODULE = r"(?<![\w.$])(?:(?:child_process|cp|subprocess|asyncio|os)\.)?"
_RUNS = (
    "execFileSync", "execFile", "spawnSync", "spawn", "execa", "execaSync", "create_subprocess_exec",
    "subprocess.run", "subprocess.call", "check_call", "check_output", "Popen",
)  # fmt: skip
_SHELL = ("execSync", "exec", "execaCommand", "system", "popen", "getoutput", "create_subprocess_shell")
FETCHES = regex(r"\b(?:node-)?fetch\b|\bhttps?\.(?:get|request)\(|\baxios\b|\bgot\(|\burlopen\(|\b(?:requests|httpx)\.")
_SPEAKS = r"console\.\w+|print|log(?:ger|ging)?\.\w+"
_ALIAS = regex(r"\b(\w+) = (?:util\.)?promisify\([^\n]*?\b(execFile|exec)\)")
FUNCTION = regex(
    r"\s*(?:export )?(?:default )?(?:async )?(?:function\*? (\w+)|def (\w+)|(?:const |let |var )?(\w+) ?[=:] ?(?:async )?"
    r"(?:function\b|\([^()]*\) ?=>|\w+ ?=>)|(?!(?:if|for|while|switch|catch)\b)(\w+)\([^()]*\) ?\{$)"
)


def saying(lines: Sequence[str], calls: re.Pattern[str]) -> re.Pattern[str]:
    """How this program speaks: as its language does, or by a function of its own that does so and runs nothing."""
    own = set(helpers(lines, re.compile(rf"(?<![\w.$])(?:{_SPEAKS})\("), LONGEST_WORDY))
    own -= {*helpers(lines, calls, LONGEST_WORDY)}
    return re.compile(rf"(?<![\w.$])(?:{'|'.join([_SPEAKS, *map(re.escape, sorted(own))])})\(")


def helpers(lines: Sequence[str], does: re.Pattern[str], longest: int) -> Iterator[str]:
    """The functions of at most so many lines within which this is done."""
    for number, line in enumerate(lines):
        defined, body = FUNCTION.match(line), _body(lines, number)
        if defined and len(body) <= longest and any(map(does.search, body)):
            yield next(filter(None, defined.groups()))


def _body(lines: Sequence[str], number: int) -> Sequence[str]:
    """The lines of a block with the one that opens it."""
    after = range(number + 1, len(lines))
    end = next((one for one in after if lines[one].strip() and indent(lines[one]) <= indent(lines[number])), len(lines))
    return lines[number:end]


def running(text: str) -> re.Pattern[str]:
    """How this program calls what runs commands: a shell's code, or words."""
    aliases = dict(_ALIAS.findall(text))
    shell = "|".join([*_SHELL, *(re.escape(name) for name, of in aliases.items() if of == "exec")])
    direct = [name.rpartition(".")[2] for name in _RUNS if "." not in name or re.search(r"from subprocess import", text)]
    words = "|".join([*map(re.escape, (*direct, *(name for name, of in aliases.items() if of == "execFile")))])
    return re.compile(rf"{_MODULE}(?:(?P<shell>{shell})|(?P<words>{words})|(?<=subprocess\.)(?P<own>run|call))\(")


def indent(line: str) -> int:
    """How far a line is indented."""
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())
