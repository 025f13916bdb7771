"""An application cannot reach something that it needs, or is refused by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, rule
from logcorr.rules._blank import blank_for
from logcorr.rules._defaulted import defaulted
from logcorr.rules._left_behind import left_behind, set_elsewhere
from logcorr.rules._recovered import recovered
from logcorr.rules._settings import settings
from logcorr.rules._swallowed import swallowed
from logcorr.rules._targets import ADDRESS, UNRESOLVED, answers_at, names, stops_by_name, target
from logcorr.rules._unnamed import shown_by_diff, taken_from
from logcorr.rules._unreachable import said
from logcorr.timeline.lifecycles import stopped_for_good
from logcorr.timeline.select import cite, instants, lines_like, texts

KINDS = ("dependency.failed", "dependency.denied", "dependency.timeout")
CLIENTS = r"\b(?:read|write) (?:ECONNRESET|EPIPE)\b"
"""A client that went away is nothing that an application needs."""

REFUSED = r"ECONNREFUSED|[cC]onnection refused"
PASSED_ON = r"(?i)\b(?:answer|respond|return|reply|send|status)\w*\W{1,3}(?:\w+\W{1,3}){0,2}50[0-4]\b"
"""By which a mild line tells that the client was not served either."""

FEWEST = 3
JUST_BEFORE = timedelta(minutes=5)
BLANK, CHANGED, ANSWERED, CUT, BEGAN, UNEXPLAINED = 0.95, 0.92, 0.75, 0.7, 0.6, 0.3
"""How sure it is that a setting is wrong: what it takes its value from is set nowhere; nothing goes by the name it gives, what it
is refused with came with a deployment, or what answered there was stopped for good just then; a resolver alone says that the name
is gone; compose cuts it, though no warning of that was collected; so it seems, but it was but started anew, or its place was not
collected; nothing says why."""

CREDENTIALS = r"(?i)(?:passw(?:or)?d|secret|token|://[^:/@\s]+:[^@\s]+@)[\w]*['\"]?\s*[:=]?"
DATABASES = r"(?:^|[\W_])(?:db|database|pg|postgres|pgsql|mysql|maria|mongo|redis|sql|amqp|rabbit|ldap|smtp|mail)"
"""By which a setting's name tells that its secret is one of something that is called, and not the application's own."""

TAKEN_OVER = regex(r"process\.env|environ|getenv|\bENV\[|[:=]\s*[\"']?\$\{?\w+\}?[\"']?\s*$")
"""By which a line takes its value from the environment."""

FIX = claim("dependency_unreachable.fix", "correct the setting, and let the service fail its start while it does not work")
UNCUT = claim("dependency_unreachable.uncut", "put the value in single quotes, or write the $ twice; then docker compose up -d")

AT_ONCE = timedelta(seconds=2)
CHANGES = "deploy_changes_configuration"
LEAST_FELT = 0.3


class _Lost(Struct, frozen=True, kw_only=True):
    """What one service lacks: `target` as it names it, and the rows that say so."""

    service: str
    target: str
    kind: str
    rows: pl.DataFrame

    @property
    def since(self) -> datetime | None:
        return next(iter(self.rows["time"].drop_nulls()), None)


@rule(code="NET003", title="An application cannot reach what it needs", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Failed, refused and timed-out calls of applications, by what they called, with the setting that names it."""
    for lost in _lost(case):
        named = [Evidence(span, f"names {lost.target}", shows="configuration_mismatch") for span in _named(case, lost)]
        stopped = _stopped(case, lost)
        places, state, sure = ((), "", 0.0) if stopped else _not_given(case, lost)
        if places:
            yield _finding(case, lost, (*places, *cite(lost.rows, shows="configuration_mismatch")), sure=sure, state=state)
            continue
        yield _judged(case, lost, named, stopped=stopped)


def _judged(case: Case, lost: _Lost, named: Sequence[Evidence], *, stopped: bool) -> Finding:
    """By what was changed: what answered there, or the name, is gone; or the setting that names it."""
    gone = () if stopped else tuple(_gone(case, lost, named))
    taken = () if stopped or gone else _taken(case, lost)
    began = gone or taken or cite(_began(case, lost), "it began anew", most=2, shows=CHANGES)
    former = [Evidence(span, "what it was", shows=CHANGES) for span in _former(case, lost, named)] if began else []
    changed = not stopped and (bool(gone or taken or former) or _wrong(case, lost, since_start=bool(began)))
    by_diff = shown_by_diff(case, taken)
    known = bool(named or by_diff) and (lost.kind != "dependency.denied" or bool(gone) or _replaced(case, lost, named))
    sure = UNEXPLAINED if not changed else CHANGED if known else BEGAN if began else UNEXPLAINED
    state = "stopped" if stopped else "gone" if gone else _wrongly(lost, bool(taken))
    state = "found" if not stopped and (sure == UNEXPLAINED or (state == "denied" and sure < CHANGED)) else state
    told = _shown(lost, (*named[:1], *former[:1]), began, sure)
    return _finding(case, lost, told, sure=min(sure, ANSWERED) if taken and not by_diff else sure, state=state)


