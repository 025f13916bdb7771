"""What the rules on compose commands share: the files and services that a command works through."""

from __future__ import annotations

from logcorr.model.case import Configuration, ProvedEffect
from logcorr.model.facts import ComposeFile, Service


def files_of(case: Configuration, proved: ProvedEffect) -> tuple[str, ...]:
    """The files it works through; those of the stack where it names none and nobody knows the folder that it runs in."""
    unnamed = proved.effect.manager == "compose" and not proved.effect.compose_files
    return proved.compose_paths or (case.stack.compose_paths if case.stack and unnamed else ())


def services_of(case: Configuration, proved: ProvedEffect) -> list[Service]:
    """The services that these files define."""
    paths = files_of(case, proved)
    return [service for file in case.of(ComposeFile) if file.span.path in paths for service in file.services]
