"""Logs that hold mostly what only developers ask for, and the setting that asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def held(log: str, mounts: Sequence[str]) -> bool:
    """Whether a collected file lies in a folder that is called as where one of these devices is mounted."""
    return any(mount.rpartition("/")[2] in log.split("/")[:-1] for mount in mounts)


def is_of(log: str, shown: Sequence[str]) -> bool:
    """Whether a collected file, or a folder that it lies in, is called as one of these."""
    return any(part.startswith(one.rpartition("/")[2]) for one in shown for part in log.split("/"))
