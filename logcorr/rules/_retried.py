"""Which troubles with an upstream a client never saw, because nginx asked another server and got an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import Directive, NginxFile
from logcorr.rules._requests import asked, position, troubles
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.nginx.facts import Upstream, UpstreamServer

TROUBLES = ("upstream.refused", "upstream.timeout", "upstream.closed_early", "upstream.reset", "upstream.unreachable")

WITHIN, EARLIER = timedelta(seconds=121, microseconds=-1), timedelta(seconds=2, microseconds=-1)
"""The access log tells of a request when it ends; retries are over by then (`proxy_next_upstream_timeout` aside). Its stamps are
cut to the second, so that it may seem to end a second before."""

BEGUN = ["while proxying upgraded connection", "while reading upstream"]
"""Words for troubles in the midst of an answer: no other server is asked then."""

NOT_BEGUN = ("upstream.refused", "upstream.unreachable")
"""Troubles before any of an answer was sent: without another server, the access log must hold a 5xx for the request."""

GIVEN_UP = 499
"""nginx's own number for a client that left before it was answered; https://nginx.org/en/docs/dev/development_guide.html"""

SO_OFTEN = 60
"""One client that asks for the same more often than so in a minute stands for many: a balancer in front of this proxy."""

ADDRESS = r"//([^/]+)"
NUMERIC = regex(r"(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?")
"""A name may stand for several servers; nginx asks each of them."""

ERRORS = ("500", "502", "503", "504")

COVERED = "60s"
"""An access log with a request so near to the event is of that time, even where its clock differs a little."""


def felt(case: Case, *kinds: str) -> pl.DataFrame:
    """The events of these kinds but for those whose client got its answer all the same."""
    events = case.placed(*kinds)
    return events.join(case.once(answered), on=["file", "line"], how="anti", maintain_order="left")


def answered(case: Case) -> pl.DataFrame:
    """Those of the `TROUBLES` whose request stands in an access log with a status below 500, its client not having given up.

    That request is the first of the same client, method and path to end after the event: the same client may ask again. Where
    nothing of an answer had been sent, it is enough that no such request failed at all: then no clock matters. Without an access
    log, or where it shows a page in place of the error, the configuration tells whether another server was asked. The only server
    that is configured has no other beside it.
    """
    if not any(kind in case.kinds for kind in TROUBLES):
        return case.placed()
    access, files = _access(case), tuple(case.of(NginxFile))
    if access is None or any(_covers_up(one) for one in _directives(files)):
        return _others_left(case)
    before = ~pl.col("message").str.contains_any(BEGUN)
    wanted = pl.col("kind").is_in(TROUBLES) & pl.col("time").is_not_null() & before
    alone = pl.col("upstream").str.extract(ADDRESS, 1).is_in(_alone(files))
    known = troubles(case).filter(wanted & (pl.col("client") != "") & ~alone.fill_null(value=False))
    early = pl.col("kind").is_in(NOT_BEGUN)
    request = pl.concat_str("client", "method", "uri", separator=" ").hash()
    rows = known.select(position(case), "time", early=early, request=request).collect(engine="streaming").sort("time")
    again = _ends(access).join(rows.lazy().select("request").unique(), on="request", how="semi")
    logged = (
        again.group_by("request", "ended")
        .agg(pl.col("status").max(), requests=pl.len())
        .collect(engine="streaming")
        .sort("ended")
    )
    spared = pl.concat([_answered_then(rows, logged), _never_failed(rows, logged, access)]).unique()
    near = case.logged.filter(wanted & pl.col("line").is_in((spared["position"] % 2**32).cast(pl.UInt32).implode())).collect()
    return near.with_columns(position(case)).join(spared, on="position", how="semi", maintain_order="left").drop("position")


def _access(case: Case) -> pl.LazyFrame | None:
    """The access logs, if they tell when requests ended in UTC, and with which status."""
    told = case.records("nginx_access")
    columns = told.collect_schema()
    if not {"client", "request", "status", "time"} <= columns.keys() or columns["time"] != pl.Datetime("us", "UTC"):
        return None
    return told


def _ends(access: pl.LazyFrame) -> pl.LazyFrame:
    """When requests `ended`, and with which `status`.

    `request` is a number for each client, method and path: of a million, two have the same in one of thirty million cases.
    """
    asked = pl.concat_str("client", pl.col("request").str.extract(r"^(\S+ \S+)", 1), separator=" ")
    return access.select(asked.hash().alias("request"), pl.col("time").alias("ended"), "status").drop_nulls()


