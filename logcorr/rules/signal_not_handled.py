"""A signal that is meant to make a service read its settings anew ends it: nothing in it handles the signal."""

from __future__ import annotations

import re
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

RELOADED_BY = r"^\s*ExecReload\s*=.*\bkill\b.*\s(?:-s\s*|-n\s*|--signal[= ]|-)(?:SIG)?(HUP|USR1|USR2|10|12|1)\b"
NUMBERED = {"1": "HUP", "10": "USR1", "12": "USR2"}

TOLD_S = 120.0
"""A service that systemd stops ends within so long of `Stopping`, mostly."""

ON_REQUEST = r"^(?P<unit>\S+)\.service: Sent signal SIG(?P<signal>HUP|USR1|USR2) to main process \d+ .*on client request"
ENDS_S = 5.0
"""How systemd tells that somebody had it send a signal (`systemctl kill`), and how soon who does not handle it is gone."""

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
ROWS = ("time", "source", "service", "severity", "kind", "message", "file", "line", "lines")
BY_SIGNAL = "effect_terminates_process"


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
    known = set()
    for service, signal, rows, sending in (*_named(case), *_quiet(case)):
        by_hand = pl.concat([commanded(case, signal, at) for at in rows["time"]])
        senders = [_sender(case, *one, seconds(rows)) for one in sending if _others(case, *one, by_hand) < FEW * rows.height]
        best = max(senders, key=lambda one: one.before, default=None)
        if best and best.before >= NEARLY_ALL * rows.height:
            known.add(service)
            yield _finding(case, service, signal, rows, _sent(case, service, signal, rows, best))
    for service, signal, asked, rows in _on_request(case):
        if service not in known:
            yield _finding(case, service, signal, rows, _asked(case, service, asked, rows))


def _on_request(case: Case) -> Iterator[tuple[str, str, pl.DataFrame, pl.DataFrame]]:
    """What systemd was asked to send, by its own word, whoever asked, and the ends just after it."""
    told = case.timeline.filter((pl.col("source") == "syslog") & pl.col("time").is_not_null()).select(ROWS)
    asking = told.with_columns(pl.col("message").str.extract_groups(ON_REQUEST).alias("asked")).unnest("asked")
    every = asking.drop_nulls("unit").collect()
    for (unit, signal), asked in every.group_by("unit", "signal", maintain_order=True):
        over = rf"^{re.escape(str(unit))}\.service: (?:Deactivated successfully|Succeeded|Main process exited, code=killed)"
        ended = told.filter(pl.col("message").str.contains(over)).collect() if asked.height else asked
        at_once = ended.filter(pl.Series(_near(seconds(ended), seconds(asked), ENDS_S, 0.0), dtype=pl.Boolean))
        if at_once.height and at_once.height >= NEARLY_ALL * asked.height:
            yield str(unit), str(signal), asked.select(ROWS), at_once


def _asked(case: Case, service: str, asked: pl.DataFrame, rows: pl.DataFrame) -> tuple[Evidence, ...]:
    """systemd's word, and that logrotate ran then, whose configuration was not collected."""
    begun = case.once(rotations)
    begun = begun.filter(pl.Series(_near(seconds(begun), seconds(asked), 0.0, RUN_S), dtype=pl.Boolean))
    return (
        *cite(asked, "systemd is asked to send it", most=4, shows=BY_SIGNAL),
        *cite(begun, "logrotate runs", most=2, shows=BY_SIGNAL),
        *cite(rows, "ended by it", most=4, shows="process_terminates"),
        *_policy(case, service),
    )


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
    """The commands that send it, be it by `systemctl reload`, where the unit says how that is done."""
    by_reload = any(found == signal for _, found in _reloading(case, service))
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            sent = (proved.effect.signal or "").removeprefix("SIG")
            told = sent == signal or (by_reload and not sent and proved.effect.action == "reload")
            if proved.effect.action in TELLS and told and service in proved.hits:
                yield behaviour, proved


def _reloading(case: Case, service: str) -> Iterator[tuple[Span, str]]:
    """The lines by which a unit's reload sends a signal, with that."""
    for unit in case.of(Unit):
        if unit.name.removesuffix(".service") == service:
            for span, text in lines_like(case, unit.span, RELOADED_BY):
                found = re.search(RELOADED_BY, text)
                yield span, NUMBERED.get(found[1], found[1]) if found else ""


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


def _finding(case: Case, service: str, signal: str, rows: pl.DataFrame, evidence: tuple[Evidence, ...]) -> Finding:
    in_order = bool(rows["message"].str.contains(QUIET).all())
    return Finding(
        confidence=SEEN if rows.height > 1 else ONCE,
        claim=(_in_order if in_order else _ended_by)(service=service, signal=signal, count=rows.height),
        evidence=evidence,
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


def _sent(case: Case, service: str, signal: str, rows: pl.DataFrame, sender: _Sender) -> tuple[Evidence, ...]:
    line, job = sender.effect.effect.span, sender.job
    return (
        Evidence(line, f"sends SIG{signal}", shows=BY_SIGNAL),
        *_since(case, service, rows["time"][0]),
        *([Evidence(job.span, f"runs on {job.schedule}", shows="job_runs_script")] if job else []),
        *cite(sender.told, sender.note, most=2, shows=BY_SIGNAL),
        *cite(rows, "ended by it", most=4, shows="process_terminates"),
        *(Evidence(span, "what its reload does", shows=BY_SIGNAL) for span in _told_by(case, service, sender)),
        *(_policy(case, service) if rows["message"].str.contains(QUIET).all() else ()),
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


def _told_by(case: Case, service: str, sender: _Sender) -> list[Span]:
    return [] if sender.effect.effect.signal else [span for span, _ in _reloading(case, service)]


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
