"""GitHub's workflow commands: a line a finding, which the checks of a pull request show beside the code.

    ::warning file=deploy/health.sh,line=7,endLine=7,title=SH014::one failed check is enough to restart backend

Format: GitHub Actions, workflow commands; escapes as its toolkit writes them (`command.ts`).
"""

from __future__ import annotations

from logcorr.report.cite import Document
from logcorr.report.escape import line
from logcorr.report.language import Language

LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def render(document: Document, language: Language) -> str:
    """The findings that stand in configuration, and the causes at their culprits, a command a line."""
    logs = {each["path"] for each in document["inputs"] if each["source"]}
    causes = [
        _command("error", cause["culprit"], f"{document['verdict']}: {cause['kind']}", language.say(cause["claim"]))
        for cause in document.get("causes", [])
    ]
    found = [one for one in document["findings"] if one["evidence"][0]["path"] not in logs]
    findings = [_command(LEVELS[one["severity"]], one["evidence"][0], one["code"], language.say(one["claim"])) for one in found]
    return "".join(f"{command}\n" for command in (*causes, *findings))


def _command(level: str, where: Document, title: str, text: str) -> str:
    place = {"file": where["path"], "line": where["line"], "endLine": where["end_line"], "title": title}
    return f"::{level} {','.join(f'{name}={_property(line(str(value)))}' for name, value in place.items())}::{_data(line(text))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
