"""What keeps a container running is not its program."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Image, Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._images import at, last_command, start_script
from logcorr.semantics.written import Background, Written, tree, walk


@rule(code="PROC016", title="A container outlives its program", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for images whose script starts the program in the background and then only keeps itself alive."""
    for image in case.of(Image):
        script = start_script(case, image)
        last = last_command(script) if script else None
        program = _program(script) if script and last and _idles(last) else None
        if last and program:
            yield _finding(image, last, program)


def _idles(command: Written) -> bool:
    follows = command.name == "tail" and bool({"f", "F", "follow"} & command.flags()) and "pid" not in command.flags()
    return follows or (command.name == "sleep" and command.words[:1] == ("infinity",))


def _program(script: Script) -> Written | None:
    """What runs in the background, the last of it; nothing that only follows a log, and nothing where somebody waits for it."""
    started = [at(script, node.command) for node in walk(tree(script)) if isinstance(node, Background)]
    found = [one for one in started if one and not _idles(one)]
    return found[-1] if found else None


def _finding(image: Image, last: Written, program: Written) -> Finding:
    return Finding(
        confidence=0.9,
        claim=claim(
            "main_process_idle.found",
            "the container lives as long as {idle}: where {program} dies, Docker sees nothing and starts nothing again",
            idle=last.name,
            program=program.name,
        ),
        evidence=(
            Evidence(last.span, "keeps the container running"),
            Evidence(program.span, "in the background"),
            Evidence(image.span, "starts the script"),
        ),
        would_refute=claim("main_process_idle.refute", "a container that ends when {program} is killed", program=program.name),
        subject=last.script.span.path,
        measured={"background_line": program.span.line},
        fix=claim(
            "main_process_idle.fix",
            "let {program} write to its standard output, and exec it as the last line",
            program=program.name,
        ),
    )
