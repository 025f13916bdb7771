"""Uncaught exceptions in logs: the line that names them, and the line of a collected file that threw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from msgspec import Struct

from logcorr.lazily import np, pl, regex
from logcorr.model.case import Case
from logcorr.model.events import PROXIES, REQUEST_LOGS
from logcorr.model.source import Span
from logcorr.semantics.paths import collected

NAMED = regex(
    r"(?:^|[\]:|] |Unhandled exception\. |in thread \"[^\"]*\" )"
    r"(?P<message>(?:[A-Za-z_][\w.]*)?(?:Error|Exception)(?: \[\w+\])?: .+"
    r"|(?:panic|fatal error): .+|thread '[^']*'(?: \(\d+\))? panicked at .+|\S*\.rb:\d+:in .+ \([\w:]*(?:Error|Exception)\)"
    r"|(?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception) \(.+\):?)$"
)
"""`TypeError: x is not iterable`, alone or behind a log's head; `NameError (…):` of Rails; Go's `panic: ` and `fatal error: `.

Rust's `thread 'main' panicked at`, and Ruby's `app.rb:5:in 'show': … (KeyError)`, tell the place in the same line.
"""

TOLD = r"(?:Error|Exception)(?: \[\w+\])?(?:: | \(.+\):?$|\)$)|(?:panic|fatal error): |panicked at "

FRAME = regex(r"\bat (?:.*(?:\(| in ))?(?:file://)?(?P<path>[^\s():]+):(?:line )?(?P<line>\d+)(?::\d+)?\)?$")
RUBY_FRAME = regex(r"(?:^|[\s:\]])(?P<path>[\w./-]+\.rb):(?P<line>\d+):in [`'\"]")
PHP_FRAME = regex(r"(?:^|: |\| )#\d+ (?P<path>/\S+\.php)\((?P<line>\d+)\): ")
STACKED = regex(r".*\bat \S|.*\.rb:\d+:in |(?:.*(?:: |\| ))?#\d+ ")
"""A line of a stack in JavaScript, Java, .NET, Ruby or PHP; the engine's own functions have no place."""

GO_FRAME = regex(r"^(?:\t(?=\S+$)|(?:.*(?:: |\| ))?\s+(?=\S+ \+0x))(?P<path>/\S+\.go):(?P<line>\d+)(?: \+0x[\da-f]+)?$")
GO_ENGINE, GO_DIES = "/src/runtime/", ("panic: ", "fatal error: ")
"""Go's stack, as it prints it, or behind a log's head."""

RUST_PLACE = regex(r"panicked at (?:.*, )?(?P<path>[\w./-]+\.rs):(?P<line>\d+):\d+:?$")

PYTHON_FRAME = regex(r'(?:^|: |\| )\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
ECHOED = regex(r"^(?:file://)?(?P<path>/\S+):(?P<line>\d+)$")
"""Node names the place before the exception, and the line as it stood when it ran after it."""

SOURCES = (".ts", ".tsx", ".mts", ".cts", ".jsx", ".mjs", ".coffee")
"""What is compiled to JavaScript before it runs."""

MOST_FRAMES, MOST_THROWN = 40, 5_000
"""So many lines around an exception may be its stack; of a log that tells of more, the first ones are looked at."""

LIBRARIES = ("/node_modules/", "/site-packages/", "/dist-packages/")


class Thrown(Struct, frozen=True):
    """One exception: its words, the line that has them, and the line of the application's own code, if it was collected.

    `echo` is that line's text as the engine printed it, empty where it did not.
    """

    message: str
    span: Span
    frames: tuple[tuple[str, int], ...]
    echo: str = ""


def of_logs(case: Case) -> Mapping[str, tuple[Thrown, ...]]:
    """The exceptions that each application's log tells of, by its path: to be asked for once."""
    logs = sorted(one.path for one in case.sources if one.source not in PROXIES and one.format not in REQUEST_LOGS)
    return {path: found for path in logs if (found := tuple(thrown(case, path)))}


def thrown(case: Case, path: str) -> Iterator[Thrown]:
    """The exceptions with a stack that a log tells of, in file order."""
    lines = case.lines(path)
    told = lines.filter(pl.col("text").str.contains(TOLD)).select("line").head(MOST_THROWN).collect()["line"]
    if not len(told):
        return
    near = np.unique(told.to_numpy().astype(np.int64)[:, None] + np.arange(-MOST_FRAMES, MOST_FRAMES))
    wanted = pl.Series(near[near > 0], dtype=pl.UInt32)
    rows = lines.filter(pl.col("line").is_in(wanted.implode())).select("line", "text").collect()
    texts = rows["text"].to_list()
    for number in (rows["line"].search_sorted(told)).to_list():
        named = NAMED.search(texts[number])
        frames = _frames(texts, number) if named else ()
        if named and frames:
            yield Thrown(named["message"], Span(path, int(rows["line"][number])), frames, _echo(texts, number))


def _frames(texts: Sequence[str], number: int) -> tuple[tuple[str, int], ...]:
    """Where it was thrown, innermost first: below the exception (JavaScript, Java, .NET, Go, Ruby, PHP), or above it (Python).

    Rust and Ruby tell the innermost place in the exception's own line.
    """
    if own := RUST_PLACE.search(texts[number]):
        return ((own["path"], int(own["line"])),)
    following = texts[number + 1 : number + MOST_FRAMES]
    if any(dies in texts[number] for dies in GO_DIES):
        places = filter(None, (GO_FRAME.match(text) for text in following if GO_ENGINE not in text))
        return tuple((place["path"], int(place["line"])) for place in places)
    stack = list(takewhile(STACKED.match, following))
    below = (FRAME.search(text) or RUBY_FRAME.search(text) or PHP_FRAME.search(text) for text in stack)
    above = filter(None, map(PYTHON_FRAME.search, reversed(texts[max(0, number - MOST_FRAMES) : number])))
    found = [*filter(None, (RUBY_FRAME.search(texts[number]), *below))] or [*above]
    return tuple((frame["path"], int(frame["line"])) for frame in found if frame)


def _echo(texts: Sequence[str], number: int) -> str:
    """The line of code that the engine printed above the exception."""
    for place in range(number - 1, max(-1, number - 6), -1):
        if ECHOED.match(texts[place]):
            return texts[place + 1].strip()
    return ""


def own_line(case: Case, exception: Thrown) -> Span | None:
    """The innermost frame in a collected file of the application itself, if that file still has the line that threw."""
    for rank, (path, line) in enumerate(exception.frames):
        own = not any(library in path for library in LIBRARIES)
        file = collected(path, case.files) if own else None
        if file:
            text = case.lines(file).filter(pl.col("line") == line).collect()["text"]
            changed = rank == 0 and exception.echo and len(text) and text[0].strip() != exception.echo
            return Span(file, line) if len(text) and not changed else None
        if own and rank == 0 and (written := _written(case, path, exception.echo)):
            return written
    return None


def _written(case: Case, path: str, echo: str) -> Span | None:
    """The one line of a source that reads as the compiled line that the engine printed, in a file of the same name."""
    name = path.rpartition("/")[2].partition(".")[0]
    sources = [one for one in sorted(case.files) if one.endswith(SOURCES) and one.rpartition("/")[2].partition(".")[0] == name]
    found = [
        Span(one, line)
        for one in sources
        if echo
        for line in case.lines(one).filter(pl.col("text").str.strip_chars() == echo).collect()["line"]
    ]
    return found[0] if len(found) == 1 else None
