"""What is wrong in scripts and configuration, whatever any log tells: the static rules alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from msgspec import Struct

from logcorr import plugins
from logcorr.collect import quotes
from logcorr.configuration import schedules
from logcorr.errors import LogcorrError, NothingRecognised
from logcorr.model.case import Configuration
from logcorr.model.result import Finding
from logcorr.model.source import Problem
from logcorr.reading import Input, Paths, read_configuration
from logcorr.report import checked, document, sarif
from logcorr.rules import Rule, crashes, findings_of
from logcorr.semantics.understanding import Understanding, understand
from logcorr.suppression import Acceptance, Accepted, suppress


class Checked(Struct, frozen=True, kw_only=True):
    """What one check found: `result` is its document (`logcorr.check/1`, `docs/check.md`)."""

    result: dict[str, Any]
    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]

    def to_json(self) -> str:
        """The document."""
        return document.to_json(self.result)

    def to_sarif(self) -> str:
        """The findings as SARIF 2.1.0."""
        return sarif.render(self.result)


def check(
    paths: Paths,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    rules: Iterable[Rule] = (),
    accept: Sequence[Acceptance] = (),
    ignores: bool = True,
) -> Checked:
    """Run the static rules over folders and files; logs are not read.

    `select` and `ignore` name rules by name, code, or the letters of a group (`CRON`); nothing selected means all. `rules` are
    run beside those that are installed. `accept` says which findings are known, and why, beside the comments that do; without
    `ignores`, neither is obeyed.

    Raises LogcorrError for a path that does not exist or a rule that nobody knows, NothingRecognised if there is no
    configuration.
    """
    given = read_configuration(paths)
    if not given.configured:
        raise NothingRecognised("nothing here is configuration that logcorr knows", "`logcorr sources PATH` says what was seen")
    installed = plugins.rules()
    static = [rule for rule in (*installed.values(), *rules) if rule.static]
    asked = _asked(static, select, ignore)
    understood = understand(given.facts, given.files)
    found, ran = findings_of(_configuration(given, understood), asked)
    idle = [rule for rule in static if rule not in asked]
    comments, accept = (given.configured, accept) if ignores else ((), ())
    findings, accepted, useless = suppress(found, comments, accept, ran=asked, idle=idle)
    problems = (*given.problems, *understood.problems, *useless, *given.parsers.problems, *installed.problems)
    document = _document(given, findings, accepted, (*problems, *crashes(asked, ran)), ran)
    return Checked(result=document, findings=findings, accepted=accepted)


def _asked(rules: Sequence[Rule], select: Sequence[str], ignore: Sequence[str]) -> list[Rule]:
    """The rules that were selected and not ignored."""
    for word in (*select, *ignore):
        if not any(_means(word, rule) for rule in rules):
            raise LogcorrError(f"no static rule is called {word}", "`logcorr rules` lists them, with their codes")
    chosen = [rule for rule in rules if not select or any(_means(word, rule) for word in select)]
    return [rule for rule in chosen if not any(_means(word, rule) for word in ignore)]


def _means(word: str, rule: Rule) -> bool:
    return word.lower().replace("-", "_") == rule.name or word.upper() in (rule.code, rule.code.rstrip("0123456789"))


def _configuration(given: Input, understood: Understanding) -> Configuration:
    return Configuration(
        facts=given.facts,
        files=given.files,
        behaviours=understood.behaviours,
        schedules=schedules(understood, None, "UTC"),
        entities=understood.entities,
        stack=understood.stack,
    )


def _document(
    given: Input,
    findings: Sequence[Finding],
    accepted: Sequence[Accepted],
    problems: Sequence[Problem],
    ran: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    excuses = [checked.Excuse(one.finding, one.by.place, one.by.reason) for one in accepted]
    return checked.build(
        findings,
        excuses,
        artifacts=given.artifacts,
        problems=problems,
        rules_run=ran,
        quotes=quotes(given.artifacts, checked.spans(findings, excuses)),
        version=version("logcorr"),
    )
