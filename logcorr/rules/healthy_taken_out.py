"""A balancer's check takes out servers that answer everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._diffs import sets
from logcorr.rules._haproxy import in_sections
from logcorr.timeline.select import cite, instants

DOWN = r"Server [^/\s]+/\S+ is DOWN, reason: Layer7 wrong status, code: (\d{3})"
"""How HAProxy tells that a server was answered its check with another status than is wanted (its manual, 5.2 and 9)."""

CHECK = r"\s*(?:http-check\s+(?:send|expect|connect)|option\s+httpchk)\b"
ASKS = regex(r"\bHost[:\s]\s*(?P<host>[\w.-]+)|(?<=\s)(?P<path>/[\w./-]+)")
NAME = regex(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")

MEANWHILE, BEGAN, NEAR = timedelta(seconds=15), timedelta(minutes=10), timedelta(minutes=1)
"""Others are served so shortly before a server is taken out; what began it is at most so long before, and told so near to it."""

CHANGES, ASKED = "deploy_changes_configuration", "probe_gets_answer"
NOT_FOR_IT, ILL = 0.92, 0.8
"""How sure it is that the check is wrong: its request is refused where others' are served, or it meets an error of the server."""


@rule(code="NET013", title="A balancer's check takes out servers that answer others", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Servers that HAProxy calls down for the status of its check, while requests that it sent them were served."""
    told = case.records("haproxy")
    if not {"backend", "server", "status", "time", "message"} <= set(told.collect_schema()):
        return
    down = _served(told, told.filter(pl.col("kind") == "probe.failed").collect())
    for (backend,), rows in down.group_by("backend", maintain_order=True):
        failed = told.filter((pl.col("kind") == "upstream.none_live") & (pl.col("backend") == backend)).sort("time").collect()
        failed = failed.filter(pl.col("time") >= rows["time"].min())
        if failed.height:
            yield _finding(case, str(backend), rows, failed)


def _served(told: pl.LazyFrame, down: pl.DataFrame) -> pl.DataFrame:
    """Of the servers taken out for a status those that served others just before: `code`, `ok_file` and `ok_line`."""
    code = pl.col("message").str.extract(DOWN, 1).cast(pl.Int64)
    down = (
        down.with_columns(code=code)
        .drop_nulls(["code", "time"])
        .select("backend", "server", "code", "time", "file", "line", "lines")
    )
    served = pl.col("status").is_between(200, 399) & pl.col("server").is_in(down["server"].to_list())
    good = told.filter(served).select("backend", "server", at="time", ok_file="file", ok_line="line").collect()
    both = down.join(good, on=["backend", "server"], maintain_order="left_right")
    near = (pl.col("at") <= pl.col("time")) & (pl.col("time") - pl.col("at") <= MEANWHILE)
    return both.filter(near).unique(["file", "line"], keep="last", maintain_order=True).sort("time", "file", "line")


def _finding(case: Case, backend: str, down: pl.DataFrame, failed: pl.DataFrame) -> Finding:
    asks = list(_asks(case, backend))
    why = _why(case, down, " ".join(text for _, text in asks))
    changed = list(_changed(case, why))
    code = int(down["code"][0])
    answered = [
        Evidence(Span(file, line), "served just before", shows=ASKED)
        for file, line in down.select("ok_file", "ok_line").head(2).iter_rows()
    ]
    setting = [Evidence(span, "the check", shows=ASKED) for span, _ in asks]
    return Finding(
        confidence=NOT_FOR_IT if code < 500 else ILL,
        claim=claim(
            "healthy_taken_out.found",
            "{backend} took out {servers}, whose check was answered {code} while they served others: {count} requests found "
            "nobody",
            backend=backend,
            servers=", ".join(sorted(set(down["server"]))),
            code=code,
            count=failed.height,
        ),
        evidence=(
            *changed,
            *setting,
            *cite(why, "why it is answered so", most=2, shows=ASKED),
            *cite(down, "taken out", most=4, shows="answer_takes_branch"),
            *answered,
            *cite(_begun(case, down), "it began anew", most=2, shows=CHANGES),
            *cite(failed, "nobody is left", most=2),
        ),
        would_refute=claim("healthy_taken_out.refute", "that those servers answered nobody at these times"),
        subject=backend,
        measured={"count": failed.height, "status": code},
        times=instants(failed),
        fix=claim(
            "healthy_taken_out.fix",
            "let the check ask with a host and a path that the application answers, and let a release fail whose check does not "
            "pass",
        ),
    )


def _asks(case: Case, backend: str) -> Iterator[tuple[Span, str]]:
    """The lines of the backend's section, or of the defaults, that say what its check asks and expects, what it asks first."""
    found: dict[bool, list[tuple[Span, str]]] = {}
    for kind, name, span, text in in_sections(case, CHECK):
        if name == backend or kind == "defaults":
            found.setdefault(name == backend, []).append((span, text))
    own = found.get(True) or found.get(False) or []
    yield from sorted(own, key=lambda one: not ASKS.search(one[1]))


def _why(case: Case, down: pl.DataFrame, asks: str) -> pl.DataFrame:
    """What applications said of the check's host just before."""
    hosts = [found["host"] for found in ASKS.finditer(asks) if found["host"]]
    first = down["time"][0]
    near = pl.col("time").is_between(first - NEAR, first) & (pl.col("severity") >= "warn") & (pl.col("source") != "haproxy")
    said = pl.any_horizontal(pl.lit(value=False), *(pl.col("message").str.contains(host, literal=True) for host in hosts))
    return case.timeline.filter(near & said).collect()


def _changed(case: Case, why: pl.DataFrame) -> Iterator[Evidence]:
    """The lines that a collected difference brings which set what is named there."""
    for name in dict.fromkeys(name for message in why["message"].head(4) for name in NAME.findall(message)):
        yield from (Evidence(span, "it was changed", shows=CHANGES) for span in list(sets(case, name))[:2])


def _begun(case: Case, down: pl.DataFrame) -> pl.DataFrame:
    """Starts and releases just before the first was taken out."""
    first = down["time"][0]
    return case.happened("deploy.started", "process.started").filter(pl.col("time").is_between(first - BEGAN, first))
