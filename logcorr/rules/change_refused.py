"""A step of a release, of a job or of a reload was refused, nobody looked, and requests fail since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.semantics.paths import collected
from logcorr.timeline.select import moments, spans

REFUSES = (
    r"(?:\[emerg\]|\[ALERT\]|[sS]yntax error|AH00526|unknown (?:directive|keyword|option|key)|[uU]nexpected (?:EOF|token|end)"
    r"|command not found|: not found$|unbound variable|[nN]o such file or directory|[cC]annot (?:stat|open|create|access|find)"
    r"|bad substitution|not a directory|[rR]ead-only file system|npm ERR!|Job for \S+ failed|Failed to (?:re)?start)"
)
"""How shells, the usual commands, package managers and servers refuse a step."""

PLACES = (
    regex(r"(?:in|parsing|at) \[?(?P<path>/[^\s:\]]+):(?P<line>\d+)\b(?!:\d)"),
    regex(r"line (?P<line>\d+) of (?P<path>/[^\s:]+)"),
    regex(r"^(?:\S+ )*?(?P<path>[\w./-]+): line (?P<line>\d+):"),
    regex(r"^(?P<path>[\w./-]+): (?P<line>\d+): "),
)
"""How a message names the line that it is about: nginx, HAProxy; Apache; bash; dash."""

QUOTED = regex(r"[\"'“](?P<word>[^\"'”]+)[\"'”]")
STEPS = ("script_log", "stamped_text", "nginx_error")
"""Formats of the logs that scripts write; of a service's own log, and of a line on a request, other rules tell."""

LONGEST_LOG = 20_000
"""Logs of releases and jobs are short; the others tell of requests."""

SOON_S = 600.0
SLACK_S = 2.0
FEWEST, MOST_BEFORE = 5, 0.1
"""Failures must begin soon after it, be so many, and have been rarer by that much."""

FELT = ("http.5xx", "upstream.refused", "upstream.timeout", "client.connect_failed", "dependency.failed", "file.missing")
NAMED, UNNAMED, APART = 0.93, 0.75, 0.5
"""How sure it is that this is why: the message names the line at fault; it only says that a step failed; the line is of a script
that brings nothing into force."""

SCRIPT = regex(r"(?:\.(?:ba|da|z)?sh|/[^./]+)$")
PREPARED = regex(r"\|\||^\s*(?:if|elif|while|until|!)\s")
"""A step that may fail."""

BRINGS = (
    r"\b(?:re)?(?:start|load)\b|\b(?:cp|mv|ln|install|rsync|git|docker(?:-compose)?|kubectl|helm|npm|pip|composer|migrate)\b"
    r"|nginx -s|\btee\b|\bsed\b.*\s-i"
)
"""How scripts change what a service is, or tell it so."""


class _Refusal(Struct, frozen=True, kw_only=True):
    """One line of a log that says so: `at` is its time, or that of the last line before it that has one."""

    span: Span
    text: str
    at: datetime


