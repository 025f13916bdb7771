"""Clients close their connections before they are answered, far more of them at some times than at others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule

FEWEST, FEWEST_CLIENTS = 20, 3
LEAST_SHARE, DENSER = 0.1, 10.0
"""So large a share of a minute's requests is given up, so many times that of other minutes: some clients always leave early."""

PAUSE = timedelta(minutes=5)
"""Minutes so close together are of one phase, with those between."""

GONE = "client.aborted"


@rule(code="NGX030", title="Clients gave up waiting", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Minutes of a log of requests in which many more of them than usual end with nginx's 499: the client was gone first.

    https://nginx.org/en/docs/dev/development_guide.html#http_request_finalization
    """
    if case.kinds.get(GONE, 0) < FEWEST:
        return
    gone = _clients(case, case.placed(GONE).drop_nulls("time").with_columns(minute=pl.col("time").dt.truncate("1m")))
    for service, rows in by_service(gone.join(_ill(case), on=["file", "minute"], how="semi", maintain_order="left")):
        if rows.height >= FEWEST and rows["client"].n_unique() >= FEWEST_CLIENTS:
            yield counted(
                rows,
                service,
                claim(
                    "clients_gave_up.counted",
                    "{count} requests to {service} were given up unanswered, in {minutes} minutes, and hardly any at other times",
                    count=rows.height,
                    service=service,
                    minutes=rows["minute"].n_unique(),
                ),
                claim("clients_gave_up.refute", "these clients close each connection early, whatever they are answered"),
            )


def _ill(case: Case) -> pl.DataFrame:
    """The minutes of each log of requests in which so many are given up, and hardly any are otherwise."""
    logs = [source.path for source in case.sources if source.format in REQUEST_LOGS]
    dated = case.logged.filter(pl.col("file").is_in(logs) & pl.col("time").is_not_null())
    counts = (
        dated.group_by("file", minute=pl.col("time").dt.truncate("1m"))
        .agg(asked=pl.len(), gone=(pl.col("kind") == GONE).sum())
        .collect(engine="streaming")
    )
    told = _phased(counts.sort("file", "minute"))
    then, asked, gone = pl.col("phase"), pl.col("asked"), pl.col("gone")
    share = (gone.filter(then).sum() / asked.filter(then).sum()).over("file")
    otherwise = asked.filter(~then).sum().over("file")
    usual = gone.filter(~then).sum().over("file") / otherwise
    return told.filter(then & (otherwise >= FEWEST) & (share >= DENSER * usual)).select("file", "minute")


def _phased(counts: pl.DataFrame) -> pl.DataFrame:
    """The minutes, and whether each is of a `phase` of many that are given up: a pause in it is a part of it."""
    minute = pl.when(pl.col("gone") >= LEAST_SHARE * pl.col("asked")).then("minute")
    pause = (minute.backward_fill() - minute.forward_fill()).over("file")
    near = counts.with_columns(near=(pause <= PAUSE).fill_null(False))
    runs = near.with_columns(run=(pl.col("near") != pl.col("near").shift(1)).cum_sum().over("file"))
    gone, asked = (pl.col(name).sum().over("file", "run") for name in ("gone", "asked"))
    return runs.with_columns(phase=pl.col("near") & (gone >= FEWEST) & (gone >= LEAST_SHARE * asked))


def _clients(case: Case, gone: pl.DataFrame) -> pl.DataFrame:
    """The events with the `client` of each, as the logs have it; where none does, each line stands for another."""
    place = ["file", "line"]
    logs = [told.select(*place, "client") for told in map(case.records, REQUEST_LOGS) if "client" in told.collect_schema()]
    theirs = [told.join(gone.lazy(), on=place, how="semi").collect(engine="streaming") for told in logs]
    nobody = gone.clear().select(*place, client=pl.lit("", pl.String))
    named = gone.join(pl.concat([nobody, *theirs]), on=place, how="left", maintain_order="left")
    return named.with_columns(pl.coalesce("client", pl.col("line").cast(pl.String)).alias("client"))
