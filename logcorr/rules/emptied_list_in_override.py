"""An override empties a list, and compose adds lists together: nothing is taken away."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.compose.written import WrittenList, written_lists
from logcorr.semantics.paths import folder_of
from logcorr.semantics.stack import DEFAULT_NAMES


@rule(code="COMP014", title="An empty list in an override takes nothing away", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for services of an override with an empty list (`ports: []`) that the file below it fills."""
    files = [(file, tuple(written_lists(file))) for file in case.of(ComposeFile)]
    for file, lists in files:
        beside = [one for one in files if one[0] is not file and folder_of(one[0].span.path) == folder_of(file.span.path)]
        below = [one for one in beside if _stem(file).startswith(_stem(one[0]))] or (beside if len(beside) == 1 else [])
        held = [one for _, lists_below in below for one in lists_below]
        for emptied in lists:
            kept = next((one for one in held if not emptied.whole and _fills(one, emptied)), None)
            if emptied.empty and kept:
                yield _finding(emptied, kept)


def _stem(file: ComposeFile) -> str:
    """Its name without ending; nothing for one that compose takes by itself, which lies below all others."""
    name = file.span.path.rpartition("/")[2]
    return "" if name in DEFAULT_NAMES else name.rpartition(".")[0]


def _fills(base: WrittenList, emptied: WrittenList) -> bool:
    """Whether it is the same list of the service where that is defined, and holds something."""
    return base.whole and not base.empty and (base.service, base.key) == (emptied.service, emptied.key)


def _finding(emptied: WrittenList, kept: WrittenList) -> Finding:
    base = kept.span.path.rpartition("/")[2]
    return Finding(
        confidence=0.93,
        claim=claim(
            "emptied_list_in_override.found",
            "compose adds the lists of its files together: {service} keeps the {key} of {base}",
            service=emptied.service,
            key=emptied.key,
            base=base,
        ),
        evidence=(Evidence(emptied.span, "takes nothing away"), Evidence(kept.span, "stays in force")),
        would_refute=claim(
            "emptied_list_in_override.refute", "docker compose config of both files, without these {key}", key=emptied.key
        ),
        subject=emptied.service,
        measured={"service": emptied.service, "key": emptied.key, "base": base},
        fix=claim("emptied_list_in_override.fix", "{key}: !reset [] (compose 2.24 and later)", key=emptied.key),
    )
