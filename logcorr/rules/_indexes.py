"""Where collected migrations and scripts drop an index of a database, and what tells of the index."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules._settings import settings
from logcorr.rules._statements import words

DROPS = r"(?i)\bdrop\s+(?:index|key)\b|\bremove_index\b|\bremoveIndex\(|\bdrop_index\(|\bdropIndex\(|\bRemoveIndex\("
"""SQL; Rails; Sequelize; Alembic; Knex, Laravel, TypeORM; Django."""

MAKES = r"(?i)\bcreate\s+(?:unique\s+)?index\b|\badd\s+(?:index|key)\b|\b(?:add|create)_?index\b|\.index\("

SECTION = regex(
    r"(?i)\b(?:def|function|async)\s+(?P<named>up|upgrade|change|down|downgrade)\b|\bexports\.(?P<exported>up|down)\b"
    r"|^\s*(?:public\s+|async\s+)*(?P<method>up|down)\s*\(|--\s*(?:\+?\w+[\s:])?(?P<marked>up|down|rollback)\s*$"
)
"""What begins the way there or the way back in a file that holds both."""
BACK = regex(r"(?i)(?:[._/-]|^)(?:down|rollback|revert)[._/-]")
BACKWARDS = ("down", "downgrade", "rollback")

NOISE = frozenset(
    [
        "drop",
        "index",
        "if",
        "exists",
        "concurrently",
        "on",
        "alter",
        "table",
        "key",
        "remove_index",
        "removeindex",
        "drop_index",
        "dropindex",
        "name",
        "table_name",
        "column",
        "op",
        "f",
        "self",
        "await",
        "queryrunner",
        "query",
        "queryinterface",
        "migrations",
        "t",
        "schema",
        "cascade",
        "only",
        "public",
        "using",
        "btree",
    ]
)
SQL = frozenset(
    [
        "select",
        "from",
        "where",
        "and",
        "or",
        "not",
        "in",
        "is",
        "null",
        "like",
        "ilike",
        "between",
        "order",
        "by",
        "group",
        "having",
        "limit",
        "offset",
        "as",
        "on",
        "join",
        "left",
        "right",
        "inner",
        "outer",
        "full",
        "cross",
        "using",
        "distinct",
        "count",
        "sum",
        "min",
        "max",
        "avg",
        "lower",
        "upper",
        "coalesce",
        "case",
        "when",
        "then",
        "else",
        "end",
        "desc",
        "asc",
        "update",
        "set",
        "insert",
        "into",
        "values",
        "delete",
        "for",
        "share",
        "with",
        "exists",
        "union",
        "all",
        "true",
        "false",
        "now",
    ]
)
TABLES = regex(r"(?i)\b(?:from|join|update|into)\s+(?:only\s+)?[\"`\[]?(?:\w+[\"`\]]?\.[\"`\[]?)?(\w+)")
SHORTEST = 3


class Dropped(Struct, frozen=True):
    """An index that a line drops: the names on that line, and on the lines that made it; `anew` are those that make others."""

    span: Span
    names: frozenset[str]
    made: tuple[Span, ...] = ()
    anew: tuple[str, ...] = ()

    def serves(self, statement: str) -> list[str]:
        """The columns of the statement that the index is on, and that no other index begins with.

        None where it is on another table.
        """
        tables = {table.lower() for table in TABLES.findall(statement)}
        joined = [f"_{name}_" for name in self.names]
        if not any(f"_{table}_" in name for table in tables for name in joined):
            return []
        others = [line for line in self.anew if any(re.search(rf"(?i)\b{table}\b", line) for table in tables)]
        columns = {one for one in words(statement) if not any(_leads(one, line) for line in others)} - tables - SQL
        return sorted(column for column in columns if len(column) >= SHORTEST and any(f"_{column}_" in name for name in joined))

    def is_looked_up(self, statement: str) -> bool:
        """Whether the statement asks for one value of such a column: what an index is needed for most."""
        return any(re.search(rf"(?i)\b{one}\W{{0,2}}\s*=|=\s*(?:\w+\W)?{one}\b", statement) for one in self.serves(statement))


def dropped(case: Case) -> list[Dropped]:
    """Those of collected files, the way back left out, with what the same file and later ones of its folder make."""
    made, gone = list(settings(case, MAKES)), [one for one in settings(case, DROPS) if not _is_back(case, one[0])]
    there = [one for one in made if not _is_back(case, one[0])] if gone else []
    return [_known(span, text, made, _since(span, there)) for span, text in gone]


def _since(dropped_at: Span, made: Sequence[tuple[Span, str]]) -> tuple[str, ...]:
    folder = dropped_at.path.rpartition("/")[0]
    return tuple(text for span, text in made if span.path.rpartition("/")[0] == folder and span.path >= dropped_at.path)


def _leads(column: str, made: str) -> bool:
    """Whether the line makes an index of all rows whose first column it is."""
    first = rf"(?i)(?:[\[(]|\badd_index\s*\(?\s*:\w+,)\s*[:\"'`]?{re.escape(column)}\b"
    return bool(re.search(first, made)) and not re.search(r"(?i)\bwhere\b", made)


def dropped_by_hand(rows: pl.DataFrame) -> Iterator[Dropped]:
    """Those that a database's own log tells of."""
    for file, line, message in rows.filter(pl.col("message").str.contains(DROPS)).select("file", "line", "message").iter_rows():
        yield Dropped(Span(file, line), frozenset(_names(message.partition("statement:")[2] or message)))


def _names(text: str) -> set[str]:
    return {name.lower() for name in re.findall(r"[A-Za-z_]\w*", text)} - NOISE


def _known(span: Span, text: str, made: Sequence[tuple[Span, str]], anew: tuple[str, ...]) -> Dropped:
    own = _names(text)
    index = {name for name in own if "_" in name}
    there = [(where, line) for where, line in made if index & _names(line) and where != span]
    return Dropped(
        span, frozenset(own | {name for _, line in there for name in _names(line)}), tuple(where for where, _ in there), anew
    )


def _is_back(case: Case, span: Span) -> bool:
    """Whether the line belongs to the way back."""
    if BACK.search(span.path):
        return True
    before = case.lines(span.path).head(span.line).select("text").collect()["text"].fill_null("").to_list()
    begun = [found for text in before if (found := SECTION.search(text))]
    return bool(begun) and next(filter(None, begun[-1].groups())).lower() in BACKWARDS
