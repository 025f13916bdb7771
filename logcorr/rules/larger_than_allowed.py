"""The proxy refuses what is larger than one of its buffers, or than a request may be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, rule
from logcorr.rules._application_limits import BEHIND, limit_of, refusal, told_by
from logcorr.rules._bounds import BOUNDS, Bound, InForce, in_force
from logcorr.rules._deeds import just_before
from logcorr.rules._intruders import of_others, provoked
from logcorr.rules._requests import asked, by_place, endpoint_of, requests_of
from logcorr.semantics.nginx import Proxied
from logcorr.timeline.select import cite, instants

FEWEST = 3
LEAST_SHARE = 0.02
"""Of what is asked for there, so much is refused, or to as many clients: one visitor may try a film once more."""

CHANCE = 0.01
"""So seldom all refusals would fall so late among the requests, had nothing changed."""

CONFIGURED, SEEN, INTENDED = 0.93, 0.75, 0.4
MOST_INTENDED, FEW = 0.2, 0.02
"""What somebody set, and what refuses no more than this share of what it lets through, and did so from the first, is meant; where
more is allowed elsewhere, or an application refuses, only what refuses few."""

REFUSED = (400, 413, 431)
AT_ONCE_S = 2.0


REFUTE = claim("larger_than_allowed.refute", "an answer or a request as large as one of these that was let through")


@rule(code="NGX024", title="A request or an answer is larger than nginx takes", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Refusals for want of room, by what bounds it and where; those of what was never served are no defect."""
    every = case.happened("size.exceeded").drop_nulls("time")
    told = asked(case, every)
    behind = _meant(case, of_others(case, told.filter(pl.col("message").str.contains(BEHIND))))
    others = every.join(told, on=["file", "line"], how="anti", maintain_order="left")
    for service, rows in (*by_service(behind), *by_service(_not_told(others, behind))):
        if rows.height >= FEWEST and not provoked(case, rows):
            yield _of_application(case, service, rows)
    told = of_others(case, told)
    for bound in BOUNDS if told.height >= FEWEST else ():
        for place, rows in _placed(case, told.filter(pl.col("message").str.contains(bound.told))):
            refused = rows if bound.of_answers else _meant(case, rows)
            if refused.height >= FEWEST:
                yield _finding(case, bound, in_force(case, bound, place), refused)


def _not_told(rows: pl.DataFrame, behind: pl.DataFrame) -> pl.DataFrame:
    """What an application tells of, without what the proxy tells for it at the same moments."""
    if behind.is_empty():
        return rows
    told = behind.select("time", there="time").sort("time")
    near = rows.sort("time").join_asof(told, on="time", strategy="nearest", tolerance=f"{AT_ONCE_S:g}s")
    return near.filter(pl.col("there").is_null()).drop("there")


def _of_application(case: Case, service: str, rows: pl.DataFrame) -> Finding:
    """What an application itself refuses, with its setting if there is but one."""
    limit = limit_of(case, rows)
    bounds = [limit] if limit else []
    answers = _answers_then(case, rows)
    wanted = rows if "uri" in rows.columns else answers
    intended = bool(bounds) and wanted.height > 0 and _intended(case, wanted, FEW)
    return Finding(
        confidence=INTENDED if intended else CONFIGURED if bounds else SEEN,
        severity="warning" if intended else "error",
        claim=claim(
            "larger_than_allowed.application",
            "{service} refuses {count} requests that are larger than it takes: “{words}”",
            service=told_by(service, rows),
            count=rows.height,
            words=refusal(rows)[:80],
        ),
        evidence=(
            *(Evidence(span, "the limit", shows="configuration_mismatch") for span in bounds),
            *cite(rows, most=2, shows="configuration_mismatch"),
            *cite(rows, shows="limit_rejects_requests"),
            *(
                Evidence(Span(file, line), "the answer", shows="failure_reaches_clients")
                for file, line in answers.select("file", "line").head(2).iter_rows()
            ),
        ),
        would_refute=REFUTE,
        subject=service,
        measured={"count": rows.height},
        times=instants(rows),
        fix=claim("larger_than_allowed.raise", "set the limit to what is really needed, or let what is sent be smaller"),
    )


