"""Programs in JavaScript or Python that run commands: checks, watchdogs, nightly jobs.

`execFileSync('systemctl', ['restart', 'shop'])`, `subprocess.run(["docker", "restart", "shop"])`

https://nodejs.org/api/child_process.html, https://docs.python.org/3/library/subprocess.html
"""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.grammar import programs
from logcorr.lazily import regex
from logcorr.model.facts import Fact, Program, Step
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser
from logcorr.parsers._shared.schedules import own_schedules

_SHEBANG = regex(r"#!.*\b(?:node|python[\d.]*)\b")
_PYTHON = regex(r"#!.*\bpython")


def _recognise(sample: Sample) -> float:
    first = sample.lines[0] if sample.lines else ""
    code = sample.name.endswith(programs.CODE) or _SHEBANG.match(first)
    return 0.6 if code and programs.starts_commands("\n".join(sample.lines)) else 0.0


@configuration_parser(title="program that runs commands", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """One `Program`, with what of it could be told, and the schedules that it keeps."""
    text = artifact.text()
    python = artifact.sample.name.endswith(".py") or _PYTHON.match(text) is not None
    yield Program(
        span=artifact.span(1, text.count("\n") + 1),
        checks_status=programs.checks_status(text),
        steps=tuple(
            Step(
                span=artifact.span(one.line),
                does=one.does,
                words=one.words,
                when=artifact.span(one.when[0]) if one.when else None,
                condition=one.when[1] if one.when else "",
                timeout_s=one.timeout_s,
                follows=one.follows,
                named=artifact.span(one.named) if one.named else None,
            )
            for one in programs.steps(text, seconds=python)
        ),
    )
    yield from own_schedules(artifact)
