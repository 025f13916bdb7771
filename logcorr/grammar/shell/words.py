"""Words: quotes, parameters, substitutions. The statement reader is handed in, for what stands inside `$(…)`."""

from __future__ import annotations

import re
from collections.abc import Callable

from logcorr.grammar.shell.scanning import ShellSyntaxError, closing_bracket, closing_parentheses
from logcorr.grammar.shell.tree import Calculation, Literal, Parameter, Piece, Sequence, Substitution, Word
from logcorr.lazily import regex

NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = regex(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_BARE_PARAMETER = regex(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_OPERATOR = regex(r":[-=?+]|[-=?+]|##?|%%?|//?[#%]?|\^\^?|,,?|:|@[A-Za-z]")
_PLAIN = regex(r"[^ \t\n;&|<>()'\"\\$`]*")
_QUOTED = regex(r"[^\"\\$`\n]+")
_TABS = regex(r"\t*")
_METACHARACTERS = frozenset(" \t\n;&|<>()")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
_ANSI = regex(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|u[0-9A-Fa-f]{1,4}|.)", re.DOTALL)


class WordReader:
    """Reads words from `text` at `position`."""

    def __init__(self, text: str, position: int = 0) -> None:
        self.text = text
        self.position = position

    def commands(self, closing: str) -> Sequence:
        """Commands up to a closing token; the statement reader gives this its meaning."""
        raise NotImplementedError

    def peek(self, length: int = 1) -> str:
        """The next characters, without passing them."""
        return self.text[self.position : self.position + length]

    def fail(self, message: str) -> ShellSyntaxError:
        """An error at the present position."""
        return ShellSyntaxError(message, self.position)

    def unexpected(self) -> ShellSyntaxError:
        """What stands at the present position does not belong there."""
        token = re.compile(r"[\w.-]+|\S?").match(self.text, self.position)
        return self.fail(f"unexpected {token[0] if token and token[0] else 'end'}")

    def word(self, stops: Callable[[str], bool] | None = None) -> Word:
        """One unquoted word, up to a metacharacter or to what `stops` accepts."""
        start, pieces = self.position, list[Piece]()
        while self.position < len(self.text):
            character = self.text[self.position]
            if stops(character) if stops else self._ends_word(character, pieces):
                break
            self._unquoted(character, pieces, splits=stops is None)
        return Word(pieces=tuple(pieces), start=start, end=self.position)

    def _ends_word(self, character: str, pieces: list[Piece]) -> bool:
        if character in "<>" and self.peek(2)[1:] == "(":
            return False
        if character == "(" and pieces and isinstance(pieces[-1], Literal) and pieces[-1].text[-1:] in ("?", "*", "+", "@", "!"):
            return pieces[-1].quoted
        return character in _METACHARACTERS

    def _unquoted(self, character: str, pieces: list[Piece], *, splits: bool) -> None:
        start = self.position
        if character == "'":
            pieces.append(self._single())
        elif character == '"':
            pieces.extend(self._double())
        elif character == "\\":
            self.position += 2
            if self.text[start + 1 : self.position] not in ("\n", ""):
                pieces.append(Literal(text=self.text[start + 1], quoted=True, start=start, end=self.position))
        elif character == "$" and self.peek(2) in ("$'", '$"'):
            self.position += 1
            pieces.extend([self._ansi()] if self.peek() == "'" else self._double())
        elif character in "$`":
            pieces.append(self.expansion(quoted=False))
        elif character in "<>" and splits:
            pieces.append(self._process_substitution(character))
        elif character == "(" and splits:
            pieces.append(self._extended_pattern())
        else:
            self._plain(pieces, splits=splits)

    def _plain(self, pieces: list[Piece], *, splits: bool) -> None:
        start = self.position
        run = _PLAIN.match(self.text, start + 1) if splits else None
        self.position = run.end() if run else start + 1
        text = self.text[start : self.position]
        last = pieces[-1] if pieces else None
        if isinstance(last, Literal) and not last.quoted and last.end == start:
            pieces[-1] = Literal(text=last.text + text, start=last.start, end=self.position)
        else:
            pieces.append(Literal(text=text, start=start, end=self.position))

    def _single(self) -> Literal:
        start, end = self.position, self.text.find("'", self.position + 1)
        if end < 0:
            raise self.fail("unclosed '")
        self.position = end + 1
        return Literal(text=self.text[start + 1 : end], quoted=True, start=start, end=self.position)

    def _ansi(self) -> Literal:
        start = self.position
        match = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self.text, start)
        if not match:
            raise self.fail("unclosed $'")
        self.position = match.end()
        return Literal(text=_ANSI.sub(_unescape, match[1]), quoted=True, start=start, end=self.position)

    def _double(self) -> list[Piece]:
        start = self.position
        self.position += 1
        return self.quoted_until('"') or [Literal(text="", quoted=True, start=start, end=self.position)]

    def quoted_until(self, closing: str, *, strips_tabs: bool = False) -> list[Piece]:
        """Read as inside double quotes, to the closing quote, which is passed; or to the end of the text if closing is ''."""
        pieces: list[Piece] = []
        begin, run = self.position, ""
        while True:
            plain = _QUOTED.match(self.text, self.position)
            if plain:
                run += plain[0]
                self.position = plain.end()
            character = self.peek()
            ends = character == closing
            expands = character == "`" or (character == "$" and self._expands())
            if run and (ends or expands):
                pieces.append(Literal(text=run, quoted=True, start=begin, end=self.position))
            if ends:
                self.position += len(closing)
                return pieces
            if not character:
                raise self.fail("unclosed quote")
            if expands:
                pieces.append(self.expansion(quoted=True))
                begin, run = self.position, ""
                continue
            run += self._quoted_character(character, closing)
            if character == "\n" and strips_tabs:
                self._skip_tabs()

    def _skip_tabs(self) -> None:
        tabs = _TABS.match(self.text, self.position)
        self.position = tabs.end() if tabs else self.position

    def _quoted_character(self, character: str, closing: str) -> str:
        following = self.peek(2)[1:] if character == "\\" else ""
        if following and following in "$`\\\n" + closing:
            self.position += 2
            return "" if following == "\n" else following
        self.position += 1
        return character

    def _expands(self) -> bool:
        following = self.peek(2)[1:]
        return following in ("{", "(", "[") or bool(_BARE_PARAMETER.match(following))

    def expansion(self, *, quoted: bool) -> Piece:
        """What begins with `$` or a backquote."""
        start = self.position
        if self.peek() == "`":
            return self._backquoted(quoted=quoted)
        if self.peek(3) == "$((" or self.peek(2) == "$[":
            calculation = self._calculation(quoted=quoted)
            if calculation:
                return calculation
        if self.peek(2) == "$(":
            self.position += 2
            body = self.commands(")")
            self.position += 1
            return Substitution(body=body, quoted=quoted, start=start, end=self.position)
        if self.peek(2) == "${":
            self.position += 2
            return self._braced(start, quoted=quoted)
        match = _BARE_PARAMETER.match(self.text, start + 1)
        self.position = match.end() if match else start + 1
        if not match:
            return Literal(text="$", start=start, end=self.position)
        return Parameter(name=match[0], quoted=quoted, start=start, end=self.position)

    def _backquoted(self, *, quoted: bool) -> Substitution:
        start = self.position
        match = re.compile(r"`((?:[^`\\]|\\.)*)`", re.DOTALL).match(self.text, start)
        if not match:
            raise self.fail("unclosed `")
        inner = re.sub(r"\\([$`\\])" if not quoted else r"\\([$`\\\"])", r"\1", match[1])
        reader = type(self)(" " * (start + 1) + inner)
        reader.position = start + 1
        body = reader.commands("")
        self.position = match.end()
        return Substitution(body=body, quoted=quoted, start=start, end=self.position)

    def _calculation(self, *, quoted: bool) -> Calculation | None:
        start, old = self.position, self.peek(2) == "$["
        end = closing_bracket(self.text, start + 2) if old else closing_parentheses(self.text, start + 3)
        if end is None:
            return None
        expression = self.nested(start + (2 if old else 3), end)
        self.position = end + (1 if old else 2)
        return Calculation(expression=expression, quoted=quoted, start=start, end=self.position)

    def nested(self, start: int, end: int, *, strips_tabs: bool = False) -> Word:
        """The text between two offsets, read as inside double quotes (arithmetic, here-documents)."""
        reader = type(self)(self.text[:end], start)
        if strips_tabs:
            reader._skip_tabs()
        return Word(pieces=tuple(reader.quoted_until("", strips_tabs=strips_tabs)), start=start, end=end)

    def _braced(self, start: int, *, quoted: bool) -> Piece:
        prefix = self._prefix()
        match = _PARAMETER.match(self.text, self.position)
        if not match:
            raise self.fail("bad ${")
        self.position = match.end()
        index = self._index()
        operator, operands = "", tuple[Word, ...]()
        if self.peek() != "}":
            operator, operands = self._operation(quoted=quoted)
        if self.peek() != "}":
            raise self.fail("unclosed ${")
        self.position += 1
        operator = prefix + match[0] if prefix == "#" else (prefix + operator if prefix else operator)
        return Parameter(
            name=match[0], quoted=quoted, index=index, operator=operator, operands=operands, start=start, end=self.position
        )

    def _prefix(self) -> str:
        following = self.peek(2)
        if following[:1] in ("#", "!") and following[1:] and following[1:] not in "}:-=?+%#/":
            self.position += 1
            return following[0]
        return ""

    def _index(self) -> Word | None:
        if self.peek() != "[":
            return None
        self.position += 1
        index = self.word(lambda character: character == "]")
        self.position += 1
        return index

    def _operation(self, *, quoted: bool) -> tuple[str, tuple[Word, ...]]:
        match = _OPERATOR.match(self.text, self.position)
        if not match and self.peek() in ("@", "*"):
            self.position += 1
            return "*", ()
        if not match:
            raise self.fail("bad ${")
        self.position = match.end()
        operator = match[0]
        separator = "/" if operator[0] == "/" else ":" if operator == ":" else ""
        operands = [self._operand(separator, quoted=quoted and operator[-1] in "-=?+")]
        if separator and self.peek() == separator:
            self.position += 1
            operands.append(self._operand("", quoted=False))
        return operator, tuple(operands)

    def _operand(self, separator: str, *, quoted: bool) -> Word:
        if not quoted:
            return self.word(lambda character: character in {"}", separator})
        start, pieces = self.position, list[Piece]()
        while self.peek() and self.peek() != "}":
            if self.peek() == '"':
                pieces.extend(self._double())
            elif self.peek() == "`" or (self.peek() == "$" and self._expands()):
                pieces.append(self.expansion(quoted=True))
            else:
                at, text = self.position, self._quoted_character(self.peek(), '"}')
                pieces.append(Literal(text=text, quoted=True, start=at, end=self.position))
        return Word(pieces=tuple(pieces), start=start, end=self.position)

    def _process_substitution(self, direction: str) -> Substitution:
        start = self.position
        self.position += 2
        body = self.commands(")")
        self.position += 1
        return Substitution(body=body, quoted=True, direction=direction, start=start, end=self.position)

    def _extended_pattern(self) -> Literal:
        end = closing_parentheses(self.text, self.position + 1, closers=1)
        if end is None:
            raise self.fail("unclosed (")
        start, self.position = self.position, end + 1
        return Literal(text=self.text[start : end + 1], start=start, end=end + 1)


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xu" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    return _ESCAPES.get(code, code if code in "\\'\"?" else "\\" + code)
