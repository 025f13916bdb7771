"""Events for people and for programs: which of them, and how they are written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

from rich.cells import cell_len, set_cell_size

from logcorr.cli.console import console
from logcorr.cli.errors import nearest
from logcorr.cli.options import Instant
from logcorr.errors import LogcorrError
from logcorr.lazily import pl
from logcorr.model.events import KINDS, severity_type
from logcorr.report.escape import line

BATCH = 20_000
"""Rows written at once."""


def wanted(
    *,
    sources: Sequence[str],
    services: Sequence[str],
    kinds: Sequence[str],
    level: str | None,
    grep: str | None,
    windows: Sequence[tuple[Instant, Instant]],
) -> pl.Expr:
    """Whether an event of `logcorr.scan` was asked for. Raises LogcorrError for an unknown kind or a pattern that is none."""
    tests = [pl.lit(True)]
    if sources:
        tests.append(pl.col("source").is_in(sources) | pl.col("path").is_in(sources))
    if services:
        tests.append(pl.col("service").is_in(services))
    if kinds:
        tests.append(pl.col("kind").is_in([kind for name in kinds for kind in _kinds(name)]))
    if level:
        tests.append(pl.col("level") >= pl.lit(level, severity_type()))
    if grep:
        tests.append(_matches(grep))
    tests += [pl.col("time") >= since for since, _ in windows if since]
    tests += [pl.col("time") <= until for _, until in windows if until]
    return pl.all_horizontal(tests)


def _kinds(name: str) -> list[str]:
    """The kinds of that name, or of that first part."""
    found = [kind for kind in KINDS if kind == name or kind.startswith(f"{name}.")]
    if not found:
        meant = nearest(name, [*KINDS, *(kind.partition(".")[0] for kind in KINDS)])
        raise LogcorrError(f"no such kind: {name}", f"did you mean {meant}?" if meant else f"there are {', '.join(KINDS)}")
    return found


def _matches(pattern: str) -> pl.Expr:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        raise LogcorrError(f"--grep: {pattern!r} is no pattern", "escape ( [ { . * + ? | \\ with \\") from error
    return pl.any_horizontal(pl.col(pl.String).exclude("source", "service", "kind", "path", "format").str.contains(pattern))


def with_counts(templates: pl.LazyFrame, form: str) -> pl.LazyFrame:
    """Templates, for a table with their counts before the message."""
    counted = pl.concat_str(pl.col("count").cast(pl.String).str.pad_start(7), pl.lit(" × "), pl.col("message").fill_null(""))
    return templates.with_columns(message=counted) if form == "table" else templates


def with_ends(stops: pl.LazyFrame, form: str) -> pl.LazyFrame:
    """Down intervals, for a table as the messages of events."""
    again = pl.format("down {} s, up at {}:{}", pl.col("down_s").round(3), "up_path", "up_line")
    told = pl.concat_str("kind", pl.lit(": "), again.fill_null("nothing tells that it came up again"))
    blank = pl.lit(None, pl.String)
    return stops.with_columns(message=told, level=blank, source=blank) if form == "table" else stops


def redacted(events: pl.LazyFrame) -> pl.LazyFrame:
    """The same without secrets and identities. All of them are read for it: a name is numbered by where it comes first."""
    from logcorr.report.redaction import redacted_frame

    return redacted_frame(events.collect()).lazy()


def write(events: pl.LazyFrame, form: str, output: str | None) -> None:
    """Write events to a file, or print them. Raises LogcorrError for a file that cannot be written."""
    try:
        if form == "parquet":
            events.sink_parquet(str(output))
            return
        with open(output, "w", encoding="utf-8", newline="") if output else nullcontext(sys.stdout) as out:  # noqa: PTH123  # or stdout
            for text in _WRITERS[form](events.collect_batches(chunk_size=BATCH)):
                out.write(text)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise LogcorrError(f"cannot write {output}: {error.strerror}", "name a folder that can be written to") from error


def _csv(batches: Iterator[pl.DataFrame]) -> Iterator[str]:
    for number, batch in enumerate(batches):
        yield batch.with_columns(_iso(pl.col(pl.Datetime("us", "UTC")))).write_csv(include_header=number == 0)


def _jsonl(batches: Iterator[pl.DataFrame]) -> Iterator[str]:
    """An object a line, members without a value left out; `parsed` only where it is false."""
    for batch in batches:
        yield from _objects(batch.with_columns(_iso(pl.col(pl.Datetime("us", "UTC")))))


def _timesketch(batches: Iterator[pl.DataFrame]) -> Iterator[str]:
    """As `jsonl`, with the members that Timesketch asks for; it takes no event without a time, so that these are left out.

    https://timesketch.org/guides/user/import-from-json-csv/
    """
    for batch in batches:
        stamped = batch.filter(pl.col("time").is_not_null())
        asked = {
            "message": pl.coalesce("message", "kind", pl.lit("")),
            "datetime": pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00"),
            "timestamp_desc": pl.lit("Event Logged"),
        }
        yield from _objects(stamped.select(**asked).with_columns(stamped.drop("time", *asked, strict=False)))


def _objects(batch: pl.DataFrame) -> Iterator[str]:
    known = batch.with_columns(pl.col("^parsed$").replace(True, None))
    members = [_member(name, dtype) for name, dtype in known.schema.items()]
    lines = known.select(pl.concat_str(members, separator=",", ignore_nulls=True))
    return (f"{{{line}}}\n" for (line,) in lines.iter_rows())


def _member(name: str, dtype: pl.DataType) -> pl.Expr:
    """`"name":value`, null for null."""
    value = pl.col(name)
    if dtype.is_float():
        value = pl.when(value.is_finite()).then(value)
    text = value.cast(pl.String)
    if not dtype.is_numeric() and dtype != pl.Boolean:
        text = pl.concat_str(pl.lit('"'), text.str.replace_many(list(_ESCAPES), list(_ESCAPES.values())), pl.lit('"'))
    return pl.concat_str(pl.lit(f"{json.dumps(name)}:"), text)


_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(32)} | {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _iso(time: pl.Expr) -> pl.Expr:
    """ISO 8601 in UTC; fractions of a second where there are any."""
    return time.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")


HEADS = ("TIME (UTC)", "LEVEL", "SERVICE", "WHERE", "MESSAGE")

STYLES = {**dict.fromkeys(("emerg", "alert", "crit", "error"), "31"), "warn": "33", "debug": "2", "trace": "2"}
"""The codes that colour a line, by its level."""


def _table(batches: Iterator[pl.DataFrame]) -> Iterator[str]:
    """An event a line, cut at the edge of a terminal and coloured there; whole and plain anywhere else."""
    out = console()
    styles = STYLES if out.color_system and not out.no_color else {}
    width = out.width if out.is_terminal else None
    widths = [len(head) for head in HEADS[:-1]]
    for number, batch in enumerate(batches):
        cells = _cells(batch)
        longest = cells.select(pl.all().str.len_chars().max()).row(0)
        widths = [max(widths_of) for widths_of in zip(widths, longest, strict=False)]
        if number == 0:
            yield _row(HEADS, widths, width, "1" if styles else None)
        for row in cells.iter_rows():
            yield _row(row, widths, width, styles.get(row[1]))


def _cells(batch: pl.DataFrame) -> pl.DataFrame:
    """A text for each of `HEADS`."""
    service = batch.select(pl.coalesce("service", "source")).to_series()
    cells = (
        pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S%.f"),
        pl.col("level").cast(pl.String),
        pl.lit(_on_one_line(service)),
        pl.concat_str(pl.lit(_on_one_line(batch["path"])), pl.lit(":"), pl.col("line")),
        pl.col("message"),
    )
    return batch.select(cell.fill_null("").alias(head) for head, cell in zip(HEADS, cells, strict=True))


def _on_one_line(names: pl.Series) -> pl.Series:
    """Names that files and logs chose, without what a terminal would obey; each is looked at once."""
    told = names.unique()
    return names.replace_strict(told, [None if name is None else line(name) for name in told], return_dtype=pl.String)


def _row(cells: Sequence[str], widths: Sequence[int], width: int | None, style: str | None) -> str:
    """The cells, but for the last padded; all of it at most `width` wide."""
    padded = [cell.ljust(wide) for cell, wide in zip(cells, widths, strict=False)]
    text = "  ".join([*padded, line(cells[-1])])
    if width is not None and cell_len(text) > width:
        text = set_cell_size(text, width - 1) + "…"
    return f"\x1b[{style}m{text}\x1b[0m\n" if style else f"{text}\n"


_WRITERS: dict[str, Callable[[Iterator[pl.DataFrame]], Iterator[str]]] = {
    "table": _table,
    "csv": _csv,
    "jsonl": _jsonl,
    "timesketch": _timesketch,
}
