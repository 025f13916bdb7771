"""One module, one rule.

A rule looks at the case and yields findings. It is a plain function, made a rule by the decorator below, which adds what
all its findings share; `logcorr.plugins` finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.case import Case, Configuration
from logcorr.model.claim import Claim
from logcorr.model.result import Finding
from logcorr.model.source import Problem
from logcorr.timeline.select import cite, instants

CRASHED = "crashed"
"""What the outcome of a rule that crashes begins with."""

Check = Callable[[Case], Iterator[Finding]] | Callable[[Configuration], Iterator[Finding]]


class Rule(Struct, frozen=True):
    """A check and what is said of it: `name` is its module's, `code` what people cite and suppress.

    `role` and `severity` are those of every finding that does not say otherwise (see `model.result`). A rule is `static` when
    its check takes a `Configuration`: it reads no log, so that `logcorr check` can run it on a repository.
    """

    name: str
    code: str
    title: str
    role: str
    severity: str
    check: Callable[..., Iterator[Finding]]

    @property
    def static(self) -> bool:
        """Whether configuration alone is enough for it."""
        taken = next(iter(self.check.__annotations__.values()), None)
        return str(getattr(taken, "__name__", taken)).rpartition(".")[2] == Configuration.__name__

    def run(self, case: Configuration) -> Iterator[Finding]:
        """The rule's findings in this case."""
        for finding in self.check(case):
            yield replace(
                finding,
                rule=self.name,
                code=self.code,
                role=finding.role or self.role,
                severity=finding.severity or self.severity,
            )


def rule(*, code: str, title: str, role: str, severity: str) -> Callable[[Check], Rule]:
    """Make a function a rule named like its module."""
    return lambda check: Rule(check.__module__.rpartition(".")[2], code, title, role, severity, check)


def findings_of(case: Configuration, rules: Iterable[Rule]) -> tuple[tuple[Finding, ...], list[tuple[str, str]]]:
    """What the rules found, numbered, and what became of each rule: one that crashes is named, and the rest run."""
    found: list[Finding] = []
    ran = []
    for rule in rules:
        try:
            findings = list(rule.run(case))
        except Exception as error:  # the boundary to plug-ins: whatever breaks in one must not hide what others found
            ran.append((rule.name, f"{CRASHED}: {type(error).__name__}: {error}"))
            continue
        found += findings
        ran.append((rule.name, f"found {len(findings)}" if findings else "found nothing"))
    return tuple(replace(finding, id=f"F{number}") for number, finding in enumerate(found, start=1)), ran


def sound(rules: Iterable[Rule], ran: Iterable[tuple[str, str]]) -> tuple[Rule, ...]:
    """Those of the rules that did not crash; `ran` is what `findings_of` says of them."""
    return tuple(rule for rule, (_, outcome) in zip(rules, ran, strict=True) if not outcome.startswith(CRASHED))


def crashes(rules: Iterable[Rule], ran: Iterable[tuple[str, str]]) -> tuple[Problem, ...]:
    """Those that did crash, each a problem of its module: what they would have found is not known."""
    told = ((rule, outcome.partition(": ")) for rule, (_, outcome) in zip(rules, ran, strict=True))
    return tuple(
        Problem(rule.check.__module__, f"the rule {rule.name} crashes: {error}")
        for rule, (word, _, error) in told
        if word == CRASHED
    )


def by_service(events: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The events of each service, services in alphabetical order; those of none under the name of their source."""
    if events.is_empty():
        return
    named = events.with_columns(pl.col("service").fill_null(pl.col("source")))
    services = named["service"].unique().sort()
    for service in services:  # one after the other, and of one alone no copy: there may be millions of rows
        yield service, named if len(services) == 1 else named.filter(pl.col("service") == service)


def counted(events: pl.DataFrame, subject: str, said: Claim, would_refute: Claim, **also: str) -> Finding:
    """A finding that so many events happened, with the first and last of them as evidence; `also` is measured besides."""
    times = instants(events)
    measured: dict[str, str | int] = {"count": events.height, **also}
    if times:
        measured |= {"first": times[0].isoformat(), "last": times[-1].isoformat()}
    return Finding(
        confidence=1.0,
        claim=said,
        evidence=cite(events),
        would_refute=would_refute,
        subject=subject,
        measured=measured,
        times=times,
    )
