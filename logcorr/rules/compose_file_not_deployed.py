"""A script works on the running stack through another compose file than the one the stack was started from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.model.case import Configuration, ProvedEffect, RunningStack
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Container, Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.paths import folder_of
from logcorr.semantics.stack import STARTING

UNTOUCHED = frozenset({"build", "pull"})
"""What compose does without touching a container."""


@rule(code="COMP008", title="A script names a compose file that is not the deployed one", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Compares the `-f` files of each compose command with those the running containers were created from."""
    if not case.stack:
        return
    seen = set()
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            used = proved.compose_paths
            touches = used and used != case.stack.compose_paths and proved.effect.action not in UNTOUCHED
            if touches and proved.effect.span not in seen and _may_be_one_stack(case, case.stack, proved):
                seen.add(proved.effect.span)
                yield _finding(case, case.stack, proved)


def _may_be_one_stack(case: Configuration, stack: RunningStack, proved: ProvedEffect) -> bool:
    """Whether both can be meant for one stack, as they are on the host that containers were captured from.

    A repository may hold several: in folders of their own, started by scripts of their own, or chosen by an argument. Who starts
    but a part of one may be at a desk. An image alone tells of one stack, and not that others do not run.
    """
    used = proved.compose_paths
    folders = {folder_of(path) for path in (used[0], stack.compose_paths[0])}
    captured = list(case.of(Container))
    if captured:
        return len(folders) == 1 or any(one.compose_files for one in captured)
    here = len(folders) == 1 and not proved.effect.remote  # on another host, files may have been sent under other names
    started = _started_whole(case, stack.compose_paths) and not _started_whole(case, used)
    return here and started and not _chosen(case, proved) and not _part_by_part(case, proved)


def _part_by_part(case: Configuration, proved: ProvedEffect) -> bool:
    """Whether its script starts several services of these files one by one: then that is a stack of its own."""
    path = proved.effect.span.path
    own = (one for behaviour in case.behaviours for one in behaviour.proved if one.effect.span.path == path)
    starts = [one for one in own if one.compose_paths == proved.compose_paths and one.effect.action in STARTING]
    return len({target for one in starts for target in one.effect.targets}) > 1


def _started_whole(case: Configuration, used: tuple[str, ...]) -> bool:
    """Whether a script starts all of a stack from these files: then there are two."""
    every = (one for behaviour in case.behaviours for one in behaviour.proved if one.compose_paths == used)
    return any(one.effect.action in STARTING and not one.effect.targets for one in every)


def _chosen(case: Configuration, proved: ProvedEffect) -> bool:
    """Whether an argument makes the file's name (`docker-compose.$1.yml`) or replaces it (`${1:-compose.yml}`)."""
    text = "\n".join(script.text for script in case.of(Script) if script.span.path == proved.effect.span.path)
    names = [path.rpartition("/")[2] for path in proved.effect.compose_files]
    return any(name not in text or re.search(rf"\$\{{\w+:?-[^}}]*{re.escape(name)}", text) for name in names)


def _finding(case: Configuration, stack: RunningStack, proved: ProvedEffect) -> Finding:
    return Finding(
        confidence=0.9,
        claim=_claim(case, stack, proved),
        evidence=(
            Evidence(proved.effect.span, f"uses {', '.join(proved.compose_paths)}"),
            *(Evidence(span, text) for text, span in stack.evidence),
        ),
        would_refute=claim(
            "compose_file_not_deployed.refute",
            "container labels (com.docker.compose.project.config_files) that name {used}",
            used=", ".join(proved.compose_paths),
        ),
        subject=proved.effect.span.path,
        measured={"used": ", ".join(proved.compose_paths), "deployed": ", ".join(stack.compose_paths)},
        fix=claim("compose_file_not_deployed.fix", "name {deployed} here", deployed=", ".join(stack.compose_paths)),
    )


def _claim(case: Configuration, stack: RunningStack, proved: ProvedEffect) -> Claim:
    used, deployed = ", ".join(proved.compose_paths), ", ".join(stack.compose_paths)
    shared = _shared_services(case, stack, proved)
    if shared:
        return claim(
            "compose_file_not_deployed.shared",
            "the command uses {used}, but the stack runs from {deployed}; "
            "both define {services}, so it acts on the running containers all the same",
            used=used,
            deployed=deployed,
            services=", ".join(shared),
        )
    return claim(
        "compose_file_not_deployed.apart",
        "the command uses {used}, but the stack runs from {deployed}",
        used=used,
        deployed=deployed,
    )


def _shared_services(case: Configuration, stack: RunningStack, proved: ProvedEffect) -> list[str]:
    files = [file for file in case.of(ComposeFile) if file.span.path in proved.compose_paths]
    named = {service.name for file in files for service in file.services}
    return [service.name for service in stack.services if service.name in named]
