"""Since a deployment a process dies at each start, for want of something that it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Container, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import _deeds, rule
from logcorr.rules._blank import renamed
from logcorr.rules._failures import HEAD, failures, sort_of
from logcorr.rules._given import CHANGES
from logcorr.rules._lacks import FEWEST, LEFT_OUT, Lack, deploys, does_without, files_without, lacks
from logcorr.semantics.topology import EVERYDAY, find
from logcorr.timeline.lifecycles import OWN_ENDS, stopped
from logcorr.timeline.select import cite, seconds

STARTS = ("start", "restart", "up", "recreate", "reload")
SOON = timedelta(minutes=15)
DEPLOYED = "the deployment"
LAST_WORDS_S = 120.0
"""What a process says last it says so shortly before it ends, or before it is started again after a pause."""

SUPERVISORS = r"^\S+\.(?:service|scope|socket): "
"""What systemd says of a unit is no word of its process."""

REASONS = (
    *("disk.full", "limit.reached", "dependency.failed", "dependency.denied", "dependency.timeout", "permission.denied"),
    *("address.in_use", "tls.failed", "file.missing", "config.invalid", "process.out_of_memory"),
)
"""Failures that tell why by themselves: other rules judge them."""

MARKS = (*OWN_ENDS, "process.exited", "process.started")
MOST_OF = 0.5
SEEN = 0.92
"""How sure one may be, without the time of the deployment, where the loop was looked at and what is missing is nowhere given."""


class _Loop(Struct, frozen=True, kw_only=True):
    """Something that is started again and again, what shows it, how often and since when it ended (None: nothing tells).

    `captured`: its container was looked at while it was so.
    """

    service: str
    ends: int | None
    captured: bool = False
    since: datetime | None = None
    evidence: tuple[Evidence, ...]


@rule(code="PROC011", title="A process dies at each start since a deployment", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Joins a crash loop, the thing that its last words name, and the deployment that did not bring it."""
    loops = [*_containers(case), *_ends(case)]
    for loop in loops[:1]:
        said = failures(case)
        deadly = (one for one in lacks(case) if not _lived_with(one, loop) and not _of_another(case, one, loop))
        deadly = (one for one in deadly if not _outlived(case, one, loop, said))
        lack = max(deadly, key=lambda one: one.count, default=None) or _last_words(case, loop)
        deployed = _deployment(case, loop.service, lack) if lack else ()
        if lack and deployed:
            yield _finding(case, loop, lack, deployed)


def _containers(case: Case) -> Iterator[_Loop]:
    """Containers that their policy starts again and again; not those that the kernel ended."""
    for one in case.of(Container):
        failing = one.exit_code not in (None, 0) and not one.oom_killed
        if failing and ((one.restart_count or 0) >= FEWEST or one.status.lower().startswith("restarting")):
            seen = Evidence(one.span, f"exit code {one.exit_code}", shows="crash_ends_process")
            known = find(one.name, case.entities)
            yield _Loop(
                service=one.service or (known.name if known else one.name),
                ends=one.restart_count,
                captured=True,
                evidence=(seen,),
            )


def _ends(case: Case) -> Iterator[_Loop]:
    """Services that ended of their own several times."""
    stops = [stop for stop in case.once(stopped) if stop.kind in (*OWN_ENDS, "process.exited")]
    for service, count in Counter(stop.service for stop in stops).most_common():
        if count >= FEWEST:
            own = [stop for stop in stops if stop.service == service]
            seen = (Evidence(stop.end, "the process ended", shows="crash_ends_process") for stop in own[:2])
            yield _Loop(service=service, ends=count, since=min(stop.ended for stop in own), evidence=tuple(seen))


def _lived_with(lack: Lack, loop: _Loop) -> bool:
    """Whether it was said to be missing long before anything ended."""
    return lack.since is not None and loop.since is not None and loop.since - lack.since > SOON


def _of_another(case: Case, lack: Lack, loop: _Loop) -> bool:
    """Whether another service says so: one that is known by its name, or that a log is named after where this one has its own."""
    own = (pl.col("file") == lack.first.path) & (pl.col("line") <= lack.first.line)
    service = case.timeline.filter(own).sort("line").select("service").tail(1).collect()["service"].to_list()
    if not service or not service[0]:
        return False
    known = find(service[0], case.entities)
    if known:
        return loop.service not in known.names
    its_log = (pl.col("service") == loop.service) & (pl.col("source") == "app")
    shared = set(service[0].split("-")) & {*loop.service.split("-"), *EVERYDAY}
    return not shared and case.timeline.filter(its_log).head(1).collect().height > 0


