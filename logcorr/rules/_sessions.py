"""How long the lasting connections of clients (WebSockets) lived, as applications, pages and proxies tell."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case

NAMED = r"(?:^|[^\w-])([A-Za-z0-9_-]{16,})(?:$|[^\w-])"
"""What a connection is called: Socket.IO's and uuid's names are long, words are not."""

BEGAN = r"(?i)\b(?:re)?connected\b"
OWN_END = r"ping timeout|client namespace disconnect|io client disconnect|server namespace disconnect|server shutting down"
"""Reasons of Socket.IO by which one of the two ended it itself: https://socket.io/docs/v4/server-socket-instance/#disconnect."""

TOLD = (
    r"(?i)\b(?:(?:dis)?connected|duration|lived|alive|lifetime|uptime|session|age|open(?:ed)?|after|for)(?:_|-)?(?P<named>ms|s|sec|seconds)?\b"
    r"[\"']?\s?[:= ]\s?[\"']?(?P<number>\d+(?:\.\d+)?)\s?(?P<unit>ms|s|sec|seconds)?\b"
)
"""How long a connection lasted, as the line itself tells: `"connectedMs":20023`, `after 60 s`, `duration=62.1s`."""

UNITS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0}

SWITCHED = 101


def sessions(case: Case) -> pl.DataFrame:
    """The timeline's rows that tell that a connection ended, not of its own, with the seconds since it began (`lived`).

    `quiet` are those since its file spoke of it last; what is written in the second before the end belongs to the end.

    A row belongs to the one before in its file that names the same connection, or, where it names none, to the last that tells of
    a beginning. Where no program tells, those of the access log do that switched protocols and say how long they took.
    """
    ended = case.happened("client.disconnected").filter(pl.col("time").is_not_null() & ~pl.col("message").str.contains(OWN_END))
    told = _paired(case, ended) if ended.height else _none(ended)
    return told if told.height else _switched(case)


def _none(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.clear().with_columns(lived=pl.lit(None, pl.Float64), quiet=pl.lit(None, pl.Float64))


def _paired(case: Case, ended: pl.DataFrame) -> pl.DataFrame:
    """By what the line tells itself, by the connection's name, or by turn."""
    lines = _lines(case, ended)
    ended = ended.join(lines.select("file", "line", "said"), on=["file", "line"], how="left", maintain_order="left")
    told = _as_told(ended)
    rest = ended.join(told, on=["file", "line"], how="anti", maintain_order="left")
    both = pl.concat([told.drop("said"), _by_name(rest, lines).drop("said")])
    return both.filter(pl.col("lived") > 0).sort("time", "file", "line", maintain_order=True)


def _lines(case: Case, ended: pl.DataFrame) -> pl.DataFrame:
    """What the files that tell of ends say: the message; the whole line where no message names a connection, but members may."""
    rows = case.timeline.filter(pl.col("file").is_in(ended["file"].unique().implode()) & pl.col("time").is_not_null())
    lines = rows.select("file", "line", "message", said="message", began="time").sort("file", "line").collect()
    naming = ended.group_by("file").agg(pl.col("message").str.contains(NAMED).any())
    whole = [
        case.lines(file).select(pl.lit(file).alias("file"), "line", "text")
        for file in naming.filter(~pl.col("message"))["file"].sort()
    ]
    if not whole:
        return lines
    both = lines.join(pl.concat(whole).collect(), on=["file", "line"], how="left", maintain_order="left")
    return both.with_columns(said=pl.coalesce("text", "message")).drop("text")


def _as_told(ended: pl.DataFrame) -> pl.DataFrame:
    part = pl.col("said").str.extract_groups(TOLD).struct
    unit = pl.coalesce(part.field("named").str.to_lowercase(), part.field("unit").str.to_lowercase())
    seconds = part.field("number").cast(pl.Float64) * unit.replace_strict(UNITS, default=None, return_dtype=pl.Float64)
    return ended.with_columns(lived=seconds, quiet=seconds).drop_nulls("lived")


def _by_name(ended: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    named = pl.col("said").str.extract(NAMED, 1).alias("named")
    spoken = lines.select("file", named, "began", last="began").drop_nulls("named").sort("last")
    first = spoken.unique(["file", "named"], keep="first", maintain_order=True).drop("last")
    begun_by_name = ended.with_columns(named).drop_nulls("named").join(first, on=["file", "named"], maintain_order="left")
    by_name = (
        begun_by_name.with_columns(until=pl.col("time") - pl.duration(seconds=1))
        .sort("until")
        .join_asof(spoken.drop("began"), left_on="until", right_on="last", by=["file", "named"], check_sortedness=False)
    )
    nameless = ended.with_columns(named).filter(pl.col("named").is_null()).sort("line")
    begun = lines.filter(pl.col("message").str.contains(BEGAN)).select("file", "line", "began", last="began").sort("line")
    by_turn = nameless.join_asof(begun, on="line", by="file", strategy="backward", check_sortedness=False)
    columns = [*ended.columns, "began", "last"]
    both = pl.concat([by_name.select(columns), by_turn.select(columns)]).drop_nulls("began")
    lived, quiet = ((pl.col("time") - pl.col(since)).dt.total_microseconds() / 1e6 for since in ("began", "last"))
    return both.with_columns(lived=lived, quiet=quiet).drop("began", "last")


def _switched(case: Case) -> pl.DataFrame:
    access = case.records("nginx_access")
    if not {"request_time", "status"} <= set(access.collect_schema()):
        return _none(case.happened())
    took = (
        access.filter(pl.col("status") == SWITCHED)
        .select("file", "line", lived="request_time", quiet="request_time")
        .drop_nulls()
        .collect()
    )
    rows = case.timeline.filter(pl.col("file").is_in(took["file"].unique().implode())).collect()
    return rows.join(took, on=["file", "line"], maintain_order="left").filter(pl.col("time").is_not_null())
