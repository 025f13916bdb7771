"""A script names a compose file that is not there; another one is, under almost the same name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from logcorr.model.behaviour import Effect
from logcorr.model.case import Configuration, ProvedEffect
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.timeline.scripts import code_of

CLOSE = 0.75
"""How alike two names must be: `prd` and `prod` are 0.86."""
SHORTEST = 3
"""The letters of the shortest abbreviation."""


@rule(code="COMP001", title="A compose file that a script names is missing", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `-f` files of which nothing was collected, while a compose file of nearly the same name was."""
    collected = {path.rpartition("/")[2] for path in case.files}
    seen = set()
    for behaviour in case.behaviours:
        for effect in (proved.effect for proved in behaviour.proved if _through_compose(proved)):
            for path in effect.compose_files:
                name = path.rpartition("/")[2]
                near = _near(case, path, effect.directory) if name not in collected else None
                if near and (effect.span, name) not in seen and not _made_or_asked_for(case, effect, name):
                    seen.add((effect.span, name))
                    yield _finding(effect, name, near)


def _near(case: Configuration, path: str, directory: str | None) -> ComposeFile | None:
    """The compose file whose name is most like this one's, in what may be its folder (the root of what was collected, or one of
    that name)."""
    wanted = _told(path)
    folder = posixpath.basename(posixpath.dirname(posixpath.join(directory or "", path)))
    alike = [
        (_likeness(wanted, _told(file.span.path)), file)
        for file in case.of(ComposeFile)
        if posixpath.dirname(file.span.path).rpartition("/")[2] in ("", folder)
    ]
    best, file = max(alike, key=lambda pair: pair[0], default=(0.0, None))
    return file if best >= CLOSE else None


def _told(path: str) -> str:
    """What tells a compose file from others: its name without what all have in common."""
    return re.sub(r"^(?:docker-)?compose[._-]?|\.ya?ml$", "", posixpath.basename(path))


def _likeness(one: str, other: str) -> float:
    """From 0 to 1; an abbreviation (`prod`) is as good as the word."""
    short, long = sorted((one, other), key=len)
    abbreviated = len(short) >= SHORTEST and long.isalpha() and long.startswith(short)
    return 1.0 if one == other or abbreviated else SequenceMatcher(None, one, other, autojunk=False).ratio()


def _through_compose(proved: ProvedEffect) -> bool:
    return proved.effect.manager == "compose" and not proved.effect.remote


def _made_or_asked_for(case: Configuration, effect: Effect, name: str) -> bool:
    """Whether any script does more with the name than hand it to `-f`: writes it, copies it, asks whether it is there."""
    if "<" in name or "$" in name:
        return True
    for script in case.of(Script):
        if any(name in line and not _hands_on(line, name) for _, line in code_of(script)):
            return True
    return any(name in text for text, _ in effect.guard)


def _hands_on(line: str, name: str) -> bool:
    return bool(re.search(rf"(?:-f|--file)[ =]*[\"']?[^\s\"'>|]*{re.escape(name)}", line))


def _finding(effect: Effect, name: str, near: ComposeFile) -> Finding:
    there = near.span.path
    return Finding(
        confidence=0.7,
        claim=claim("compose_file_missing.found", "{name} is not among the collected files; {near} is", name=name, near=there),
        evidence=(Evidence(effect.span, f"names {name}"), Evidence(near.span, "has nearly that name")),
        would_refute=claim("compose_file_missing.refute", "a file {name} on the host, which was not collected", name=name),
        subject=effect.span.path,
        measured={"names": name, "near": there},
        fix=claim("compose_file_missing.fix", "name {near}, if that is what is meant", near=there),
    )
