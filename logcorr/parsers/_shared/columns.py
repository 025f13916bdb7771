"""What every log parser makes its frame with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from logcorr.grammar import messages
from logcorr.grammar.last_words import NEEDLES, Lines, last_words, opening_of
from logcorr.lazily import pl, regex
from logcorr.model.events import severity_type
from logcorr.parsers import Context

_SEVERITIES = {
    "silly": "trace",
    "trace": "trace",
    "verbose": "debug",
    "debug": "debug",
    "http": "info",
    "data": "info",
    "info": "info",
    "information": "info",
    "log": "info",
    "help": "info",
    "notice": "notice",
    "warn": "warn",
    "warning": "warn",
    "error": "error",
    "err": "error",
    "crit": "crit",
    "critical": "crit",
    "fatal": "crit",
    "alert": "alert",
    "emerg": "emerg",
    "emergency": "emerg",
    "panic": "emerg",
}

MANY = 1000
"""Of so many values half must be repeated for it to be worth looking which are."""

LEVELS = "|".join(sorted(_SEVERITIES, key=lambda word: (-len(word), word)))
"""The words for severities, as a pattern; lower case."""

COMMON = "|".join(word for word in LEVELS.split("|") if word not in ("silly", "verbose", "http", "data", "log", "help"))
"""Those that mean a level wherever they stand: winston's own left out."""

LONGEST_LEVEL = max(map(len, _SEVERITIES))

DIES = "process.crashed"
TOLD_BY_COMPOSE = {"137": "process.killed"}
"""What `exited with code …` means that compose prints without a stamp among a service's own lines; `process.exited` else."""

LONGEST_AGONY = timedelta(seconds=30)
"""A death between two stamps that lie further apart is told at the later one."""

_WORDS = [spelt for word in _SEVERITIES for spelt in (word, word.upper(), word.capitalize())]
_MEANT = [_SEVERITIES[word.lower()] for word in _WORDS]


def severity_of(word: pl.Expr) -> pl.Expr:
    """The severity that a level's name means, in the timeline's order; null for a word that is none."""
    return word.replace_strict(_WORDS, _MEANT, default=None, return_dtype=severity_type())


