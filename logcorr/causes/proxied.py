"""A check that a proxy answers, because its environment names one: what to change is where the proxy is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec.structs import replace

from logcorr.causes.observed import Observed
from logcorr.causes.suspects import Suspect
from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.select import lines_like

FEWEST = 4
LAST_LINE = 10_000


def by_proxy(case: Case, suspect: Suspect, seen: Observed) -> Observed:
    """The answer as a proxy's, where the log of one tells of the check's whole address, and it is known where it is named."""
    url = urlsplit(seen.probe.url or "")
    address = f"http://{url.netloc}{url.path}" if url.scheme == "http" else f"{url.hostname}:{url.port or 443}"
    told = pl.col("message").str.contains(rf"\b[A-Z]{{3,7}} {re.escape(address)}(?:\s|$)") & pl.col("time").is_not_null()
    rows = case.timeline.filter(told).sort("time", maintain_order=True).collect() if url.hostname else case.happened()
    named = _named(case, suspect, seen, url.scheme) if rows.height >= FEWEST else None
    return replace(seen, via=(named, rows)) if named else seen


def _named(case: Case, suspect: Suspect, seen: Observed, scheme: str) -> Span | None:
    """Where a proxy is named for such addresses: in the check itself, in a file it reads, in its job's table, else anywhere."""
    spans = list(_lines(case, scheme))
    script = next((one.script for one in case.behaviours if one.script.span.path == seen.probe.span.path), None)
    ranks = (
        lambda span: span.path == seen.probe.span.path,
        lambda span: script is not None and _read(script.text, span.path),
        lambda span: span.path == suspect.span.path,
        lambda span: len({one.path for one in spans}) == 1,
    )
    return next((span for rank in ranks for span in spans if rank(span)), None)


def _lines(case: Case, scheme: str) -> Iterator[Span]:
    """The lines of files that are no logs which name a proxy; curl heeds the name for http in small letters only."""
    name = "http_proxy|(?i:all_proxy)" if scheme == "http" else "(?i:https_proxy|all_proxy)"
    pattern = rf"^\s*(?:export\s+|Environment=[\"']?)?(?:{name})\s*=\s*[\"']?[\w:]"
    for path in sorted(set(case.files) - {source.path for source in case.sources}):
        yield from (span for span, _ in lines_like(case, Span(path, 1, LAST_LINE), pattern))


def _read(script: str, path: str) -> bool:
    """Whether a script reads the file, which may have been collected under a name made of its path."""
    words = set(re.split(r"\W+", path))
    sourced = re.findall(r"^\s*(?:\.|source)\s+[\"']?(/\S+)", script, re.M)
    return any(set(re.split(r"\W+", one)) - {""} <= words for one in sourced)
