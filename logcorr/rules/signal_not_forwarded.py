"""A container is told to stop, and only the shell in it hears that."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Image, Service
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._images import SERVES, built_by, last_command, last_of_list, start_script
from logcorr.semantics.paths import folder_of
from logcorr.semantics.written import Written

GRACE_S = 10.0
"""What Docker waits for by default before it kills."""

BUSYBOX = regex(r"alpine|busybox|(?:^|/)(?:caddy|traefik|registry)(?:[:@]|$)")
"""Images whose `sh` is busybox's, which gives its place to the last command of `-c`; Debian's dash does not."""

JOBS = frozenset({"python", "python3", "node", "npm", "yarn", "php", "java", "ruby", "bundle", "go", "pnpm", "npx"})
SERVING = frozenset(
    {"start", "serve", "server", "runserver", "run", "dev", "app.py", "server.js", "main.py", "index.js", "queue:work"}
)


@rule(code="PROC015", title="A container's program does not hear that it is to stop", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for images whose first process is a script that runs its program as a child, where `exec` would give it its place."""
    seen = set()
    for image in case.of(Image):
        script = start_script(case, image)
        last = last_command(script) if script and script.span.path not in seen else None
        if last and "exec" not in last.wrappers and _serves(last):
            seen.add(last.script.span.path)
            yield _finding(image, last, _grace(case))
        inline = last_of_list(image.entrypoint or image.command, image.span.path, image.started_at)
        if inline and _serves(inline) and not BUSYBOX.search(image.base):
            yield _in_one_line(inline, _grace(case))
    for file in case.of(ComposeFile):
        for service in file.services:
            words = service.entrypoint or service.command
            inline = last_of_list(words, file.span.path, _line(file, service, words))
            if inline and _serves(inline) and not BUSYBOX.search(_base(case, file, service)):
                yield _in_one_line(inline, service.stop_grace_s)


def _base(case: Configuration, file: ComposeFile, service: Service) -> str:
    """What a service's image is, or is built on; empty where nothing says that.

    One that is built elsewhere is that of the one Dockerfile in a folder that its name ends in: `shop-api` and `api/Dockerfile`.
    """
    built = built_by(case, file, service)
    name = re.split(r"[:@]", (service.image or "").rpartition("/")[2])[0]
    loose = case.of(Image) if service.dockerfile is None else ()
    alike = [one.base for one in loose if _ends_in(name, folder_of(one.span.path).rpartition("/")[2])]
    named = alike[0] if len(alike) == 1 else service.image or ""
    return built.base if built else named


def _ends_in(name: str, folder: str) -> bool:
    return bool(folder) and re.fullmatch(rf"(?:.+[-_])?{re.escape(folder)}", name) is not None


def _line(file: ComposeFile, service: Service, words: tuple[str, ...]) -> int:
    """Where a service's command begins."""
    lines = file.text.split("\n")
    key = "entrypoint:" if service.entrypoint == words else "command:"
    numbers = range(service.span.line, service.span.end_line + 1)
    return next((number for number in numbers if lines[number - 1].strip().startswith(key)), service.span.line)


def _serves(command: Written) -> bool:
    """Whether it is a program that runs until it is told to stop."""
    if command.name in JOBS:
        return any(
            word.rpartition("/")[2].rpartition(":")[0] in SERVING or word.rpartition("/")[2] in SERVING for word in command.words
        )
    return command.name in SERVES


def _grace(case: Configuration) -> float:
    given = {service.stop_grace_s for file in case.of(ComposeFile) for service in file.services}
    return given.pop() if len(given) == 1 else GRACE_S


def _in_one_line(last: Written, grace: float) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "signal_not_forwarded.found",
            "docker stop ends at the shell, which keeps it to itself: {grace:g} s later {program} is killed at its work",
            program=last.name,
            grace=grace,
        ),
        evidence=(Evidence(last.script.span, "a shell runs it as its child"),),
        would_refute=claim("signal_not_forwarded.refute", "docker stop, which takes less than a second (init: true)"),
        subject=last.script.span.path,
        measured={"grace_s": grace},
        fix=claim("signal_not_forwarded.fix", "exec {program} …", program=last.name),
    )


def _finding(image: Image, last: Written, grace: float) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "signal_not_forwarded.found",
            "docker stop ends at the shell, which keeps it to itself: {grace:g} s later {program} is killed at its work",
            program=last.name,
            grace=grace,
        ),
        evidence=(Evidence(last.span, "runs as the shell's child"), Evidence(image.span, "starts the script")),
        would_refute=claim("signal_not_forwarded.refute", "docker stop, which takes less than a second (init: true)"),
        subject=last.script.span.path,
        measured={"grace_s": grace},
        fix=claim("signal_not_forwarded.fix", "exec {program} …", program=last.name),
    )