@rule(code="LOG006", title="A step of a change was refused, and requests fail since", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Lines that refuse a step of a release or job, told once, after which failures began that were not there before.

    Of a configuration that is refused as such, `configuration_refused` tells.
    """
    failed = moments(case, *FELT)
    if len(failed) < FEWEST:
        return
    invalid = {(span.path, span.line) for span in spans(case.happened("config.invalid"))}
    told = [one for one in _refusals(case) if (one.span.path, one.span.line) not in invalid]
    found = [(one, _named(case, one.text)) for one in told if _began(failed, one.at)]
    found = [(one, named) for one, named in found if not (named and PREPARED.search(_text(case, named)))]
    for one, named in sorted(found, key=lambda pair: (pair[1] is None, pair[0].at, pair[0].span))[:1]:
        sure = UNNAMED if named is None else NAMED if _brings(case, named) else APART
        yield _finding(one, named, sure, _since(failed, one.at))


def _refusals(case: Case) -> Iterator[_Refusal]:
    for source in sorted(case.sources, key=lambda one: one.path):
        if source.lines <= LONGEST_LOG and source.format in STEPS:
            told = pl.col("text").str.contains(REFUSES) & ~pl.col("text").str.contains(", client: ", literal=True)
            rows = case.lines(source.path).filter(told).select("line", "text").collect()
            yield from _dated(case, source.path, rows) if rows.height else ()


def _dated(case: Case, path: str, rows: pl.DataFrame) -> Iterator[_Refusal]:
    """Each sort of line where it stands first, with the time of the event that it belongs to or follows."""
    timed = case.timeline.filter((pl.col("file") == path) & pl.col("time").is_not_null()).select("line", "time").collect()
    if not timed.height:
        return
    dated = rows.sort("line").join_asof(timed.sort("line"), on="line", strategy="backward").drop_nulls("time")
    sort = pl.col("text").str.replace_all(r"\d+", "#").alias("sort")
    for line, text, at in dated.unique(sort, keep="first", maintain_order=True).select("line", "text", "time").iter_rows():
        yield _Refusal(span=Span(path, line), text=text, at=at)


def _since(failed: npt.NDArray[np.float64], at: datetime) -> npt.NDArray[np.float64]:
    return failed[failed >= at.timestamp() - SLACK_S]


def _began(failed: npt.NDArray[np.float64], at: datetime) -> bool:
    """Whether failures begin soon after it, that were rare until then."""
    after = _since(failed, at)
    before = len(failed) - len(after)
    return len(after) >= FEWEST and after[0] - at.timestamp() <= SOON_S and before <= MOST_BEFORE * len(after)


def _named(case: Case, text: str) -> Span | None:
    """The line that the message names, if its file was collected, and holds what the message quotes."""
    for pattern in PLACES:
        if found := pattern.search(text):
            path, line = collected(found["path"], case.files), int(found["line"])
            told = case.lines(path).filter(pl.col("line") == line).collect()["text"].to_list() if path else []
            quoted = QUOTED.search(text)
            if path and told and (quoted is None or quoted["word"].strip() in told[0]):
                return Span(path, line)
    return None


def _text(case: Case, place: Span) -> str:
    return str(case.lines(place.path).filter(pl.col("line") == place.line).collect()["text"][0])


def _brings(case: Case, place: Span) -> bool:
    """Whether the file is no script, or one that changes what a service is."""
    changes = case.lines(place.path).filter(pl.col("text").str.contains(BRINGS))
    return not SCRIPT.search(place.path) or changes.select(pl.len()).collect().item() > 0


def _finding(one: _Refusal, named: Span | None, sure: float, failed: npt.NDArray[np.float64]) -> Finding:
    refused = Evidence(one.span, "a step is refused", shows="deploy_changes_configuration")
    return Finding(
        confidence=sure,
        claim=_claim(one, named, len(failed)),
        evidence=(
            *([Evidence(named, "what is refused", shows="configuration_mismatch")] if named else ()),
            refused,
            Evidence(one.span, "what was to be in force is not", shows="configuration_mismatch"),
        ),
        would_refute=claim("change_refused.refute", "the same step refused on a day on which all was well"),
        subject=one.span.path,
        measured={"count": len(failed), "after_s": round(float(failed[0]) - one.at.timestamp(), 1)},
        times=(one.at,),
        fix=claim("change_refused.fix", "correct the line, and let the script stop and tell when a step fails"),
    )


def _claim(one: _Refusal, named: Span | None, count: int) -> Claim:
    if named:
        return claim(
            "change_refused.named",
            "{place} was refused ({said}), so that what was to be in force is not; {count} failures since",
            place=str(named),
            said=str(one.span),
            count=count,
        )
    return claim(
        "change_refused.step",
        "a step failed ({said}), and nothing stopped for it; {count} failures since",
        said=str(one.span),
        count=count,
    )
