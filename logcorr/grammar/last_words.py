"""What engines of languages print when an exception that nobody caught ends a process: which lines name it.

Node's (lib/internal/process/execution.js), Python's (sys.excepthook), Ruby's (error.c) and PHP's (main/main.c) words are the same
where a program prints an exception and goes on: how far up it came, and what follows, tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise

from msgspec import Struct

from logcorr.lazily import regex

NEEDLES = ("Traceback (most recent", "Node.js v", "^", "<main>'", "atal error: ")
"""One of these stands near all last words that are looked for here."""

AT_ONCE_S = 1.0
SOON = 5
"""So many events after the exception may pass before a process says that it starts again."""

MOST_FRAMES = 400

_EXCEPTION = regex(r"(?:Uncaught )?(?:[\w.$]*(?:Error|Exception)\b(?: \[\w+\])?(?::|$)|\[UnhandledPromiseRejection: )")
_THROWN = regex(r"[A-Za-z_$][\w.$]*(?: \[\w+\])?(?:: |$)|\[UnhandledPromiseRejection: ")
"""An exception of any name: pg's is called `error`."""

_VERSION = regex(r"Node\.js v\d+\.\d+\.\d+\S*\s*$")
_PLACE = regex(r"(?:file://)?/?\S+:\d+$")
_MARK = regex(r"\s*\^+\s*$")

_TRACEBACK = "Traceback (most recent call last):"
_TOP = regex(r'  File "(?:[^"]+", line \d+, in <module>$|<frozen runpy>"|[^"]*/runpy\.py", line \d+, in _run_module_as_main$)')
"""A traceback's first frame, where nothing caught what came up to it."""

_CHILD = regex(r"Process [\w:-]+:$")
"""What multiprocessing prints before the traceback that ends a child."""

_NAMED = regex(r"(?!KeyboardInterrupt|SystemExit)[A-Za-z_][\w.]*(?::|$)")
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)

_RUBY = regex(r"\S+:\d+:in [`'].+': .+ \([A-Z]\w*(?:::\w+)*\)$|\S+:\d+:in [`'].+': unhandled exception$")
_RUBY_FRAME = regex(r"\t(?:\s*\d+: )?from \S")
_PHP = regex(r"(?:PHP )?Fatal error: +\S")
_EXITED = regex(r"exit status \d+$|Stack trace:$|#\d+ ")
_TOLD = regex(r"\b(?:error|exception|critical|fatal|warn(?:ing)?|fail(?:ed|ure)?)\b", re.IGNORECASE)
"""A logger's own line before a traceback: then it was caught."""


class Lines(Struct, frozen=True):
    """Lines of a log: whether each begins an event, what it says without its head, and when an envelope stamped it (seconds).

    `opening` is what `opening_of` its first lines gives, and `starts` tells whether a text says that a process starts.
    `headed`: what begins an event has a head, so that what an engine prints does not.
    """

    texts: Sequence[str]
    begins: Sequence[bool]
    said: Sequence[str | None]
    stamped: Sequence[float] | None
    opening: str
    starts: Callable[[str], bool]
    headed: bool = True

    def after(self, last: int) -> Iterator[int]:
        """The lines after one that begin an event."""
        return (at for at in range(last + 1, len(self.texts)) if self.begins[at])

    def at_once(self, first: int, last: int) -> bool:
        """Whether two lines may be printed at once: no event begins between them, or the envelope's stamps are close."""
        if self.stamped is not None:
            return self.stamped[last] - self.stamped[first] <= AT_ONCE_S
        return not (any(self.begins[first + 1 : last + 1]) if self.headed else any(map(_VERSION.match, self.texts[first:last])))


def last_words(lines: Lines, near: Iterable[int]) -> tuple[set[int], set[int]]:
    """From the lines with a needle those that name what ended a process, and those with which it begins again, if that shows."""
    found: set[int] = set()
    unsure: set[tuple[int, int]] = set()
    for at in near:
        text = lines.texts[at]
        if text == _TRACEBACK:
            unsure.update(_python(lines, at))
        elif _VERSION.match(text):
            found.update(_node(lines, at))
        elif _MARK.match(text):
            found.update(_echoed(lines.texts, at))
        elif _PHP.match(text):
            unsure.add((at, at))
        elif text.endswith("<main>'") or _RUBY.match(text):
            unsure.update(_ruby(lines.texts, at))
    opened = _openings(lines, found | {last for _, last in unsure})
    ended = {one for one in unsure if _ended(lines, *one, opened)}
    again = {_again(lines, *one) for one in ended}
    return found | {last for first, last in unsure if (first, last) in ended or first in again}, opened


