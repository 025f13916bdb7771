"""What tells that a disk is slower than its writers can bear: the kernel, databases and stores say so themselves."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case

SLOW = (
    r"\btask \S+ blocked for more than \d+ seconds|checkpoint complete: .* sync=(?:[5-9]|\d{2,})\.\d+ s"
    r"|page_cleaner: \d+ms intended loop took|Asynchronous AOF fsync is taking too long|slow fdatasync|sync duration of \d"
    r"|disk (?:is )?(?:too )?slow\b|I/O is frozen"
    r"|duration: \d{4,}\.\d+ ms +statement: COMMIT|\bserverStatus was very slow\b|fsync took \d"
)
"""Linux's hung tasks, PostgreSQL's checkpoints and commits, InnoDB, Redis, etcd, MongoDB."""


def slow_disk(case: Case) -> pl.DataFrame:
    """The lines that say so, in time order."""
    proxies = [source.path for source in case.sources if source.format.startswith("nginx")]
    told = pl.col("message").str.contains(SLOW) & pl.col("time").is_not_null() & ~pl.col("file").is_in(proxies)
    return case.timeline.filter(told).sort("time", maintain_order=True).collect()
