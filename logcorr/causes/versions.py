"""What tells of a change beside its record: the version that a service says it is, older copies of a file, notes of a version."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.timeline.select import seconds, spans, texts

CHANGES = "deploy_changes_configuration"
VERSION = regex(r"(?<![\d.])\d+\.\d+\.\d+(?![\d.]*\d)")
SETTING = regex(r"^\s*(?:- |export )?[\"']?(?P<name>[A-Za-z][\w.-]*)[\"']?\s*(?:[:=]|\s)\s*(?P<value>\S.*?)[;,]?\s*$")
HEADING = regex(r"^(?:#+|=+|v?\d)")
PROSE = (".md", ".txt", ".rst", "CHANGES", "CHANGELOG", "NEWS", "RELEASES")


def another_version(case: Case, services: Collection[str], early: float, until: float) -> Iterator[tuple[Evidence, str]]:
    """The last start of a service between the two times, and the one before it, where it says that it is another version."""
    started = (
        case.happened("process.started").drop_nulls("time").filter(pl.col("service").is_in(sorted(services)).fill_null(False))
    )
    for (service, _), rows in started.group_by("service", "file", maintain_order=True):
        upto = rows.filter(pl.Series(seconds(rows) <= until, dtype=pl.Boolean)).tail(2)
        if upto.height == 2 and seconds(upto)[1] >= early:
            before, after = (frozenset(VERSION.findall(text)) for text in texts(case, upto))
            if before and after and before != after:
                yield from ((Evidence(span, "as another version", CHANGES), str(service)) for span in reversed(spans(upto)))


def older_copies(case: Case, lines: Sequence[Span]) -> Iterator[tuple[Evidence, str]]:
    """The lines of older copies of a file (`env.bak` beside `env`, `package-3.8.1.json`) that set another value."""
    for span in lines:
        for other in sorted(case.files):
            if other != span.path and _is_copy(span.path, other):
                yield from _other_value(case, span, other)


def _is_copy(path: str, other: str) -> bool:
    """Whether the name is the same, but for a version, or with an ending more."""
    longer = other.startswith(path) and re.fullmatch(r"[._~-]\w*~?", other.removeprefix(path))
    return bool(longer) or (VERSION.search(path) is not None and VERSION.sub("", path) == VERSION.sub("", other))


def _other_value(case: Case, span: Span, other: str) -> Iterator[tuple[Evidence, str]]:
    here = case.lines(span.path).filter(pl.col("line") == span.line).collect()["text"]
    setting = SETTING.match(here[0]) if len(here) else None
    for line, text in case.lines(other).select("line", "text").collect().iter_rows() if setting else ():
        old = SETTING.match(text)
        if setting and old and old["name"] == setting["name"] and old["value"] != setting["value"]:
            yield Evidence(Span(other, line), "another value in another copy", CHANGES), setting["name"]


def notes_of(case: Case, versions: Collection[str], names: Collection[str]) -> Iterator[tuple[Evidence, str]]:
    """The lines of a list of changes below the heading of one of these versions that name one of these things."""
    wanted = {name: re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w/-])") for name in sorted(names)}
    for path in sorted(path for path in case.files if path.endswith(PROSE)) if versions and wanted else ():
        inside = False
        for line, text in case.lines(path).select("line", "text").collect().iter_rows():
            found = VERSION.findall(text) if HEADING.match(text) else []
            inside = bool(set(found) & set(versions)) if found else inside
            named = next((name for name, said in wanted.items() if inside and said.search(text)), None)
            if named:
                yield Evidence(Span(path, line), "says what changed", CHANGES), named