def _node(lines: Lines, version: int) -> Iterator[int]:
    """The exception above the version that Node prints when it ends."""
    for at in range(version - 1, max(-1, version - MOST_FRAMES), -1):
        if not lines.at_once(at, version):
            return
        if _EXCEPTION.match(lines.texts[at]):
            yield at
            return


def _echoed(texts: Sequence[str], mark: int) -> Iterator[int]:
    """The exception below the line that threw it, as Node shows that; a SyntaxError is shown so where it is caught, too."""
    if mark < 2 or mark + 2 >= len(texts) or not _PLACE.match(texts[mark - 2]) or texts[mark + 1].strip():
        return
    if _THROWN.match(texts[mark + 2]) and not texts[mark + 2].startswith("SyntaxError"):
        yield mark + 2


def _python(lines: Lines, first: int) -> Iterator[tuple[int, int]]:
    """Where a traceback to the top begins and what it names, the last of those that led to each other."""
    texts = lines.texts
    frames = range(first + 1, min(len(texts), first + MOST_FRAMES))
    last = next((at for at in frames if texts[at] and not texts[at][0].isspace()), None)
    if last is None or not _NAMED.match(texts[last]) or any(text in _CHAINED for text in texts[last + 1 : last + 4]):
        return
    if _TOP.match(texts[first + 1]) or (first and _CHILD.match(texts[first - 1])):
        yield first, last


def _ruby(texts: Sequence[str], main: int) -> Iterator[tuple[int, int]]:
    first = main
    while first and _RUBY_FRAME.match(texts[first]):
        first -= 1
    if _RUBY.match(texts[first]) and (first < main or "<main>'" in texts[first]):
        yield first, first


def opening_of(sample: Sequence[str]) -> str:
    """The shape of a log's first line, if it is the first that its program writes; else nothing.

    It is, if it comes again only behind what a dying process or its engine leaves.
    """
    shape = _shape(sample[0]) if sample else ""
    again = (before for before, text in pairwise(sample) if _shape(text) == shape)
    own = any(map(str.isalpha, shape)) and not _left(sample[0])
    return shape if own and all(map(_left, again)) else ""


def _left(text: str) -> bool:
    """Whether a line may be the last that a dying process leaves: nothing, or indented, or what engines print."""
    return not text.strip() or text[0].isspace() or any(one.match(text) for one in (_VERSION, _EXCEPTION, _NAMED, _PHP, _EXITED))


def _openings(lines: Lines, named: Iterable[int]) -> set[int]:
    """The lines like the log's first that follow an exception."""
    following = {at for last in named for at in islice(lines.after(last), 1 if lines.headed else SOON)}
    return {at for at in following if lines.opening and _shape(lines.texts[at]) == lines.opening}


def _ended(lines: Lines, first: int, last: int, opened: set[int]) -> bool:
    """Whether the process ended: it is a child, it starts again, nothing follows, or the same again."""
    if first and _CHILD.match(lines.texts[first - 1]):
        return True
    following = [*islice(lines.after(last), SOON)]
    if any(at in opened or lines.starts(lines.said[at] or "") for at in following):
        return True
    if first and _TOLD.search(lines.texts[first - 1]):
        return False
    if lines.stamped and following and lines.at_once(last, len(lines.texts) - 1):
        return True
    return not following or _again(lines, first, last) is not None


def _again(lines: Lines, first: int, last: int) -> int | None:
    """Where the same traceback follows at once, but for the rest of a message of several lines."""
    rest = (at for at in range(last + 1, min(len(lines.texts), last + MOST_FRAMES)) if lines.texts[at])
    later = next((at for at in rest if lines.begins[at] or lines.texts[at] == _TRACEBACK), None)
    if last == first or later is None or lines.texts[later] != _TRACEBACK:
        return None
    return later if lines.texts[first + 1 : first + 2] == lines.texts[later + 1 : later + 2] else None


def _shape(text: str) -> str:
    """A line without its numbers."""
    return re.sub(r"\d+", "0", text)