def _answers_then(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """The answers of the proxy that tell clients so at these moments, with the `uri` that was asked for."""
    requests = requests_of(case)
    if requests is None:
        return rows.clear()
    told = requests.filter(pl.col("status").is_in(REFUSED)).select("file", "line", "time", uri="endpoint").sort("time").collect()
    at = rows.select("time").sort("time")
    near = told.join_asof(at.with_columns(near="time"), on="time", strategy="nearest", tolerance=f"{AT_ONCE_S:g}s")
    return near.drop_nulls("near")


def _placed(case: Case, rows: pl.DataFrame) -> Iterator[tuple[Proxied | None, pl.DataFrame]]:
    """The rows of each block that hands requests on, then those of none."""
    for place, here in by_place(case, rows):
        yield place, here
        rows = rows.join(here, on=["file", "line"], how="anti", maintain_order="left")
    yield None, rows


def _meant(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """Those for what is served otherwise, if they are more than one client's fancy."""
    requests, shaped = requests_of(case), rows.with_columns(endpoint=endpoint_of(pl.col("uri")))
    if requests is None:
        return shaped if rows["client"].n_unique() >= FEWEST else shaped.clear()
    well = requests.group_by("endpoint").agg(well=(pl.col("status") < 400).sum()).filter(pl.col("well") > 0)
    served = shaped.join(well.collect(engine="streaming"), on="endpoint", maintain_order="left")
    often = pl.len().over("endpoint") >= LEAST_SHARE * pl.col("well")
    return served.filter(often | (pl.col("client").n_unique().over("endpoint") >= FEWEST))


def _finding(case: Case, bound: Bound, limit: InForce, refused: pl.DataFrame) -> Finding:
    intended = limit.is_set and not bound.of_answers and _intended(case, refused, MOST_INTENDED if limit.agreed else FEW)
    return Finding(
        confidence=INTENDED if intended else CONFIGURED if limit.places else SEEN,
        severity="warning" if intended else "error",
        claim=_claim(bound, limit, refused),
        evidence=(
            *(Evidence(span, f"{limit.name} {limit.allowed}", shows="configuration_mismatch") for span in limit.places),
            *_changed(case, refused),
            *cite(refused, most=2, shows="configuration_mismatch"),
            *cite(refused, shows="limit_rejects_requests"),
            *_answered(case, bound, refused),
        ),
        would_refute=REFUTE,
        subject=str(refused["service"][0] or refused["source"][0]),
        measured={"count": refused.height, "directive": limit.name, **limit.size},
        times=instants(refused),
        fix=claim(
            "larger_than_allowed.fix",
            "set {directive} at this place to what is really needed, or let what is sent be smaller",
            directive=limit.name,
        ),
    )


def _intended(case: Case, refused: pl.DataFrame, most: float) -> bool:
    """Whether no more than that share of these requests is refused, and no more of them than before."""
    requests = requests_of(case)
    if requests is None or _new(case, refused, refused["time"][0]):
        return False
    wanted = refused.select(endpoint_of(pl.col("uri")).unique().implode()).to_series()
    well: int = requests.filter(pl.col("endpoint").is_in(wanted) & (pl.col("status") < 400)).select(pl.len()).collect().item()
    return refused.height <= most * well


def _claim(bound: Bound, limit: InForce, refused: pl.DataFrame) -> Claim:
    told: dict[str, str | int] = {
        "count": refused.height,
        "directive": limit.name,
        "allowed": limit.allowed,
        "asked": f"{refused['method'][0]} {refused['uri'][0].partition('?')[0]}".strip(),
    }
    if bound.of_answers:
        return claim(
            "larger_than_allowed.answer",
            "nginx gives up {count} answers ({asked}) whose header is larger than {directive} ({allowed})",
            **told,
        )
    return claim(
        "larger_than_allowed.request",
        "nginx refuses {count} requests ({asked}) that are larger than {directive} ({allowed}) lets them be",
        **told,
    )


def _answered(case: Case, bound: Bound, refused: pl.DataFrame) -> Iterator[Evidence]:
    """How clients were told so; a 5xx counts as harm anyway."""
    requests = requests_of(case)
    if requests is not None and bound.statuses:
        asked_for = pl.col("endpoint").is_in(refused.select(endpoint_of(pl.col("uri")).unique().implode()).to_series())
        told = requests.filter(pl.col("status").is_in(bound.statuses) & asked_for).select("file", "line").head(2)
        for file, line in told.collect(engine="streaming").iter_rows():
            yield Evidence(Span(file, line), "the answer", shows="failure_reaches_clients")


def _changed(case: Case, refused: pl.DataFrame) -> Iterator[Evidence]:
    """What was changed just before the first of them, if none would have been refused until then by chance."""
    since: datetime = refused["time"][0]
    if _new(case, refused, since):
        yield from just_before(case, since)


def _new(case: Case, refused: pl.DataFrame, since: datetime) -> bool:
    """Whether the same was asked for so often before that by chance some would have been refused."""
    requests = requests_of(case)
    if requests is None:
        return False
    wanted = refused.select(endpoint_of(pl.col("uri")).unique().implode()).to_series()
    of_those = requests.filter(pl.col("endpoint").is_in(wanted))
    before, after = of_those.select((pl.col("time") < since).sum(), b=(pl.col("time") >= since).sum()).collect().row(0)
    return bool(after) and (after / (before + after)) ** refused.height <= CHANCE
