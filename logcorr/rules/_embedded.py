"""Scripts within scripts: what `ssh` has another host run, and what `sh -c` runs, in a word or a here-document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._images import SHELLS
from logcorr.semantics.written import Assignment, Literal, Node, Word, Written, commands, plain

TAKING = frozenset("BbcDEeFIiJLlmOopQRSWw")
"""Options of ssh that take the next word, where nothing stands right behind them."""

ELSEWHERE = frozenset({"ssh", "sshpass"})
RUNNING = SHELLS | ELSEWHERE | {"docker", "docker-compose", "podman", "kubectl", "su"}
ESCAPED = regex(r"\\([$`\"\\])")
SEVERAL = regex(r"[\n;|&]")
GIVEN = regex(r"-[a-z]*c[a-z]*")
FED = regex(r"-[a-z]*s[a-z]*|-|--|-l|--login")


def everywhere(case: Configuration) -> Iterator[Written]:
    """The commands of all collected scripts and cron lines, and of the scripts within them."""
    for script in case.of(Script):
        yield from commands(script)
        for inner in _inner(script):
            yield from commands(inner)


@lru_cache(maxsize=512)
def _inner(script: Script) -> tuple[Script, ...]:
    return tuple(inner for command in commands(script) for inner in within(command))


def within(command: Written) -> tuple[Script, ...]:
    """The scripts that a command has a shell run."""
    if command.name not in RUNNING:
        return ()
    words = [plain(command.script, word) for word in command.node.words]
    at = _shell_at(command, words)
    if at is None:
        return ()
    texts = _in_word(command, words, at) or _on_input(command, words, at)
    return tuple(_script(command.script, node, text) for node, text in texts)


def _shell_at(command: Written, words: Sequence[str]) -> int | None:
    """Where the words begin that a shell runs: those behind ssh's host, or a shell by its name."""
    if command.name in ELSEWHERE:
        return _behind_host(words, words.index("ssh") + 1 if "ssh" in words else len(words))
    return next((at for at, word in enumerate(words) if word.rpartition("/")[2] in SHELLS), None)


def _behind_host(words: Sequence[str], at: int) -> int | None:
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at][-1] in TAKING and len(words[at]) == 2 else 1
    return at + 1 if at < len(words) else None


def _in_word(command: Written, words: Sequence[str], at: int) -> list[tuple[Node, str]]:
    """A script that is one of the words: the last behind ssh's host, or the one behind `sh -c`."""
    given = next((place for place in range(at, len(words) - 1) if GIVEN.fullmatch(words[place + 1])), None)
    shell = given is not None and words[given].rpartition("/")[2] in SHELLS
    place = given + 2 if given is not None and shell else at if command.name in ELSEWHERE and at == len(words) - 1 else len(words)
    node = command.node.words[place] if place < len(words) else None
    if isinstance(node, Assignment) or node is None or not SEVERAL.search(words[place]):
        return []
    return [(node, text)] if (text := _unquoted(command.script, node)) is not None else []


def _unquoted(script: Script, word: Word) -> str | None:
    """The text in a word's quotes, line by line as it stands; None where it is put together of several."""
    text = script.text[word.start : word.end]
    inside = text[1:-1]
    if text[:1] == text[-1:] == "'" and "'" not in inside:
        return f" {inside}"
    whole = text[:1] == text[-1:] == '"' and not re.search(r'(?<!\\)(?:\\\\)*"', inside)
    return f" {ESCAPED.sub(_kept, inside)}" if whole else None


def _kept(found: re.Match[str]) -> str:
    return found[1]


def _on_input(command: Written, words: Sequence[str], at: int) -> list[tuple[Node, str]]:
    """A here-document that a shell reads: where ssh is told no command, or one that is a shell without a script."""
    rest = [word for word in words[at:] if word not in ("sudo", "-n") and not FED.fullmatch(word)]
    if any(word.rpartition("/")[2] not in SHELLS for word in rest):
        return []
    bodies = [one.target for one in command.node.redirects if one.operator in ("<<", "<<-")]
    quoted = [len(one.pieces) == 1 and isinstance(one.pieces[0], Literal) for one in bodies]
    texts = [command.script.text[one.start : one.end] for one in bodies]
    return [
        (body, text if literal else ESCAPED.sub(_kept, text)) for body, literal, text in zip(bodies, quoted, texts, strict=True)
    ]


def _script(outer: Script, node: Node, text: str) -> Script:
    """The script in this place of the outer one, with the lines that it has there."""
    first = outer.span.line + outer.text.count("\n", 0, node.start)
    last = min(first + text.rstrip("\n").count("\n"), outer.span.end_line)
    return Script(span=Span(outer.span.path, first, last), name=outer.name, text=text, interpreter="bash", column=1)
