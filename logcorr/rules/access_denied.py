"""Files that were served or used are refused to, or gone from, the one who needs them, since something changed them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, rule
from logcorr.rules._deeds import did_before, just_before, ran
from logcorr.rules._modes import gives, grants, listed
from logcorr.rules._read_only import EROFS, read_only
from logcorr.rules._recreated import recreated
from logcorr.rules._refused_paths import paths_of
from logcorr.rules._removals import ignoring, removals
from logcorr.rules._root_made import Made, made_by_root
from logcorr.rules._settings import settings
from logcorr.rules._touching import by_hand, text_of, touching
from logcorr.timeline.select import cite, instants

KINDS = ("permission.denied", "file.missing")
RIGHTS = regex(r"\b(?:chmod|chown|chgrp|umask|setfacl|install|mktemp)\b")
"""Commands that decide who may read a file."""

PLACES = regex(r"\b(?:rm|mv|cp|rsync|ln|tar|unzip|find|git)\b")
"""Commands that decide whether it is there."""

NOT_THERE = (
    r"ENOENT|[nN]o such file or directory|FileNotFoundError|NoSuchFileException|Could not find (?:file|a part of the path)"
)
SOCKETS = {"file.missing": r"to unix:\S+ failed \(2: ", "permission.denied": r"to unix:\S+ failed \(13: "}
"""How nginx words what is wrong with a socket that is not simply without a listener."""

SOCKET = r"unix:|\.sock(?:et)?\b|\.s\.PGSQL\."

TAKES = r"\brm\b|\bunlink\b|\s-delete\b|--delete\b|\bgit\b|\btmp(?:reaper|watch)\b|\btrash\b"
REMOVES = regex(r"\bmv\b|" + TAKES.replace(r"\bgit\b", r"\bgit clean\b"))
"""Commands after which a file is there no more: what is copied to its place brings back no socket."""

LONGER_THAN_A_START = timedelta(minutes=2)

FEWEST = 5
SHOWN, RAN, NAMED, UNEXPLAINED = 0.95, 0.92, 0.7, 0.6
"""How sure it is what to change: a command that gives the mode which a listing shows; one that came just before; the only one
there is; what is refused itself."""

LEAST_SHARE = 0.8
"""Of the requests for what is now refused, so many must have gone well before, and so many go wrong since."""


CHANGES, TERMINATION = "deploy_changes_configuration", "termination_refuses_connections"
TAKEN = (CHANGES, "effect_hits_service")


class _Change(Struct, frozen=True):
    """What is to change, how sure that is, what the places do to the files, what else tells of it, and what each place shows.

    A command that takes a file away changes files, and cuts off who needs it as well.
    """

    sure: float
    places: Sequence[Span]
    note: str
    told: tuple[Evidence, ...]
    deeds: tuple[str, ...] = (CHANGES,)


LOOK = claim(
    "access_denied.fix",
    "look at the files' owner, mode and place (namei -l), and let the deployment check one page of each kind",
)
ELSEWHERE = claim(
    "access_denied.aside",
    "keep the socket where no script cleans up (RuntimeDirectory= below /run), and restart the service: it makes it anew",
)


@rule(code="NGX022", title="Files are refused or gone that were served before", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Refusals (errno 13) and missing files (errno 2) of which the log had none before, and the command that came before them."""
    for kind in KINDS:
        for service, rows in by_service(case.happened(kind).drop_nulls("time")):
            rows = _of_old(case, rows) if kind == "file.missing" else rows
            if rows.height >= FEWEST and _new(case, rows):
                yield _finding(case, service, kind, rows)
    for kind, every in (
        ("file.missing", _missed(case)),
        ("file.missing", _unmade(case)),
        *((kind, _sockets(case, kind)) for kind in KINDS),
    ):
        for service, rows in by_service(every):
            of_socket = bool(rows["message"].str.contains(SOCKET).mean() == 1)
            new = rows.height >= FEWEST and _new(case, rows)
            found = _finding(case, service, kind, rows, of_socket=of_socket) if new else None
            if found and found.confidence == RAN:
                yield found


def _missed(case: Case) -> pl.DataFrame:
    """What applications say of files that are not there, if a collected script takes their folder away."""
    if not any(PLACES.search(script.text) for script in case.of(Script)):
        return case.happened()
    lacked = pl.col("kind").is_null() | (pl.col("kind") == "dependency.failed")
    told = pl.col("message").str.contains(NOT_THERE) & lacked & pl.col("time").is_not_null()
    applications = [source.path for source in case.sources if source.source == "app"]
    rows = case.timeline.filter(pl.col("file").is_in(applications) & told).collect()
    return rows if rows["message"].str.contains(SOCKET).all() or removals(case, paths_of(case, rows)) else rows.clear()


