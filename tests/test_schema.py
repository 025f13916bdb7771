"""The published schema holds what documents look like, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "docs" / "result.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
NAMES = ["seed", "undetermined", "healthy", "hostile"]
OPEN = {"params", "measured", "kinds"}


def document(name):
    return json.loads((ROOT / "tests" / "fixtures" / "documents" / f"{name}.json").read_text("utf-8"))


def objects(part, path=()) -> Iterator[tuple]:
    """The paths of all objects but those whose names are free."""
    children = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    if isinstance(part, dict) and not (path and path[-1] in OPEN):
        yield path
    for name, child in children:
        yield from objects(child, (*path, name))


def at(part, path):
    for step in path:
        part = part[step]
    return part


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", NAMES)
def test_the_documents_are_valid(name):
    assert [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document(name))] == []


def test_a_name_too_many_or_too_few_is_refused_everywhere():
    seed = document("seed")
    for path in objects(seed):
        more, less = copy.deepcopy(seed), copy.deepcopy(seed)
        at(more, path)["surprise"] = 1
        assert not VALIDATOR.is_valid(more), path
        at(less, path).popitem()
        assert not VALIDATOR.is_valid(less), path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict",), "guilty"),
        (("window", "first"), "2025-10-16 09:55:03"),
        (("window", "first"), "2025-10-16T09:55:03+00:00"),
        (("findings", 0, "confidence"), 1.5),
        (("findings", 0, "evidence"), []),
        (("findings", 0, "evidence", 0, "line"), 0),
        (("findings", 0, "evidence", 0, "sha256"), "abc"),
        (("causes", 0, "proof"), "sure"),
        (("lanes", 0, "counts"), [0] * 61),
        (("actions", 0, "kind"), "hope"),
    ],
)
def test_a_wrong_value_is_refused(path, value):
    seed = document("seed")
    at(seed, path[:-1])[path[-1]] = value
    assert not VALIDATOR.is_valid(seed)
