"""The name of an upstream does not resolve."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, claim
from logcorr.model.result import Finding
from logcorr.rules import counted, rule

NAME = r'host not found in upstream "([^"]+)"|^(\S+) could not be resolved'


@rule(code="NGX006", title="The name of an upstream does not resolve", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Names that nginx could not look up, when it read its configuration (then it does not start) or for a request."""
    told = case.happened("upstream.unresolved").with_columns(
        name=pl.coalesce(pl.col("message").str.extract(NAME, 1), pl.col("message").str.extract(NAME, 2)),
        at_start=pl.col("message").str.contains("host not found in upstream", literal=True),
    )
    for (name, at_start), rows in sorted(told.drop_nulls("name").group_by("name", "at_start", maintain_order=True)):
        said = _claim(rows.height, str(name), bool(at_start))
        yield counted(rows, str(name), said, _refute(str(name)), name=str(name))


def _claim(count: int, name: str, at_start: bool) -> Claim:
    if at_start:
        return claim(
            "upstream_unresolved.at_start",
            "nginx does not take its configuration: the name of the upstream {name} does not resolve ({count}×)",
            name=name,
            count=count,
        )
    return claim(
        "upstream_unresolved.at_request",
        "the name of the upstream {name} did not resolve for {count} requests",
        name=name,
        count=count,
    )


def _refute(name: str) -> Claim:
    return claim("upstream_unresolved.refute", "the resolver answered {name} at these times, seen from nginx", name=name)
