"""A service logs failures that nothing else counts; and the setting that such a line names, or that is as long as it lasted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from msgspec.structs import replace

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._failures import HEAD, failures, sort_of
from logcorr.rules._intruders import kept_out, provoked
from logcorr.rules._limits import Limit, behind, limits
from logcorr.rules._recovered import recovered
from logcorr.timeline.select import cite, moments, seconds

PROXIES = ("nginx", "apache")

FEWEST = 3
UNUSUAL = 1e-3
"""Errors as even as background noise would leave so long a pause among them no oftener than this."""

FELT = ("client.connect_failed", "upstream.refused", "upstream.closed_early", "upstream.reset")
BEFORE_S, AFTER_S = 2.0, 10.0
"""A failure is felt from so long before to so long after the line that tells of it."""

FELT_SHARE, MOST_BY_CHANCE = 0.6, 0.3
"""So many of the lines are felt, where no more than that of all the time is near something felt."""

ENDS = r"(?i)\b(?:(?:restart|kill|terminat|exit|stopp)(?:ed|es|ing)|SIG(?:TERM|KILL|INT|ABRT)|worker timeout)\b"
"""By which a line tells that a process is ended for it."""

CLOSES = (
    r"(?i)\b(?:terminat|clos|dropp|kill)(?:ed|es|ing)\b.{0,20}\b(?:connection|session|socket)\b"
    r"|\b(?:connection|session|socket) (?:was )?(?:terminated|closed|dropped|killed)\b"
)
"""And by which that only a connection is."""

STEADY = 0.1
"""What one limit of time ends lasts equally long, to a tenth."""

MISTYPED = (
    r"(?i)\b(?:wrong|bad|invalid|incorrect|falsches|mauvais|incorrecta?) (?:user ?name|password|passwort|mot de passe|contraseña"
    r"|credentials|login|pin|one[- ]time|otp|captcha)\b|\b(?:login|sign[- ]?in|log[- ]?in) (?:refused|denied|rejected|failed)\b"
    r"|\bfailed login\b|\bFailed (?:password|publickey) for\b"
    r"|\b(?:密码|密碼)(?:错误|錯誤)|\bcontraseña incorrecta\b|\bsenha (?:incorreta|inválida)\b"
)
"""How an application tells that somebody did not know a password."""

ONE_START_S, LONG_S = 10.0, 600.0
"""A service says things so shortly before it is told to have started; away for so long it leaves a pause that tells nothing."""

AT_ONCE = timedelta(seconds=5)
TRACED = 0.92


@rule(code="LOG005", title="A service logs failures, at some times and not at others", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Lines at error level, or that tell of a failure, which no kind fits; by service, each sort of line once."""
    said = failures(case)
    told = said.join(recovered(case, said), on=["file", "line"], how="anti", maintain_order="left")
    known = limits(case) if told.height else []
    felt, lasted = _felt(case), _lasted(case) if told.height else None
    traced: set[object] = set()
    for service, rows in by_service(told):
        for _, same in rows.group_by(sort_of(), maintain_order=True):
            limit = behind(_whole(case, same), known, lasted)
            if same.height < FEWEST or (limit and limit.span in traced):
                continue
            traced |= {limit.span} if limit else set()
            if _pause_by_chance(case, same) < UNUSUAL or (limit and _is_felt(case, same, felt)):
                yield replace(_finding(case, service, same, limit), severity=_severity(case, same, felt))


def _felt(case: Case) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """When requests failed; those that a limit kept out are no loss."""
    failed = seconds(kept_out(case, case.placed("http.5xx")))
    return np.sort(np.concatenate([failed, moments(case, *FELT)]))


