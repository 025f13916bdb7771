"""Comments that accept a finding: `# logcorr: ignore[SH004] one host, runs take a second`.

A comment behind a line speaks of that line, one on a line of its own of the next line that is no comment. The reason is
required. Only static findings can be accepted: what a log shows has happened, whatever a file says of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from logcorr.model.result import Finding
from logcorr.model.source import Artifact, Problem, Span
from logcorr.rules import Rule

COMMENT = re.compile(r"(?:^|\s)#\s*logcorr:\s*(?P<rest>.*)$")
IGNORE = re.compile(r"ignore\[(?P<codes>[^\]]*)\]\s*(?P<reason>.*)")
CODE = re.compile(r"[A-Z]{2,6}\d{3}")


class Ignore(Struct, frozen=True):
    """A comment at `comment` that accepts findings of these codes on `line`, and why."""

    comment: Span
    line: int
    codes: tuple[str, ...]
    reason: str

    def accepts(self, finding: Finding) -> bool:
        """Whether the finding's first evidence lies on the line."""
        place = finding.evidence[0].span
        return finding.code in self.codes and place.path == self.comment.path and place.line <= self.line <= place.end_line


class Accepted(Struct, frozen=True):
    """A finding that is not reported, and the comment that says why."""

    finding: Finding
    ignore: Ignore


def suppress(
    findings: Sequence[Finding], artifacts: Iterable[Artifact], *, ran: Iterable[Rule], idle: Iterable[Rule] = ()
) -> tuple[tuple[Finding, ...], tuple[Accepted, ...], tuple[Problem, ...]]:
    """The findings that are left, those that comments in these files accept, and what is wrong with comments.

    `ran` are the rules that the findings are of; only those of static ones can be accepted. `idle` are rules that were not
    asked for: a comment that is meant for one of them is not useless.
    """
    ignores, problems = _read(artifacts)
    static = {rule.code for rule in ran if rule.static}
    left: list[Finding] = []
    accepted: list[Accepted] = []
    for finding in findings:
        ignore = next((one for one in ignores if finding.code in static and one.accepts(finding)), None)
        if ignore:
            accepted.append(Accepted(finding, ignore))
        else:
            left.append(finding)
    spared = {rule.code for rule in idle}
    used = {(one.ignore, one.finding.code) for one in accepted}
    useless = (
        Problem(
            ignore.comment.path, f"logcorr: ignore[{code}] accepts nothing: there is no such finding here", ignore.comment.line
        )
        for ignore in ignores
        for code in ignore.codes
        if (ignore, code) not in used and code not in spared
    )
    return tuple(left), tuple(accepted), (*problems, *useless)


def _read(artifacts: Iterable[Artifact]) -> tuple[list[Ignore], list[Problem]]:
    """The comments of all files, and those that cannot be read."""
    read = [one for artifact in artifacts if b"logcorr:" in b"".join(artifact.read()) for one in _comments(artifact)]
    return [one for one in read if isinstance(one, Ignore)], [one for one in read if isinstance(one, Problem)]


def _comments(artifact: Artifact) -> Iterator[Ignore | Problem]:
    lines = artifact.text().split("\n")
    for number, line in enumerate(lines, 1):
        found = COMMENT.search(line)
        if found:
            own_line = not line[: found.start()].strip()
            yield _comment(artifact.span(number), found["rest"], _next_line(lines, number) if own_line else number)


def _next_line(lines: Sequence[str], number: int) -> int:
    """The first line after this one that says something and is no comment."""
    following = (at for at, line in enumerate(lines[number:], number + 1) if line.strip() and not line.lstrip().startswith("#"))
    return next(following, number)


def _comment(place: Span, rest: str, line: int) -> Ignore | Problem:
    written = IGNORE.fullmatch(rest)
    codes = tuple(code.strip() for code in written["codes"].split(",")) if written else ()
    if not written or not all(CODE.fullmatch(code) for code in codes):
        return Problem(place.path, "logcorr: not understood; write `logcorr: ignore[CODE] reason`", place.line)
    if not written["reason"].strip():
        return Problem(place.path, f"logcorr: ignore[{', '.join(codes)}] needs a reason, and accepts nothing", place.line)
    return Ignore(place, line, codes, written["reason"].strip())
