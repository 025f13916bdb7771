"""A pattern stands in quotes: the shell leaves it as it is, and no file has that name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import written
from logcorr.semantics.written import For, Literal, Node, Parameter, Word, Written, compound, placed, plain, spanned, walk

FILES = frozenset({
    "rm", "ls", "cp", "mv", "chmod", "chown", "du", "gzip", "wc", "stat", "touch", "shred", "rmdir", "md5sum", "sha256sum",
})  # fmt: skip
"""Programs whose words are files and nothing else."""

TAKES_PATTERN = regex(r"^(?:-[A-Za-z]*[IX]|--(?:exclude|ignore|hide))$")
"""Options whose value is a pattern that the program itself goes by."""

BY_PATTERN = r"-(?:i?name|i?path|-include|-exclude)"
"""The same of other programs."""

PATTERN = regex(r"[^\s*:]*/[^\s*]*\*[^\s]*|[\w.-]*\*\.\w+")
"""Text that is meant to match files: `dir/*`, `*.log`."""


@rule(code="SH024", title="A pattern in quotes matches no file", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `*` within quotes where a program takes files, and in the list of a `for`."""
    for command in written(case):
        pattern = next(filter(None, (_quoted(command.script, word) for word in _files(command))), None)
        if pattern:
            yield _of_command(command, pattern)
    for script in case.of(Script):
        for loop, _ in placed(script, For):
            only = loop.words[0] if loop.words and len(loop.words) == 1 else None
            pattern = _quoted(script, only) if only else None
            if pattern and _taken_for_a_file(script, loop):
                yield _of_loop(script, loop, pattern)


def _files(command: Written) -> Iterator[Node]:
    """Its words that name files: none that an option takes."""
    words = command.node.words if command.name in FILES else ()
    for before, word in pairwise(words):
        if not TAKES_PATTERN.search(plain(command.script, before)):
            yield word


def _taken_for_a_file(script: Script, loop: For) -> bool:
    """Whether the loop takes its variable for the name of a file: always in quotes, and never for a pattern."""
    text, name = script.text[loop.body.start : loop.body.end], rf"\$\{{?{loop.name}\b"
    words = (word for one in compound(script, loop.body) for word in _files(one) if isinstance(word, Word))
    named = any(isinstance(piece, Parameter) and piece.name == loop.name for word in words for piece in word.pieces)
    tested = re.search(rf"""\[\s(?:!\s)?-[efsr]\s["]?{name}""", text)
    unquoted = any(isinstance(node, Parameter) and node.name == loop.name and not node.quoted for node in walk(loop.body))
    return bool(named or tested) and not unquoted and not re.search(rf"""{BY_PATTERN}[= ]"?{name}""", text)


def _quoted(script: Script, word: Node) -> str | None:
    """The pattern, where all of its stars stand within quotes."""
    if not isinstance(word, Word) or script.text[word.start] not in "\"'" or script.text[word.end - 1] not in "\"'":
        return None
    if any(isinstance(piece, Literal) and not piece.quoted for piece in word.pieces):
        return None
    known = [_known(script, piece) for piece in word.pieces]
    text = "".join(value or script.text[piece.start : piece.end] for value, piece in zip(known, word.pieces, strict=True))
    return text if any("*" in value for value in known) and PATTERN.fullmatch(text) else None


def _known(script: Script, piece: Node) -> str:
    """The text of a piece; nothing of what the shell makes of it first."""
    if isinstance(piece, Literal):
        return piece.text
    simple = isinstance(piece, Parameter) and not piece.operator and piece.index is None
    return (_value(script, piece.name) or "") if isinstance(piece, Parameter) and simple else ""


def _value(script: Script, name: str) -> str | None:
    """What a variable holds that is set once, to a pattern."""
    given = re.findall(rf"(?m)^\s*(?:local\s+|readonly\s+|declare\s+)?{name}=(.*)$", script.text)
    found = re.fullmatch(r"""(["'])([\w.*-]*\*[\w.*-]*)\1""", given[0].strip()) if len(given) == 1 else None
    return found[2] if found else None


def _of_command(command: Written, pattern: str) -> Finding:
    return Finding(
        confidence=0.95,
        claim=claim(
            "quoted_pattern.command",
            "{program} gets {pattern} as it stands, in quotes no shell replaces the star: there is no file of that name",
            program=command.name,
            pattern=pattern,
        ),
        evidence=(Evidence(command.span, "a star within quotes"),),
        would_refute=claim("quoted_pattern.refute", "a run that finds the files"),
        subject=command.script.span.path,
        measured={"pattern": pattern},
        fix=claim("quoted_pattern.fix", 'close the quotes before the pattern: "$dir"/*'),
    )


def _of_loop(script: Script, loop: For, pattern: str) -> Finding:
    head = Word(start=loop.start, end=loop.words[0].end if loop.words else loop.start, pieces=())
    return Finding(
        confidence=0.95,
        claim=claim(
            "quoted_pattern.loop",
            "the loop runs once, with {pattern} as it stands: in quotes no shell replaces the star",
            pattern=pattern,
        ),
        evidence=(Evidence(spanned(script, head), "a star within quotes"),),
        would_refute=claim("quoted_pattern.refute", "a run that finds the files"),
        subject=script.span.path,
        measured={"pattern": pattern},
        fix=claim("quoted_pattern.fix", 'close the quotes before the pattern: "$dir"/*'),
    )
