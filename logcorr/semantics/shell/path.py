"""One way through a script: the shell's state, what has run, and what had to be assumed on the way.

Paths that reach the same state merge. `ran` then keeps the effects that ran on every one of them, so that an effect is
proved to run (MUST) exactly if it is in `ran` of every path that ends; that it never runs is read off the machine's own list
of effects ever met. Paths on which an assumption failed (`broken`) do not weaken a MUST, which lists its assumptions, but they
do refute a NEVER. Where one comes to the state of a path on which all hold, they go on as one, which remembers it `aside`.
"""

from __future__ import annotations

from copy import copy
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from logcorr.grammar.shell.tree import Function
from logcorr.model.source import Span
from logcorr.semantics.shell.source import Source
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import EMPTY, Unknown, Value, unknown


class Array(Struct, frozen=True):
    """An array variable: keys with their values in order; `whole` is False when there may be others."""

    items: tuple[tuple[str, Value], ...] = ()
    whole: bool = True


class Body(Struct, frozen=True, eq=False):
    """A function's definition; the same text elsewhere is another one."""

    node: Function
    source: Source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Body) and self.node is other.node

    def __hash__(self) -> int:
        return id(self.node)


class Status(Struct, frozen=True):
    """An exit status. `code` None: not known; then `failed` may still be, and `assume` says what is taken for granted.

    `asked`: the command's whole point is its answer (a test, a search), so that not even `set -e` makes success the rule.
    """

    code: int | None
    origin: str = ""
    failed: bool | None = None
    assume: str | None = None
    asked: bool = False


SUCCESS = Status(0)
FAILURE = Status(1)


class Flow(Struct, frozen=True):
    """Why the commands that follow are passed over: `exit`, `return`, `break`, `continue` (of `levels` loops), `endless`."""

    kind: str
    levels: int = 1


class Sink(Struct, frozen=True):
    """Where output goes: `captured`, `terminal`, `discarded`, or a `file` (its name, None if unknown)."""

    kind: str
    file: str | None = None
    appends: bool = False


TERMINAL, CAPTURED, DISCARDED = Sink("terminal"), Sink("captured"), Sink("discarded")


class Place(Struct, frozen=True):
    """Where commands run: on which host, in which container, from which directory (None: unknown)."""

    directory: Value
    remote: str | None = None
    container: str | None = None


class Aside(Struct, frozen=True):
    """What ran on other ways to the same state, on which assumptions failed, and these: from here on all are one path."""

    ran: frozenset[int]
    broken: frozenset[str]

    def joined(self, other: Aside | None) -> Aside:
        """What is true of both."""
        return Aside(self.ran & other.ran, self.broken | other.broken) if other else self


class Path(Struct):
    """The mutable state of one way through; `copy` before forking. All that it holds is immutable, so a copy is cheap."""

    place: Place
    variables: Store[str, Value | Array | None] = field(default_factory=Store)
    functions: Store[str, Body] = field(default_factory=Store)
    files: Store[str, Value | None] = field(default_factory=Store)
    traps: Store[str, Value] = field(default_factory=Store)
    known: Store[tuple[object, ...], bool] = field(default_factory=Store)
    options: frozenset[str] = frozenset()
    scopes: tuple[dict[str, Value | Array | None], ...] = ()
    arguments: tuple[Value, ...] | None = None
    script: str = ""
    status: Status = SUCCESS
    output: Value = EMPTY
    stdin: Value | None = None
    sinks: tuple[Sink, Sink] = (TERMINAL, TERMINAL)
    flow: Flow | None = None
    guards: tuple[tuple[str, Span], ...] = ()
    ran: frozenset[int] = frozenset()
    broken: frozenset[str] = frozenset()
    doubts: frozenset[str] = frozenset()
    shadow: bool = False
    aside: Aside | None = None

    def copy(self) -> Path:
        """A path that goes its own way from here."""
        return copy(self)

    def become(self, other: Path) -> None:
        """Take over the whole state of another path."""
        for name, value in zip(_FIELDS, _STATE(other), strict=True):
            setattr(self, name, value)

    def set(self, name: str, value: Value | Array | None) -> None:
        """Give a variable a value; None: it is known to be unset."""
        self.variables = self.variables.put(name, value)

    def unset(self, name: str) -> None:
        """Forget that the script ever set a variable."""
        self.variables = self.variables.without(name)

    def write(self, name: str, content: Value | None) -> None:
        """Give a file its content; None: it is known to be gone."""
        self.files = self.files.put(name, content)

    def did(self, effect: int) -> None:
        """An effect runs."""
        self.ran |= {effect}
        if self.aside:
            self.aside = Aside(self.aside.ran | {effect}, self.aside.broken)

    def fail(self, assumption: str) -> None:
        """An assumption fails."""
        if self.aside:
            self.ran, self.broken, self.aside = self.ran & self.aside.ran, self.broken | self.aside.broken, None
        self.broken |= {assumption}

    def depend(self, assumptions: frozenset[str]) -> None:
        """What was assumed decides something, so it is no more taken for granted.

        A path may stand for several ways, on each of which another assumption failed: one of them is as good as any from here on.
        """
        if self.broken & assumptions:
            self.broken = frozenset()
        if self.aside and self.aside.broken & assumptions:
            self.ran, self.doubts, self.aside = self.ran & self.aside.ran, self.doubts | assumptions, None

    def learn(self, question: tuple[object, ...], answer: bool) -> None:
        """Remember an answer, which holds from here on."""
        self.known = self.known.put(question, answer)

    def lose(self, what: str) -> None:
        """Know nothing of the state any more, after something that may have changed all of it."""
        self.variables = Store({name: (Unknown(f"${name} after {what}"),) for name in self.variables})
        self.arguments, self.files, self.known = None, Store(), Store()
        self.options -= {"errexit", "nounset"}
        self.status = Status(None, what)
        self.place = replace(self.place, directory=(Unknown(f"the directory after {what}"),))

    def print(self, value: Value, *, error: bool = False) -> None:
        """Write to standard output, or to standard error."""
        sink = self.sinks[1 if error else 0]
        if sink.kind == "captured":
            self.output = (*self.output, *value)
        elif sink.kind == "file" and sink.file is not None:
            self.write(sink.file, appended(sink.file, self.files.get(sink.file, _UNSET_FILE), value))

    def variable(self, name: str) -> Value | Array:
        """A variable's value; what the script never set comes from an environment nobody collected."""
        if name not in self.variables:
            return (Unknown(f"${name}", f"${name}"),)
        value = self.variables[name]
        return EMPTY if value is None else value

    def key(self) -> tuple[object, ...]:
        """What two paths must share to be one from here on."""
        return (
            self.place, self.variables, self.files, self.traps, self.known, self.functions,
            self.options, tuple(frozenset(scope.items()) for scope in self.scopes), self.arguments, self.script, self.status,
            self.output, self.stdin, self.sinks, self.flow,
        )  # fmt: skip


_UNSET_FILE: Value = unknown("a file nobody collected")
MOST_CONTENT = 60


def appended(name: str, before: Value | None, value: Value) -> Value:
    """What a file holds after more was written to it; of a file that was there before, and of a long one, nothing is known."""
    content = (*(before or EMPTY), *value)
    if len(content) > MOST_CONTENT or any(isinstance(part, Unknown) for part in content[:1]):
        return unknown(f"the content of {name}")
    return content


_FIELDS = Path.__struct_fields__
_STATE = attrgetter(*_FIELDS)
