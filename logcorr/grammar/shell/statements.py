"""Statements: lists, pipelines, compound commands, redirections, here-documents."""

from __future__ import annotations

import re

from logcorr.grammar.shell.tests import TestReader
from logcorr.grammar.shell.tree import (
    AndOr,
    Arithmetic,
    ArithmeticFor,
    Assignment,
    Background,
    Broken,
    Case,
    CaseItem,
    For,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Node,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Simple,
    Word,
)
from logcorr.grammar.shell.words import NAME, ShellSyntaxError, closing_parentheses

DECLARERS = frozenset({"declare", "typeset", "local", "export", "readonly"})
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?=\[|\+?=)")
_REDIRECT = re.compile(r"([0-9]+|\{[A-Za-z_]\w*\})?(<<<|<<-|<<|<>|<&|>&|>>|>\||&>>|&>|<(?!\()|>(?!\())")
_FUNCTION = re.compile(r"([^\s\"'\\$`;&|<>()=]+)[ \t]*\([ \t]*\)")
_RESERVED = re.compile(
    r"(if|then|elif|else|fi|for|while|until|do|done|case|esac|select|function|time|in|coproc|\{|\}|!|\[\[)(?=[\s;&|<>()]|$)"
)
_ENDS_BLOCK = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})


def parse(text: str) -> Sequence:
    """The commands of a script. Never fails: what is no shell becomes `Broken`, and reading goes on with the next line."""
    reader = StatementReader(text)
    commands: list[Node] = []
    while reader.position < len(text):
        start = reader.position
        try:
            commands.extend(reader.commands("").commands)
            if reader.position < len(text):
                raise reader.fail(f"unexpected {reader.peek()}")
        except ShellSyntaxError as error:
            at = min(max(error.at, start), len(text))
            end = text.find("\n", at)
            end = len(text) if end < 0 else end + 1
            commands.extend(reader.finished)
            commands.append(Broken(message=str(error), start=reader.finished[-1].end if reader.finished else start, end=end))
            reader = StatementReader(text)
            reader.position = end
    return Sequence(commands=tuple(commands), start=0, end=len(text))


