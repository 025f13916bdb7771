"""A location hands on what its upstream needs: connections that are kept, or a WebSocket's upgrade."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import added
from logcorr.fixes.text import Text
from logcorr.model.claim import Claim, claim
from logcorr.model.facts import Directive, NginxFile
from logcorr.model.result import Edit, Finding

HEADER = "proxy_set_header"

KEPT = ("proxy_http_version 1.1", f'{HEADER} Connection ""')

UPGRADED = ("proxy_http_version 1.1", f"{HEADER} Upgrade $http_upgrade", f'{HEADER} Connection "upgrade"')


@fix("keepalive_not_used")
def kept_connections(finding: Finding, folder: Folder) -> Iterator[Change]:
    """As nginx's documentation of `keepalive` has it."""
    said = claim("patch.kept_connections", "connections to {group} are kept", group=finding.subject)
    yield from _change(finding, folder, KEPT, said)


@fix("websocket_without_upgrade")
def upgraded(finding: Finding, folder: Folder) -> Iterator[Change]:
    """As nginx's documentation of WebSocket proxying has it."""
    said = claim("patch.upgraded", "{location} hands on Upgrade", location=finding.subject)
    yield from _change(finding, folder, UPGRADED, said)


def _change(finding: Finding, folder: Folder, wanted: Sequence[str], said: Claim) -> Iterator[Change]:
    """The directives behind the one that hands on, as deep as that.

    A location with a header of its own inherits none: where it gets its first one, those that held before are repeated.
    """
    place = finding.evidence[0].span
    text = folder.text(place.path)
    files = [file for file in folder.case.of(NginxFile) if file.span.path == place.path]
    blocks = next((found for file in files if (found := _blocks(file.directives, finding))), ())
    if not text or not blocks or text.bounds(place.line)[0] != _line_start(text, blocks[-1], place.line):
        return
    own = blocks[-1]
    outer = next(([one for one in block if one.name == HEADER] for block in reversed(blocks[:-1]) if _sets(block)), [])
    lines = [line for line in wanted if not _written(own, line)]
    named = {line.split()[1].lower() for line in wanted if line.startswith(HEADER)}
    if not _sets(own):
        lines += [_source(text, one) for one in outer if one.args[0].lower() not in named]
    clash = [one for one in own if one.name == HEADER and one.args[0].lower() in named]
    edit = _inserted(text, place.end_line, lines)
    if not clash:
        yield Change(path=place.path, edits=(edit,), claim=said, safe=True)


def _line_start(text: Text, block: Sequence[Directive], line: int) -> int:
    """Where the line begins, if no second directive of the block stands on it; else nowhere."""
    return text.bounds(line)[0] if sum(one.span.line == line for one in block) == 1 else -1


def _blocks(block: tuple[Directive, ...], finding: Finding) -> tuple[tuple[Directive, ...], ...]:
    """The blocks that the finding's directive stands in, the outermost first."""
    if any(one.span == finding.evidence[0].span for one in block):
        return (block,)
    inner = (found for one in block if one.children and (found := _blocks(one.children, finding)))
    found = next(inner, ())
    return (block, *found) if found else ()


def _sets(block: Sequence[Directive]) -> bool:
    return any(one.name == HEADER for one in block)


def _written(block: Sequence[Directive], line: str) -> bool:
    """Whether the block sets this already."""
    name, *arguments = line.replace('"', "").split()
    return any(one.name == name and list(filter(None, one.args)) == arguments for one in block)


def _source(text: Text, directive: Directive) -> str:
    """A directive as it is written, without the semicolon."""
    start, end = text.bounds(directive.span.line)[0], text.bounds(directive.span.end_line)[1]
    line = text.plain[start:end]
    return line[line.index(directive.name) :].partition(";")[0]


def _inserted(text: Text, line: int, lines: Sequence[str]) -> Edit:
    start, end = text.bounds(line)
    indent = text.plain[start:end][: -len(text.plain[start:end].lstrip(" \t"))]
    return added(end, "".join(f"\n{indent}{one};" for one in lines))
