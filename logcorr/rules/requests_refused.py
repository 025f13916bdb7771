"""What was answered well is refused to clients from one moment on: another credential, another route, another server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._allowed import moved
from logcorr.rules._intruders import tried
from logcorr.timeline.select import cite, seconds

FEWEST = 10
"""So many of one kind of request must have gone well before, and go wrong since."""

MOST_BEFORE = 0.1
"""And at most this share of those before may have gone wrong."""

NOT_REFUSED = (408, 429, 499)
"""A client that was slow, that was told to wait, or that went away: other rules tell of these."""


MISSING = 404
FEWEST_BEFORE, SELDOM, OFTEN = 30, 0.02, 0.2
"""Or so many went well, hardly one was refused, and since a moment every fifth is, or more; what is missing is asked for by
robots."""

DENSER, SHORTEST_S = 3.0, 60.0
"""Refusals come so much oftener since then, and for so long, whatever the number of requests."""

KNOWN = 0.5
"""And most of them come from clients that are answered well at other times since: who only ever is refused tries something."""

FIRST_REFUSAL = 400
ANNOUNCED, NOT_LISTED = 0.92, 0.85
"""How sure it is that a list of addresses refuses them: a note tells of the new address, or it only stands on none."""

FORBIDDEN = 403
OWN = r"^(?:127\.|::1$)"


@rule(code="NGX023", title="Requests are refused that were answered well before", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Kinds of requests (method and path, numbers apart) that were answered well, and since a moment all or often with 4xx."""
    access = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(access.collect_schema()):
        return
    clients = _of_clients(access)
    always = _refused(case, clients)
    often = _often(case, clients, set(always["asked"])) if "client" in access.collect_schema() else always.clear()
    for rows, ever in ((always, True), (often, False)):
        for service, told in by_service(rows):
            for (status,), same in told.group_by("status", maintain_order=True):
                if not tried(case, same):
                    found = _finding(service, str(same["asked"][0]), str(status), same, ever=ever)
                    yield (_moved(case, clients, found, same) or found) if ever else found


def _of_clients(access: pl.LazyFrame) -> pl.LazyFrame:
    """Without what the host asks itself, unless all come from there: a check that is refused is no client."""
    if "client" not in access.collect_schema():
        return access
    own = pl.col("client").str.contains(OWN).fill_null(False)
    others = access.select((~own).any()).collect(engine="streaming").item()
    return access.filter(~own) if others else access


def _refused(case: Case, access: pl.LazyFrame) -> pl.DataFrame:
    """The lines of the timeline that tell of such requests."""
    refused = pl.col("status").is_between(400, 499) & ~pl.col("status").is_in(NOT_REFUSED)
    asked = _asked()
    of_kind = (
        access.select("time", "status", asked=asked, refused=refused)
        .drop_nulls()
        .group_by("asked")
        .agg(
            last=pl.col("time").filter(~pl.col("refused")).max(),
            well=(~pl.col("refused")).sum(),
            refused=pl.col("refused").sum(),
        )
    )
    often = of_kind.filter((pl.col("well") >= FEWEST) & (pl.col("refused") >= FEWEST)).drop("refused")
    rows = access.filter(refused).select("file", "line", "time", "status", asked=asked).drop_nulls()
    told = rows.join(often.collect(engine="streaming").lazy(), on="asked")
    late = pl.col("time") >= pl.col("last")
    changed = told.group_by("asked", "well").agg(before=(~late).sum(), since=late.sum())
    enough = (pl.col("since") >= FEWEST) & (pl.col("before") <= MOST_BEFORE * pl.col("well"))
    kinds = changed.filter(enough).select("asked").collect(engine="streaming")["asked"]
    if not len(kinds):
        return case.happened().with_columns(asked=pl.lit(""), status=pl.lit(0))
    lines = told.filter(late & pl.col("asked").is_in(kinds.implode())).select("file", "line", "asked", "status")
    return case.timeline.join(lines, on=["file", "line"]).collect(engine="streaming").sort("time", "file", "line")


def _asked() -> pl.Expr:
    return pl.col("request").str.extract(r"^(\S+ [^? ]+)", 1).str.replace_all(r"\d+", "#")


