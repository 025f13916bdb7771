"""Names of hosts that were taken away, by the diff of a table or zone, or by what a resolver answered before and since."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.rules._diffs import taken_away
from logcorr.timeline.select import cite

SAYS_NO, SAYS_WHERE = r"\bNXDOMAIN\b", r"(?: is [\da-f]+[.:][\da-f.:]+$|\bNOERROR\b)"
"""How dnsmasq, CoreDNS and unbound log that nobody has a name, and that somebody has it."""

ASIDE = regex(r"(?:[._-](?:bak|old|orig|save|prev|before)|[._-]\d{4}-?\d\d-?\d\d|~)$")
"""How a copy is called that somebody kept before a change."""

CHANGES = "deploy_changes_configuration"


def taken_from(case: Case, name: str) -> tuple[Evidence, ...]:
    """The lines that show that a name of a host was taken away; none where nothing shows it."""
    if not re.fullmatch(r"[\w.-]*[A-Za-z][\w.-]*", name):
        return ()
    diffs = [Evidence(span, "the name is taken away", shows=CHANGES) for span in taken_away(case, _entry(name))]
    kept = diffs or [Evidence(span, "the name was there, and is no more", shows=CHANGES) for span in _kept(case, _entry(name))]
    return (*kept, *_since_then(case, name))


def shown_by_diff(case: Case, taken: Sequence[Evidence]) -> bool:
    """Whether it is a person's own change that shows it, and not only that a resolver says no."""
    logs = {source.path for source in case.sources}
    return any(one.span.path not in logs for one in taken)


def _entry(name: str) -> str:
    """How a table of hosts, a zone, dnsmasq's and unbound's configuration begin to give a name its address."""
    whole, (label, _, zone) = re.escape(name), name.partition(".")
    short = rf"{re.escape(label)}(?:\.{re.escape(zone)}\.?)?" if zone else whole
    return (
        rf"(?:[\da-f]+[.:][\da-f.:]+\s+(?:\S+\s+)*{whole}(?:\s|$)|{short}\s+(?:\d+\s+)?(?:IN\s+)?(?:A|AAAA|CNAME)\s"
        rf"|(?:address|host-record|cname)=/?{whole}[/,]|local-data:\s*[\"']{whole}\.?\s)"
    )


def _kept(case: Case, entry: str) -> Iterator[Span]:
    """The entries of a copy that was kept aside (`hosts.bak`), where the file itself has none like them."""
    there = pl.col("text").str.contains(rf"^\s*{entry}")
    for path in sorted(case.files):
        base = ASIDE.sub("", path)
        if base != path and base in case.files and case.lines(base).filter(there).head(1).collect().is_empty():
            yield from (Span(path, line) for line in case.lines(path).filter(there).collect()["line"])


def _since_then(case: Case, name: str) -> Iterator[Evidence]:
    """The last answer of a resolver that gave the name an address, and the first that nobody has it, if none does after that."""
    told = pl.col("message").str.contains(rf"(?:^|[\s\"']){re.escape(name)}\.?\s")
    answers = pl.col("message").str.contains(SAYS_NO), pl.col("message").str.contains(SAYS_WHERE)
    rows = case.logged.filter(pl.col("time").is_not_null() & told & (answers[0] | answers[1])).collect()
    for _, own in rows.sort("time", "line").group_by("file", maintain_order=True):
        knows = ~own["message"].str.contains(SAYS_NO)
        before = int(knows.sum())
        if 0 < before < own.height and bool(knows.head(before).all()):
            yield from cite(own.slice(before, 1), "since then nobody has the name", shows=CHANGES)
            yield from cite(own.slice(before - 1, 1), "until then it had an address", shows=CHANGES)
