"""What a service waits for before it starts."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from logcorr.grammar import compose
from logcorr.grammar.yaml_tree import NotYaml, load
from logcorr.model.facts import ComposeFile
from logcorr.model.source import Span


class Waiting(Struct, frozen=True):
    """`service` waits for `dependency` until `condition` holds; None where none is written, which is until it was started."""

    service: str
    dependency: str
    condition: str | None
    span: Span


def waiting(file: ComposeFile) -> Iterator[Waiting]:
    """Every `depends_on` of a compose file, in its order."""
    try:
        document = load(file.text, file.span.path)
    except NotYaml:
        return
    for name, service in compose.stanzas(document):
        written = service.get("depends_on")
        for dependency, node in written.entries if written else ():
            condition = node.get("condition")
            yield Waiting(name, dependency, condition.text if condition else None, Span(node.path, node.line, node.end_line))
        for node in written.items if written else ():
            yield Waiting(name, node.text, None, Span(node.path, node.line, node.end_line))


def started_otherwise(file: ComposeFile) -> set[str]:
    """The services whose stanzas say in other words than `restart` when they are started again, or draw on another stanza."""
    try:
        document = load(file.text, file.span.path)
    except NotYaml:
        return set()
    keys = ("deploy", "extends")
    return {name for name, stanza in compose.stanzas(document) if any(stanza.get(key) is not None for key in keys)}