def _shown(lost: _Lost, settings: Sequence[Evidence], began: Sequence[Evidence], sure: float) -> tuple[Evidence, ...]:
    """The setting first where it is known to be wrong, what failed first where it is not."""
    refused = lost.rows.filter(pl.col("message").str.contains(REFUSED))
    failed = (
        *cite(lost.rows, shows="configuration_mismatch"),
        *cite(refused, most=2, shows="termination_refuses_connections"),
    )
    return (*settings, *began, *failed) if sure == CHANGED else (*failed, *began) if sure == BEGAN else failed


def _lost(case: Case) -> Iterator[_Lost]:
    mild = (pl.col("severity") < "error").fill_null(False) & ~pl.col("message").str.contains(PASSED_ON)
    quiet = (pl.col("kind") == "dependency.timeout") & mild
    told = case.happened(*KINDS).filter(~pl.col("message").str.contains(CLIENTS) & ~quiet)
    events = told.join(recovered(case, told), on=["file", "line"], how="anti", maintain_order="left")
    for service, told in by_service(events):
        targets = [target(message) or target(text) for message, text in zip(told["message"], texts(case, told), strict=True)]
        for (name,), rows in told.with_columns(target=pl.Series(targets, dtype=pl.String)).group_by(
            "target", maintain_order=True
        ):
            if rows.height >= FEWEST:
                yield _Lost(service=service, target=str(name), kind=str(rows["kind"][0]), rows=rows.drop("target"))


def _named(case: Case, lost: _Lost) -> list[Span]:
    """The lines that set what it calls; of an address on the own host the port alone says what is meant."""
    host, _, port = lost.target.rpartition(":") if re.fullmatch(ADDRESS, lost.target) else (lost.target, "", "")
    if lost.kind == "dependency.denied":
        theirs = re.compile(rf"{DATABASES}|\b{re.escape(lost.target)}\b" if lost.target else DATABASES, re.IGNORECASE)
        return [span for span, text in settings(case, CREDENTIALS) if theirs.search(text) and not TAKEN_OVER.search(text)]
    wanted = [re.escape(f"{host}:{port}")] if port else []
    if host not in ("127.0.0.1", "0.0.0.0") and re.fullmatch(r"[\d.]+", host):
        wanted.append(rf"(?:^|[^\d.]){re.escape(host)}(?:[^\d.]|$)")
    elif host and not re.fullmatch(r"[\d.]+|\[.*\]|localhost", host):
        wanted.append(rf"(?:[=:@/]\s*|['\"]){re.escape(host)}(?:['\":/,;\s]|$)")
    elif port:
        wanted.append(rf"(?i)port\w*['\"]?\s*[:=]\s*['\"]?{port}\b|(?:localhost|127\.0\.0\.1):{port}\b")
    return [span for pattern in wanted for span, _ in settings(case, pattern)]


def _former(case: Case, lost: _Lost, named: Sequence[Evidence]) -> Iterator[Span]:
    """Where what sets its address is set to another one, as it was before, if it never worked since the service began anew."""
    unproven = re.fullmatch(ADDRESS, lost.target) and not _worked(case, lost)
    for span in dict.fromkeys(one.span for one in named) if unproven else ():
        yield from set_elsewhere(case, lost.target, span, r":\d")


def _worked(case: Case, lost: _Lost) -> bool:
    """Whether its log names what it calls between its start and the first failure: then it reached it."""
    began = _began(case, lost)["time"].max()
    host = lost.target.rpartition(":")[0]
    own = pl.col("file").is_in(list(set(lost.rows["file"]))) & pl.col("message").str.contains(host, literal=True)
    since = pl.col("time").is_between(began, lost.since, closed="none")
    return bool(began) and case.timeline.filter(own & since).head(1).collect().height > 0


def _replaced(case: Case, lost: _Lost, named: Sequence[Evidence]) -> bool:
    """Whether the role was given another password, or a deployment came just before, and its secret is set in one file only."""
    role = rf"(?i)\balter (?:role|user) \W?{re.escape(lost.target)}\b.*\bpassword\b"
    if any(True for _ in settings(case, role)):
        return True
    since = pl.lit(lost.since)
    deployed = case.happened("deploy.started").filter(pl.col("time").is_between(since - JUST_BEFORE, since))
    return deployed.height > 0 and len({one.span.path for one in named}) == 1


def _not_given(case: Case, lost: _Lost) -> tuple[tuple[Evidence, ...], str, float]:
    """The places that leave its variable for what it calls empty, unset or cut short, which of these, and how sure that is."""
    if not lost.since:
        return (), "", 0.0
    began = _began(case, lost)
    blank = blank_for(case, lost.service, lost.target, lost.since, began) or defaulted(case, lost.target, lost.since)
    if blank or not _began_to_fail(case, lost):
        return blank, "blank", BLANK
    said = str(lost.rows["message"][0])
    cut = swallowed(case, lost.target, lost.since, said, denied=lost.kind == "dependency.denied")
    told = len(cut) > 1
    return (cut if told or began.height else (), "cut", BLANK if told else CUT)


