"""Compose files: `docker-compose.yml`, `compose.production.yaml` and their like.

    services:
      backend:
        image: registry.example.com/shop/backend:1.8.2
        ports: ["4000:4000"]

Format: the Compose specification; docker-compose 1.29's version 1 to 3 files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from logcorr.lazily import regex
from logcorr.model.facts import ComposeFile, Fact
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

if TYPE_CHECKING:
    from logcorr.grammar.yaml_tree import Node

_NAME = regex(r"(^|/)[^/]*compose[^/]*\.ya?ml$", re.IGNORECASE)
_SECTION = regex(r"services:\s*(#.*)?")
_SERVICE = regex(r"\s+[\"']?[\w.-]+[\"']?:\s*([&#{].*)?")
_KEY = regex(
    r"\s+(image|build|container_name|ports|extends|env_file|depends_on|restart|healthcheck|volumes|command|environment):"
)

_SCRIPT = regex(r"#!(?!.*compose)")
"""A script that writes a compose file is none."""


def _recognise(sample: Sample) -> float:
    if sample.name.endswith((".sh", ".bash")) or (sample.lines and _SCRIPT.match(sample.lines[0])):
        return 0.0
    lines = [line for line in sample.lines if line.strip() and not line.lstrip().startswith("#")]
    named = bool(_NAME.search(sample.path))
    sections = [index for index, line in enumerate(lines) if _SECTION.fullmatch(line)]
    following = lines[sections[0] + 1 :] if sections else []
    if following and _SERVICE.fullmatch(following[0]) and any(map(_KEY.match, following)):
        return 0.99 if named else 0.95
    starts = any(re.match(r"(version|services|include|name|networks|volumes|x-[\w-]+):|[\w.-]+:$", line) for line in lines)
    return 0.6 if named and starts else 0.0


@configuration_parser(title="compose file", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """The file with its services, as it stands alone; what cannot be read as problems."""
    from logcorr.grammar.yaml_tree import NotYaml, load  # slow to import, and few runs need it

    text = artifact.text()
    try:
        document = load(text, artifact.path)
    except NotYaml as error:
        yield Problem(artifact.path, str(error), error.line)
        return
    if document.tag != "map":
        yield Problem(artifact.path, "no compose file: it has no keys", document.line)
        return
    yield from _facts(artifact, document, text)


def _facts(artifact: Artifact, document: Node, text: str) -> Iterator[Fact | Problem]:
    from logcorr.grammar import compose

    refused: list[Problem] = []
    document = compose.filled(document, {}, refused, partial=True)
    reading = compose.services(compose.stanzas(document))
    yield from (*refused, *reading.problems)
    name = document.get("name")
    yield ComposeFile(
        span=artifact.span(document.line, document.end_line),
        services=reading.services,
        project=name.text if name else None,
        draws_from=tuple(dict.fromkeys([*compose.included(document), *compose.extended(document)])),
        text=text,
    )
