"""A device that fills since a log also holds what only developers ask for, though most of its lines are others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._hoards import DF_NAME, DF_ROW, MOST_OF, POWERS, SIZE, captures
from logcorr.rules._settings import notes
from logcorr.rules._sweeping import REFUTE
from logcorr.rules._verbose import asked_for
from logcorr.timeline.select import cite, instants

FEWEST_BEFORE, LEAST_SINCE = 50, 0.1
"""So many of its lines were of no such level until then; such a share of them is since: one of them may be very long."""

LISTED = r"^-[rwxsStT-]{9}\S?\s+\d+\s+\S+\s+\S+\s+(\d+(?:[.,]\d+)?)([KMGT]?)i?B?\s.*?(\S+)$"
"""A row of `ls -l`: bytes, or a size for people, and the name."""

LOG = r"[\w.-]+\.(?:log|out)\b"
FEWEST_ROWS, FASTER, EVENLY = 3, 5.0, 0.25
"""A device fills since a moment where it is so many times as fast as before, and at half of the time that much of it is there."""

SINCE, BY_TIME = 0.92, 0.7
"""How sure it is: what the log took since, or what a capture shows of it, is most of it; or only the hours fit."""

LESS = claim("disk_full.less", "log at level info, and bound the log: rotation by size, a quota")
CHANGES = "deploy_changes_configuration"


class _Chatter(Struct, frozen=True):
    """The setting, the log, what was started or written down as it began, and the rows that show the device fill since.

    And whether that log is known to be as large, with the lines of captures that say so.
    """

    setting: Span
    log: str
    changed: tuple[Evidence, ...]
    filled: pl.DataFrame
    sure: float
    large: tuple[Span, ...]


def chatted_since(case: Case, failed: pl.DataFrame, mounts: Sequence[str]) -> Iterator[Finding]:
    """The setting that asks for them, where one of these devices fills since."""
    full = failed["time"].min()
    found = _chatter(case, mounts, full) if isinstance(full, datetime) else None
    if found:
        yield Finding(
            confidence=found.sure,
            claim=claim(
                "disk_full.chatted_since",
                "no space was left on a device: {count} writes failed; it fills since {log} also holds what {setting} asks for",
                count=failed.height,
                log=found.log,
                setting=str(found.setting),
            ),
            evidence=(
                Evidence(found.setting, "asks for them", shows=CHANGES),
                *found.changed,
                *(Evidence(span, "how large the log is", shows="resource_exhausted") for span in found.large),
                *cite(found.filled, "how full it was", most=3, shows="resource_exhausted"),
                *cite(failed, shows="resource_exhausted"),
            ),
            would_refute=REFUTE,
            subject=found.log,
            measured={"count": failed.height, "log": found.log},
            times=instants(failed),
            fix=LESS,
        )


def _chatter(case: Case, mounts: Sequence[str], full: datetime) -> _Chatter | None:
    """The one setting that asks for such lines, if one log holds them since a moment from which on a device fills."""
    asking = list(asked_for(case))
    since = _since(case) if len(asking) == 1 and mounts else {}
    for log, at in since.items():
        filled = _filled(case, mounts, at, full)
        if filled is not None:
            level = case.lines(asking[0].path).filter(pl.col("line") == asking[0].line).collect()["text"][0]
            told = [Evidence(span, "it was changed", shows=CHANGES) for span in notes(case, *_words(level))]
            started = case.happened("process.started").filter((pl.col("file") == log) & (pl.col("time") <= at)).tail(1)
            changed = (*told[:1], *cite(started, "since this start", shows=CHANGES))
            most = MOST_OF * float(filled["used"][-1] - filled["used"][0])
            large = tuple(_large(case, asking[0].path, log, most))
            sure = SINCE if large or _written(case, log, at) >= most else BY_TIME
            return _Chatter(asking[0], log, changed, filled.select(case.happened().columns), sure, large[:1])
    return None


def _large(case: Case, setting: str, log: str, least: float) -> Iterator[Span]:
    """The lines of captures that show a log so large that is called like this one, or as the setting's file says where to log."""
    texts = case.lines(setting).select("text").collect()["text"]
    names = {log.rpartition("/")[2], *(name for text in texts for name in re.findall(LOG, text))}
    for path in captures(case):
        lines = case.lines(path).select("line", "text").collect()
        for form, blocks in ((SIZE, POWERS), (LISTED, {**POWERS, "": 0})):
            rows = lines.select("line", pl.col("text").str.extract_groups(form).alias("told")).unnest("told").drop_nulls()
            for line, number, unit, name in rows.iter_rows():
                size = float(number.replace(",", ".")) * 2 ** blocks[unit]
                if size >= least and name.rpartition("/")[2] in names:
                    yield Span(path, line)


