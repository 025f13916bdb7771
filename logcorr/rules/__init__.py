"""One module, one rule.

A rule looks at the case and yields findings. It is a plain function, made a rule by the decorator below, which adds what
all its findings share; `logcorr.plugins` finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from logcorr.model.case import Case
from logcorr.model.result import Finding

Check = Callable[[Case], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and what is said of it: `name` is its module's, `code` what people cite and suppress.

    `role` and `severity` are those of every finding that does not say otherwise (see `model.result`).
    """

    name: str
    code: str
    title: str
    role: str
    severity: str
    check: Check

    def run(self, case: Case) -> Iterator[Finding]:
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
