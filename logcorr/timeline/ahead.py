"""Work that several threads do at once, its results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

from logcorr.lazily import pl

Job = TypeVar("Job")

Result = TypeVar("Result")


def ahead(work: Callable[[Job], Result], jobs: Iterator[Job]) -> Iterator[Result]:
    """The work's results in order, done by as many threads as polars has; a single job needs none of them."""
    held = list(islice(jobs, 2))
    if len(held) < 2:
        yield from map(work, held)
        return
    workers = pl.thread_pool_size()
    pool = ThreadPoolExecutor(workers)
    try:
        waiting: deque[Future[Result]] = deque()
        for job in chain(held, jobs):
            waiting.append(pool.submit(work, job))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # not waited for: whoever leaves early may be one of these threads
        pool.shutdown(wait=False, cancel_futures=True)
