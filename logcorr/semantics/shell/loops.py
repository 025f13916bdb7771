"""Loops: literal ones unrolled, others followed until a path comes back to a state it has been in."""

from __future__ import annotations

import re
from collections.abc import Callable
from posixpath import basename, dirname, join, normpath

from msgspec import Struct, field
from msgspec.structs import replace

from logcorr.grammar.shell.tree import ArithmeticFor, For, Literal, Loop, Word
from logcorr.model.source import Span
from logcorr.semantics.shell.arithmetic import calculate
from logcorr.semantics.shell.bounded import Overflow
from logcorr.semantics.shell.expansion import fields, single
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.merging import merged
from logcorr.semantics.shell.path import FAILURE, SUCCESS, Array, Flow, Path, Status
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import EMPTY, Unknown, Value, derived, literal, text, unknown

WRITING_ROUNDS = 8
SURVEYED_ROUNDS = 1
FEW_ROUNDS = 6
MANY_COMMANDS = 200


def leave_round(path: Path) -> bool:
    """Whether a round ended the loop (`break`, or something that leaves more than the loop); `continue` is undone."""
    if path.flow is None:
        return False
    if path.flow.kind not in ("break", "continue"):
        return True
    again = path.flow.kind == "continue" and path.flow.levels == 1
    path.flow = None if path.flow.levels == 1 else replace(path.flow, levels=path.flow.levels - 1)
    return not again


class _Heads(Struct):
    """States seen at a loop's head: what had run on every way there."""

    seen: dict[tuple[object, ...], frozenset[int]] = field(default_factory=dict)
    first: Path | None = None

    def again(self, path: Path) -> bool:
        """Whether the path brings nothing new: it may go round for ever. Otherwise it is noted."""
        key = (*path.key(), path.shadow, bool(path.broken))
        before = self.seen.get(key)
        if before is not None and before <= path.ran:
            return True
        if before is not None:
            path.ran &= before
        self.seen[key] = path.ran
        return False

    def forget_writing(self, path: Path) -> None:
        """Give up what the loop writes: a log that grows by a line each round would make every round a new one."""
        if self.first is None:
            return
        path.output = unknown("output of a loop") if path.output != self.first.output else path.output
        path.files = Store({name: content for name, content in path.files.items() if self.first.files.get(name) == content})

    def widen(self, path: Path) -> None:
        """Give up the variables that the loop changes."""
        if self.first is None:
            return
        for name, value in path.variables.items():
            if value != self.first.variables.get(name):
                text = None if isinstance(value, Array) else derived(value or EMPTY, f"{name} changed by a loop")
                path.set(name, text or Array((), whole=False))
        path.known = Store()
        path.status = Status(None, "an exit status", asked=True)


def _rounds(
    machine: Machine, path: Path, span: Span | None, *, test: Callable[[Path], list[tuple[Path, bool]]],
    body: Callable[[Path], list[Path]], endless: Callable[[Path], None],
) -> list[Path]:  # fmt: skip
    """Rounds until nothing new comes: `test` says which paths go on, `body` gives the paths after one round.

    `span` is that of a loop which never ends by itself.
    """
    heads, results, paths = _Heads(first=path.copy()), list[Path](), [path]
    started = machine.commands
    with machine.looping(span):
        for count in range(machine.most_rounds * 3):
            if count == SURVEYED_ROUNDS and machine.surveys:
                return merged([*results, *paths])
            following: list[Path] = []
            for way in paths:
                if count >= WRITING_ROUNDS:
                    heads.forget_writing(way)
                if count >= machine.most_rounds or (count >= FEW_ROUNDS and machine.commands - started > MANY_COMMANDS):
                    heads.widen(way)
                if heads.again(way):
                    endless(way)
                    continue
                for branch, goes_on in test(way):
                    if branch.flow is not None or not goes_on:
                        results.append(branch)
                        continue
                    for after in body(branch):
                        (results if leave_round(after) else following).append(after)
            paths = machine.widened(following)
            results = merged(results)
            if not paths:
                break
        else:
            raise Overflow
    return results


def _endless(machine: Machine, span: Span, forever: bool) -> Callable[[Path], None]:
    """What becomes of a path that comes back to a state it was in: it may go round for ever."""
    assume = None if forever else f"the loop at {span} ends"
    return lambda way: machine.record.endless(way, assume)


def _always(text: str) -> bool:
    words = text.strip().rstrip(";").strip()
    endless = ("true", ":", "[ 1 ]", "[ true ]", "[[ 1 ]]", "(( 1 ))", "((1))", "/bin/true")
    return words in endless or re.fullmatch(r"sleep\s+\S+", words) is not None


def while_or_until(machine: Machine, node: Loop, path: Path) -> list[Path]:
    """`while` and `until`."""
    words = machine.source.text[node.condition.start : node.condition.end]
    forever = not node.until and _always(words)
    span = machine.span(node)
    before = path.guards
    machine.skip(node.body, path)

    def test(way: Path) -> list[tuple[Path, bool]]:
        answers: list[tuple[Path, bool]] = []
        with machine.asking():
            tested = machine.run(node.condition, way)
        for branch in tested:
            if branch.flow is not None:
                answers.append((branch, False))
                continue
            for settled, succeeded in machine.settled(branch):
                goes_on = succeeded != node.until
                settled.guards = before
                if goes_on and not forever:
                    settled.guards = (*before, (("until " if node.until else "while ") + words.strip().rstrip(";"), span))
                if not goes_on:
                    settled.status = SUCCESS
                answers.append((settled, goes_on))
        return answers

    results = _rounds(
        machine,
        path,
        span if forever else None,
        test=test,
        body=lambda way: machine.run(node.body, way),
        endless=_endless(machine, span, forever),
    )
    return _after(results, before)


