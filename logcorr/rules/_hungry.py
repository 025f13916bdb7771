"""The step of a script, or of a release by its record, that takes much memory and was under way when that ran out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Behaviour, Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.timeline.notes import SECOND_S, Entry, entries
from logcorr.timeline.scripts import code_of, messages, own_words
from logcorr.timeline.select import cite

HUNGRY = regex(
    r"--max-old-space-size|(?<![\w-])-Xmx\d|(?<![\w-])(?:npm|yarn|pnpm|bun)(?: run)?(?: -\S+)* (?:build|compile|generate)\b"
    r"|\b(?:next|nuxt|vite|ng|gatsby|astro) build\b|(?<![\w-])(?:webpack|tsc|esbuild|rollup)(?![\w-])|\bassets:precompile\b"
    r"|\bdocker(?:[ -]compose)? (?:-\S+ )*(?:buildx )?build\b|\bdocker[ -]compose .*\bup .*--build\b"
    r"|\b(?:cargo|go|dotnet|swift|mix) (?:build|publish|compile|install)\b|(?<![\w-])(?:mvnw?|gradlew?|sbt) "
    r"|(?<![\w-])make .*-j|\bcomposer (?:install|update|require)\b|\bpip3? (?:wheel|install)\b"
    r"|(?<![\w-])(?:ffmpeg|magick|pg_restore)(?![\w-])"
)
"""Commands that compile, bundle or convert: they take what memory there is, and do it once."""

LONGEST = timedelta(minutes=30)
"""A run begins at most so long before."""

AVAILABLE = r"^mem avail: *(\d+) of +\d+ MiB"
"""What earlyoom writes of free memory from time to time (`-r`; print_mem_stats in its meminfo.c)."""

DONE = regex(
    r"(?i)\b(?:done|finish\w*|complet\w*|success\w*|compiled|built|ok|ended|fertig|terminado|terminé|failed|error)\b|[✓✔]"
)
"""The last words of a step that is over."""

STEADY, FEWEST = 2.0, 3
"""So many reports before, each of so many times what was left, say that nothing had grown until then."""


class Step(Struct, frozen=True):
    """Such a step, what tells of its run, and whether the memory is seen to have been there until then or it was so each time."""

    line: Span
    ran: tuple[Evidence, ...]
    proved: bool


def under_way(case: Case, killed: pl.DataFrame) -> Step | None:
    """The one script with such a step whose run had begun and had not ended at each of these moments; None if several have."""
    times = killed["time"].drop_nulls().unique().sort().to_list()
    found = [step for one in case.behaviours if times and (step := _step(case, one, times))]
    if times and not found:
        return _written(case, times)
    return found[0] if len(found) == 1 else None


def _written(case: Case, times: list[datetime]) -> Step | None:
    """The one record of a release that names such a step shortly before each of these moments, and goes on soon after it."""
    records: dict[str, list[Entry]] = {}
    for entry in case.once(entries):
        if entry.within_s <= SECOND_S and len(entry.times) == 1:
            records.setdefault(entry.place.path, []).append(entry)
    found = [runs for told in records.values() if all(runs := [_named(told, time.timestamp()) for time in times])]
    if len(found) != 1:
        return None
    (first, after), *others = [run for run in found[0] if run]
    ran = (Evidence(after.place, "it was still running", shows="resource_exhausted"),)
    often = any(one.place != first.place for one, _ in others)
    return Step(first.place, ran, often or _steady(case, times[0], datetime.fromtimestamp(first.times[0], UTC)))


def _named(told: list[Entry], time: float) -> tuple[Entry, Entry] | None:
    """The last such step that a record names before, and what it tells next after that."""
    near = LONGEST.total_seconds()
    earlier = [one for one in told if 0 < time - one.times[0] <= near]
    named = [one for one in earlier if HUNGRY.search(one.texts[0])]
    after = [one for one in told if 0 < one.times[0] - time <= near]
    if not named or not after or (earlier[-1] is not named[-1] and DONE.search(earlier[-1].texts[0])):
        return None
    return named[-1], after[0]


def _step(case: Case, behaviour: Behaviour, times: list[datetime]) -> Step | None:
    lines = [place for place, text in code_of(behaviour.script) if HUNGRY.search(text.partition(" #")[0])]
    rows = own_words(case, behaviour).drop_nulls("time").sort("time", "line") if lines else pl.DataFrame()
    runs = [run for time in times if rows.height and (run := _around(behaviour, rows, time))]
    if not runs or len(runs) < len(times):
        return None
    between = [place for place in lines if all(run.since < place.line < run.until for run in runs)]
    if not between:
        return None
    first = runs[0].told
    often = len({run.told["line"][0] for run in runs})
    return Step(between[-1], tuple(_told(first)), often > 1 or _steady(case, times[0], first["time"][0]))


class _Run(Struct, frozen=True):
    """The last words of a run before a moment and the first after it, and the lines of the script that write them."""

    told: pl.DataFrame
    since: int
    until: int


def _around(behaviour: Behaviour, rows: pl.DataFrame, time: datetime) -> _Run | None:
    before = rows.filter(pl.col("time").is_between(time - LONGEST, time, closed="left")).tail(1)
    after = rows.filter(pl.col("time").is_between(time, time + LONGEST, closed="right")).head(1)
    if not before.height or not after.height:
        return None
    since, until = (_writes(behaviour, row["message"][0]) for row in (before, after))
    return _Run(pl.concat([before, after]), since, until)


def _writes(behaviour: Behaviour, message: str) -> int:
    """The line that writes such words."""
    held = [(sum(map(len, pieces)), span.line) for pieces, span in messages(behaviour) if all(one in message for one in pieces)]
    return max(held, default=(0, 0))[1]


def _told(run: pl.DataFrame) -> Iterator[Evidence]:
    yield from cite(run.head(1), "its run", shows="resource_exhausted")
    yield from cite(run.tail(1), "it was still running", shows="resource_exhausted")


def _steady(case: Case, at: datetime, began: datetime) -> bool:
    """Whether as much as before was free until the run began, and far less when it ran out."""
    left = pl.col("message").str.extract(AVAILABLE, 1).cast(pl.Float64)
    told = case.logged.filter(pl.col("message").str.contains(AVAILABLE)).select("time", left=left).sort("time").collect()
    before: list[float] = told.filter(pl.col("time") <= began)["left"].to_list()
    then: list[float] = told.filter(pl.col("time").is_between(began, at))["left"].to_list()
    return len(before) >= FEWEST and bool(then) and min(before) >= STEADY * min(then)