def _outlived(case: Case, lack: Lack, loop: _Loop, said: pl.DataFrame) -> bool:
    """Whether the lines that tell of it tell of no failure, and most times another one follows before the end."""
    own, its_lines = pl.col("file") == lack.first.path, pl.col("line").is_in(lack.lines)
    told = case.timeline.filter(own & its_lines & pl.col("time").is_not_null()).select("line", "time").sort("line").collect()
    if told.is_empty() or said.filter(own & its_lines).height:
        return False
    others = said.filter(own & ~pl.col("message").str.contains(SUPERVISORS)).sort("line")
    at, times = (np.append(seconds(rows), np.inf) for rows in (told, others))
    line, lines = (np.append(rows["line"].to_numpy(), np.inf) for rows in (told, others))
    ends = np.append(seconds(case.happened(*OWN_ENDS, "process.exited").filter(pl.col("service") == loop.service)), np.inf)
    ended = ends[np.searchsorted(ends, at[:-1])] if len(ends) > 1 else (at[:-1] + at[1:]) / 2
    following = np.searchsorted(lines, line[:-1], side="right")
    return bool(((lines[following] < line[1:]) & (times[following] <= ended)).mean() >= MOST_OF)


def _last_words(case: Case, loop: _Loop) -> Lack | None:
    """What nearly every life ends with since it was first said, where that is no failure that tells why by itself."""
    own = pl.col("service") == loop.service
    crashed = case.happened("process.crashed").filter(pl.col("time").is_not_null() & pl.col("severity").is_null())
    words = pl.concat([failures(case), crashed], how="diagonal_relaxed").sort("time", maintain_order=True)
    words = words.filter(~does_without(pl.col("message")))
    said = words.filter(own & ~pl.col("message").str.contains(SUPERVISORS)).with_columns(sort_of())
    known = case.happened(*REASONS).filter(own).with_columns(sort=pl.lit(None, pl.String))
    told = pl.concat([said, known]).drop_nulls("time").sort("time", "sort", nulls_last=True, maintain_order=True)
    marks = case.happened(*MARKS).filter(own).select("time").drop_nulls().unique().sort("time")
    near = timedelta(seconds=LAST_WORDS_S)
    last = marks.join_asof(told, on="time", strategy="backward", tolerance=near, coalesce=False).drop_nulls("line")
    for (_,), same in last.unique(["file", "line"], maintain_order=True).drop_nulls("sort").group_by("sort", maintain_order=True):
        since = marks.filter(pl.col("time") >= same["time_right"].min())
        before = said.filter((pl.col("sort") == same["sort"][0]) & (pl.col("time") < same["time_right"][0] - near))
        if same.height >= max(FEWEST, MOST_OF * since.height / 2) and before.is_empty():
            return _words(same.drop("time").rename({"time_right": "time"}))
    return _refrain(case, loop, said) if loop.since is None else None


def _words(same: pl.DataFrame) -> Lack:
    first = Span(same["file"][0], same["line"][0])
    words = str(same["message"][0]).strip()[:HEAD]
    return Lack(sort="words", name=words, first=first, count=same.height, since=same["time"][0])


def _refrain(case: Case, loop: _Loop, said: pl.DataFrame) -> Lack | None:
    """What each life ends with, of a log that marks neither its starts nor its ends: only its supervisor tells of them.

    The last failure that is told as often as it was restarted, is followed by the same line each time (the next life's first),
    and since which what the log said most often before is said no more.
    """
    for (path, _), same in reversed(list(said.group_by("file", "sort", maintain_order=True))):
        if same.height < max(FEWEST, MOST_OF * (loop.ends or 0)):
            continue
        log = case.timeline.filter((pl.col("file") == path) & pl.col("time").is_not_null()).sort("line").with_columns(sort_of())
        lines = log.with_columns(pl.col("sort").shift(-1).alias("next")).collect()
        following = lines.join(same, on="line", how="semi")["next"].drop_nulls()
        before, since = (lines.filter(part) for part in (pl.col("line") < same["line"][0], pl.col("line") >= same["line"][0]))
        counts = before.group_by("sort", maintain_order=True).len().sort("len", descending=True, maintain_order=True)
        usual = counts["sort"].head(1)
        if following.n_unique() == 1 and not usual.is_in(since["sort"].implode()).any():
            return _words(same)
    return None