def _after(results: list[Path], before: tuple[tuple[str, Span], ...]) -> list[Path]:
    for way in results:
        if way.flow is None:
            way.guards = before
    return merged(results)


def arithmetic(machine: Machine, node: ArithmeticFor, path: Path) -> list[Path]:
    """`for ((first; condition; step))`."""
    span = machine.span(node)
    forever = (
        node.condition.start == node.condition.end or not machine.source.text[node.condition.start : node.condition.end].strip()
    )

    def evaluate(way: Path, word: Word) -> None:
        result = calculate(machine, way, single(machine, way, word), span)
        way.status = (
            FAILURE if result.failed or result.number == 0 else SUCCESS if result.number else Status(None, "a for condition")
        )

    def test(way: Path) -> list[tuple[Path, bool]]:
        if forever:
            return [(way, True)]
        ways = machine.alternatives(way, lambda way: evaluate(way, node.condition))
        return [answer for branch in ways for answer in machine.settled(branch)]

    def body(way: Path) -> list[Path]:
        results = []
        for after in machine.run(node.body, way):
            if after.flow is not None and after.flow != Flow("continue"):
                results.append(after)
                continue
            after.flow = None
            results.extend(machine.alternatives(after, lambda way: evaluate(way, node.step)))
        return results

    before = path.guards
    machine.skip(node.body, path)
    started = machine.alternatives(path, lambda way: evaluate(way, node.first))
    endless, around = _endless(machine, span, forever), span if forever else None
    results = [after for way in started for after in _rounds(machine, way, around, test=test, body=body, endless=endless)]
    return _after(results, before)


def over_words(machine: Machine, node: For, path: Path) -> list[Path]:
    """`for name in words`: one round a word; words that cannot be counted give any number of rounds."""
    before = path.guards
    starts: list[tuple[Path, list[Value]]] = []

    def expand(way: Path) -> None:
        starts.append((way, _items(machine, way, node)))

    machine.skip(node.body, path)
    machine.alternatives(path, expand)
    results: list[Path] = []
    for start, items in starts:
        start.status = SUCCESS
        ways = [start]
        for item in items if not node.select else [unknown("a choice at the terminal")]:
            ways, left = _one_item(machine, node, ways, item)
            results.extend(left)
        results.extend(ways)
    return _after(results, before)


def _items(machine: Machine, path: Path, node: For) -> list[Value]:
    if node.words is None:
        return list(path.arguments) if path.arguments is not None else [(Unknown("the arguments", splits=True),)]
    items = [value for word in node.words for value in fields(machine, path, word) if not _globs(word)]
    items += [value for word in node.words if _globs(word) for value in _matching(machine, path, word)]
    if len(items) > machine.most_rounds:
        return [*items[:2], (Unknown(f"one of {len(items)} words", splits=True),)]
    return items


def _matching(machine: Machine, path: Path, word: Word) -> list[Value]:
    """The collected scripts that a pattern matches; what other files it does is not known."""
    given = fields(machine, path, word)
    pattern = literal(given[0]) if len(given) == 1 else None
    here = literal(path.place.directory)
    whole = pattern is not None and path.place.remote is None and not re.search(r"[*?\[].*/", pattern)
    scripts = machine.resolve(pattern, here and normpath(here)) if pattern and whole else None
    if scripts is None:
        return [(Unknown(f"files matching {machine.source.text[word.start : word.end]}", splits=True),)]
    return [text(join(dirname(pattern or ""), basename(name))) for name in scripts.text.split("\n")]


def _globs(word: Word) -> bool:
    return any(isinstance(piece, Literal) and not piece.quoted and re.search(r"[*?]|\[.+\]", piece.text) for piece in word.pieces)


def _one_item(machine: Machine, node: For, ways: list[Path], item: Value) -> tuple[list[Path], list[Path]]:
    """The paths that go on to the next word, and those that left the loop."""
    if node.select or any(isinstance(part, Unknown) and part.splits for part in item):
        return _any_number(machine, node, ways, item)
    going, left = list[Path](), list[Path]()
    with machine.looping(None):
        for way in ways:
            way.set(node.name, item)
            for after in machine.run(node.body, way):
                (left if leave_round(after) else going).append(after)
    return machine.widened(going), left


def _any_number(machine: Machine, node: For, ways: list[Path], item: Value) -> tuple[list[Path], list[Path]]:
    described = machine.source.text[node.start : node.end].partition("\n")[0]
    done: list[Path] = []

    def test(way: Path) -> list[tuple[Path, bool]]:
        way.status = Status(None, described)
        answers = machine.settled(way)
        for branch, goes_on in answers:
            branch.status = SUCCESS
            if goes_on:
                branch.set(node.name, tuple(Unknown(part.origin) if isinstance(part, Unknown) else part for part in item))
        return answers

    for way in ways:
        done.extend(
            _rounds(machine, way, None, test=test, body=lambda way: machine.run(node.body, way), endless=lambda way: None)
        )
    return [way for way in done if way.flow is None], [way for way in done if way.flow is not None]