def _stopped(case: Case, lost: _Lost) -> bool:
    """Whether something that was down at these times is what it calls, by name or by the port it is known to have."""
    times = lost.rows["time"].drop_nulls()
    known = case.once(stops_by_name)
    for stop in (stop for name in names(case, lost.target) for stop in known.get(name, ())):
        up = stop.up or stop.ended + JUST_BEFORE
        if stop.service != lost.service and times.is_between(stop.ended - AT_ONCE, up + AT_ONCE).any():
            return True
    return False


def _wrong(case: Case, lost: _Lost, *, since_start: bool) -> bool:
    """Whether what is set cannot be right: no service goes by that name, or it fails since the service was started anew."""
    known = {name for thing in case.entities for name in thing.names}
    unresolved = any(map(UNRESOLVED.search, texts(case, lost.rows.head(FEWEST))))
    passing = unresolved and ((_began_to_fail(case, lost) and not since_start) or _goes_well_after(case, lost))
    if unresolved and not passing and case.stack and "." not in lost.target and lost.target not in known:
        return not any(True for _ in settings(case, r"^\s*external:\s*['\"]?true"))
    return (unresolved or lost.kind == "dependency.denied") and since_start and not passing


def _goes_well_after(case: Case, lost: _Lost) -> bool:
    """Whether its log goes on for longer than it failed, and was not started anew for it."""
    last = lost.rows["time"].drop_nulls().max()
    own = [source.last for source in case.sources if source.path in set(lost.rows["file"]) and source.last]
    if not isinstance(last, datetime) or not lost.since or not own or max(own) - last <= max(JUST_BEFORE, last - lost.since):
        return False
    again = (pl.col("service") == lost.service) & (pl.col("time") > last)
    return case.happened("process.started").filter(again).is_empty()


def _began(case: Case, lost: _Lost) -> pl.DataFrame:
    """Where the service was started, or deployed, just before it first failed, if all was well until then."""
    since = _began_to_fail(case, lost)
    if since is None:
        return case.happened()
    named = (pl.col("kind") == "deploy.started") & pl.col("message").str.contains(lost.service, literal=True)
    return case.happened("process.started", "deploy.started").filter(
        pl.col("time").is_between(since - JUST_BEFORE, since) & ((pl.col("service") == lost.service) | named)
    )


def _gone(case: Case, lost: _Lost, named: Sequence[Evidence]) -> Iterator[Evidence]:
    """What answers there, stopped for good just before it first failed, or moved, if all was well until then."""
    since = _began_to_fail(case, lost)
    said = " ".join(text for one in named for _, text in lines_like(case, one.span, ""))
    for stop in stopped_for_good(case) if since else ():
        near = since and since - JUST_BEFORE <= stop.ended <= since + AT_ONCE
        if near and stop.service != lost.service and answers_at(stop.service, case, lost.target, said):
            yield Evidence(stop.end, "it was stopped for good", shows=CHANGES)
    yield from left_behind(case, lost.target, since, named) if since else ()


def _taken(case: Case, lost: _Lost) -> tuple[Evidence, ...]:
    """What shows that the name was taken away, if it is not found, and for good."""
    unresolved = any(map(UNRESOLVED.search, texts(case, lost.rows.head(FEWEST))))
    return taken_from(case, lost.target.partition(":")[0]) if unresolved and not _goes_well_after(case, lost) else ()


def _began_to_fail(case: Case, lost: _Lost) -> datetime | None:
    """When it first failed, if its log tells that it had not failed for a while."""
    own = [source.first for source in case.sources if source.path in set(lost.rows["file"]) and source.first]
    return lost.since if lost.since and any(first < lost.since - JUST_BEFORE for first in own) else None


def _felt(case: Case, lost: _Lost) -> bool:
    """Whether clients felt it: where an access log tells of answers, enough of these moments have a failed one."""
    if not any(source.format in REQUEST_LOGS for source in case.sources):
        return True
    failed = case.happened("http.5xx")["time"].drop_nulls()
    times = lost.rows["time"].drop_nulls()
    near = sum(bool(failed.is_between(time - AT_ONCE, time + AT_ONCE).any()) for time in times.head(50))
    return near >= LEAST_FELT * len(times.head(50))


def _finding(case: Case, lost: _Lost, told: tuple[Evidence, ...], *, sure: float, state: str) -> Finding:
    return Finding(
        severity="error" if _felt(case, lost) else "warning",
        confidence=sure,
        claim=said(lost.service, lost.target, lost.rows.height, state),
        evidence=told,
        would_refute=claim("dependency_unreachable.refute", "{target} answered at these times", target=lost.target),
        subject=lost.service,
        measured={"count": lost.rows.height, "target": lost.target},
        times=instants(lost.rows),
        fix=UNCUT if state == "cut" else FIX if sure > UNEXPLAINED else None,
    )


def _wrongly(lost: _Lost, taken: bool) -> str:
    return "taken" if taken else "denied" if lost.kind == "dependency.denied" else "wrong"
