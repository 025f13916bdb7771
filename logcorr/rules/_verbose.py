"""Logs that hold mostly what only developers ask for, and the setting that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules._settings import settings

SETTING = (
    r"(?i)(?:log|verbos|level)\w*['\"]?\s*[:= ]\s*['\"]?(?:debug|trace|silly|verbose|finest)\b"
    r"|level['\"]?\s*[:= ]\s*['\"]?all\b|(?:verbose|debug)(?:_?log\w*|_?mode)?['\"]?\s*[:= ]\s*['\"]?(?:true|1|on|yes)\b"
    r"|(?:^|\s)--(?:debug|verbose)\b"
)
"""`LOG_LEVEL=debug`, `level: trace`, `DEBUG=1`, `--verbose`; not `LOG_TO_FILE=true`, which says where to."""

MOST_OF = 0.5


def verbose_logs(case: Case) -> list[str]:
    """The files of applications most of whose lines are below the level `info`."""
    files = [source.path for source in case.sources if source.source == "app"]
    low = (pl.col("severity") <= "debug").fill_null(False)
    shares = case.timeline.filter(pl.col("file").is_in(files)).group_by("file").agg(low.mean().alias("low")).collect()
    return sorted(shares.filter(pl.col("low") > MOST_OF)["file"])


def asked_for(case: Case) -> Iterator[Span]:
    """The settings that ask for such lines."""
    yield from (span for span, _ in settings(case, SETTING))