def _unmade(case: Case) -> pl.DataFrame:
    """Files that nginx makes itself (bodies of requests, answers, logs) and cannot: it calls that critical."""
    rows = case.happened("file.missing").drop_nulls("time")
    return rows.filter((pl.col("severity") == "crit") & pl.col("message").str.starts_with("open() "))


def _sockets(case: Case, kind: str) -> pl.DataFrame:
    """The proxy's attempts to reach a socket that is gone or shut, if it stays so longer than a restart takes."""
    of_socket = pl.col("message").str.contains(SOCKETS[kind])
    gone = case.happened("upstream.refused", where=of_socket & pl.col("time").is_not_null())
    lasted = gone["time"][-1] - gone["time"][0] if gone.height else timedelta(0)
    return gone if lasted >= LONGER_THAN_A_START else gone.clear()


def _new(case: Case, rows: pl.DataFrame) -> bool:
    """Whether it began in the course of the logs, and not with them."""
    assert case.window is not None
    since: datetime = rows["time"][0]
    return since - case.window[0] > timedelta(minutes=1)


def _of_old(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """Those missing files whose addresses were answered well until then, as the access log tells, and never again."""
    access = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(access.collect_schema()):
        return rows.clear()
    since = rows["time"][0]
    asked = access.select("time", "status", uri=pl.col("request").str.extract(r"^\S+ ([^? ]+)", 1)).filter(
        pl.col("status").is_not_null()
    )
    good = pl.col("status") < 400
    before, after = pl.col("time") < since, pl.col("time") >= since
    changed = (
        asked.group_by("uri")
        .agg(well=(good & before).sum(), ill=(~good & after).sum(), again=(good & after).sum())
        .filter((pl.col("well") > 0) & (pl.col("ill") > 0) & (pl.col("again") <= (1 - LEAST_SHARE) * pl.col("ill")))
        .collect(engine="streaming")["uri"]
    )
    return (
        rows.filter(pl.any_horizontal(pl.col("message").str.contains(f'{uri}"', literal=True) for uri in changed))
        if len(changed)
        else rows.clear()
    )


def _finding(case: Case, service: str, kind: str, rows: pl.DataFrame, *, of_socket: bool = False) -> Finding:
    paths = paths_of(case, rows)
    locked = list(read_only(case, service, paths)) if rows["message"].str.contains(EROFS).all() else []
    made = list(recreated(case, paths, rows["time"][0])) if kind == "permission.denied" and not of_socket else []
    hand = list(by_hand(case, paths, RIGHTS if kind == "permission.denied" else REMOVES, rows["time"][0]))
    root = made_by_root(case, paths, rows) if kind == "permission.denied" and not (of_socket or hand or made or locked) else None
    change = (
        _of_root(root)
        if root
        else _given(case, rows, locked, "may not be written")
        if locked
        else _given(case, rows, hand, "changes these files")
        if hand
        else _given(case, rows, made, "makes the file for another")
        if made
        else _changed(case, kind, rows, paths, of_socket=of_socket)
    )
    return Finding(
        confidence=change.sure,
        claim=_socket_claim(kind, service, rows, paths) if of_socket else _claim(kind, service, rows, paths),
        evidence=(
            *(Evidence(span, change.note, shows=deed) for span in change.places for deed in change.deeds),
            *change.told,
            *(Evidence(span, "names the socket", shows="effect_hits_service") for span in _named(case, paths[:1], of_socket)),
            *cite(rows, shows=TERMINATION if of_socket else "configuration_mismatch"),
        ),
        would_refute=claim("access_denied.refute", "one of these files was read after the change"),
        subject=service,
        measured={"count": rows.height, "files": len(set(paths))},
        times=instants(rows),
        fix=ELSEWHERE if of_socket else LOOK,
    )


def _given(case: Case, rows: pl.DataFrame, places: Sequence[Span], note: str) -> _Change:
    """What makes their file system read-only, or the files another's, and what was begun just before."""
    return _Change(RAN, places[:2], note, tuple(just_before(case, rows["time"][0])))


def _of_root(made: Made) -> _Change:
    """What root ran of the application's own programs, and what shows whose the files are since."""
    told = [Evidence(span, "it ran", shows=CHANGES) for span in made.ran]
    owner = [Evidence(span, "it is root's", shows="configuration_mismatch") for span in made.owner]
    return _Change(made.sure, (made.place,), "root makes these files", (*told, *owner))


def _changed(case: Case, kind: str, rows: pl.DataFrame, paths: Sequence[str], *, of_socket: bool) -> _Change:
    """The lines of scripts that touch these files: those that give the mode a listing shows, else those that ran just before."""
    denied = kind == "permission.denied"
    served = denied and not of_socket and set(rows["source"]) == {"nginx"}
    gone = _gone(case, kind, paths, of_socket)
    touched = gone or touching(case, paths, RIGHTS if denied else REMOVES if of_socket else PLACES)
    lines = [one for one in touched if not (served and grants(text_of(*one)))]
    shown = list(listed(case, {path.rpartition("/")[2] for path in paths})) if served else []
    made = [span for span, script in lines if any(gives(text_of(span, script), mode) for _, mode in shown)]
    scripts = [script for _, script in lines if of_socket or gone or not did_before(case, script, rows["time"][0])]
    runs = _ran_before(case, scripts, rows["time"][0])
    done = [one for one in lines if one[1] in runs]
    ignored = list(ignoring(case, paths[0]))[:1] if gone and "clean" in text_of(*lines[0]) else []
    takes = denied or gone or any(re.search(TAKES, text_of(*one)) for one in done)
    return _Change(
        _sure(len(made), len(lines), ran=bool(done), takes=bool(takes)),
        (made or [span for span, _ in done or lines])[:2],
        "changes these files",
        tuple(_told_of(runs, [span for span, _ in shown[:2]], ignored)),
        TAKEN if gone or of_socket else (CHANGES,),
    )


def _sure(made: int, lines: int, *, ran: bool, takes: bool) -> float:
    """How sure it is, by the lines that give the mode or touch the files, and whether one `ran` and `takes` something away."""
    if made == 1:
        return SHOWN
    if ran:
        return RAN if takes else NAMED
    return NAMED if lines == 1 else UNEXPLAINED


def _gone(case: Case, kind: str, paths: Sequence[str], of_socket: bool) -> list[tuple[Span, Script]]:
    """The commands that take away what lies there."""
    return [] if kind == "permission.denied" or of_socket else [(one.span, one.script) for one in removals(case, paths)]


def _told_of(runs: dict[Script, pl.DataFrame], shown: Iterable[Span], ignored: Iterable[Span]) -> Iterator[Evidence]:
    for run in [*runs.values()][:1]:
        yield from cite(run, "it ran", most=2, shows=CHANGES)
    yield from (Evidence(span, "others may not read it", shows="configuration_mismatch") for span in shown)
    yield from (Evidence(span, "git ignores it", shows="configuration_mismatch") for span in ignored)


def _ran_before(case: Case, scripts: Iterable[Script], since: datetime) -> dict[Script, pl.DataFrame]:
    """Those that ran just before, with the lines that tell it."""
    runs = {script: ran(case, script, since) for script in dict.fromkeys(scripts)}
    return {script: rows for script, rows in runs.items() if rows is not None}


def _named(case: Case, paths: Sequence[str], of_socket: bool) -> Iterator[Span]:
    """Where the service and the proxy are told of the socket."""
    scripts = {script.span.path for script in case.of(Script) if script.span.line == 1}
    for path in paths if of_socket else ():
        named = settings(case, re.escape(path.rstrip(":")))
        yield from (span for span, _ in named if span.path not in scripts)


def _socket_claim(kind: str, service: str, rows: pl.DataFrame, paths: Sequence[str]) -> Claim:
    numbers: dict[str, str | int] = {"service": service, "count": rows.height, "path": paths[0].rstrip(":") if paths else "?"}
    if kind == "permission.denied":
        return claim(
            "access_denied.socket_refused", "{service} may not use the socket {path} of a service that runs ({count}×)", **numbers
        )
    return claim(
        "access_denied.socket", "the socket {path} is gone under a service that runs: {service} lacks it ({count}×)", **numbers
    )


def _claim(kind: str, service: str, rows: pl.DataFrame, paths: Sequence[str]) -> Claim:
    numbers: dict[str, str | int] = {"service": service, "count": rows.height, "path": paths[0] if paths else "?"}
    if kind == "permission.denied":
        return claim("access_denied.refused", "{service} may not use {path} and others like it ({count}×)", **numbers)
    if (rows["severity"] == "crit").all():
        return claim("access_denied.unmade", "{service} cannot make {path} any more: the folder is gone ({count}×)", **numbers)
    return claim("access_denied.gone", "{service} finds {path} and others like it no more ({count}×)", **numbers)
