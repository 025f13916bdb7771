"""The container whose own log takes most of a full device, by a collected `du`, if nothing bounds that log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import ComposeFile, Service
from logcorr.model.source import Span
from logcorr.rules._hoards import captures, largest, used
from logcorr.rules._settings import settings
from logcorr.rules._verbose import SETTING
from logcorr.semantics.topology import find
from logcorr.timeline.select import lines_like

OWN = regex(r"/containers/(?P<id>[0-9a-f]{12,64})(?:/|$)")
"""Where Docker keeps what a container writes (https://docs.docker.com/engine/logging/drivers/json-file/)."""

BOUNDED = r"^\s*logging\s*:|^\s*<<\s*:"
SHORT_ID = 12


class Unbounded(Struct, frozen=True):
    """The container, the line to change, where the capture shows what its log takes and where whose it is."""

    name: str
    line: Span
    told: Span
    named: Span


def unbounded(case: Case, mounts: Sequence[str]) -> Unbounded | None:
    """The service of a compose file whose container it is: what makes it say so much, else where its bound is missing."""
    for path in captures(case):
        found = largest(case, path, mounts, used(case, mounts))
        place = OWN.search(found[0]) if found else None
        owner = next(_owners(case, place["id"][:SHORT_ID]), None) if place else None
        service = _service(case, owner[0]) if owner else None
        if found and owner and service and not _bounded(case, service):
            asks = list(lines_like(case, service.span, SETTING))
            return Unbounded(
                owner[0], asks[0][0] if len(asks) == 1 else Span(service.span.path, service.span.line), found[1], owner[1]
            )
    return None


def _owners(case: Case, short: str) -> Iterator[tuple[str, Span]]:
    """The lines that show which container has this id, as `docker ps` prints it: its name is one that runs here."""
    for path in captures(case):
        for line, text in (
            case.lines(path)
            .filter(pl.col("text").str.contains(rf"^\W*{short}\w*\s"))
            .select("line", "text")
            .collect()
            .iter_rows()
        ):
            yield from ((word, Span(path, line)) for word in text.split()[1:] if _service(case, word))


def _service(case: Case, name: str) -> Service | None:
    """The service of a compose file that a container of this name is of."""
    known = find(name, case.entities)
    names = known.names if known else {name}
    services = [one for file in case.of(ComposeFile) for one in file.services]
    own = [one for one in services if one.name in names or one.container_name in names]
    own = own or [one for one in services if name.endswith((f"-{one.name}-1", f"_{one.name}_1"))]
    return own[0] if len(own) == 1 else None


def _bounded(case: Case, service: Service) -> bool:
    """Whether its stanza, what it is merged with or the engine says how its log is kept."""
    return any(lines_like(case, service.span, BOUNDED)) or any(settings(case, r"log-opts"))
