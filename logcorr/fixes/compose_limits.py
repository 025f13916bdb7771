"""Limits of a compose file's service that are too short for it: the grace to end, and those of its health check."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import partial

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import added
from logcorr.fixes.text import Text
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.facts import ComposeFile, Service
from logcorr.model.result import Edit, Finding
from logcorr.model.source import Span

FACTOR = 3
"""The grace becomes so many times the one that did not do."""

TIMEOUT_S, RETRIES = 10, 3
"""What a health check gets at least: a slow answer is no failure, and one failure is no verdict."""


@fix("killed_after_grace")
def longer_grace(finding: Finding, folder: Folder) -> Iterator[Change]:
    """`stop_grace_period` of the service, where it was killed when that was over."""
    grace = finding.measured.get("grace_s")
    for service in _called(finding.subject, folder.case):
        if not isinstance(grace, float | int) or abs(grace - service.stop_grace_s) > 1:
            continue
        seconds = FACTOR * math.ceil(grace)
        text = folder.text(service.span.path)
        edit = _set(text, service.span, "stop_grace_period", f"{seconds}s") if text else None
        if text and edit:
            said = claim("patch.longer_grace", "{service} has {seconds} s to end", service=service.name, seconds=seconds)
            yield Change(path=text.path, edits=(edit,), claim=said, ends=_now(service, partial(_gives, seconds)))


@fix("strict_healthcheck")
def lenient_healthcheck(finding: Finding, folder: Folder) -> Iterator[Change]:
    """Its timeout and its retries, as far as they are below what a check should have."""
    for service in _called(finding.subject, folder.case):
        check, text = service.healthcheck, folder.text(service.span.path)
        if not check or not text:
            continue
        wanted = [("timeout", f"{TIMEOUT_S}s")] if check.timeout_s < TIMEOUT_S else []
        wanted += [("retries", str(RETRIES))] if check.retries < RETRIES else []
        edits = [_set(text, check.span, name, value) for name, value in wanted]
        said = claim(
            "patch.lenient_healthcheck",
            "the health check of {service} waits {seconds} s, and {retries} failures in a row count",
            service=service.name,
            seconds=max(TIMEOUT_S, round(check.timeout_s)),
            retries=max(RETRIES, check.retries),
        )
        found = tuple(edit for edit in edits if edit)
        if wanted and len(found) == len(wanted):
            yield Change(path=text.path, edits=found, claim=said, ends=_now(service, _lenient))


def _gives(seconds: float, service: Service) -> bool:
    return service.stop_grace_s >= seconds


def _lenient(service: Service) -> bool:
    check = service.healthcheck
    return bool(check and check.timeout_s >= TIMEOUT_S and check.retries >= RETRIES)


def _called(name: str, case: Case) -> Iterator[Service]:
    """The services of collected compose files that go by a name."""
    for file in case.of(ComposeFile):
        yield from (one for one in file.services if name in (one.name, one.container_name))


def _now(service: Service, holds: Callable[[Service], bool]) -> Callable[[Case], bool]:
    """Whether something holds of the service of that name and file."""
    return lambda case: any(
        one.name == service.name and one.span.path == service.span.path and holds(one)
        for file in case.of(ComposeFile)
        for one in file.services
    )


def _set(text: Text, stanza: Span, name: str, value: str) -> Edit | None:
    """A key of a block takes a value: where it is written, or on a line of its own at the top. None for a block in braces."""
    first = text.bounds(stanza.line)[0]
    block = text.plain[first : text.bounds(stanza.end_line)[1]]
    written = re.search(rf"^[ \t]+{name}:[ \t]*(?P<value>[^\s#]+)", block, re.MULTILINE)
    if written:
        return Edit(start=first + written.start("value"), end=first + written.end("value"), text=value)
    below = re.match(r"[^\n{]*:[ \t]*(?:#[^\n]*)?\n(?P<indent>[ \t]+)\w", block)
    return added(first + below.start("indent"), f"{below['indent']}{name}: {value}\n") if below else None
