"""Facts that only scripts have, and the types of what an evaluation is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from logcorr.model.behaviour import Outcome
from logcorr.model.facts import Fact, Script
from logcorr.model.source import Span

Resolve = Callable[[str, str | None], Script | None]

Allowed = Mapping[int, Sequence[Outcome]]


class Message(Fact, frozen=True, kw_only=True):
    """Something a script writes: its known pieces, in order, unknown text between them.

    `sink` is the file, or `stdout`, `syslog`.
    """

    pieces: tuple[str, ...]
    sink: str = "stdout"


class Sleep(Fact, frozen=True, kw_only=True):
    """A pause of `seconds`, None if unknown; `loop` spans the innermost loop around it, if that never ends by itself."""

    seconds: float | None
    loop: Span | None = None