def no(dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """Nothing, of a type."""
    return pl.lit(None, dtype=dtype)


def events(
    lines: pl.LazyFrame,
    *,
    time: pl.Expr,
    message: pl.Expr,
    severity: pl.Expr | None = None,
    kind: pl.Expr | None = None,
    parsed: pl.Expr | None = None,
    count: pl.Expr | None = None,
    own: dict[str, pl.Expr] | None = None,
) -> pl.LazyFrame:
    """A parser's frame: the columns of `model.events.event_schema` in order, the format's own, and the envelope's stamps.

    `count` is how many lines an event has; one, where it is not given.
    """
    return lines.select(
        pl.col("line"),
        (pl.lit(1, pl.UInt32) if count is None else count).alias("lines"),
        time.alias("time"),
        (no(severity_type()) if severity is None else severity).alias("severity"),
        (no(pl.String) if kind is None else kind).alias("kind"),
        message.alias("message"),
        (pl.lit(True) if parsed is None else parsed).alias("parsed"),
        *(column.alias(name) for name, column in (own or {}).items()),
        pl.col("^logged_at$"),
    )


def folded(lines: pl.LazyFrame, is_head: pl.Expr, context: Context, mark: str | None = None) -> pl.LazyFrame:
    """Only the lines that begin an event, the first always; the column `lines` counts each with those that follow it.

    Where the first line does not hold `mark`, the line after it that does is joined to it by a newline.
    """
    row = pl.col("row")
    indexed = lines.with_row_index("row")
    begins = is_head.fill_null(False) | (row == 0)
    heads = indexed.filter(begins) if mark is None else _joined(indexed.with_columns(begins.alias("begins")), mark)
    following = row.shift(-1).fill_null(pl.lit(context.line_count, pl.UInt32))
    return heads.with_columns(lines=(following - row).cast(pl.UInt32))


def with_failures(lines: pl.LazyFrame, following: pl.Expr) -> pl.LazyFrame:
    """The lines, with what `failure` needs: of each the next failure among the texts of `following` lines (null for others)."""
    kind = messages.kind_of(following, messages.CONTINUED).alias("failure")
    failed_at = pl.when(pl.col("failure").is_not_null()).then(pl.int_range(pl.len())).alias("failed_at")
    return lines.with_columns(kind).with_columns(failed_at).with_columns(pl.col("failure", "failed_at").backward_fill())


def failure() -> pl.Expr:
    """The kind that the lines after the first give an event; of `folded` lines `with_failures`."""
    return pl.when(pl.col("failed_at") < pl.col("row") + pl.col("lines")).then(pl.col("failure"))


def reached(name: str) -> tuple[pl.Expr, pl.Expr]:
    """Of a column the next value from each line on, and where that is: what `within` needs of `folded` lines."""
    at = pl.when(pl.col(name).is_not_null()).then(pl.int_range(pl.len()))
    return pl.col(name).backward_fill(), at.backward_fill().alias(f"{name}_at")


def within(name: str) -> pl.Expr:
    """The first value of a column among an event's own lines."""
    return pl.when(pl.col(f"{name}_at") < pl.col("row") + pl.col("lines")).then(pl.col(name))


def dying(context: Context, begins: pl.Expr, said: pl.Expr, *, headed: bool = True) -> pl.Expr:
    """The kind of the lines that name what ended a process, and of those with which it begins again where only that shows.

    `begins` tells of the lines what begins an event, `said` what it says behind its head (`headed`: that has one).
    A line of the first sort is an event all the same; without a head it has the time of the line before, or see `died_at`.
    """
    bare = pl.when(~begins).then(pl.col("text"))
    stamped = pl.col("logged_at") if context.sample.stamped else no(pl.Datetime("us")).alias("logged_at")
    opening = opening_of(context.sample.lines)
    told = pl.map_batches([pl.col("text"), begins, said, stamped], partial(_last_words, opening, headed), return_dtype=pl.String)
    code = bare.str.extract(r"^exited with code ([0-9]+)$", 1)
    ended = code.replace_strict(TOLD_BY_COMPOSE, default=pl.when(code.is_not_null()).then(pl.lit("process.exited")))
    return pl.coalesce(ended, messages.kind_of(bare, messages.CRASHES), told)


def _last_words(opening: str, headed: bool, parts: Sequence[pl.Series]) -> pl.Series:
    texts, begins, said, stamped = parts
    kinds = pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    near = (~begins.fill_null(False)).arg_true() if headed else pl.int_range(len(texts), dtype=pl.UInt32, eager=True)
    near = near.filter(texts.gather(near).str.contains_any([*NEEDLES]).fill_null(False))
    if near.is_empty():
        return kinds
    times = (stamped.dt.epoch("us") / 1e6).to_list() if len(stamped) == len(texts) and stamped.null_count() == 0 else None
    lines = Lines(texts.to_list(), begins.fill_null(False).to_list(), said.to_list(), times, opening, _starts, headed)
    ends, starts = last_words(lines, near.to_list())
    return kinds.scatter(sorted(starts), "process.started").scatter(sorted(ends), DIES)


def _starts(text: str) -> bool:
    return messages.says(text, messages.STARTS)


def dies() -> pl.Expr:
    """Whether an event by its looks or by what `dying` says names what ended a process."""
    return pl.col("dying").is_in((DIES, "process.exited", *TOLD_BY_COMPOSE.values())).fill_null(False)


def died_at(context: Context) -> pl.Expr:
    """The `time` of events, and of a death that nothing stamped the next one's, where the one before is long ago.

    A process dies just after its last word, or just before it starts again; nothing tells which.
    """
    return pl.when(_late(context)).then(pl.col("time").backward_fill()).otherwise(pl.col("time"))


def lived(context: Context) -> pl.Expr:
    """The kind that `dying` gives an event; the first after a death that is told at its time is of a process that runs again."""
    time = pl.col("time")
    died = pl.when(_late(context)).then(pl.lit(True)).when(time.is_not_null()).then(pl.lit(False)).forward_fill()
    return pl.coalesce("dying", pl.when(died.shift(1) & time.is_not_null()).then(pl.lit("process.started")))


def _late(context: Context) -> pl.Expr:
    if context.sample.stamped:
        return pl.lit(False)
    time = pl.col("time")
    return dies() & (time.backward_fill() - time.forward_fill() > LONGEST_AGONY)


def _joined(lines: pl.LazyFrame, mark: str) -> pl.LazyFrame:
    begins = pl.col("begins")
    marked = pl.when(~begins).then(pl.col("text")).str.contains(mark, literal=True).fill_null(False)
    near = lines.filter(begins | marked).with_columns((begins & ~begins.shift(-1, fill_value=True)).alias("joins"))
    lacking = ~pl.when("joins").then(pl.col("text")).str.contains(mark, literal=True)
    rest = pl.when(lacking).then(pl.col("text").shift(-1))
    return near.with_columns(pl.map_batches([pl.col("text"), rest], _with_rest, return_dtype=pl.String).alias("text")).filter(
        begins
    )


def _with_rest(parts: Sequence[pl.Series]) -> pl.Series:
    text, rest = parts
    if rest.null_count() == len(rest):
        return text
    return pl.select(pl.concat_str(pl.lit(text), pl.lit(rest), separator="\n", ignore_nulls=True)).to_series()


def by_value(column: pl.Expr, work: Callable[[pl.Series], pl.Series], dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """What `work` makes of each value, done once for each that differs: log messages are few."""

    def each(values: pl.Series) -> pl.Series:
        if values.head(MANY).n_unique() > MANY // 2:
            return work(values)
        frame = values.alias("value").to_frame()
        distinct = frame.unique()
        worked = distinct.with_columns(work(distinct["value"]).alias("worked"))
        return frame.join(worked, on="value", how="left", maintain_order="left", nulls_equal=True)["worked"]

    return column.map_batches(each, return_dtype=dtype, is_elementwise=True)


def groups_of(text: pl.Expr, *patterns: str) -> pl.Expr:
    """A struct of the groups of the first pattern that a text fits, as `groups_in` finds them.

    They are searched in the texts that are there: to polars a null costs as much as any text.
    """
    names = [name or str(number) for number, name in enumerate(_group_names(patterns[0]), 1)]
    dtype = pl.Struct(dict.fromkeys(names, pl.String))

    def search(texts: pl.Series) -> pl.Series:
        rows = texts.is_not_null().arg_true()
        if len(rows) == len(texts):
            return groups_in(texts, *patterns)
        return _spread(groups_in(texts.gather(rows), *patterns), rows, len(texts))

    return text.map_batches(search, return_dtype=dtype, is_elementwise=True)


def groups_in(texts: pl.Series, *patterns: str) -> pl.Series:
    """A struct of the groups of the first pattern that a text fits; all have the same, the first of them in every match.

    Each is tried only on the texts that fit none before: patterns that leave no choice are much faster than those that do.
    """
    found = texts.str.extract_groups(patterns[0])
    for pattern in patterns[1:]:
        left = found.struct[0].is_null().arg_true()
        if len(left):
            found = _filled(found, left, texts.gather(left).str.extract_groups(pattern))
    return found


def _filled(found: pl.Series, left: pl.Series, others: pl.Series) -> pl.Series:
    """A struct of texts with others in some rows."""
    columns = (found.struct.field(name).scatter(left, others.struct.field(name)) for name in found.struct.fields)
    return pl.DataFrame(columns).to_struct()


def _spread(found: pl.Series, rows: pl.Series, height: int) -> pl.Series:
    """Values at their rows among `height`, null in the others."""
    index = pl.repeat(None, height, dtype=pl.UInt32, eager=True)
    return found.gather(index.scatter(rows, pl.int_range(len(rows), dtype=pl.UInt32, eager=True)))


_GROUP = regex(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<opens>\((?!\?)|\(\?P<(?P<name>\w+)>)")
"""What opens a group; what may hold a parenthesis that does not (an escape, a class) is passed over."""


def _group_names(pattern: str) -> list[str | None]:
    """The names of a pattern's groups, None for one without; read off, as compiling takes a hundred times as long."""
    return [match["name"] for match in _GROUP.finditer(pattern) if match["opens"]]


def patched(fast: pl.Expr, slow: pl.Expr, where: pl.Expr) -> pl.Expr:
    """The text `slow` at the few places where `where` is true, else `fast`."""
    return pl.map_batches([fast, slow, where], _patched, return_dtype=pl.String, is_elementwise=True)


def _patched(parts: Sequence[pl.Series]) -> pl.Series:
    fast, slow, where = parts
    rows = where.arg_true()
    return fast.scatter(rows, slow.gather(rows)) if len(rows) else fast