def _deployment(case: Case, service: str, lack: Lack) -> tuple[Evidence, ...]:
    """What shows that something was deployed: a log that says so shortly before, or a deploy script that starts the service.

    Where the process does not say what it lacks, only the former tells that it is the deployment.
    """
    scripts = [
        (behaviour.script, Evidence(proved.effect.span, f"{proved.effect.action} {service}", shows=CHANGES))
        for behaviour in case.behaviours
        for proved in behaviour.proved
        if deploys(behaviour.script) and proved.effect.action in STARTS
        if service in proved.hits or service in proved.effect.targets or not proved.certain
    ]
    told = cite(_told(case, [script for script, _ in scripts], lack.since), DEPLOYED, most=2, shows=CHANGES)
    seen = told or (() if lack.sort == "words" else tuple(_deeds.brought(case, service, lack.since, SOON)))
    starts = () if lack.sort == "words" and not told else tuple(dict.fromkeys(evidence for _, evidence in scripts[:1]))
    return (*(replace(one, note=DEPLOYED) for one in seen), *starts)


def _told(case: Case, scripts: Sequence[Script], since: datetime | None) -> pl.DataFrame:
    """The lines that tell of the deployment: any, if it is not known since when it fails, else those shortly before.

    What a script that starts the service tells comes first: something else may have been deployed, too.
    """
    told = case.happened("deploy.started").filter(pl.col("time").is_not_null())
    if since is None:
        return told
    its_own = [rows for script in scripts[:1] if (rows := _deeds.told(case, script, since, SOON)).height]
    return pl.concat(its_own) if its_own else told.filter(pl.col("time").is_between(since - SOON, since))


def _restarted(case: Case, service: str, lack: Lack) -> bool:
    """Whether the service was told to end shortly before its log first said what is missing."""
    ordered = case.happened("process.terminating").filter((pl.col("service") == service) & pl.col("time").is_not_null())
    return lack.since is not None and ordered.filter(pl.col("time").is_between(lack.since - SOON, lack.since)).height > 0


def _finding(case: Case, loop: _Loop, lack: Lack, deployed: tuple[Evidence, ...]) -> Finding:
    without = renamed(case, loop.service, lack.name) or files_without(case, lack, loop.service)
    refused = case.happened("upstream.refused").filter(pl.col("time").is_not_null())
    refused = refused.filter(pl.col("time") >= lack.since) if lack.since else refused
    told = any(one.note == DEPLOYED for one in deployed)
    omitted = any(one.note == LEFT_OUT for one in without) and _restarted(case, loop.service, lack)
    times = (lack.since,) if lack.since else tuple(refused["time"].head(1))
    dated = lack.since and (without or lack.sort == "words") and (told or omitted)
    return Finding(
        confidence=0.95 if dated else SEEN if without and loop.captured and lack.sort == "variable" else 0.85,
        claim=_claim(loop, lack),
        evidence=(
            *(without or deployed)[:1],
            Evidence(lack.first, lack.told, shows="configuration_mismatch"),
            Evidence(lack.first, "what it dies of", shows="crash_ends_process"),
            *loop.evidence[:1],
            *without[1:],
            *(deployed if without else deployed[1:]),
            *cite(refused, most=2),
        ),
        would_refute=claim(
            "crash_after_deploy.refute", "a start after the deployment that went well without {name}", name=lack.name
        ),
        subject=loop.service,
        measured={"missing": lack.name, "sort": lack.sort, "count": lack.count, **({"ends": loop.ends} if loop.ends else {})},
        times=times,
        fix=_fix(lack),
    )


def _claim(loop: _Loop, lack: Lack) -> Claim:
    numbers: dict[str, str | int] = {"service": loop.service, "name": lack.name, "count": lack.count}
    if lack.sort == "words":
        return claim(
            "crash_after_deploy.words", "since a deployment {service} dies at each start, saying “{name}” ({count}×)", **numbers
        )
    return claim(
        "crash_after_deploy.found",
        "since a deployment {service} dies at each start: {name} is missing, its log says {count} times",
        **numbers,
    )


def _fix(lack: Lack) -> Claim:
    if lack.sort == "words":
        return claim(
            "crash_after_deploy.try_first", "let a deployment start the new version and fail before the old one is taken away"
        )
    return claim(
        "crash_after_deploy.fix",
        "bring {name} with the deployment, and let it fail before the old version is taken away",
        name=lack.name,
    )