def _often(case: Case, access: pl.LazyFrame, but: set[str]) -> pl.DataFrame:
    """The lines of the timeline that tell of such requests of which a part is refused since a moment."""
    refused = pl.col("status").is_between(400, 499) & ~pl.col("status").is_in([*NOT_REFUSED, MISSING])
    told = access.select("file", "line", "time", "status", "client", asked=_asked(), refused=refused).drop_nulls()
    kinds = sorted(set(_denser(case, access.filter(refused))) - but)
    minutes = (
        told.filter(pl.col("asked").is_in(kinds))
        .group_by("asked", pl.col("time").dt.truncate("1m"))
        .agg(all=pl.len(), refused=pl.col("refused").sum())
        .collect(engine="streaming")
        .sort("asked", "time")
        if kinds
        else pl.DataFrame(schema={"asked": pl.String})
    )
    parts = [case.happened().with_columns(asked=pl.lit(""), status=pl.lit(0))]
    for (asked,), rows in minutes.group_by("asked", maintain_order=True):
        since = _since(rows)
        if since:
            here = told.filter((pl.col("asked") == asked) & (pl.col("time") >= since))
            well = here.filter(~pl.col("refused")).select("client").unique().collect(engine="streaming")["client"]
            lines = here.filter("refused").select("file", "line", "client", "asked", "status").collect(engine="streaming")
            if lines["client"].is_in(well.implode()).sum() >= max(KNOWN * lines.height, 1):
                parts.append(case.timeline.join(lines.drop("client").lazy(), on=["file", "line"]).collect())
    return pl.concat(parts, how="vertical_relaxed").sort("time", "file", "line")


def _denser(case: Case, refused: pl.LazyFrame) -> Iterator[str]:
    """The kinds that are refused much oftener since a moment; most never are, and their other requests need not be looked at."""
    rows = refused.select("time", asked=_asked()).drop_nulls().collect(engine="streaming").sort("time")
    for (asked,), same in rows.group_by("asked", maintain_order=True):
        at, left = seconds(same), same.height - np.arange(same.height)
        begun = case.window[0].timestamp() if case.window else at[0]
        before, since = same.height - left + 1, left / np.maximum(at[-1] - at, 1.0)
        expected = since * (at - begun)
        if ((left >= FEWEST) & (at[-1] - at >= SHORTEST_S) & (expected >= FEWEST) & (expected >= DENSER * before)).any():
            yield str(asked)


def _since(minutes: pl.DataFrame) -> datetime | None:
    """The minute that parts best those in which hardly one was refused from those in which many are."""
    every, refused = (minutes[name].cast(pl.Float64).to_numpy().cumsum() for name in ("all", "refused"))
    before, since = refused[:-1] / every[:-1], (refused[-1] - refused[:-1]) / (every[-1] - every[:-1])
    enough = (every[:-1] >= FEWEST_BEFORE) & (refused[-1] - refused[:-1] >= FEWEST)
    parted = np.where(enough & (before <= SELDOM) & (since >= OFTEN), since - before, 0.0)
    return minutes["time"][int(parted.argmax()) + 1] if len(parted) and parted.max() > 0 else None


def _finding(service: str, asked: str, status: str, rows: pl.DataFrame, *, ever: bool) -> Finding:
    if not ever:
        part = claim(
            "requests_refused.often",
            "{service} answers some of the requests like {asked} with {status} ({count}×) since a moment until which they went "
            "well, and answers the same clients well at other times",
            service=service,
            asked=asked,
            status=status,
            count=rows.height,
        )
        doubt = claim("requests_refused.doubt", "as many of them refused on a day on which all was well")
        return counted(rows, service, part, doubt, asked=asked, status=status)
    said = claim(
        "requests_refused.since",
        "{service} answers requests like {asked} with {status} ({count}×), all since a moment until which they went well",
        service=service,
        asked=asked,
        status=status,
        count=rows.height,
    )
    refute = claim("requests_refused.refute", "a request of the kind that was answered well after the first of these")
    return counted(rows, service, said, refute, asked=asked, status=status)


def _moved(case: Case, access: pl.LazyFrame, found: Finding, rows: pl.DataFrame) -> Finding | None:
    """The finding with the line that lets in who asked before, where who asks now comes from an address that no line has."""
    if "client" not in access.collect_schema() or found.measured["status"] != str(FORBIDDEN):
        return None
    same = access.filter(_asked() == found.measured["asked"]).select("file", "line", "client", "status").collect()
    now = same.join(rows, on=["file", "line"], how="semi")["client"].drop_nulls().unique(maintain_order=True).to_list()
    letting = moved(case, same.filter(pl.col("status") < FIRST_REFUSAL), now)
    if letting is None:
        return None
    line, notes = letting
    return replace(
        found,
        confidence=ANNOUNCED if notes else NOT_LISTED,
        claim=claim(
            "requests_refused.moved",
            "{asked} is answered with {status} ({count}×) since it comes from {client}: {line} lets in those it came from before",
            asked=str(found.measured["asked"]),
            status=str(found.measured["status"]),
            count=rows.height,
            client=now[0],
            line=str(line),
        ),
        evidence=(
            Evidence(line, "who is let in", shows="configuration_mismatch"),
            *notes[:2],
            *cite(rows, shows="failure_reaches_clients"),
        ),
        fix=claim("requests_refused.let_in", "let the new address in, if it is whose it seems to be, and take the old one out"),
    )
