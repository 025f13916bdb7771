"""A probe whose first failure is enough to act tries again."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import Code, added
from logcorr.model.claim import claim
from logcorr.model.result import Finding

TRIES, PAUSE_S = 3, 5
"""A quarter of a minute: longer than a hiccup or a reload, short beside the minutes between two runs."""


@fix("acts_on_first_failure")
def probe_retries(finding: Finding, folder: Folder) -> Iterator[Change]:
    """curl's own retries, as versions since 7.52 (2016) have them: after 408, 429, 5xx, a timeout, a refused connection."""
    asks = finding.evidence[1].span
    text = folder.text(asks.path)
    command = Code(text).command(asks, "curl") if text else None
    if text and command:
        said = claim("patch.probe_retries", "the probe tries {tries} more times, {pause} s apart", tries=TRIES, pause=PAUSE_S)
        options = f" --retry {TRIES} --retry-delay {PAUSE_S} --retry-connrefused"
        yield Change(path=text.path, edits=(added(command.words[-1].end, options),), claim=said)
