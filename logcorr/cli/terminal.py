"""The full terminal output: causes with marked source lines and their chain, findings, lanes, what is not covered, what next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from shlex import quote

from rich.text import Text

from logcorr.cli import links
from logcorr.cli.causes import show_cause
from logcorr.cli.console import console, hang, source
from logcorr.cli.screen import LEVELS, NOTE, VERDICTS, Screen
from logcorr.model.result import SEVERITIES
from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.escape import line, visible
from logcorr.report.language import Language

PLACES = 3
"""Places shown of one finding."""

QUOTED = 3
"""Lines quoted of one finding."""

NAME_CELLS = 24
"""A lane's name is cut to so many cells."""


def show(document: Document, language: Language, paths: Sequence[str], *, whole: bool = False) -> None:
    """Print a Result document; `paths` are what was analysed. `whole` shows all evidence with its lines, and all rules."""
    screen = _screen(document, language, paths, whole=whole)
    if not document["causes"]:
        _no_cause(screen)
    for cause in document["causes"]:
        show_cause(screen, cause)
    for finding in document["findings"] if whole else screen.unclaimed():
        _finding(screen, finding, quoted=whole)
    _lanes(screen)
    if whole:
        _rules(screen)
    _closing(screen, paths)


def _screen(document: Document, language: Language, paths: Sequence[str], *, whole: bool) -> Screen:
    out = console()
    found: Callable[[str], str | None] = lambda path: links.target(path, paths)  # noqa: E731
    return Screen(out, document, language, found, whole) if links.known(out) else Screen(out, document, language, whole=whole)


def show_check(document: Document, language: Language, *, whole: bool = False) -> None:
    """Print what a check found, worst first, with the lines; then what could not be read, and the counts."""
    screen = _screen(document, language, (), whole=whole)
    worst_first = sorted(document["findings"], key=lambda finding: -SEVERITIES.index(finding["severity"]))
    for finding in worst_first:
        _finding(screen, finding, quoted=True)
    for problem in document["problems"]:
        place = line(write.place(problem))
        hang(screen.out, Text(screen.word("problem") + screen.word(": "), "yellow"), Text(f"{place}: {line(problem['message'])}"))
    if whole:
        _rules(screen)
    show_counts(document, language)


def show_counts(document: Document, language: Language) -> None:
    """Print the last line of a check."""
    screen = Screen(console(), document, language)
    found = [(level, sum(one["severity"] == level for one in document["findings"])) for level in reversed(SEVERITIES)]
    counts = screen.word(", ").join(f"{count} {screen.word(level)}" for level, count in found if count)
    facts = {"files": sum(bool(each["format"]) for each in document["inputs"]), "accepted": len(document["accepted"])}
    total = screen.word("Files read: %(files)s · accepted: %(accepted)s · findings: ") % facts
    screen.out.print(Text(total + (counts or "0")), soft_wrap=True)


def _no_cause(screen: Screen) -> None:
    """The verdict where no cause is named, and what to collect to find one."""
    document, word = screen.document, screen.word
    unknown = word("symptoms were logged; what was collected does not tell their cause")
    felt = any(finding["role"] in ("symptom", "signal") for finding in document["findings"])
    said = Text(unknown, "bold") if felt and document["verdict"] != "healthy" else screen.bold(document["title"])
    hang(screen.out, Text(f"{document['verdict']}: ", VERDICTS[document["verdict"]]), said)
    for missing in document["missing"]:
        told = Text.assemble(screen.say(missing["what"]), (" — ", "dim"), screen.say(missing["would_decide"]))
        hang(screen.out, NOTE, Text.assemble((word("collect") + word(": "), "bold"), told))
    screen.out.print()


def _finding(screen: Screen, finding: Document, *, quoted: bool = False) -> None:
    level = f"{screen.word(finding['severity'])}[{line(finding['code'])}]"
    facts = f"{screen.word('confidence')} {write.score(finding['confidence'])}"
    claim = Text.assemble((level, LEVELS[finding["severity"]]), ": ", screen.bold(finding["claim"]), "  ", (facts, "dim"))
    hang(screen.out, Text(""), claim)
    for group in [[each] for each in finding["evidence"]] if screen.whole else [finding["evidence"]]:
        more = f" (+{len(group) - PLACES})" if len(group) > PLACES else ""
        places = Text(", ").join(screen.place(each) for each in group[:PLACES])
        hang(screen.out, Text("  --> ", "cyan"), Text.assemble(places, more))
        if quoted:
            for number, text in enumerate(group[0]["quote"].split("\n")[:QUOTED], group[0]["line"]):
                source(screen.out, Text.assemble((f"{number:>5} | ", "cyan"), visible(text).expandtabs(4).rstrip()))
    if finding["fix"]:
        hang(screen.out, NOTE, Text.assemble((screen.word("help") + screen.word(": "), "bold"), screen.say(finding["fix"])))
    screen.out.print()


