"""What accepts a finding: a comment (`# logcorr: ignore[SH004] one host, runs take a second`), or the caller's configuration.

A comment behind a line speaks of that line, one on a line of its own of the next line that is no comment. The reason is
required. Only static findings can be accepted: what a log shows has happened, whatever a file says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from logcorr.errors import LogcorrError
from logcorr.lazily import regex
from logcorr.model.result import Finding
from logcorr.model.source import Artifact, Problem, Span
from logcorr.rules import Rule

COMMENT = regex(r"(?:^|\s)#\s*logcorr:\s*(?P<rest>.*)$")
IGNORE = regex(r"ignore\[(?P<codes>[^\]]*)\]\s*(?P<reason>.*)")
CODE = regex(r"[A-Z]{2,6}\d{3}")

CALLER = Span("./accept", 1)
"""The place of what a program accepts, which stands in no file."""


class Ignore(Struct, frozen=True):
    """A comment at `comment` that accepts findings of these codes on `line`, and why."""

    place: Span
    line: int
    codes: tuple[str, ...]
    reason: str

    def accepts(self, finding: Finding) -> bool:
        """Whether the finding's first evidence lies on the line."""
        cited = finding.evidence[0].span
        return finding.code in self.codes and cited.path == self.place.path and cited.line <= self.line <= cited.end_line

    def useless(self, code: str) -> str:
        """What is said of it if it accepts no finding of a code."""
        return f"logcorr: ignore[{code}] accepts nothing: there is no such finding here"


class Acceptance(Struct, frozen=True):
    """What a caller accepts wherever it stands: findings of a rule, named or by code, in files that `path` matches, and why.

    `*` in the pattern stands for any characters, `/` too; what has no `/` before it may stand in any folder. `place` is where
    that is written: a path that begins with `./` or `../` is seen from the working directory.
    """

    rule: str
    reason: str
    path: str = "*"
    place: Span = CALLER

    def accepts(self, finding: Finding) -> bool:
        """Whether the finding is of the rule, and its first evidence in such a file."""
        cited = finding.evidence[0].span.path
        return self.means(finding.rule, finding.code) and (fnmatchcase(cited, self.path) or fnmatchcase(cited, f"*/{self.path}"))

    def means(self, name: str, code: str) -> bool:
        """Whether this is how the rule is called."""
        return self.rule.lower().replace("-", "_") == name or self.rule.upper() == code

    def useless(self, code: str) -> str:
        """What is said of it if it accepts nothing."""
        where = "" if self.path == "*" else f" in {self.path}"
        return f"{self.rule}{where} is accepted, but there is no such finding"


class Accepted(Struct, frozen=True):
    """A finding that is not reported, and what says why."""

    finding: Finding
    by: Ignore | Acceptance


def suppress(
    findings: Sequence[Finding],
    artifacts: Iterable[Artifact],
    given: Sequence[Acceptance] = (),
    *,
    ran: Iterable[Rule],
    idle: Iterable[Rule] = (),
) -> tuple[tuple[Finding, ...], tuple[Accepted, ...], tuple[Problem, ...]]:
    """The findings that are left, those that are accepted by comments in these files or as `given`, and what is wrong with those.

    `ran` are the rules that the findings are of; only those of static ones can be accepted. `idle` are rules that were not
    asked for: what is meant for one of them is not useless. Raises LogcorrError for a given rule that is no static one.
    """
    ran, idle = tuple(ran), tuple(idle)
    ignores, problems = _read(artifacts)
    static = {rule.code: rule for rule in (*ran, *idle) if rule.static}
    wanted: list[tuple[Ignore | Acceptance, str]] = [(one, code) for one in ignores for code in one.codes]
    wanted += [(one, _code(one, static.values())) for one in given]
    left: list[Finding] = []
    accepted: list[Accepted] = []
    for finding in findings:
        by = next((one for one, code in wanted if code == finding.code and code in static and one.accepts(finding)), None)
        if by:
            accepted.append(Accepted(finding, by))
        else:
            left.append(finding)
    spared: set[object] = {rule.code for rule in idle} | {(one.by, one.finding.code) for one in accepted}
    useless = (
        Problem(one.place.path, one.useless(code), one.place.line)
        for one, code in wanted
        if code not in spared and (one, code) not in spared
    )
    return tuple(left), tuple(accepted), (*problems, *useless)


def _code(given: Acceptance, static: Iterable[Rule]) -> str:
    """The code of the rule that is meant."""
    code = next((rule.code for rule in static if given.means(rule.name, rule.code)), None)
    if code is None:
        place = str(given.place).removeprefix("./")
        tip = "only what a static rule finds can be accepted; `logcorr rules` lists all, with their codes"
        raise LogcorrError(f"{place}: no static rule is called {given.rule}", tip)
    return code


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