class StatementReader(TestReader):
    """Reads statements; `finished` keeps the outermost commands read so far, for recovery."""

    def __init__(self, text: str, position: int = 0) -> None:
        super().__init__(text, position)
        self.finished: list[Node] = []
        self._bodies: dict[int, int] = {}
        self._depth = 0

    def commands(self, closing: str) -> Sequence:
        """Commands up to `)`, to a reserved word that ends a block, or to the end of the text; the closing is not passed."""
        start, found = self.position, list[Node]()
        outermost = self._depth == 0
        self._depth += 1
        if self._depth > 60:
            raise self.fail("nested too deep")
        while self._next_command():
            found.append(self._and_or())
            self._terminate(found)
            if outermost:
                self.finished = found
        if closing and self.peek(len(closing)) != closing:
            raise self.fail(f"expected {closing}")
        self._depth -= 1
        return Sequence(commands=tuple(found), start=start, end=self.position)

    def _next_command(self) -> bool:
        self._space(newlines=True)
        if self.position >= len(self.text) or self.peek() == ")" or self.peek(2) == ";;" or self.peek(2) == ";&":
            return False
        return self._reserved() not in _ENDS_BLOCK

    def _terminate(self, found: list[Node]) -> None:
        self._space()
        if self.peek() == "&" and self.peek(2) != "&&":
            self.position += 1
            found[-1] = Background(command=found[-1], start=found[-1].start, end=self.position)
        elif self.peek() == ";" and self.peek(2) not in (";;", ";&"):
            self.position += 1
        elif self.position < len(self.text) and self.peek() not in "\n);" and self._reserved() not in _ENDS_BLOCK:
            raise self.fail(f"unexpected {self.peek()}")

    def _space(self, *, newlines: bool = False) -> None:
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in " \t\r":
                self.position += 1
            elif self.peek(2) == "\\\n":
                self.position += 2
            elif character == "#":
                end = self.text.find("\n", self.position)
                self.position = len(self.text) if end < 0 else end
            elif character == "\n" and newlines:
                self.position = self._bodies.get(self.position, self.position + 1)
            else:
                break

    def _reserved(self) -> str:
        match = _RESERVED.match(self.text, self.position)
        return match[1] if match else ""

    def _take(self, word: str) -> None:
        self._space(newlines=True)
        if self._reserved() != word:
            raise self.fail(f"expected {word}")
        self.position += len(word)

    def _and_or(self) -> Node:
        left = self._pipeline()
        while True:
            self._space()
            operator = self.peek(2)
            if operator not in ("&&", "||"):
                return left
            self.position += 2
            self._space(newlines=True)
            right = self._pipeline()
            left = AndOr(left=left, operator=operator, right=right, start=left.start, end=right.end)

    def _pipeline(self) -> Node:
        start, negated = self.position, False
        while self._reserved() in ("!", "time", "coproc"):
            negated ^= self._reserved() == "!"
            self.position += len(self._reserved())
            self._space()
            if self.peek(3) == "-p ":
                self.position += 3
        commands = [self._command()]
        while self._pipe(commands):
            commands.append(self._command())
        if len(commands) == 1 and not negated:
            return commands[0]
        return Pipeline(commands=tuple(commands), negated=negated, start=start, end=self.position)

    def _pipe(self, commands: list[Node]) -> bool:
        self._space()
        if self.peek() != "|" or self.peek(2) == "||":
            return False
        if self.peek(2) == "|&":
            at, left = self.position, commands[-1]
            target = Word(pieces=(Literal(text="1", start=at, end=at),), start=at, end=at)
            merge = Redirect(descriptor="2", operator=">&", target=target, start=at, end=at)
            commands[-1] = Redirected(command=left, redirects=(merge,), start=left.start, end=left.end)
            self.position += 1
        self.position += 1
        self._space(newlines=True)
        return True

    def _command(self) -> Node:
        start = self.position
        command = self._compound()
        if command is None:
            return self._simple()
        redirects: list[Redirect] = []
        while self._redirect(redirects):
            pass
        if not redirects:
            return command
        return Redirected(command=command, redirects=tuple(redirects), start=start, end=self.position)

    def _compound(self) -> Node | None:
        readers = {
            "if": self._if, "while": self._loop, "until": self._loop, "for": self._for, "select": self._for,
            "case": self._case, "function": self._function, "{": self._group, "[[": self._test,
        }  # fmt: skip
        reserved = self._reserved()
        if reserved in readers:
            return readers[reserved](self.position)
        if reserved:
            raise self.fail(f"unexpected {reserved}")
        if self.peek(2) == "((":
            end = closing_parentheses(self.text, self.position + 2)
            if end is not None:
                return self._arithmetic(self.position, end)
        if self.peek() == "(":
            return self._group(self.position)
        match = _FUNCTION.match(self.text, self.position)
        return self._body_of(match[1], self.position, match.end()) if match else None

    def _arithmetic(self, start: int, end: int) -> Node:
        expression = self.nested(start + 2, end)
        self.position = end + 2
        return Arithmetic(expression=expression, start=start, end=self.position)

    def _group(self, start: int) -> Node:
        subshell = self.peek() == "("
        self.position += 1
        body = self.commands(")" if subshell else "}")
        self.position += 1
        return Group(body=body, subshell=subshell, start=start, end=self.position)

    def _if(self, start: int) -> Node:
        arms, otherwise = [], None
        keyword = "if"
        while keyword in ("if", "elif"):
            self._take(keyword)
            condition = self.commands("then")
            self._take("then")
            arms.append((condition, self.commands("")))
            keyword = self._reserved()
        if keyword == "else":
            self._take("else")
            otherwise = self.commands("fi")
        self._take("fi")
        return If(arms=tuple(arms), otherwise=otherwise, start=start, end=self.position)

    def _loop(self, start: int) -> Node:
        until = self._reserved() == "until"
        self.position += len("until" if until else "while")
        condition = self.commands("do")
        return Loop(condition=condition, body=self._do(), until=until, start=start, end=self.position)

    def _do(self) -> Sequence:
        self._space(newlines=True)
        if self.peek() == ";":
            self.position += 1
            self._space(newlines=True)
        if self._reserved() == "{":
            self.position += 1
            body = self.commands("}")
            self.position += 1
            return body
        self._take("do")
        body = self.commands("done")
        self._take("done")
        return body

    def _for(self, start: int) -> Node:
        select = self._reserved() == "select"
        self.position += len("select" if select else "for")
        self._space()
        if self.peek(2) == "((":
            return self._arithmetic_for(start)
        match = NAME.match(self.text, self.position)
        if not match:
            raise self.fail("expected a name")
        self.position = match.end()
        self._space(newlines=True)
        words = self._listed() if self._reserved() == "in" else None
        return For(name=match[0], words=words, body=self._do(), select=select, start=start, end=self.position)

    def _listed(self) -> tuple[Word, ...]:
        self.position += 2
        words: list[Word] = []
        self._space()
        while self.position < len(self.text) and self.peek() not in ";\n":
            words.append(self._word())
            self._space()
        return tuple(words)

    def _word(self) -> Word:
        word = self.word()
        if word.start == word.end:
            raise self.fail(f"unexpected {self.peek()}")
        return word

    def _arithmetic_for(self, start: int) -> Node:
        end = closing_parentheses(self.text, self.position + 2)
        if end is None:
            raise self.fail("expected ))")
        parts, at = [], self.position + 2
        for text in self.text[at:end].split(";"):
            parts.append(self.nested(at, at + len(text)))
            at += len(text) + 1
        if len(parts) != 3:
            raise self.fail("expected for ((;;))")
        self.position = end + 2
        self._space(newlines=True)
        return ArithmeticFor(first=parts[0], condition=parts[1], step=parts[2], body=self._do(), start=start, end=self.position)

    def _case(self, start: int) -> Node:
        self.position += len("case")
        self._space()
        word = self._word()
        self._take("in")
        items = []
        self._space(newlines=True)
        while self._reserved() != "esac":
            items.append(self._case_item())
            self._space(newlines=True)
        self.position += len("esac")
        return Case(word=word, items=tuple(items), start=start, end=self.position)

    def _case_item(self) -> CaseItem:
        start = self.position
        self.position += self.peek() == "("
        patterns = []
        while True:
            self._space()
            patterns.append(self._word())
            self._space()
            closing = self.peek()
            self.position += 1
            if closing == ")":
                break
            if closing != "|":
                raise self.fail("expected ) after a pattern")
        body = self.commands("")
        terminator = next((mark for mark in (";;&", ";;", ";&") if self.peek(len(mark)) == mark), "")
        self.position += len(terminator)
        if not terminator and self._reserved() != "esac":
            raise self.fail("expected ;;")
        return CaseItem(patterns=tuple(patterns), body=body, terminator=terminator or ";;", start=start, end=self.position)

    def _function(self, start: int) -> Node:
        match = re.compile(r"function\s+([^\s();&|<>]+)\s*(\([ \t]*\))?").match(self.text, start)
        if not match:
            raise self.fail("expected a name")
        return self._body_of(match[1], start, match.end())

    def _body_of(self, name: str, start: int, after: int) -> Node:
        self.position = after
        self._space(newlines=True)
        body = self._command()
        return Function(name=name, body=body, start=start, end=self.position)

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
            raise self.fail(f"unexpected {self.peek() or 'end of file'}")
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
        match = _REDIRECT.match(self.text, start)
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
