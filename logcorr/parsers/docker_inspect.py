"""What `docker inspect CONTAINER…` prints.

    "Name": "/shop_backend_1",
    "com.docker.compose.project.config_files": "docker-compose.prod.yml",

Format: the Docker Engine API, "Inspect a container"; labels: compose's pkg/api/labels.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.facts import Container, Fact
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.parsers import configuration_parser

_LABEL = "com.docker.compose."
_FILES = f"{_LABEL}project.config_files"
_MARK = regex(r'\s*"(State|RestartCount|HostConfig|AppArmorProfile|ResolvConfPath)":')
_BEFORE_VALUE = regex(r"[\s,]*")
_HEALTH = {"healthy": True, "unhealthy": False}


def _recognise(sample: Sample) -> float:
    opens = any(line.strip() in {"[", "[{", "{"} for line in sample.lines[:5])
    marks = sum(_MARK.match(line) is not None for line in sample.lines)
    return 0.95 if opens and marks >= 2 else 0.6 if opens and marks else 0.0


@configuration_parser(title="docker inspect", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A container an element; images, networks and volumes are passed over."""
    text = artifact.text()
    for piece in _pieces(text):
        if isinstance(piece, int):
            yield Problem(artifact.path, "no JSON from here on: the output is cut off or edited", piece)
        elif isinstance(piece.value.get("State"), dict) and isinstance(piece.value.get("Name"), str):
            yield _container(artifact, piece)


class _Piece(Struct, frozen=True):
    """One element of the printed list, and the lines of its text, of which the first is line `line`."""

    value: Mapping[str, Any]
    line: int
    lines: tuple[str, ...]

    def find(self, key: str) -> int:
        """The line of the first such key."""
        return self.line + next((index for index, text in enumerate(self.lines) if f'"{key}"' in text), 0)


def _pieces(text: str) -> Iterator[_Piece | int]:
    """The objects of a list, or one object; the number of the line at which the text is no JSON, where there is one."""
    start = re.search(r"^\s*[\[{]", text, re.MULTILINE)
    position = start.end() - (start[0][-1] == "{") if start else len(text)
    decoder = json.JSONDecoder()
    while True:
        position = _next_value(text, position)
        if text[position : position + 1] != "{":
            break
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            yield text.count("\n", 0, getattr(error, "pos", position)) + 1
            return
        yield _Piece(value, text.count("\n", 0, position) + 1, tuple(text[position:end].split("\n")))
        position = end


def _next_value(text: str, position: int) -> int:
    match = _BEFORE_VALUE.match(text, position)
    return match.end() if match else position


def _container(artifact: Artifact, piece: _Piece) -> Container:
    value = piece.value
    state, configuration = _mapping(value, "State"), _mapping(value, "Config")
    labels = _mapping(configuration, "Labels")
    files = labels.get(_FILES)
    return Container(
        span=artifact.span(_name_line(piece)),
        name=value["Name"].lstrip("/"),
        image=configuration.get("Image"),
        status=str(state.get("Status", "")),
        healthy=_HEALTH.get(str(_mapping(state, "Health").get("Status"))),
        restart_count=value.get("RestartCount"),
        oom_killed=state.get("OOMKilled"),
        exit_code=None if state.get("Running") else state.get("ExitCode"),
        started_at=state.get("StartedAt"),
        project=labels.get(f"{_LABEL}project"),
        service=labels.get(f"{_LABEL}service"),
        compose_files=tuple(files.split(",")) if isinstance(files, str) and files else (),
        directory=labels.get(f"{_LABEL}project.working_dir"),
        label_span=Span(artifact.path, piece.find(_FILES)) if files else None,
        id=str(value["Id"]) if value.get("Id") else None,
    )


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _name_line(piece: _Piece) -> int:
    """The line of the container's own name; restart policies and networks have names too."""
    wanted = f'"Name": {json.dumps(piece.value["Name"])}'
    return piece.line + next((index for index, text in enumerate(piece.lines) if wanted in text), 0)
