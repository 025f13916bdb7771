"""While one particular request is at work nobody else is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._requests import endpoint_of
from logcorr.rules._settings import settings
from logcorr.rules._slow import slow
from logcorr.timeline.select import cite, instants

PAUSE_S = 45.0
"""Failures further apart belong to other phases: proxies wait a minute at most by default, and others fail meanwhile."""

FIRST_S = 2.0
"""Who holds up the others is among the first that fail or are late; stamps are cut to the second."""

FEWEST_PHASES, FEWEST_OTHERS = 3, 2
LEAST_SHARE = 0.8
"""In so many phases, and such a part of them, it is among the first; and such a part of its requests are; others fail, too."""

HANDLERS = r"(?:\b(?:get|post|put|patch|delete|route|add_url_rule|HandleFunc|path|match|use|all)\b|@\w*Mapping|@\w+\.\w+)"
GAVE_UP = 504

SHOWS, WAITS = "job_stalls_service", "timeout_closes_connection"
CODED, SEEN, TIMED = 0.92, 0.8, 0.5
"""How sure it is, with the line of code that serves it, and without; where the phases also begin with a job's runs."""

RUN_S = 90.0

CODE = (".js", ".mjs", ".cjs", ".ts", ".py", ".rb", ".go", ".php", ".java")


class _Heavy(Struct, frozen=True):
    """The request, where it was asked for, and all that fails or is late in its phases."""

    name: str
    own: pl.DataFrame
    others: pl.DataFrame