def _rules(screen: Screen) -> None:
    """What every rule found, or that it found nothing."""
    ran = sorted(screen.document["rules_run"], key=lambda run: (run["outcome"] == "found nothing", run["outcome"]))
    for outcome, runs in groupby(ran, key=lambda run: str(run["outcome"])):
        names = screen.word(", ").join(line(run["rule"]) for run in runs)
        hang(screen.out, Text(screen.language.text(outcome) + screen.word(": "), "dim"), Text(names))
    screen.out.print()


def _lanes(screen: Screen) -> None:
    lanes, window = screen.document["lanes"], screen.document["window"]
    if not lanes:
        return
    span = " – ".join(write.when(f"{window[end][:19]}Z") for end in ("first", "last"))  # whole seconds
    scale = screen.word("one sign is %s") % screen.language.duration(lanes[0]["bin_s"])
    screen.out.print(Text.assemble((screen.word("Timeline"), "bold"), f" {span}  ", (scale, "dim")), soft_wrap=True)
    names = [_cut(line(lane["source"])) for lane in lanes]
    width = max(name.cell_len for name in names)
    for lane, name in zip(lanes, names, strict=True):
        bars = Text()
        for bar, errors in zip(write.sparkline(lane["counts"], empty=" "), lane["errors"], strict=True):
            bars.append(bar, "red" if errors else "blue")
        pad = " " * (width - name.cell_len + 2)
        screen.out.print(Text.assemble(pad, name, " ", bars, f" {lane['total']:,}"), soft_wrap=True)
    screen.out.print()


def _closing(screen: Screen, paths: Sequence[str]) -> None:
    word, document = screen.word, screen.document
    counts = {
        "files": len(document["inputs"]),
        "lines": f"{sum(each['lines'] for each in document['inputs']):,}",
        "causes": len(document["causes"]),
        "findings": len(document["findings"]),
    }
    screen.out.print(Text(word("Files: %(files)s · lines: %(lines)s · causes: %(causes)s · findings: %(findings)s") % counts))
    if gaps := list(_gaps(screen)):
        hang(screen.out, Text(word("Not covered: "), "yellow"), Text(word("; ").join(gaps)))
    if compared := document["comparison"]:
        hang(screen.out, Text(word("After the change: "), "green"), screen.say(compared["claim"]))
    if step := _next(screen):
        hang(screen.out, Text(word("Next: "), "green"), step)
    command = f"logcorr analyze {' '.join(quote(line(path)) for path in paths)} -o postmortem.md"
    hang(screen.out, Text(word("Report: "), "dim"), Text(command))


def _next(screen: Screen) -> Text | None:
    """The first thing to change, or else the first to collect."""
    document = screen.document
    for action in document["actions"]:
        if action["kind"] == "prevent":
            return screen.cited(action["claim"], action) if action["path"] else screen.say(action["claim"])
    for missing in document["missing"]:
        return Text.assemble(screen.word("collect"), screen.word(": "), screen.say(missing["what"]))
    return None


def _gaps(screen: Screen) -> Iterator[str]:
    """What was missing, not understood or not read."""
    word, document = screen.word, screen.document
    if document["causes"]:
        yield from (str(screen.say(missing["what"])) for missing in document["missing"])
    for each in document["inputs"]:
        if each["unparsed"]:
            yield word("%(count)s lines of %(path)s not understood") % {"count": each["unparsed"], "path": line(each["path"])}
        if not each["format"]:
            yield word("%(path)s not recognised") % {"path": line(each["path"])}
    yield from (f"{line(write.place(problem))}: {line(problem['message'])}" for problem in document["problems"])


def _cut(name: str) -> Text:
    text = Text(name)
    text.truncate(NAME_CELLS, overflow="ellipsis")
    return text
