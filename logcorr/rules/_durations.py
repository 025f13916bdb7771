"""How long things took, by the words of those who did them."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case

TOOK = r"(?:^|[ =(:])(\d+(?:\.\d+)?) ?(ms|s|sec|secs|seconds|milliseconds)\b"
"""How programs say how long something took."""

LONGEST_S = 300.0


def worked(case: Case) -> pl.DataFrame:
    """What services say of how long something took: when it `began`, how long it `took`, and of what `sort` it is."""
    proxy = [source.path for source in case.sources if source.format.startswith("nginx")]
    message, at = pl.col("message"), pl.col("time").dt.epoch("us") / 1e6
    number = message.str.extract(TOOK, 1).cast(pl.Float64)
    took = pl.when(message.str.extract(TOOK, 2).str.starts_with("m")).then(number / 1000).otherwise(number)
    told = case.timeline.filter(pl.col("time").is_not_null() & ~pl.col("file").is_in(proxy) & message.str.contains(TOOK))
    timed = told.with_columns(took=took, began=at - took, sort=message.str.replace_all(r"\d+(?:\.\d+)?", "#"))
    return timed.filter(pl.col("took") <= LONGEST_S).sort("time", maintain_order=True).collect()
