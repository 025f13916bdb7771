"""What stands between `[[` and `]]`."""

from __future__ import annotations

from logcorr.grammar.shell.scanning import closing_parentheses
from logcorr.grammar.shell.tree import Literal, Piece, Test, Word
from logcorr.grammar.shell.words import WordReader
from logcorr.lazily import regex

_BINARY = regex(r"(==|=~|=|!=|<|>|-eq|-ne|-lt|-le|-gt|-ge|-nt|-ot|-ef)(?=[\s\"'$])")
_UNARY = regex(r"(-[a-zA-Z])(?=\s)")


class TestReader(WordReader):
    """Reads `[[ … ]]`: `||` binds weakest, then `&&`, `!`, and single tests."""

    def _test(self, start: int) -> Test:
        self.position += 2
        test = self._disjunction()
        self._blank()
        if self.peek(2) != "]]":
            raise self.fail("expected ]]")
        self.position += 2
        return Test(operator=test.operator, operands=test.operands, start=start, end=self.position)

    def _blank(self) -> None:
        while self.peek() and self.peek() in " \t\n":
            self.position += 1
        if self.peek(2) == "\\\n":
            self.position += 2
            self._blank()

    def _disjunction(self) -> Test:
        left = self._conjunction()
        self._blank()
        while self.peek(2) == "||":
            self.position += 2
            right = self._conjunction()
            left = Test(operator="||", operands=(left, right), start=left.start, end=right.end)
            self._blank()
        return left

    def _conjunction(self) -> Test:
        left = self._negation()
        self._blank()
        while self.peek(2) == "&&":
            self.position += 2
            right = self._negation()
            left = Test(operator="&&", operands=(left, right), start=left.start, end=right.end)
            self._blank()
        return left

    def _negation(self) -> Test:
        self._blank()
        start = self.position
        if self.peek() == "!" and self.peek(2)[1:] in (" ", "\t", "\n", "("):
            self.position += 1
            inner = self._negation()
            return Test(operator="!", operands=(inner,), start=start, end=inner.end)
        if self.peek() == "(":
            self.position += 1
            inner = self._disjunction()
            self._blank()
            if self.peek() != ")":
                raise self.fail("expected )")
            self.position += 1
            return inner
        return self._lone(start)

    def _lone(self, start: int) -> Test:
        unary = _UNARY.match(self.text, self.position)
        if unary:
            self.position = unary.end()
            self._blank()
            operand = self._operand_word()
            return Test(operator=unary[1], operands=(operand,), start=start, end=self.position)
        left = self._operand_word()
        self._blank()
        binary = _BINARY.match(self.text, self.position)
        if not binary:
            return Test(operator="-n", operands=(left,), start=start, end=left.end)
        self.position = binary.end()
        self._blank()
        right = self._expression() if binary[1] == "=~" else self._operand_word()
        return Test(operator=binary[1], operands=(left, right), start=start, end=self.position)

    def _operand_word(self) -> Word:
        word = self.word()
        if word.start == word.end:
            raise self.fail("expected a word in [[ ]]")
        return word

    def _expression(self) -> Word:
        """A regular expression, where parentheses and bars are plain."""
        start = self.position
        pieces: list[Piece] = []
        while self.peek() and self.peek() not in " \t\n":
            if self.peek() == "(":
                end = closing_parentheses(self.text, self.position + 1, closers=1)
                if end is None:
                    raise self.fail("unclosed (")
                part = self.word(lambda _, stop=end: self.position > stop)  # type: ignore[misc]
            elif self.peek() in "|<>&;)":
                part = Word(
                    pieces=(Literal(text=self.peek(), start=self.position, end=self.position + 1),),
                    start=self.position, end=self.position + 1,
                )  # fmt: skip
                self.position += 1
            else:
                part = self.word(lambda character: character in " \t\n(|<>&;)")
            pieces.extend(part.pieces)
        return Word(pieces=tuple(pieces), start=start, end=self.position)