def _severity(case: Case, rows: pl.DataFrame, felt: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """What a proxy says of connections is no harm of itself: its clients come and go as they like, and mistype and try what they
    like."""
    theirs = rows["source"][0] in PROXIES or bool(rows["message"].str.contains(MISTYPED).all()) or provoked(case, rows)
    return "warning" if theirs and not _is_felt(case, rows, felt) else "error"


def _whole(case: Case, same: pl.DataFrame) -> str:
    """The first line as it stands: what failed may be told in a field beside the message."""
    path, line = same["file"][0], same["line"][0]
    told = case.lines(path).head(line).filter(pl.col("line") == line).collect()["text"].to_list()
    return str(told[0] if told else same["message"][0])


def _pause_by_chance(case: Case, rows: pl.DataFrame) -> float:
    """At most how probable the longest pause before, between or after so many events is, were they spread evenly by chance.

    Of n points at random in a stretch of length 1, the chance that some pause is longer than g is at most (n + 1)(1 - g)^n.
    """
    files = set(rows["file"])
    own = [(source.first, source.last) for source in case.sources if source.path in files and source.first and source.last]
    if not own:
        return 1.0
    start, end = min(first for first, _ in own).timestamp(), max(last for _, last in own).timestamp()
    clock = np.array([start, *seconds(rows), end])
    clock = clock - sum((np.clip(clock, last, back) - last for last, back in _away(case, rows)), np.zeros(len(clock)))
    longest = float(np.diff(clock).max()) / max(float(clock[-1] - clock[0]), 1e-9)
    return float((rows.height + 1) * (1 - min(max(longest, 0.0), 1.0)) ** rows.height)


def _away(case: Case, rows: pl.DataFrame) -> Iterator[tuple[float, float]]:
    """When the service was away for long, by its last line before a start of it: nothing is logged then, no failures either."""
    service, files = str(rows["service"][0] or ""), rows["file"].unique().to_list()
    begun = seconds(case.happened("process.started").drop_nulls("time").filter(pl.col("service") == service))
    own = case.timeline.filter(pl.col("file").is_in(files) & pl.col("time").is_not_null() & pl.lit(len(begun) > 0))
    at = seconds(own.select("time").collect())
    for back in begun:
        before = at[at < back - ONE_START_S]
        if len(before) and back - before[-1] >= LONG_S:
            yield float(before[-1]), float(back)


def _is_felt(case: Case, rows: pl.DataFrame, felt: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether requests fail when the lines are written, and not as much at other times."""
    if not len(felt) or case.window is None:
        return False
    at = seconds(rows)
    near = np.searchsorted(felt, at + AFTER_S, side="right") > np.searchsorted(felt, at - BEFORE_S)
    whole = (case.window[1] - case.window[0]).total_seconds()
    covered = np.minimum(np.diff(felt, append=felt[-1] + AFTER_S), AFTER_S + BEFORE_S).sum() / max(whole, 1e-9)
    return bool(near.mean() >= FELT_SHARE and covered <= MOST_BY_CHANCE)


def _lasted(case: Case) -> float | None:
    """How long requests took that ended with a 5xx, if all took about as long."""
    access = case.records("nginx_access")
    if not {"request_time", "status"} <= set(access.collect_schema()):
        return None
    took = (
        access.filter(pl.col("status").is_between(500, 599)).select(pl.col("request_time").drop_nulls()).collect()["request_time"]
    )
    low, middle = took.min(), took.median()
    steady = isinstance(low, float) and isinstance(middle, float) and low >= 1 and middle - low <= STEADY * middle
    return middle if steady and isinstance(middle, float) else None


def _finding(case: Case, service: str, same: pl.DataFrame, limit: Limit | None) -> Finding:
    words = str(same["message"][0]).strip()
    numbers: dict[str, str | int] = {"service": service, "words": words[:HEAD], "count": same.height}
    found = counted(
        same,
        service,
        claim("errors_logged.counted", "{service} logs “{words}” ({count}×), and not at other times", **numbers),
        claim("errors_logged.refute", "the same lines in a log of a day on which all was well"),
    )
    if limit is None:
        return found
    return replace(
        found,
        confidence=TRACED,
        claim=claim(
            "errors_logged.traced",
            "{service} logs “{words}” ({count}×): {setting} at {place} is reached",
            setting=limit.name,
            place=str(limit.span),
            **numbers,
        ),
        evidence=tuple(_traced(case, same, limit)),
        fix=claim("errors_logged.fix", "set {setting} to what the work needs, or make the work need less", setting=limit.name),
    )


def _traced(case: Case, same: pl.DataFrame, limit: Limit) -> Sequence[Evidence]:
    """The setting, the lines that tell of it, and, if they tell that a process ends by it, where it does."""
    mechanism = "configuration_mismatch" if limit.is_time else "resource_exhausted"
    told = (Evidence(limit.span, f"sets {limit.name}", shows=mechanism), *cite(same, shows=mechanism))
    if same["message"].str.contains(CLOSES).all():
        return (*told, *cite(same, shows="timeout_closes_connection")) if limit.is_time else told
    if not same["message"].str.contains(ENDS).all():
        return told
    ended = case.happened("process.terminating", "process.exited", "process.killed").drop_nulls("time")
    after = [ended.filter(pl.col("time").is_between(time, time + AT_ONCE)) for time in same["time"].head(1)]
    after = [rows.unique("file", keep="first", maintain_order=True) for rows in after]
    shown = pl.concat([same.head(3), *after], how="diagonal_relaxed").sort("time", "file", "line", maintain_order=True)
    return (*told, *cite(shown, shows="process_terminates"))