@rule(code="NODE005", title="One particular request keeps a service from answering", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares what fails, or is late, first in each phase in which nobody is answered with how often it is asked for."""
    access = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(access.collect_schema()):
        return
    failed = _phases(_failed(case, access))
    if failed.height and failed["phase"].n_unique() >= FEWEST_PHASES:
        heavy = _heavy(access, failed)
        if heavy:
            yield _finding(case, heavy, int(failed["phase"].n_unique()))


def _failed(case: Case, access: pl.LazyFrame) -> pl.DataFrame:
    """What the proxy gave up, or else what was answered far later than usual, with when it `came`, as far as is known."""
    gave_up = access.filter(pl.col("status") == GAVE_UP).select("file", "line", *_asked(), came=_second()).drop_nulls().collect()
    late = case.once(slow)
    if gave_up.height or not late.height:
        return gave_up
    places = late.lazy().select("file", "line", "came")
    return access.select("file", "line", *_asked()).join(places, on=["file", "line"]).drop_nulls().collect()


def _asked() -> tuple[pl.Expr, pl.Expr]:
    """Method and path without numbers, and whole."""
    method, uri = (pl.col("request").str.extract(r"^(\S+) ([^? ]+)", group) for group in (1, 2))
    return pl.concat_str(method, endpoint_of(uri), separator=" ").alias("endpoint"), uri.alias("path")


def _second() -> pl.Expr:
    return pl.col("time").dt.epoch("us") / 1e6


def _phases(failed: pl.DataFrame) -> pl.DataFrame:
    """The rows with their `phase`, and the seconds that they are `after` the first of it."""
    rows = failed.sort("came", "file", "line")
    number = np.cumsum(np.diff(rows["came"].to_numpy(), prepend=-np.inf) > PAUSE_S)
    return rows.with_columns(phase=pl.Series(number, dtype=pl.Int64)).with_columns(
        after=pl.col("came") - pl.col("came").min().over("phase")
    )


def _heavy(access: pl.LazyFrame, failed: pl.DataFrame) -> _Heavy | None:
    """The one kind of request that is among the first in nearly all phases and nearly always so, where others fail after it."""
    phases = failed["phase"].n_unique()
    first = (
        failed.filter(pl.col("after") <= FIRST_S)
        .group_by("endpoint")
        .agg(pl.col("phase").n_unique().alias("first"), pl.len().alias("early"))
    )
    often = first.filter(pl.col("first") >= LEAST_SHARE * phases)
    asked = access.select(*_asked()).group_by("endpoint").len("asked").join(often.lazy(), on="endpoint").collect()
    found = asked.filter(pl.col("early") >= LEAST_SHARE * pl.col("asked"))
    if found.height != 1:
        return None
    own = failed.filter(pl.col("endpoint") == found["endpoint"][0])
    others = failed.filter(pl.col("endpoint") != found["endpoint"][0])
    held = others.group_by("phase").len().filter(pl.col("len") >= FEWEST_OTHERS).height
    return _Heavy(str(found["endpoint"][0]), own, others) if held >= LEAST_SHARE * phases else None


def _finding(case: Case, heavy: _Heavy, phases: int) -> Finding:
    code = _served_by(case, heavy)
    rows = case.timeline.join(pl.concat([heavy.own, heavy.others]).lazy().select("file", "line"), on=["file", "line"]).sort(
        "time", "file", "line"
    )
    failed = rows.collect()
    own = failed.join(heavy.own, on=["file", "line"], how="semi", maintain_order="left")
    others = failed.join(heavy.own, on=["file", "line"], how="anti", maintain_order="left")
    return Finding(
        confidence=TIMED if _with_runs(case, heavy) else CODED if code else SEEN,
        claim=claim(
            "request_holds_up.found",
            "each time {request} is asked for nobody is answered for a while: {count} times of {phases}; {others} other requests "
            "failed or came late",
            request=heavy.name,
            count=int(heavy.own["phase"].n_unique()),
            phases=phases,
            others=others.height,
        ),
        evidence=(
            *([Evidence(code, "serves it", shows=SHOWS)] if code else []),
            *cite(own, "it is asked for", most=4, shows=SHOWS),
            *cite(case.placed("upstream.timeout"), "the proxy waits in vain", most=2, shows=WAITS),
            *cite(others, "others meanwhile", most=4, shows=WAITS),
        ),
        would_refute=claim(
            "request_holds_up.refute", "such a request after which others were answered at once, or a phase without one"
        ),
        subject=str(own["service"][0] or own["source"][0]),
        measured={"phases": phases, "asked": own.height, "others": others.height},
        times=instants(failed),
        fix=claim(
            "request_holds_up.fix",
            "let its work be done elsewhere (another process, a queue, a worker thread) or in small pieces, and let not "
            "everybody ask for it",
        ),
    )


def _with_runs(case: Case, heavy: _Heavy) -> bool:
    """Whether nearly all phases begin soon after the runs of one job, which does not ask for it."""
    begun = heavy.own.group_by("phase").agg(pl.col("came").min())["came"].to_numpy()
    path = str(heavy.own["path"].mode().sort()[0])
    for schedule in case.schedules:
        asks = any(path in (one.script.text or "") for one in schedule.behaviours) or path in schedule.job.command
        if len(schedule.ticks) and not asks:
            last = schedule.ticks[np.maximum(np.searchsorted(schedule.ticks, begun, side="right") - 1, 0)]
            if ((begun - last >= 0) & (begun - last <= RUN_S)).mean() >= LEAST_SHARE and _is_rare(schedule.ticks):
                return True
    return False


def _is_rare(ticks: npt.NDArray[np.float64]) -> bool:
    """A job of each minute or two comes before anything."""
    return len(ticks) < 2 or float(np.median(np.diff(ticks))) > 3 * RUN_S


def _served_by(case: Case, heavy: _Heavy) -> Span | None:
    """The line of code that registers the path, if there is but one."""
    path = str(heavy.own["path"].mode().sort()[0])
    parts = [part for part in path.split("/") if part]
    if not parts:
        return None
    pattern = r"/".join(re.escape(part) if not re.search(r"\d", part) else r"[^/'\"]+" for part in parts)
    served = rf"{HANDLERS}\s*\(\s*[rf]?['\"`]/?(?:[\w./-]*/)?{pattern}/?['\"`]"
    found = [span for span, _ in settings(case, served) if span.path.endswith(CODE)]
    return found[0] if len(found) == 1 else None
