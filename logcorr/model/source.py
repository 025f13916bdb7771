"""Where things stand: spans of lines, and the artifacts that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import force_setattr

from logcorr.lazily import pl


class Span(Struct, frozen=True, order=True):
    """Lines `line` to `end_line` of one input file, both included, counted from 1.

    `path` is POSIX and relative to the analysed root; inside an archive it reads `bundle.tar.gz!logs/app.log`.
    """

    path: str
    line: int
    end_line: int = 0

    def __post_init__(self) -> None:
        if not self.end_line:
            force_setattr(self, "end_line", self.line)
        if not 1 <= self.line <= self.end_line:
            raise ValueError(f"no such lines: {self.path}:{self.line}-{self.end_line}")

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" + (f"-{self.end_line}" if self.end_line > self.line else "")


class Problem(Struct, frozen=True):
    """Input that could not be read, or not as what it claims to be: counted and shown, never fatal.

    `line` is 0 when the whole file is meant.
    """

    path: str
    message: str
    line: int = 0


class Sample(Struct, frozen=True):
    """What a recogniser sees of a file: its path and its first lines, decoded, without line ends and envelopes.

    `stamped` says that an envelope gives each line its time.
    """

    path: str
    lines: tuple[str, ...]
    stamped: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Artifact(Struct, frozen=True, kw_only=True, eq=False):
    """One collected file, as it will be read.

    `scan` gives `lines`; `whole` gives `text`, where that can be had without a frame. `sha256` and `size` are of the file's own
    bytes. `read` opens the input anew and yields its bytes in pieces, decompressed. A file in which several writers take turns
    (`docker compose logs`) becomes several artifacts of the same path, each with one writer's lines; `service` names it, where
    the file does.
    """

    path: str
    sha256: str
    size: int
    sample: Sample
    scan: Callable[[], pl.LazyFrame]
    whole: Callable[[], str] | None = None
    line_count: int = 0
    encoding: str = "utf-8"
    envelopes: tuple[str, ...] = ()
    format: str | None = None
    service: str | None = None
    problems: tuple[Problem, ...] = ()
    read: Callable[[], Iterator[bytes]] = lambda: iter(())

    @property
    def lines(self) -> pl.LazyFrame:
        """A lazy frame of `line` (UInt32, from 1) and `text` (String, without the line end), in file order, envelopes peeled.

        Where an envelope stamped the line itself, `logged_at` (Datetime µs, UTC) follows.
        """
        return self.scan()

    def span(self, line: int, end_line: int = 0) -> Span:
        """The span of some of this artifact's lines."""
        return Span(self.path, line, end_line)

    def text(self) -> str:
        """All lines, joined by newlines, each where it stands; for configuration, which is small.

        Lines that belong to others of the same file are empty.
        """
        if self.whole:
            return self.whole()
        own = dict(self.lines.select("line", "text").collect().iter_rows())
        return "\n".join(own.get(number, "") for number in range(1, max(own, default=0) + 1))
