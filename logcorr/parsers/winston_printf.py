"""The templates of log lines in the source of an application that logs with winston.

    format.printf(({ level, message, timestamp }) => `${timestamp} [${level}]: ${message}`)

https://github.com/winstonjs/logform#printf. Nothing in the file is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.grammar import printf
from logcorr.lazily import regex
from logcorr.model.facts import Fact, LineTemplate
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_NAME = regex(r"\.[cm]?[jt]s$")
_LOADS = regex(r"""(?:\bfrom|\brequire\()\s*['"](?:winston|logform|nest-winston)['"]""")


def _recognise(sample: Sample) -> float:
    loads, calls = any(map(_LOADS.search, sample.lines)), any("printf(" in line for line in sample.lines)
    return 0.9 if loads and calls and _NAME.search(sample.path) else 0.0


@configuration_parser(title="winston's printf templates", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A `LineTemplate` for each template literal that a `printf` returns."""
    text = artifact.text()
    for begin, end, template in printf.templates(text):
        first, last = (text.count("\n", 0, place) + 1 for place in (begin, end))
        yield LineTemplate(span=artifact.span(first, last), text=template)
