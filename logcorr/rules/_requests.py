"""What was asked when the proxy told of trouble: rows of its error log with their request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.facts import NginxFile
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.nginx.facts import Limit, Proxied

ASKED = ("client", "method", "uri", "upstream", "server")
OF_UPSTREAM = ("upstream_status", "upstream_addr", "upstream_response_time")
"""What is empty in an access log of a request that nobody but the proxy answered."""


def asked(case: Case, events: pl.DataFrame) -> pl.DataFrame:
    """Those of the events that stand in nginx's error log, with the columns of `ASKED`; text that is not known is empty."""
    if events.is_empty():
        return events.with_columns(pl.lit("").alias(name) for name in ASKED)
    places = events.lazy().select(position(case)).with_row_index("row")
    told = places.join(troubles(case).select(position(case), *ASKED), on="position")
    rows = told.select("row", *ASKED).sort("row").collect(engine="streaming")
    return events[rows["row"]].hstack(rows.drop("row"))


def troubles(case: Case) -> pl.LazyFrame:
    """What nginx's error logs tell, one log after the other, with the columns of `ASKED`; text that is not known is empty."""
    told = case.records("nginx_error")
    columns = told.collect_schema()
    if "request" not in columns:
        return case.logged.clear().with_columns(pl.lit("").alias(name) for name in ASKED)
    request = pl.col("request")
    plain = [
        (pl.col(name) if name in columns else pl.lit(None, pl.String)).alias(name) for name in ("client", "upstream", "server")
    ]
    asked = (request.str.extract(r"^(\S+)", 1).alias("method"), request.str.extract(r"^\S+ (\S+)", 1).alias("uri"))
    return told.with_columns(*plain, *asked).with_columns(pl.col(name).fill_null("") for name in ASKED)


def endpoint_of(uri: pl.Expr) -> pl.Expr:
    """A path without its query, every part that holds a digit being as good as another."""
    return uri.str.replace(r"[?#].*$", "").str.replace_all(r"/[^/]*\d[^/]*", "/*")


def requests_of(case: Case) -> pl.LazyFrame | None:
    """What the proxy answered: `file`, `line`, `time` (UTC), `status` and `endpoint`; None where no access log tells these."""
    access = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(access.collect_schema()):
        return None
    uri = pl.col("request").str.extract(r"^\S+ (\S+)", 1)
    return access.select("file", "line", "time", "status", endpoint=endpoint_of(uri)).drop_nulls()


def position(case: Case) -> pl.Expr:
    """A `file` and a `line` of it as one number, the line in the lower half: to join millions of rows by it takes less memory."""
    paths = sorted({source.path for source in case.sources})
    number = pl.col("file").replace_strict(paths, range(len(paths)), default=None, return_dtype=pl.UInt64)
    return (number * 2**32 + pl.col("line")).alias("position")


def by_place(case: Case, rows: pl.DataFrame) -> Iterator[tuple[Proxied, pl.DataFrame]]:
    """The rows of each block that hands requests on, by the longest prefix of their `uri`; none where nothing is configured.

    Where one of the servers bears the name that a row tells, only its blocks count; those of another proxy lead elsewhere.
    """
    places = _places(case)
    names = {name for _, name in places}
    for place, name in places:
        of_another = pl.col("server").is_in(sorted(names - {name}))
        here = pl.col("uri").str.starts_with(prefix(place)) & ~of_another
        if leads := _numeric(case, place):
            here &= (pl.col("upstream") == "") | pl.col("upstream").str.extract(r"^\w+://([^/]+)", 1).is_in(leads)
        yield place, rows.filter(here)
        rows = rows.filter(~here)


def _numeric(case: Case, place: Proxied) -> list[str]:
    """The addresses that a block leads to, with their ports, if all of them are written in numbers."""
    target = re.sub(r"^\w+://", "", place.target).partition("/")[0]
    every = (group for nginx in case.once(_nginx) for group in nginx.upstreams())
    groups = {group.name: [server.address for server in group.servers] for group in every}
    found = [re.fullmatch(r"((?:\d{1,3}\.){3}\d{1,3})(:\d+)?", address) for address in groups.get(target, [target])]
    return [f"{one[1]}{one[2] or ':80'}" for one in found if one] if all(found) else []


def _places(case: Case) -> Sequence[tuple[Proxied, str]]:
    """The blocks, those of the longest prefix first, each with the name of its server."""
    named = [(place, nginx.server_name(place)) for nginx in case.once(_nginx) for place in nginx.proxied()]
    return sorted(named, key=lambda pair: -len(prefix(pair[0])))


def _nginx(case: Case) -> Sequence[Nginx]:
    return Nginx.every(tuple(case.of(NginxFile)))


def prefix(place: Proxied) -> str:
    """What a location matches at the start of a path; of a regular expression nothing is known."""
    return place.path.split()[-1] if place.path and not place.path.startswith("~") else "/"


def read_limit(place: Proxied) -> Limit:
    """How long the proxy waits there for an answer."""
    return next(limit for limit in place.limits if limit.name.endswith("read_timeout"))
