"""Code that keeps things in what lives as long as its process, and does not bound them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span

CODE = regex(r"\.(?:[mc]?[jt]sx?|py|rb|go|java|kt|cs|ex|php)$")
DIFF = r"^(?:diff --git |@@ -\d|\+\+\+ )"
FILE = regex(r"^(?:diff --git |\+\+\+ )")
TESTS = regex(r"(?:^|/)(?:tests?|specs?|__tests__|node_modules|vendor)/|[._-](?:test|spec)\.\w+$")

_NEW = (
    r"(?:new (?:Map|Set|Array|(?:Concurrent|Linked)?HashMap|(?:Concurrent)?Dictionary|(?:Array)?List|HashSet)\b(?:<[^=]*>)?"
    r"\([^)]*\)|\[\]|\{\}|Object\.create\(null\)|(?:dict|list|set|OrderedDict|Counter)\(\)|defaultdict\(\w+\)|deque\(\)"
    r"|make\(map\b.*\)|map\[.*\{\}|mutableMapOf\b.*\(\)|mutableListOf\b.*\(\)|Hash\.new\b.*|Concurrent::Map\.new)"
)
_END = r"\s*;?\s*(?:(?://|#).*)?$"
KEPT = regex(
    r"^(?:export |module\.)?(?:const |let |var |global )?(?P<name>[A-Za-z_$][\w$]*|@@\w+)(?:\s*:\s*[^=]+)?\s*"
    rf"(?:[\w.\[\]*]+ )?:?=\s*{_NEW}{_END}"
    r"|^\s+(?:(?:private|public|protected|internal|readonly|final) )*static (?:\S+ )*?(?P<field>\w+)(?:\s*:\s*[^=]+)?\s*=\s*"
    rf"{_NEW}{_END}"
    rf"|^\s+(?P<class>@@\w+)\s*=\s*{_NEW}\s*$"
)
"""What is made once: at the top of a module, or as a class's own. What holds a number that is told (`maxlen`) is none of it."""

REGISTERS = regex(
    r"(?i)(?:plugins?|routes?|routers?|handlers?|middlewares?|hooks?|commands?|registry|models?|providers?|factories|config\w*|settings"
    r"|options|locales?|translations|flags|env|exports|module|app|urlpatterns|migrations|types|schemas?|parsers?|strategies)$"
)
"""Names of what a program puts together when it starts."""

PUTS = (
    r"(?<![\w$.])(?:this\.|self\.|\w+\.)?{name}(?:\.(?:set|push|add|append|put|unshift|extend|store|TryAdd|Add|putIfAbsent|setdefault"
    r"|computeIfAbsent)\(|\[[^\]]+\]\s*(?:\|\|)?=(?!=)|\[[^\]]+\]\.(?:push|append|add)\(|\s*<<\s|\s*=\s*append\({name}\b)"
)
FIXED = regex(r"(?:\[|\.(?:set|add|put|setdefault)\()\s*[\"'][^\"'$]*[\"']\s*[\],)]")
"""A name that is always the same."""

TAKES = (
    r"(?<![\w$.])(?:this\.|self\.|\w+\.)?{name}(?:\.(?:delete|clear|shift|pop|popitem|popleft|splice|remove|Remove|TryRemove|Clear|evict"
    r"|removeIf|reject!|delete_if|poll|prune|reset)\b|\.length\s*(?:=(?!=)|>)|\.size(?:\(\))?\s*>|\.Count\s*>)"
    r"|\b(?:delete|del)\b\W*{name}\b|\blen\({name}\) ?>"
    r"|(?<!const )(?<!let )(?<!var )\b{name}\s*=\s*(?:\{{\}}|\[\]|new |{name}\.(?:slice|filter))"
)
"""How something is put in, and how it is taken out or its number looked at."""

NEAR = 4
"""Who bounds what he keeps does so within so many lines of adding to it."""

MOST_LINES = 4000
SURE = 0.92
"""How sure it is that this fills the memory which ran out, where collected code keeps one thing so."""


class Grows(Struct, frozen=True):
    """The line that puts something in, where it is made, and its name; whether a diff brings all of it."""

    line: Span
    made: Span
    name: str
    brought: bool


def only_grows(case: Case) -> Grows | None:
    """The one thing in collected code, or in what a diff adds, that is only ever added to; None where there are several."""
    sources = list(_sources(case))
    every = [one for path, texts in sources for one in _in_file(path, texts)]
    found = [one for one in every if not any(_emptied(one, texts) for _, texts in sources)]
    return found[0] if len({(one.made.path, one.name) for one in found}) == 1 else None


def _emptied(one: Grows, texts: Sequence[tuple[int, str, bool]]) -> bool:
    """Whether something is taken out of it; of what a diff brings only where it is put in: elsewhere that may be rare."""
    puts, takes = (re.compile(pattern.format(name=re.escape(one.name))) for pattern in (PUTS, TAKES))
    taken = [line for line, text, _ in texts if line != one.made.line and takes.search(text)]
    put = [line for line, text, _ in texts if puts.search(text)]
    return any(not one.brought or any(abs(line - other) <= NEAR for other in put) for line in taken)


def places(grows: Grows | None) -> Sequence[Span]:
    return (grows.line, grows.made) if grows else ()


def _sources(case: Case) -> Iterator[tuple[str, Sequence[tuple[int, str, bool]]]]:
    """The lines of programs with their numbers; of diffs, file by file, without what they take away. True: it may be new."""
    logs = {source.path for source in case.sources}
    for path in sorted(case.files - logs):
        if CODE.search(path) and not TESTS.search(path):
            rows = case.lines(path).select("line", "text").head(MOST_LINES).collect().iter_rows()
            yield path, [(line, text, True) for line, text in rows]
        elif not CODE.search(path) and case.lines(path).filter(pl.col("text").str.contains(DIFF)).head(1).collect().height:
            yield from ((path, lines) for lines in _diffed(case, path))


def _diffed(case: Case, path: str) -> Iterator[Sequence[tuple[int, str, bool]]]:
    lines: list[tuple[int, str, bool]] = []
    code = False
    for line, text in case.lines(path).select("line", "text").head(MOST_LINES).collect().iter_rows():
        if FILE.match(text):
            yield lines
            lines, code = [], bool(CODE.search(text.strip())) and not TESTS.search(text.strip())
        elif code and text[:1] in ("+", " "):
            lines.append((line, text[1:], text[0] == "+"))
    yield lines


def _in_file(path: str, lines: Sequence[tuple[int, str, bool]]) -> Iterator[Grows]:
    """What is put into, of what is made once."""
    diff = any(not new for _, _, new in lines)
    for number, text, made_new in lines:
        kept = KEPT.match(text)
        name = kept and (kept["name"] or kept["field"] or kept["class"])
        if not name or REGISTERS.search(name):
            continue
        puts = re.compile(PUTS.format(name=re.escape(name)))
        inside = [(line, other) for line, other, new in lines if new and line != number and other[:1].isspace()]
        put = [line for line, other in inside if puts.search(other) and not FIXED.search(other)]
        if put:
            yield Grows(Span(path, put[0]), Span(path, number), name, diff and made_new)
