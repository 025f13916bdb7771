"""What scripts wrote into logs, known again by the text they print."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from logcorr.lazily import pl, regex
from logcorr.model.case import Behaviour, Case
from logcorr.model.events import timeline_schema
from logcorr.model.facts import Script
from logcorr.model.source import Span

FEWEST_LETTERS, ITS_OWN_WORDS = 4, 8
"""A message is known again by its pieces of at least so many letters; numbers in it may be counted.

One of at least so many letters in all is nobody else's.
"""

NEAR_LINES = 3

APPENDS = regex(r"(?:>>|\btee -a) ?[\"']?(?:[^\s\"';&|<>]*/)?(?P<name>[\w.-]+)")
SET = regex(r"^\s*(?:export |local |readonly )?(?P<name>\w+)=(?P<value>\"[^\"]*\"|'[^']*'|[^\s;]+(?:\$\([^)]*\)\S*)?)")


def said(case: Case, behaviours: Iterable[Behaviour], near: Span | None = None) -> pl.DataFrame:
    """The timeline's rows that hold a message of these scripts, in time order; only those written close to the line `near`.

    A line without a stamp inside another log (`docker compose logs`) has the time of the event after it in the file: scripts
    say what they do before they do it.
    """
    speaking = list(behaviours)
    wanted = [
        pieces
        for behaviour in speaking
        for pieces, span in messages(behaviour)
        if near is None or (span.path == near.path and abs(span.line - near.line) <= NEAR_LINES)
    ]
    return _where_it_writes(case, speaking, _held(case, lambda column: _holds(column, wanted))) if wanted else case.happened()


def said_at(case: Case, behaviour: Behaviour, places: Sequence[Span]) -> pl.DataFrame:
    """The rows that hold what it writes at these lines and no others, in the logs to which it appends if those were collected."""
    here, elsewhere = list[Sequence[str]](), list[Sequence[str]]()
    for pieces, span in messages(behaviour):
        (here if any(_within(span, place) for place in places) else elsewhere).append(pieces)
    if not here:
        return case.happened()
    rows = _where_it_writes(case, [behaviour], _held(case, lambda column: _holds(column, here)))
    return rows.filter(~_holds("message", elsewhere)) if elsewhere else rows


def _where_it_writes(case: Case, behaviours: Sequence[Behaviour], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows in the logs to which all of these scripts append and nowhere else, if those were collected."""
    own = [_logs_of(case, behaviour) for behaviour in behaviours]
    return rows.filter(pl.col("file").is_in({path for logs in own for path in logs})) if own and all(own) else rows


def _logs_of(case: Case, behaviour: Behaviour) -> list[str]:
    text = behaviour.script.text
    names = set() if re.search(r"\blogger\b", text) else appended_to(text)
    return [source.path for source in case.sources if source.path.rpartition("/")[2] in names]


def _within(span: Span, place: Span) -> bool:
    return span.path == place.path and place.line <= span.line <= place.end_line


def printed(case: Case, pattern: str) -> pl.DataFrame:
    """The timeline's rows that hold what the programs of a script print, as `said` gives its own messages."""
    return _held(case, lambda column: pl.col(column).str.contains(pattern))


def _held(case: Case, holds: Callable[[str], pl.Expr]) -> pl.DataFrame:
    timed = case.timeline.filter(holds("message") & pl.col("time").is_not_null())
    rows = timed.sort("time", maintain_order=True).collect()
    return rows if rows.height else pl.concat([rows, *_unstamped(case, holds("text"))])


def own_words(case: Case, behaviour: Behaviour) -> pl.DataFrame:
    """What it wrote, in the log that holds most sorts of its messages; a word such as “done” alone may be anybody's."""
    rows = said(case, [behaviour])
    sorts = [pieces for pieces, _ in messages(behaviour) if sum(map(len, pieces)) >= ITS_OWN_WORDS]
    held = [pl.all_horizontal(pl.col("message").str.contains(piece, literal=True) for piece in pieces).any() for pieces in sorts]
    if not rows.height or not sorts:
        return rows.clear()
    best = rows.group_by("file", maintain_order=True).agg(pl.sum_horizontal(held).alias("sorts"))
    most = (pl.col("sorts") == pl.col("sorts").max()) & (pl.col("sorts") > 0)
    return rows.filter(pl.col("file").is_in(best.filter(most)["file"].implode()))


def messages(behaviour: Behaviour) -> Iterator[tuple[Sequence[str], Span]]:
    """What a script writes: the pieces by which each message is known again, and the line that writes it."""
    for pieces, span in behaviour.says:
        known = [part.strip() for piece in pieces for part in re.split(r"\d+", piece) if len(part.strip()) >= FEWEST_LETTERS]
        if known:
            yield known, span


def _holds(column: str, wanted: Sequence[Sequence[str]]) -> pl.Expr:
    return pl.any_horizontal(
        pl.all_horizontal(pl.col(column).str.contains(piece, literal=True) for piece in pieces) for pieces in wanted
    )


def _unstamped(case: Case, holds: pl.Expr) -> Iterator[pl.DataFrame]:
    """The lines in files of logs that belong to no event, with the time of the first event after them in the file."""
    for path in sorted({source.path for source in case.sources}):
        lines = case.lines(path).filter(holds).select("line", message="text").collect()
        if lines.height:
            events = case.timeline.filter(pl.col("file") == path).select("time", "line").drop_nulls().collect().sort("line")
            timed = lines.sort("line").join_asof(events, on="line", strategy="forward").drop_nulls("time")
            yield timed.with_columns(file=pl.lit(path), source=pl.lit("script"), lines=pl.lit(1, pl.UInt32)).select(
                pl.col(name) if name in ("time", "line", "message", "file", "source", "lines") else pl.lit(None, kind).alias(name)
                for name, kind in timeline_schema().items()
            )


def appended_to(text: str) -> set[str]:
    """The names of the files to which a command or a script appends."""
    return {found["name"] for found in APPENDS.finditer(text)}


def script_at(scripts: Iterable[Script], place: Span) -> Script | None:
    """The script in which a line stands."""
    held = (one for one in scripts if one.span.path == place.path and one.span.line <= place.line <= one.span.end_line)
    return next(held, None)


def code_of(script: Script, *, filled: bool = False) -> Iterator[tuple[Span, str]]:
    """The script's lines with their places, but for comments; `filled`: as `expanded` gives them."""
    for number, line in enumerate(expanded(script) if filled else script.text.split("\n")):
        if not line.lstrip().startswith("#"):
            yield Span(script.span.path, script.span.line + number), line


def expanded(script: Script) -> list[str]:
    """The script's lines, variables that were set to plain text before put in."""
    known: dict[str, str] = {}
    lines = []
    for line in script.text.split("\n"):
        text = re.sub(r"\$\{?(\w+)\}?", lambda found: known.get(found[1], found[0]), line)
        lines.append(text)
        setting = SET.match(text)
        if setting and "`" not in setting["value"] and "$(" not in setting["value"]:
            known[setting["name"]] = setting["value"].strip("\"'")
    return lines
