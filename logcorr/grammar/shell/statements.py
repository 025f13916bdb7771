"""Statements: lists, pipelines, compound commands, redirections, here-documents."""

from __future__ import annotations

import re

from logcorr.grammar.shell.scanning import closing_parentheses
from logcorr.grammar.shell.simple import SimpleReader
from logcorr.grammar.shell.tree import (
    AndOr,
    Arithmetic,
    ArithmeticFor,
    Background,
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
    Word,
)
from logcorr.grammar.shell.words import NAME
from logcorr.lazily import regex

_FUNCTION = regex(r"([^\s\"'\\$`;&|<>()=]+)[ \t]*\([ \t]*\)")
_RESERVED = regex(
    r"(if|then|elif|else|fi|for|while|until|do|done|case|esac|select|function|time|in|coproc|\{|\}|!|\[\[)(?=[\s;&|<>()]|$)"
)
_ENDS_BLOCK = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})


class StatementReader(SimpleReader):
    """Reads statements; `finished` keeps the outermost commands read so far, for recovery."""

    def __init__(self, text: str, position: int = 0) -> None:
        super().__init__(text, position)
        self.finished: list[Node] = []
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
            raise self.unexpected()

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
            raise self.unexpected()
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
