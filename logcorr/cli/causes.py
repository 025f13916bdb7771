"""A cause on the terminal: its claim, the marked lines, the chain with its lags, and what speaks for and against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from logcorr.cli.console import hang
from logcorr.cli.excerpt import show_excerpts
from logcorr.cli.screen import NOTE, VERDICTS, Screen
from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.escape import line


def show_cause(screen: Screen, cause: Document) -> None:
    """Print a cause; the first one has the marked source lines and the rejected rivals."""
    verdict = screen.document["verdict"]
    kind = f"{write.standing(screen.document, cause)}[{line(cause['kind'])}]"
    hang(
        screen.out,
        Text(""),
        Text.assemble((kind, VERDICTS[verdict]), ": ", screen.bold(cause["claim"]), "  ", _facts(screen, cause)),
    )
    if cause["rank"] == 1 and screen.document["excerpts"]:
        show_excerpts(screen)
    else:
        hang(screen.out, Text("  --> ", "cyan"), screen.place(cause["culprit"]))
    _chain(screen, cause["chain"])
    for title, style, body in _notes(screen, cause):
        hang(screen.out, NOTE, Text.assemble((title + screen.word(": "), style), body))
    screen.out.print()


def _facts(screen: Screen, cause: Document) -> Text:
    """Confidence, proof, and how much of the symptom with the most events is explained."""
    word = screen.word
    facts = [f"{word('confidence')} {write.score(cause['confidence'])}", f"{word('proof')} {word(cause['proof'])}"]
    if cause["explains"]:
        most = max(cause["explains"], key=lambda explained: explained["total"])
        facts.append(f"{word('explains')} {most['count']}/{most['total']}")
    return Text(" · ".join(facts), "dim")


def _chain(screen: Screen, chain: Sequence[Document]) -> None:
    """A line a hop: how long after what it follows, what happens, where that is seen."""
    if not chain:
        return
    start = screen.place(chain[0]["from"], "cyan")
    screen.out.print(Text.assemble(NOTE, (screen.word("chain") + screen.word(": "), "bold"), start), soft_wrap=True)
    lags = [f"+{screen.language.duration(link['lag_s'])}" if link["lag_s"] else "" for link in chain]
    width = max(map(len, lags))
    for link, lag in zip(chain, lags, strict=True):
        hang(screen.out, Text(f"     {lag:>{width}} → ", "dim"), screen.cited(link["claim"], link["to"]))


def _notes(screen: Screen, cause: Document) -> Iterator[tuple[str, str, Text]]:
    """What stands under a cause, as title, style and text."""
    word = screen.word
    for each in cause["explains"]:
        if finding := screen.finding(each["finding"]):
            told = screen.cited(finding["claim"], finding["evidence"][0])
            yield f"{word('explains')} {each['count']}/{each['total']}", "bold", told
    for finding in filter(None, map(screen.finding, cause["contributing"])):
        told = screen.cited(finding["claim"], finding["evidence"][0])
        yield f"{word('contributes')}[{line(finding['code'])}]", "bold yellow", told
    for claim in cause["against"]:
        yield word("against"), "bold", screen.say(claim)
    if cause["rank"] == 1:
        yield from ((word("rejected"), "bold", _rejected(screen, rival)) for rival in screen.document["rivals"])
    if cause["recurrence"]:
        yield word("next run"), "bold", Text(write.when(cause["recurrence"][0]))
    own = screen.own_findings(cause)
    yield from ((word("help"), "bold", screen.say(finding["fix"])) for finding in own if finding["fix"])
    if own:
        yield word("more"), "bold", Text(" · ".join(f"logcorr explain {line(finding['code'])}" for finding in own), "cyan")


def _rejected(screen: Screen, rival: Document) -> Text:
    told = Text.assemble(screen.say(rival["claim"]), (" — ", "dim"), screen.say(rival["why_rejected"]), "  ")
    return told + screen.place(rival, "cyan") if rival["path"] else told
