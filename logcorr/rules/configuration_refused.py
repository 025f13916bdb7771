"""A program refuses its configuration, or finds its address taken."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule

ADDRESS = r"bind\(\) to (\S+) failed|address already in use ([^\s,;)]+)"


@rule(
    code="NGX010", title="A program did not take its configuration, or its address was taken", role="signal", severity="warning"
)
def check(case: Case) -> Iterator[Finding]:
    """What nginx says of a configuration it cannot use, and whoever says of errno 98, counted by service."""
    for service, events in by_service(case.happened("config.invalid")):
        said = claim(
            "configuration_refused.invalid",
            "{service} refused its configuration ({count}×): what was changed is not in force, and a start would fail",
            service=service,
            count=events.height,
        )
        yield counted(events, service, said, claim("configuration_refused.refute", "a start or reload after it that went well"))
    for service, events in by_service(_taken(case)):
        for (address,), rows in sorted(events.group_by("address", maintain_order=True)):
            yield _finding(service, str(address), rows)


def _taken(case: Case) -> pl.DataFrame:
    """Addresses that were taken when something wanted to listen on them."""
    message = pl.col("message")
    address = pl.coalesce(message.str.extract(ADDRESS, 1), message.str.extract(ADDRESS, 2))
    return case.happened("address.in_use").with_columns(address=address).drop_nulls("address")


def _finding(service: str, address: str, rows: pl.DataFrame) -> Finding:
    said = claim(
        "configuration_refused.taken",
        "{service} could not listen on {address} ({count}×): something else does",
        service=service,
        address=address,
        count=rows.height,
    )
    refute = claim("configuration_refused.free", "nothing listening on {address} at these times (ss -ltnp)", address=address)
    return counted(rows, service, said, refute, address=address)
