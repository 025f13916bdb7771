"""A signal that is meant to make a service read its settings anew ends it: nothing in it handles the signal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import TypeAlias

from msgspec import Struct

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Behaviour, Case, ProvedEffect
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ScheduledJob, Unit
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._upgrades import host_zone
from logcorr.semantics.hooks import ROTATION
from logcorr.timeline.offsets import zone_of
from logcorr.timeline.orders import commanded, ordered, rotations
from logcorr.timeline.scripts import said
from logcorr.timeline.select import cite, instants, lines_like, seconds

ENDED = ("process.terminating", "process.killed", "process.crashed", "process.exited")
BY = r"(?i)(?:killed, status=\d+/|terminated by SIG|via signal \[SIG|killed by signal:? (?:SIG)?)(HUP|USR1|USR2|ALRM)\b"
"""Words of systemd, supervisord, pm2 and shells for who was ended by a signal that by default ends whoever does not handle it."""

CODE = r"(?i)\b(?:exit(?:ed)?(?: with)? ?(?:code|status)[ =:]*|exitCode=|Exited \()\[?(129|138|140)\b"
CODES = {"129": "HUP", "138": "USR1", "140": "USR2"}
"""And those of shells and Docker: 128 and the signal's number."""

QUIET = r"^(?P<unit>\S+)\.service: (?:Deactivated successfully|Succeeded)\.?$"
"""What systemd says of a service that ended with success, or by SIGHUP, SIGINT, SIGTERM or SIGPIPE: no word of which."""

TOLD_S = 120.0
"""A service that systemd stops ends within so long of `Stopping`, mostly."""

SIGNALS = ("HUP", "USR1", "USR2")
TELLS = ("reload", "reopen-logs", "signal")
"""What somebody means who sends such a signal."""

RUN_S, SAID_S = 120.0, 10.0
"""A job sends it within so long of its start, and says so within so long of doing it."""

NEARLY_ALL, FEW, CHANCE = 0.8, 0.3, 0.02
DATED = regex(r"\b(?P<day>[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))[ T](?P<time>(?:[01]\d|2[0-3]):[0-5]\d)")
JUST_BEFORE = timedelta(minutes=10)
"""Notes (of releases, in a diary) bear the time of what they tell, nearly."""
SEEN, ONCE = 0.95, 0.9


_Ended: TypeAlias = "tuple[str, str, pl.DataFrame, list[tuple[Behaviour, ProvedEffect]]]"
"""A service, the signal, the rows that tell of its ends, and who sends it that."""


class _Sender(Struct, frozen=True):
    """The command that sends it, the job that leads to it, the lines that tell of it, and how many of the ends it precedes."""

    effect: ProvedEffect
    job: ScheduledJob | None
    told: pl.DataFrame
    before: int
    note: str = "the script says so"


