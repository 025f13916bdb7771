"""A check that a proxy answers, because its environment names one: what to change is where the proxy is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from msgspec.structs import replace

from logcorr.causes.observed import Observed, requests
from logcorr.causes.suspects import Suspect
from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.select import lines_like

FEWEST = 4
LAST_LINE = 10_000
ONE_RUN = timedelta(seconds=5)


def by_proxy(case: Case, suspect: Suspect, seen: Observed) -> Observed:
    """The answer as a proxy's, where the check comes to one, or no longer arrives; and it is known where that is named."""
    url = urlsplit(seen.probe.url or "")
    rows = _come(case, url) if url.hostname else case.happened()
    rows = rows if rows.height >= FEWEST else _came(case, suspect, seen)
    named = _named(case, suspect, seen, url) if rows.height >= FEWEST else None
    return replace(seen, via=(named, rows)) if named else seen


def _come(case: Case, url: SplitResult) -> pl.DataFrame:
    """What the log of a proxy tells: requests for the whole address."""
    address = f"http://{url.netloc}{url.path}" if url.scheme == "http" else f"{url.hostname}:{url.port or 443}"
    told = pl.col("message").str.contains(rf"\b[A-Z]{{3,7}} {re.escape(address)}(?:\s|$)") & pl.col("time").is_not_null()
    return case.timeline.filter(told).sort("time", maintain_order=True).collect()


def _came(case: Case, suspect: Suspect, seen: Observed) -> pl.DataFrame:
    """What the log of the one that is asked tells: requests until the bad answers began, and none with these."""
    rows = requests(case, seen.probe, suspect.ticks)
    since = seen.rows["time"][0]
    before = rows.filter(pl.col("time") < since - ONE_RUN)
    return before if before.height == rows.height else rows.clear()


def _named(case: Case, suspect: Suspect, seen: Observed, url: SplitResult) -> Span | None:
    """Where a proxy is named for such addresses: in the check itself, in a file it reads, in its job's table, else anywhere."""
    names = "http_proxy|(?i:all_proxy)" if url.scheme == "http" else "(?i:https_proxy|all_proxy)"  # curl heeds no HTTP_PROXY
    exempt = {span.path for span, text in _lines(case, "(?i:no_proxy)") if _exempts(text, url.hostname or "")}
    spans = [span for span, _ in _lines(case, names) if span.path not in exempt]
    script = next((one.script for one in case.behaviours if one.script.span.path == seen.probe.span.path), None)
    ranks = (
        lambda span: span.path == seen.probe.span.path,
        lambda span: script is not None and _read(script.text, span.path),
        lambda span: span.path == suspect.span.path,
        lambda span: len({one.path for one in spans}) == 1,
    )
    return next((span for rank in ranks for span in spans if rank(span)), None)


def _lines(case: Case, names: str) -> Iterator[tuple[Span, str]]:
    """The lines of files that are no logs which set one of these names."""
    pattern = rf"^\s*(?:export\s+|Environment=[\"']?)?(?:{names})\s*=\s*[\"']?[\w:.*]"
    for path in sorted(set(case.files) - {source.path for source in case.sources}):
        yield from lines_like(case, Span(path, 1, LAST_LINE), pattern)


def _exempts(text: str, host: str) -> bool:
    """Whether a list of names whom no proxy is asked for holds this one, or a part of it that ends it."""
    names = [name.strip(" *.\"'") for name in text.partition("=")[2].split(",")]
    return any(name and (host == name or host.endswith(f".{name}")) for name in names)


def _read(script: str, path: str) -> bool:
    """Whether a script reads the file, which may have been collected under a name made of its path."""
    words = set(re.split(r"\W+", path))
    sourced = re.findall(r"^\s*(?:\.|source)\s+[\"']?(/\S+)", script, re.M)
    return any(set(re.split(r"\W+", one)) - {""} <= words for one in sourced)
