"""Where the full output is printed, what, and in which language; and how its parts look."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from rich.console import Console
from rich.style import Style
from rich.text import Text

from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.escape import line
from logcorr.report.language import Language

VERDICTS = {"root-cause": "bold red", "suspected": "bold yellow", "undetermined": "bold yellow", "healthy": "bold green"}

LEVELS = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}

NOTE = Text("   = ", "cyan")
"""What a note under a cause or finding begins with."""


class Screen(Struct, frozen=True):
    """One output: `link` gives the URL of a collected file, if it has one; `whole` shows all that is known."""

    out: Console
    document: Document
    language: Language
    link: Callable[[str], str | None] = lambda path: None
    whole: bool = False

    def say(self, claim: Document) -> Text:
        """A claim on one line."""
        return Text(line(self.language.say(claim)))

    def bold(self, claim: Document) -> Text:
        """A claim that heads its part."""
        return Text(line(self.language.say(claim)), "bold")

    def word(self, english: str) -> str:
        """A fixed text."""
        return self.language.word(english)

    def cited(self, claim: Document, where: Document) -> Text:
        """A claim, and where it is to be seen."""
        return Text.assemble(self.say(claim), "  ", self.place(where, "cyan"))

    def place(self, where: Document, style: str = "") -> Text:
        """Where something stands, as `path:line`."""
        text = Text(line(write.place(where)), style)
        url = self.link(where["path"]) if where["path"] else None
        if url:
            text.stylize(Style(link=url))
        return text

    def finding(self, id: str) -> Document | None:
        """The finding of that id."""
        return next((finding for finding in self.document["findings"] if finding["id"] == id), None)

    def unclaimed(self) -> list[Document]:
        """Findings that no cause shows: neither what it explains, nor what contributes to it, nor what it is."""
        causes = self.document["causes"]
        claimed = {each["finding"] for cause in causes for each in cause["explains"]}
        claimed |= {id for cause in causes for id in cause["contributing"]}
        claimed |= {finding["id"] for cause in causes for finding in self.own_findings(cause)}
        return [finding for finding in self.document["findings"] if finding["id"] not in claimed]

    def own_findings(self, cause: Document) -> list[Document]:
        """The findings that are about a cause's culprit or trigger itself."""
        places = [(place["path"], place["line"]) for place in (cause["culprit"], cause["trigger"]) if place]
        found = [finding for finding in self.document["findings"] if finding["role"] != "symptom"]
        return [one for one in found if (one["evidence"][0]["path"], one["evidence"][0]["line"]) in places]