@rule(code="PROC022", title="A signal ends the service that it should only tell something", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Ends by SIGHUP, SIGUSR1, SIGUSR2 and SIGALRM at the times at which a script sends that signal to the service."""
    for service, signal, rows, sending in (*_named(case), *_quiet(case)):
        by_hand = pl.concat([commanded(case, signal, at) for at in rows["time"]])
        senders = [_sender(case, *one, seconds(rows)) for one in sending if _others(case, *one, by_hand) < FEW * rows.height]
        best = max(senders, key=lambda one: one.before, default=None)
        if best and best.before >= NEARLY_ALL * rows.height:
            yield _finding(case, service, signal, rows, best)


def _named(case: Case) -> Iterator[_Ended]:
    """Ends of which the signal is told."""
    coded = pl.col("message").str.extract(CODE).replace_strict(CODES, default=None, return_dtype=pl.String)
    signal = pl.coalesce(pl.col("message").str.extract(BY).str.to_uppercase(), coded)
    ended = case.happened(*ENDED).drop_nulls(["time", "service"]).with_columns(signal=signal).drop_nulls("signal")
    for (service, by), rows in ended.group_by("service", "signal", maintain_order=True):
        yield str(service), str(by), rows.drop("signal"), list(_sending(case, str(service), str(by)))


def _quiet(case: Case) -> Iterator[_Ended]:
    """Ends in order that nobody has systemd told to bring about, of services to which a script sends a signal."""
    ended = case.timeline.filter(
        (pl.col("source") == "syslog") & pl.col("message").str.contains(QUIET) & pl.col("time").is_not_null()
    )
    every = ended.with_columns(unit=pl.col("message").str.extract(QUIET)).collect()
    stopping = case.happened("process.terminating").drop_nulls(["time", "service"])
    for (unit,), rows in every.group_by("unit", maintain_order=True):
        told = seconds(stopping.filter(pl.col("service") == unit))
        by_itself = rows.drop("unit").filter(pl.Series(~_near(seconds(rows), told, TOLD_S, 1.0), dtype=pl.Boolean))
        for signal in SIGNALS if by_itself.height else ():
            if sending := list(_sending(case, str(unit), signal)):
                yield str(unit), signal, by_itself, sending


def _sending(case: Case, service: str, signal: str) -> Iterator[tuple[Behaviour, ProvedEffect]]:
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            sent = (proved.effect.signal or "").removeprefix("SIG")
            if proved.effect.action in TELLS and sent == signal and service in proved.hits:
                yield behaviour, proved


def _sender(case: Case, behaviour: Behaviour, proved: ProvedEffect, ends: npt.NDArray[np.float64]) -> _Sender:
    """How many of the ends come as the script says that it sends the signal, or else as the clock runs it."""
    leading = [one for one in case.schedules if any(other is behaviour for other in one.behaviours)]
    told = said(case, (behaviour,), near=proved.effect.span)
    spoken = _near(ends, seconds(told), SAID_S, SAID_S)
    begun = case.once(rotations) if not told.height and not leading and _rotates(case, behaviour) else told.clear()
    if _by_clock(ends, seconds(begun)):
        return _Sender(
            proved, None, begun.filter(pl.Series(_near(seconds(begun), ends, 0.0, RUN_S))), _by_clock(ends, seconds(begun))
        )
    clocks = [(_by_clock(ends, one.ticks), one.job) for one in leading]
    by_clock, job = max(clocks, key=lambda pair: pair[0], default=(0, None))
    return _Sender(proved, job, told, int(spoken.sum()) if told.height else by_clock)


def _rotates(case: Case, behaviour: Behaviour) -> bool:
    """Whether logrotate runs it."""
    stanzas = (job for job in case.of(ScheduledJob) if job.scheduler == ROTATION)
    return any(job.span.path == behaviour.script.span.path for job in stanzas)


def _others(case: Case, behaviour: Behaviour, proved: ProvedEffect, commands: pl.DataFrame) -> int:
    """How many of the commands that sudo logged are not this script's."""
    own = ordered(case, behaviour, proved.effect)
    return commands.join(own, on=["file", "line"], how="anti").height


def _by_clock(ends: npt.NDArray[np.float64], ticks: npt.NDArray[np.float64]) -> int:
    """How many of the ends come soon after a run begins, if ends at any other times would hardly come so soon after one."""
    if not ticks.size:
        return 0
    early = ticks.searchsorted(ends + 1.0, "right") - 1
    lags = (ends - ticks[early])[early >= 0]
    lags = lags[lags <= RUN_S]
    span = float(ticks[-1] - ticks[0])
    covered = (float(abs(lags).max()) + 1.0) * (ticks.size - 1) / span if lags.size and span else 0.0
    return int(lags.size) if covered**lags.size <= CHANCE else 0


def _near(ends: npt.NDArray[np.float64], times: npt.NDArray[np.float64], before: float, after: float) -> npt.NDArray[np.bool_]:
    """For each end, whether one of the times is at most so long before it, or after it."""
    there: npt.NDArray[np.bool_] = np.searchsorted(times, ends + after, "right") > np.searchsorted(times, ends - before)
    return there


def _finding(case: Case, service: str, signal: str, rows: pl.DataFrame, sender: _Sender) -> Finding:
    line, job = sender.effect.effect.span, sender.job
    in_order = bool(rows["message"].str.contains(QUIET).all())
    return Finding(
        confidence=SEEN if rows.height > 1 else ONCE,
        claim=(_in_order if in_order else _ended_by)(service=service, signal=signal, count=rows.height),
        evidence=(
            Evidence(line, f"sends SIG{signal}", shows="effect_terminates_process"),
            *_since(case, service, rows["time"][0]),
            *([Evidence(job.span, f"runs on {job.schedule}", shows="job_runs_script")] if job else []),
            *cite(sender.told, sender.note, most=2, shows="effect_terminates_process"),
            *cite(rows, "ended by it", most=4, shows="process_terminates"),
            *(_policy(case, service) if in_order else ()),
        ),
        would_refute=claim(
            "signal_not_handled.refute", "a run of {service} that lived on after a SIG{signal}", service=service, signal=signal
        ),
        subject=service,
        measured={"count": rows.height, "signal": signal},
        times=instants(rows),
        fix=claim(
            "signal_not_handled.fix",
            "handle SIG{signal} in {service} again, or tell it otherwise: restart it, or let it look for the change itself",
            service=service,
            signal=signal,
        ),
    )


def _ended_by(**told: str | int) -> Claim:
    return claim(
        "signal_not_handled.found",
        "{service} is told something by SIG{signal}, which nothing in it handles: it is ended by it ({count}×)",
        **told,
    )


def _in_order(**told: str | int) -> Claim:
    return claim(
        "signal_not_handled.in_order",
        "{service} is told something by SIG{signal} and ends, which systemd takes for an orderly end ({count}×)",
        **told,
    )


def _policy(case: Case, service: str) -> Iterator[Evidence]:
    """The line by which systemd starts it again after failures alone."""
    for unit in case.of(Unit):
        if unit.name.removesuffix(".service") == service and unit.restart == "on-failure":
            lines = lines_like(case, unit.span, r"^\s*Restart\s*=")
            yield from (Evidence(span, "an orderly end is no failure", shows="process_terminates") for span, _ in lines)


def _since(case: Case, service: str, first: datetime) -> Iterator[Evidence]:
    """The last start before the first such end, and what notes say of that time: until then it was handled, or never sent."""
    begun = case.happened("process.started").drop_nulls("time").filter((pl.col("service") == service) & (pl.col("time") < first))
    started = begun["time"].max()
    if isinstance(started, datetime):
        for span in _dated(case, started):
            yield Evidence(span, "a note of that time", shows="deploy_changes_configuration")
        last = begun.filter(pl.col("time") >= started - timedelta(minutes=1))
        yield from cite(last, "it was started anew", most=2, shows="deploy_changes_configuration")


def _dated(case: Case, since: datetime) -> Iterator[Span]:
    """The lines of files that are no logs which bear a time so close to this."""
    for path in sorted(case.files - {source.path for source in case.sources}):
        zone = zone_of(host_zone(case, path))
        lines = case.lines(path).filter(pl.col("text").str.contains(DATED.pattern)).select("line", "text").collect()
        for line, text in lines.iter_rows():
            at = _instant(text, zone)
            if at and abs(at - since) <= JUST_BEFORE:
                yield Span(path, line)


def _instant(text: str, zone: tzinfo) -> datetime | None:
    found = DATED.search(text)
    try:
        return datetime.fromisoformat(f"{found['day']}T{found['time']}").replace(tzinfo=zone) if found else None
    except ValueError:  # no such day: SQL's 0000-00-00
        return None
