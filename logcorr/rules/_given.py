"""Where a service is given the variables of its environment, and which of these places does not have one that it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import ComposeFile, Unit
from logcorr.model.source import Span

CHANGES = "deploy_changes_configuration"
ENVIRONMENT = regex(r"(?:^|[._-])env(?:[._-]|$)", re.IGNORECASE)
TEMPLATE = regex(
    r"[._-](?:example|sample|dist|te?mpla?te?|tpl|beispiel|muster|vorlage|exemple|ejemplo|esempio|exemplo)$", re.IGNORECASE
)
"""How an environment file is called that only shows which names there are."""

DIFF = r"^@@ |^diff --git "


def ungiven(case: Case, name: str, service: str, uses: Mapping[str, Span]) -> Iterator[Evidence]:
    """The places that should give the variable and do not: what leads to a file, a file; and what took it away.

    `uses` are the environment files that a deployment reads.
    """
    files = [path for path in sorted(case.files) if ENVIRONMENT.search(path.rpartition("/")[2])]
    live = [path for path in files if path in uses or not TEMPLATE.search(path)]
    lacking = [(path, last) for path in live if (last := last_setting(case, path, name))]
    away = list(_taken_away(case, name))
    holders = {*_holders(case, files, name), *(file for file, _ in away)}
    yield from _unlisted(case, holders, service)
    yield from _not_listed(case, name, service)
    yield from (Evidence(span, "it was taken away", shows=CHANGES) for _, span in away)
    for path, last in sorted(lacking, key=lambda pair: pair[0] not in uses):
        yield Evidence(last, f"{path.rpartition('/')[2]} does not set {name}", shows=CHANGES)


def _holders(case: Case, files: Sequence[str], name: str) -> Iterator[str]:
    """The names of the environment files that set it, or that do so by their template."""
    sets = rf"^\s*(?:export\s+)?{re.escape(name)}\s*=\s*%s"
    for path in files:
        filled = sets % ("" if TEMPLATE.search(path) else r"\S")
        if case.lines(path).filter(pl.col("text").str.contains(filled)).head(1).collect().height:
            yield TEMPLATE.sub("", path.rpartition("/")[2])


def _taken_away(case: Case, name: str) -> Iterator[tuple[str, Span]]:
    """The lines that a collected diff takes away and nowhere puts back that name it, or an environment file; and that file."""
    named = pl.col("text").str.contains(rf"\b{re.escape(name)}\b|(?:[\w./-]*[./_-])?env\b")
    for path in sorted(case.files - {source.path for source in case.sources}):
        lines = case.lines(path)
        if lines.filter(pl.col("text").str.contains(DIFF)).head(1).collect().height:
            told = lines.filter(named & pl.col("text").str.contains(r"^[-+](?:[^-+]|$)")).select("line", "text").collect()
            put = {thing for _, text in told.iter_rows() if text[0] == "+" for thing in _things(text, name)}
            for line, text in told.iter_rows():
                gone = [thing for thing in _things(text, name) if text[0] == "-" and thing not in put]
                yield from ((thing, Span(path, line)) for thing in gone[:1])


def _things(text: str, name: str) -> list[str]:
    """What a line names: the variable, or the last part of an environment file's path."""
    words = re.findall(r"[\w.-]+", text[1:])
    return [word for word in words if word == name or (ENVIRONMENT.search(word) and word.endswith(".env"))]


def _unlisted(case: Case, holders: set[str], service: str) -> Iterator[Evidence]:
    """Where a service is told which files to read, and none of these that hold the variable is among them."""
    composed = (one for file in case.of(ComposeFile) for one in file.services if one.name == service)
    units = (one for one in case.of(Unit) if one.name.removesuffix(".service") == service)
    told = [*((one.span, one.env_files) for one in composed), *((one.span, one.environment_files) for one in units)]
    for stanza, files in told:
        read = {file.rpartition("/")[2] for file in files}
        place = _last_named(case, stanza, files[-1]) if read and holders and not holders & read else None
        if place:
            yield Evidence(place, f"{service} is not told to read {min(holders)}", shows=CHANGES)


def _last_named(case: Case, stanza: Span, file: str) -> Span | None:
    """The line of a stanza that names the file; of a unit's whole file, whose span is but its name."""
    inside = pl.col("line").is_between(stanza.line, stanza.end_line) | (stanza.line == stanza.end_line)
    own = case.lines(stanza.path).filter(inside & pl.col("text").str.contains(file, literal=True))
    lines = own.select("line").tail(1).collect()["line"]
    return Span(stanza.path, lines[0]) if len(lines) else None


def _not_listed(case: Case, name: str, service: str) -> Iterator[Evidence]:
    """The place in a compose file where a service is given its variables one by one, and this one is not."""
    for one in (one for file in case.of(ComposeFile) for one in file.services if one.name == service):
        if one.environment and not one.env_files and name not in dict(one.environment):
            path, keys = one.span.path, [key for key, _ in one.environment]
            within = pl.col("line").is_between(one.span.line, one.span.end_line)
            key = pl.col("text").str.extract(r"^[\s-]*['\"]?(\w+)['\"]?\s*[:=]", 1)
            told = case.lines(path).filter(within & key.is_in(keys)).select("line", key=key).collect()
            if told.height:
                line = _nearest(list(told.iter_rows()), name)
                yield Evidence(Span(path, line), f"{service} is not given {name}", shows=CHANGES)


def _nearest(lines: Sequence[tuple[int, str]], name: str) -> int:
    """The last of the numbered names that begins most like this one: it may be the same by its old name."""
    return max(
        lines, key=lambda one: (len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one[1], name, strict=False)))), one[0])
    )[0]


def last_setting(case: Case, path: str, name: str) -> Span | None:
    """The line of an environment file that leaves the name empty, or else the one nearest to it; None where it is set."""
    lines = [(line, text.strip()) for line, text in case.lines(path).select("line", "text").collect().iter_rows() if text.strip()]
    keys = []
    for line, text in lines:
        key, _, value = text.removeprefix("export ").partition("=")
        if key.strip() == name:
            return None if value.strip().strip("'\"") else Span(path, line)
        keys.append((line, key.strip()))
    return Span(path, _nearest(keys, name)) if keys else None
