"""Readers of configuration and of captured command output: every folder of `fixtures/parsers/NAME` is a case.

`expected.json` lists what the case's one other file must yield, in order: the facts of the kinds it names (only the
fields it names are compared), and every problem (by a part of its message).
"""

import importlib
import json
import random
from pathlib import Path

import polars as pl
import pytest
from msgspec import Struct

from logcorr.model.facts import Fact
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.parsers import ConfigurationParser

FIXTURES = Path(__file__).parent / "fixtures" / "parsers"
NAMES = [
    "anacrontab",
    "certbot_renewal",
    "compose",
    "crontab",
    "docker_inspect",
    "docker_ps",
    "dockerfile",
    "environment",
    "kubernetes_describe",
    "kubernetes_manifest",
    "listing",
    "logrotate",
    "pm2_ecosystem",
    "pm2_list",
    "program",
    "program_schedule",
    "ps",
    "supervisord_conf",
    "systemctl_status",
    "systemd_unit",
    "timedatectl",
    "winston_printf",
    "workflow",
]
CASES = sorted(folder.parent for name in NAMES for folder in FIXTURES.glob(f"{name}/*/expected.json"))


def artifact(path: str, text: str) -> Artifact:
    lines = text.split("\n")
    frame = pl.LazyFrame(
        {"line": range(1, len(lines) + 1), "text": lines}, schema={"line": pl.UInt32, "text": pl.String}, strict=False
    )
    return Artifact(path=path, sha256="", size=len(text), sample=Sample(path, tuple(lines[:200])), scan=frame.lazy)


def case_artifact(folder: Path) -> Artifact:
    (path,) = (path for path in folder.rglob("*") if path.is_file() and path.name != "expected.json")
    return artifact(path.relative_to(folder).as_posix(), path.read_bytes().decode().removesuffix("\n"))


def parser(name: str) -> ConfigurationParser:
    found = importlib.import_module(f"logcorr.parsers.{name}").parser
    assert isinstance(found, ConfigurationParser)
    return found


def plain(value: object) -> object:
    if isinstance(value, Span):
        return str(value).partition(":")[2]
    if isinstance(value, Struct):
        return {"at" if name == "span" else name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def differences(expected: object, found: object, where: str = "") -> list[str]:
    """Where two values differ, as far as the expected one goes."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            text for key, value in expected.items() for text in differences(value, found.get(key, "nothing"), f"{where}.{key}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            text
            for index, (value, other) in enumerate(zip(expected, found, strict=True))
            for text in differences(value, other, f"{where}[{index}]")
        ]
    return [] if expected == found else [f"{where}: {expected} is expected, not {found}"]


def record(found: Fact | Problem) -> dict[str, object]:
    if isinstance(found, Problem):
        return {"at": str(found.line), "problem": found.message}
    return {"at": plain(found.span), type(found).__name__: plain(found)}


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_a_case_yields_what_it_says(folder):
    expected = json.loads((folder / "expected.json").read_text())
    kinds = {key for item in expected for key in item}
    found = [record(item) for item in parser(folder.parent.name).read(case_artifact(folder))]
    found = [item for item in found if "problem" in item or kinds & (item.keys() - {"at"})]
    assert len(found) == len(expected), found
    for want, got in zip(expected, found, strict=True):
        if "problem" in want:
            assert want["at"] == got["at"]
            assert want["problem"] in got.get("problem", "")
        else:
            assert differences(want, got) == []


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_a_case_is_claimed_by_its_own_reader(folder):
    sample = case_artifact(folder).sample
    claims = {name: parser(name).recognise(sample) for name in NAMES}
    assert max(claims, key=claims.get) == folder.parent.name, claims


PIECES = [
    '"',
    "'",
    "\n",
    "{",
    "}",
    "[",
    "]",
    "%",
    "${",
    "\\",
    "\t",
    ": ",
    " - ",
    "@",
    "\0",
    "é",
    "9" * 5000,
    "\r\n",
    "#",
    "*",
    "&a",
    "/",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_text_makes_a_reader_fail(name):
    """Any case's text, damaged at random: nothing is raised, and no line beyond the file is named."""
    chance, texts = random.Random(name), [(case.path, case.text()) for case in map(case_artifact, CASES)]
    for _ in range(300):
        path, text = chance.choice(texts)
        for _ in range(chance.randint(0, 12)):
            place = chance.randrange(len(text) + 1)
            text = text[:place] + chance.choice(PIECES) + text[place + chance.choice([0, 0, 3, 30]) :]
        damaged = artifact(path, text)
        assert 0.0 <= parser(name).recognise(damaged.sample) <= 1.0
        for found in parser(name).read(damaged):
            last = found.line if isinstance(found, Problem) else found.span.end_line
            assert last <= text.count("\n") + 1
