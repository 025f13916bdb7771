"""Compare one Result document with the truth of its incident."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = Mapping[str, Any]
NEAR_LINES = 3
ONE_HOP = frozenset({"effect_hits_service", "effect_terminates_process", "process_terminates"})
"""Three words for the hop from a command to the process that it ends; a truth may tell it in one step or in two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one incident was judged. `top1` and `path` are None where the truth names no culprit.

    `grounded`: every cited quote is what the file holds. `blamed`: innocents among the causes of at least 0.5.
    `probability` is the confidence in the leading cause, `right` whether that cause is true: the one that the truth is about,
    or one of the others that struck independently (`other_causes`).
    """

    name: str
    verdict: str
    verdict_right: bool
    top1: bool | None
    path: bool | None
    grounded: bool
    blamed: tuple[str, ...]
    period_error_s: float | None
    probability: float
    right: bool
    seconds: float

    @property
    def brier(self) -> float:
        """The squared error of the confidence; abstaining where nothing can be known costs nothing."""
        return (self.probability - float(self.right)) ** 2


def score(name: str, result: Document, truth: Document, root: Path, seconds: float) -> Score:
    """Judge the judgement."""
    leading = result["causes"][0] if result["causes"] else None
    culprits = [truth["culprit"], *truth.get("culprit_alternatives", ()), *truth.get("culprit_related", ())]
    known = truth["culprit"]["file"] is not None and not truth["expected_no_incident"]
    top1 = bool(leading and known and _hits(culprits, leading["culprit"]))
    others = [place for one in truth.get("other_causes", ()) for place in (one["culprit"], *one.get("culprit_alternatives", ()))]
    certain = truth.get("expected_confidence") != "low"
    return Score(
        name=name,
        verdict=result["verdict"],
        verdict_right=result["verdict"] in (truth["verdict"], *truth.get("verdict_accepted", ())),
        top1=top1 if known and certain else None,
        path=_path_right(leading, truth["chain"]) if known and certain and truth["chain"] else None,
        grounded=all(_holds(evidence, root) for evidence in _evidence(result)),
        blamed=tuple(_blamed(result, truth, culprits)),
        period_error_s=_period_error(leading, truth),
        probability=leading["confidence"] if leading else 0.0,
        right=top1 or bool(leading and known and _hits(others, leading["culprit"])),
        seconds=seconds,
    )


def _hits(places: list[Document], where: Document) -> bool:
    return any(_near(place, where) for place in places)


def _near(place: Document, where: Document) -> bool:
    if place["file"] != where["path"]:
        return False
    return place["line"] is None or abs(place["line"] - where["line"]) <= NEAR_LINES


def _path_right(cause: Document | None, chain: list[Document]) -> bool:
    """Whether each true hop is among the cause's, in order, citing a line of the true place."""
    if cause is None:
        return False
    at = 0
    for hop in chain:
        found = next((number for number, link in enumerate(cause["chain"][at:], at) if _is_hop(link, hop)), None)
        if found is None:
            return False
        at = found if hop["mechanism"] in ONE_HOP else found + 1
    return True


def _is_hop(link: Document, hop: Document) -> bool:
    cited = [link["from"], link["to"], *link["evidence"]]
    accepted = [hop, *hop.get("or", ())]
    same = link["mechanism"] == hop["mechanism"] or {link["mechanism"], hop["mechanism"]} <= ONE_HOP
    return same and any(_near(place, one) or _says(place, one) for place in accepted for one in cited)


def _says(place: Document, where: Document) -> bool:
    """Whether a cited line of the place's file holds its text: of a log any such line does (lab/README.md)."""
    return place["file"] == where["path"] and bool(place.get("text")) and place["text"] in where.get("quote", "")


def _evidence(part: object) -> Iterator[Document]:
    if isinstance(part, dict):
        if {"path", "line", "quote", "sha256"} <= part.keys():
            yield part
        for value in part.values():
            yield from _evidence(value)
    elif isinstance(part, list):
        for value in part:
            yield from _evidence(value)


def _holds(evidence: Document, root: Path) -> bool:
    """Whether the cited lines still hash to what the document says; packed files are taken on trust here."""
    path = root / evidence["path"]
    if not path.is_file() or path.suffix == ".gz":
        return True
    lines = path.read_bytes().splitlines(keepends=True)
    return hashlib.sha256(b"".join(lines[evidence["line"] - 1 : evidence["end_line"]])).hexdigest() == evidence["sha256"]


def _blamed(result: Document, truth: Document, culprits: list[Document]) -> Iterator[str]:
    for cause in result["causes"]:
        where = cause["culprit"]
        if cause["confidence"] < 0.5 or _hits(culprits, where):
            continue
        for place in truth["innocent"]:
            if place["file"] == where["path"] and place["line"] in (None, where["line"]):
                yield f"{where['path']}:{where['line']}"


def _period_error(cause: Document | None, truth: Document) -> float | None:
    if cause is None or not cause["period_s"] or not truth["period_s"]:
        return None
    return abs(cause["period_s"] - truth["period_s"])
