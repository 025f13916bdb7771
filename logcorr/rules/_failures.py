"""Lines that tell of a failure which no kind fits, and which of them are of one sort."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.events import REQUEST_LOGS

WORDS = (
    r"\b(?:[eE]rror|ERROR|FATAL|[fF]atal|CRITICAL|[fF]ailed|FAILED|[eE]xceeds|[eE]xceeded|[pP]ermission denied|unavailable"
    r"|is DOWN|[oO]ffline|[cC]onnection[ _]lost|no server available|[tT]imed out|TIMEOUT|[cC]annot|[uU]nable to)\b"
)
RAISED = r"^[\w.]*[a-z](?:Error|Exception|Violation): "
"""By which a line without a level tells of a failure: apart, as one pattern of both takes three times as long."""

NONE_FAILED = (
    r"\b(?:[fF]ailed|[fF]ailures|[eE]rrors)[\"']?\s*[=:]\s*0(?:[\s,;)}\]]|$)|\berror=0\b"
    r"|\b0 (?:[fF]ailed|[fF]ailures|[eE]rrors)\b"
)
"""By which a line tells that nothing failed."""

NAMES = r"""\"[^\"]*\"|'[^']*'|\b[0-9a-f]{8}[0-9a-f-]*\b|[\w/.-]*\d[\w/.-]*"""
"""What differs from one line to the next of the same sort."""

HEAD = 60
"""Letters by which sorts of lines are told apart, and of a line that a claim quotes."""


def failures(case: Case) -> pl.DataFrame:
    """The timeline's rows at error level, or that tell of a failure, which no kind fits and whose time is known."""
    requests = [source.path for source in case.sources if source.format in REQUEST_LOGS]  # words in addresses tell nothing
    severe = (pl.col("severity") >= "error").fill_null(False)
    said = pl.any_horizontal(pl.col("message").str.contains(pattern) for pattern in (WORDS, RAISED))
    worded = (pl.col("severity").is_null() | (pl.col("severity") >= "info")) & said
    untold = pl.col("kind").is_null() & pl.col("time").is_not_null() & ~pl.col("file").is_in(requests)
    rows = case.logged.filter(untold)
    # rows that were chosen by their message would hold the messages of all rows in memory: only their lines are taken, then they
    lines = rows.filter(~severe & worded).select(pl.col("line").unique()).collect(engine="streaming")["line"]
    near = rows.filter(severe | pl.col("line").is_in(lines.implode())).collect()
    bare = pl.col("message").str.replace_all(NONE_FAILED, "")
    nothing = pl.col("message").str.contains(NONE_FAILED) & ~pl.any_horizontal(bare.str.contains(one) for one in (WORDS, RAISED))
    return near.filter(severe | (worded & ~nothing)).sort("time", maintain_order=True)


def sort_of() -> pl.Expr:
    """The words of a message without what differs from one line to the next, in a column `sort`."""
    return pl.col("message").str.replace_all(NAMES, "#").str.slice(0, HEAD).alias("sort")
