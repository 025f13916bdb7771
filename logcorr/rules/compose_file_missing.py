"""A script names a compose file that is not there; another one is, under almost the same name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from logcorr.model.behaviour import Effect
from logcorr.model.case import Configuration, ProvedEffect
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Script
from logcorr.model.result import Finding
from logcorr.rules import rule

CLOSE = 0.85


@rule(code="COMP001", title="A compose file that a script names is missing", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `-f` files of which nothing was collected, while a compose file of nearly the same name was."""
    names = {file.span.path.rpartition("/")[2]: file for file in case.of(ComposeFile)}
    collected = {path.rpartition("/")[2] for path in case.files}
    seen = set()
    for behaviour in case.behaviours:
        for effect in (proved.effect for proved in behaviour.proved if _through_compose(proved)):
            for path in effect.compose_files:
                name = path.rpartition("/")[2]
                near = get_close_matches(name, names, n=1, cutoff=CLOSE) if name not in collected else []
                if near and (effect.span, name) not in seen and not _made_or_asked_for(case, effect, name):
                    seen.add((effect.span, name))
                    yield _finding(effect, name, names[near[0]])


def _through_compose(proved: ProvedEffect) -> bool:
    return proved.effect.manager == "compose" and not proved.effect.remote


def _made_or_asked_for(case: Configuration, effect: Effect, name: str) -> bool:
    """Whether any script does more with the name than hand it to `-f`: writes it, copies it, asks whether it is there."""
    if "<" in name or "$" in name:
        return True
    for script in case.of(Script):
        lines = script.text.split("\n")
        other = [line for line in lines if name in line and not line.lstrip().startswith("#") and not _hands_on(line, name)]
        if other:
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
