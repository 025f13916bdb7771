"""How long things took, by the words of those who did them."""

from __future__ import annotations

from logcorr.lazily import pl, regex
from logcorr.model.case import Case

UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0, "ms": 0.001}
"""Seconds by what spans of time are called."""

_PART = regex(r"(\d+(?:\.\d+)?) ?(ms|s(?:ec)?|m(?:in)?|h(?:our)?|d)?\b")

TOOK = r"(?:^|[ =(:])(\d+(?:\.\d+)?) ?(ms|s|sec|secs|seconds|milliseconds)\b"
"""How programs say how long something took."""

ALLOWED = r"\d ?(?:m?s|sec|secs|seconds) (?:timeout|grace)"
"""What is said of how long something may take, and not of how long it took."""

LONGEST_S = 3600.0


def span_s(text: str) -> float:
    """The seconds that a span says, as systemd prints it (`1min 30s`)."""
    return sum(float(number) * UNITS[unit or ""] for number, unit in _PART.findall(text))


def worked(case: Case) -> pl.DataFrame:
    """What services say of how long something took: when it `began`, how long it `took`, and of what `sort` it is."""
    proxy = [source.path for source in case.sources if source.format.startswith("nginx")]
    message, at = pl.col("message"), pl.col("time").dt.epoch("us") / 1e6
    number = message.str.extract(TOOK, 1).cast(pl.Float64)
    took = pl.when(message.str.extract(TOOK, 2).str.starts_with("m")).then(number / 1000).otherwise(number)
    told = case.timeline.filter(pl.col("time").is_not_null() & ~pl.col("file").is_in(proxy) & message.str.contains(TOOK))
    told = told.filter(~message.str.contains(ALLOWED))
    timed = told.with_columns(took=took, began=at - took, sort=message.str.replace_all(r"\d+(?:\.\d+)?", "#"))
    return timed.filter(pl.col("took") <= LONGEST_S).sort("time", maintain_order=True).collect()
