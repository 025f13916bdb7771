"""What stands in a compose file and is lost when it is read: keys that come twice, lists that are empty."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from logcorr.model.facts import ComposeFile
from logcorr.model.source import Span

ADDED = frozenset({
    "ports", "volumes", "expose", "env_file", "networks", "depends_on", "cap_add", "cap_drop", "security_opt", "extra_hosts",
    "devices", "dns", "labels", "environment", "secrets", "configs", "tmpfs", "profiles",
})  # fmt: skip
"""Keys of a service whose lists compose adds to those of the file before."""


class WrittenList(Struct, frozen=True):
    """A list of a service as it stands; `whole` where the file defines the service, rather than change one of another file."""

    service: str
    key: str
    span: Span
    empty: bool
    whole: bool


def repeated_keys(file: ComposeFile) -> tuple[tuple[str, Span, Span], ...]:
    """The keys that a mapping of the file has twice: where for the first time, and where again."""
    from logcorr.grammar.yaml_tree import repeated  # slow to import

    path = file.span.path
    return tuple((key, Span(path, first), Span(path, line)) for key, first, line in repeated(file.text))


def written_lists(file: ComposeFile) -> Iterator[WrittenList]:
    """The lists of all services that compose would add to those of other files, in the order of the text."""
    from logcorr.grammar.compose import stanzas
    from logcorr.grammar.yaml_tree import NotYaml, load

    try:
        document = load(file.text, file.span.path)
    except NotYaml:
        return
    for name, stanza in stanzas(document):
        whole = any(stanza.get(key) is not None for key in ("image", "build", "extends"))
        for key, value in stanza.entries:
            if key in ADDED and value.tag in ("seq", "map"):
                empty = not value.items and not value.entries
                yield WrittenList(name, key, Span(file.span.path, value.line, value.end_line), empty, whole)