def _answered_then(rows: pl.DataFrame, logged: pl.DataFrame) -> pl.DataFrame:
    """Those troubles whose request is the next to end well; one that ended up to a second earlier was logged earlier.

    Of those who ask for the same again and again, nobody knows which answer is whose.
    """
    minute = logged.group_by("request", pl.col("ended").dt.truncate("1m")).agg(pl.col("requests").sum())
    rows = rows.join(minute.filter(pl.col("requests") > SO_OFTEN), on="request", how="anti", maintain_order="left")
    earlier = rows.with_columns(since=pl.col("time") - EARLIER)
    first = earlier.join_asof(
        logged,
        left_on="since",
        right_on="ended",
        by="request",
        strategy="forward",
        tolerance=EARLIER + WITHIN,
        check_sortedness=False,
    )
    return first.filter(_well()).select("position")


def _never_failed(rows: pl.DataFrame, logged: pl.DataFrame, access: pl.LazyFrame) -> pl.DataFrame:
    """Those troubles before an answer whose request an access log of that time tells of, and never with a 5xx."""
    early = rows.filter("early")
    times = access.select(ended=pl.col("time").drop_nulls()).unique().collect(engine="streaming").sort("ended")
    covered = early.join_asof(times, left_on="time", right_on="ended", strategy="nearest", tolerance=COVERED, coalesce=False)
    worst = logged.group_by("request").agg(pl.col("status").max())
    well = covered.filter(pl.col("ended").is_not_null()).join(worst, on="request").filter(_well())
    return well.select("position")


def _well() -> pl.Expr:
    return (pl.col("status") < 500) & (pl.col("status") != GIVEN_UP)


def _others_left(case: Case) -> pl.DataFrame:
    """Those troubles before an answer after which another server of the group was left to ask, and is not told to fail."""
    events = case.happened(*NOT_BEGUN)
    rows = asked(case, events).with_columns(address=pl.col("upstream").str.extract(ADDRESS, 1))
    files = tuple(case.of(NginxFile))
    groups = [[one.address for one in _up(group)] for group in _groups(files)]
    members = pl.DataFrame(
        [(address, len(group)) for group in groups for address in group],
        schema={"address": pl.String(), "of": pl.Int64()},
        orient="row",
    )
    failed = pl.col("address").n_unique().over("client", "method", "uri", pl.col("time").dt.truncate("10s"))
    tried = rows.with_columns(failed=failed).join(members.unique("address"), on="address", maintain_order="left")
    spared = tried.filter(pl.col("failed") < pl.col("of")).select("file", "line")
    return events.join(spared, on=["file", "line"], how="semi", maintain_order="left")


def _groups(files: Sequence[NginxFile]) -> Sequence[Upstream]:
    """The upstream groups, if the proxy asks another server where one fails, as it does unless told otherwise."""
    if not files or any(one.name == "proxy_next_upstream" and "off" in one.args for one in _directives(files)):
        return ()
    return tuple(Nginx.of(files).upstreams())


def _up(group: Upstream) -> Iterator[UpstreamServer]:
    return (one for one in group.servers if "down" not in one.parameters)


def _alone(files: Sequence[NginxFile]) -> list[str]:
    """The addresses, written in numbers, to which a block leads that has no other server."""
    every = Nginx.every(files)
    named = [(group.name, [one.address for one in _up(group)]) for nginx in every for group in nginx.upstreams()]
    groups = dict(named)
    shared = {address for _, group in named if len(group) > 1 for address in group}
    targets = [place.target.partition("://")[2].partition("/")[0] for nginx in every for place in nginx.proxied()]
    alone = {address for target in targets for address in groups.get(target, [target])} - shared
    return sorted(address for address in alone if NUMERIC.fullmatch(address))


def _covers_up(one: Directive) -> bool:
    """Whether clients are shown another status in place of a server's failure: `error_page 502 504 =200 /sorry.html`."""
    return one.name == "error_page" and any(arg.startswith("=") for arg in one.args) and any(arg in ERRORS for arg in one.args)


def _directives(files: Sequence[NginxFile]) -> Iterator[Directive]:
    level = [one for file in files for one in file.directives]
    while level:
        yield from level
        level = [child for one in level for child in one.children or ()]
