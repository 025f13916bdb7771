"""A health check asks for a path that the application does not know (any more), and takes the answer for its death."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from logcorr.lazily import np, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._deeds import changes
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite, instants, seconds

CHECKS = r"(?i)\b(?:http-?che?c?k|health|healthz|liveness|readiness|probe)"
PATH = regex(r"(?:^|[\s\"'=:]|https?://[\w.:$-]+)(?P<path>/[\w./-]*\w)(?=[\s\"',;)]|$)")
UNKNOWN = r"\b404\b|(?i)no (?:such )?route|not found|cannot (?:GET|HEAD)|unknown (?:path|route|url)"
"""How servers say that nothing stands at a path."""

ACTS = ("probe.failed", "upstream.none_live", "service.restarting")
FEWEST = 5
STEADY, STEADY_SHARE = 0.25, 0.6
"""A machine asks: so many of the pauses differ from their median by no more than a quarter."""

JUST_BEFORE = timedelta(minutes=10)
SURE = 0.92


@rule(code="NET004", title="A health check asks for a path that is not there", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares the paths of configured checks with what logs say was not found, steadily, while the check's owner acts on it."""
    checks = tuple(_checks(case)) if any(kind in case.kinds for kind in ACTS) else ()
    lines = _lines(case, [path for _, path in checks])
    acts = case.happened(*(ACTS if lines.height else ())).drop_nulls("time")
    for span, path in checks:
        rows = _unknown(case, lines, path)
        if rows.height >= FEWEST and _steady(seconds(rows)):
            after = acts.filter(pl.col("time") >= rows["time"][0] - JUST_BEFORE)
            if after.height:
                yield _finding(case, span, path, rows, after)


def _checks(case: Case) -> Iterator[tuple[Span, str]]:
    """Each path that a line of configuration on checks names, once."""
    seen: set[str] = set()
    for span, text in settings(case, CHECKS):
        for found in PATH.finditer(text):
            if found["path"] not in seen and not found["path"].endswith((".sh", ".conf", ".json", ".log")):
                seen.add(found["path"])
                yield span, found["path"]


def _lines(case: Case, paths: Sequence[str]) -> pl.DataFrame:
    """The lines of logs that tell of a request for one of these paths, and that nothing is there: `file`, `line` and `text`."""
    asked = pl.col("text").str.contains(_asking("|".join(map(re.escape, paths)))) & pl.col("text").str.contains(UNKNOWN)
    files = sorted({source.path for source in case.sources}) if paths else []
    found = [case.lines(file).filter(asked).select("line", "text", file=pl.lit(file)).collect() for file in files]
    return pl.concat([pl.DataFrame(schema={"line": pl.UInt32, "text": pl.String, "file": pl.String}), *found])


def _asking(paths: str) -> str:
    """By which a line holds one of the paths as a whole."""
    return rf"[\s\"'](?:{paths})[\s\"'?]"


def _unknown(case: Case, lines: pl.DataFrame, path: str) -> pl.DataFrame:
    """The events that the lines with this very path begin."""
    own = lines.filter(pl.col("text").str.contains(_asking(re.escape(path))))
    if own.is_empty():
        return case.happened()
    there = pl.col("file").is_in(own["file"].implode()) & pl.col("line").is_in(own["line"].implode())
    rows = case.timeline.filter(there & pl.col("time").is_not_null()).collect()
    return rows.join(own, on=["file", "line"], how="semi", maintain_order="left")


def _steady(times: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether a machine asks, or up to three in turn: then the pauses to the next but one or two are even."""
    for step in (1, 2, 3):
        pauses = times[step:] - times[:-step]
        middle = float(np.median(pauses)) if len(pauses) else 0.0
        if middle > 0 and (np.abs(pauses - middle) <= STEADY * middle).mean() >= STEADY_SHARE:
            return True
    return False


def _finding(case: Case, span: Span, path: str, rows: pl.DataFrame, acts: pl.DataFrame) -> Finding:
    return Finding(
        confidence=SURE,
        claim=claim(
            "check_asks_for_nothing.found",
            "the check asks for {path}, which the application does not know ({count}×), and takes that for its death",
            path=path,
            count=rows.height,
        ),
        evidence=(
            Evidence(span, "the check", shows="probe_gets_answer"),
            *changes(case, rows["time"][0]),
            *cite(rows, "nothing is there", most=3, shows="probe_gets_answer"),
            *cite(acts, "it acts on it", most=3, shows="answer_takes_branch"),
        ),
        would_refute=claim("check_asks_for_nothing.refute", "a request for {path} that is answered with 200", path=path),
        subject=str(span),
        measured={"count": rows.height, "path": path},
        times=instants(rows),
        fix=claim("check_asks_for_nothing.fix", "let the check ask for a path that the application serves for it"),
    )
