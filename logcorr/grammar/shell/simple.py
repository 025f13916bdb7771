"""Simple commands: assignments, words, redirections, here-documents."""

from __future__ import annotations

import re

from logcorr.grammar.shell.tests import TestReader
from logcorr.grammar.shell.tree import (
    Assignment,
    Literal,
    Redirect,
    Simple,
    Word,
)
from logcorr.lazily import regex

DECLARERS = frozenset({"declare", "typeset", "local", "export", "readonly"})
_ASSIGNMENT = regex(r"([A-Za-z_][A-Za-z0-9_]*)(?=\[|\+?=)")
_BLANKS = frozenset(" \t\r\n\\#")
_BLANK = regex(r"(?:[ \t\r]+|\\\n|#[^\n]*)*")
_REDIRECT = regex(r"([0-9]+|\{[A-Za-z_]\w*\})?(<<<|<<-|<<|<>|<&|>&|>>|>\||&>>|&>|<(?!\()|>(?!\())")


class SimpleReader(TestReader):
    """Reads simple commands; `_bodies` says where reading goes on after a line end that here-documents follow."""

    def __init__(self, text: str, position: int = 0) -> None:
        super().__init__(text, position)
        self._bodies: dict[int, int] = {}

    def _word(self) -> Word:
        word = self.word()
        if word.start == word.end:
            raise self.unexpected()
        return word

    def _simple(self) -> Simple:
        start = self.position
        assignments: list[Assignment] = []
        words: list[Word | Assignment] = []
        redirects: list[Redirect] = []
        end = start
        while not self._ends_simple():
            if not self._redirect(redirects):
                assignment = self._assignment() if not words or self._declares(words) else None
                if assignment is None:
                    words.append(self._word())
                else:
                    (words if words else assignments).append(assignment)
            end = self.position
            self._space()
        if start == end:
            raise self.unexpected()
        return Simple(assignments=tuple(assignments), words=tuple(words), redirects=tuple(redirects), start=start, end=end)

    def _ends_simple(self) -> bool:
        character = self.peek()
        if character == "&":
            return not _REDIRECT.match(self.text, self.position)
        return not character or character in "\n;|()"

    @staticmethod
    def _declares(words: list[Word | Assignment]) -> bool:
        name = words[0]
        piece = name.pieces[0] if isinstance(name, Word) and len(name.pieces) == 1 else None
        return isinstance(piece, Literal) and piece.text in DECLARERS

    def _assignment(self) -> Assignment | None:
        start = self.position
        match = _ASSIGNMENT.match(self.text, start)
        if not match:
            return None
        self.position = match.end()
        index = self._index()
        appends = self.peek(2) == "+="
        if not appends and self.peek() != "=":
            self.position = start
            return None
        self.position += 2 if appends else 1
        if self.peek() == "(":
            elements, value = self._elements(), None
        else:
            elements, value = None, self.word()
        return Assignment(
            name=match[1], value=value, index=index, elements=elements, appends=appends, start=start, end=self.position
        )

    def _elements(self) -> tuple[tuple[Word | None, Word], ...]:
        self.position += 1
        elements: list[tuple[Word | None, Word]] = []
        self._space(newlines=True)
        while self.peek() != ")":
            start, index = self.position, self._index()
            if index is not None and self.peek() == "=":
                self.position += 1
                elements.append((index, self.word()))
            else:
                self.position = start
                elements.append((None, self._word()))
            self._space(newlines=True)
        self.position += 1
        return tuple(elements)

    def _redirect(self, redirects: list[Redirect]) -> bool:
        self._space()
        start = self.position
        match = _REDIRECT.match(self.text, start) if self.peek() in "<>&{0123456789" else None
        if not match:
            return False
        self.position = match.end()
        self._space()
        target = self._word()
        end = self.position
        if match[2] in ("<<", "<<-"):
            target = self._heredoc(target, strips_tabs=match[2] == "<<-")
        redirects.append(Redirect(descriptor=match[1] or "", operator=match[2], target=target, start=start, end=end))
        return True

    def _heredoc(self, delimiter: Word, *, strips_tabs: bool) -> Word:
        """The body, which begins after the line that names it and the bodies already read there."""
        newline = self.position
        while newline < len(self.text) and (self.text[newline] != "\n" or self.text[newline - 1] == "\\"):
            newline += 1
        literals = [piece for piece in delimiter.pieces if isinstance(piece, Literal)]
        closing = "".join(literal.text for literal in literals)
        start = at = min(self._bodies.get(newline, newline + 1), len(self.text))
        while at < len(self.text):
            end = self.text.find("\n", at) % (len(self.text) + 1)
            line = self.text[at:end]
            if (line.lstrip("\t") if strips_tabs else line) == closing:
                break
            at = min(end + 1, len(self.text))
        self._bodies[newline] = min(at + len(self.text[at:].partition("\n")[0]) + 1, len(self.text))
        if not any(literal.quoted for literal in literals):
            return self.nested(start, at, strips_tabs=strips_tabs)
        text = self.text[start:at]
        text = re.sub(r"(?m)^\t+", "", text) if strips_tabs else text
        return Word(pieces=(Literal(text=text, quoted=True, start=start, end=at),), start=start, end=at)

    def _space(self, *, newlines: bool = False) -> None:
        """Pass blanks, comments and continued lines; with `newlines`, line ends and the here-documents behind them."""
        while self.peek() in _BLANKS:
            self.position = _BLANK.match(self.text, self.position).end()  # type: ignore[union-attr]  # it may match nothing
            if not newlines or self.peek() != "\n":
                return
            self.position = self._bodies.get(self.position, self.position + 1)
