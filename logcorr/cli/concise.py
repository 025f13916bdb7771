"""One line a cause and a finding, as compilers write them: `path:line: level[code] confidence: claim`."""

from __future__ import annotations

from rich.text import Text

from logcorr.cli.console import console
from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.escape import line
from logcorr.report.language import Language


def show(document: Document, language: Language) -> None:
    """Print the causes, best first, then the findings; for no cause at all, the verdict."""
    show_causes(document, language)
    show_findings(document, language)


def show_causes(document: Document, language: Language) -> None:
    """Print the causes, or the verdict if there is none."""
    out = console()
    for cause in document["causes"]:
        out.print(_line(cause["culprit"], write.standing(document, cause), cause["kind"], cause, language), soft_wrap=True)
    if not document["causes"]:
        out.print(Text(f"{document['verdict']}: {line(language.say(document['title']))}"), soft_wrap=True)


def show_findings(document: Document, language: Language) -> None:
    """Print the findings."""
    out = console()
    for finding in document["findings"]:
        out.print(_line(finding["evidence"][0], finding["severity"], finding["code"], finding, language), soft_wrap=True)


def _line(where: Document, level: str, code: str, said: Document, language: Language) -> Text:
    place = line(f"{where['path']}:{where['line']}")
    return Text(f"{place}: {level}[{line(code)}] {write.score(said['confidence'])}: {line(language.say(said['claim']))}")