def _written(case: Case, log: str, since: datetime) -> int:
    """How many bytes of the collected log were written since."""
    later = case.timeline.filter((pl.col("file") == log) & (pl.col("time") >= since))
    first = later.select(pl.col("line").min()).collect().item()
    sizes = case.lines(log).filter(pl.col("line") >= first).select((pl.col("text").str.len_bytes() + 1).sum())
    return int(sizes.collect().item())


def _words(text: str) -> list[str]:
    """The last words of a setting: its name and what it is set to."""
    return re.findall(r"\w+", text)[-2:]


def _since(case: Case) -> dict[str, datetime]:
    """From when on each log of an application holds lines below `info`, if it held none before."""
    files = [source.path for source in case.sources if source.source == "app"]
    rows = case.timeline.filter(pl.col("file").is_in(files) & pl.col("time").is_not_null())
    low = rows.with_columns(low=(pl.col("severity") <= "debug").fill_null(False)).select("file", "time", "low")
    first = low.filter("low").group_by("file").agg(pl.col("time").min().alias("since"))
    later = pl.col("time") >= pl.col("since")
    share = pl.col("low").filter(later).mean()
    found = low.join(first, on="file").group_by("file", "since").agg((~later).sum().alias("before"), share)
    told = found.filter((pl.col("before") >= FEWEST_BEFORE) & (pl.col("low") >= LEAST_SINCE)).sort("file").collect()
    return dict(told.select("file", "since").iter_rows())


def _filled(case: Case, mounts: Sequence[str], since: datetime, full: datetime) -> pl.DataFrame | None:
    """The rows of a `df` taken again and again that show one of these devices fill from that moment on, and hardly before."""
    files = [path for path in case.files if DF_NAME.search(path)]
    row = pl.col("message").str.extract_groups(DF_ROW).alias("told")
    told = case.timeline.filter(pl.col("file").is_in(files) & (pl.col("time") <= full)).with_columns(row).unnest("told")
    blocks = pl.lit(2.0).pow(pl.col("2").replace_strict(POWERS, default=None, return_dtype=pl.Int64))
    used = told.with_columns(used=pl.col("1").str.replace(",", ".").cast(pl.Float64, strict=False) * blocks, mount=pl.col("3"))
    shown = used.filter(pl.col("mount").is_in(list(mounts))).sort("time", "line", maintain_order=True).collect()
    for _, rows in shown.group_by("file", "mount", maintain_order=True):
        before, after = rows.filter(pl.col("time") <= since), rows.filter(pl.col("time") >= since)
        if min(before.height, after.height) >= FEWEST_ROWS and _began(before, after):
            return after
    return None


def _began(before: pl.DataFrame, after: pl.DataFrame) -> bool:
    grown = after["used"][-1] - after["used"][0]
    half = after["used"][after.height // 2] - after["used"][0]
    return bool(_rate(after) > FASTER * max(_rate(before), 0.0) and half >= EVENLY * grown > 0)


def _rate(rows: pl.DataFrame) -> float:
    taken = (rows["time"][-1] - rows["time"][0]).total_seconds()
    grown = float(rows["used"][-1]) - float(rows["used"][0])
    return grown / float(max(taken, 1.0))
