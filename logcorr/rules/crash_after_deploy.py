"""Since a deployment a process dies at each start, for want of something that it names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Container, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import _deeds, rule
from logcorr.rules._failures import HEAD, failures, sort_of
from logcorr.timeline.lifecycles import OWN_ENDS, stopped
from logcorr.timeline.select import cite

NAME = r"(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z][A-Z0-9]{3,})"
LACKING = r"(?:not set|not defined|undefined|unset|missing|required)\b"
MISSING = (
    ("variable", regex(rf"(?<![\w.]){NAME}['\"`]? (?:(?:is|was|must be) )?{LACKING}")),
    ("variable", regex(rf"(?i:{LACKING})[^:=]{{0,40}}(?i:variables?|env|settings?)[:= '\"`]+{NAME}")),
    ("variable", regex(rf"KeyError: '{NAME}'")),
    ("module", regex(r"Cannot find (?:module|package) '(?P<name>[^']+)'")),
    ("module", regex(r"No module named '?(?P<name>[\w.]+)")),
    ("file", regex(r"ENOENT: no such file or directory, \w+ '(?P<name>[^']+)'")),
    ("file", regex(r"No such file or directory: '(?P<name>[^']+)'")),
)
"""How programs say what they lack, and what sort of thing it is."""

NEEDLE = (
    r"(?i)not set|not defined|undefined|unset|missing|required|KeyError|cannot find |no module named|no such file or directory"
)
ECHO = regex(r"^\s*(?:throw|raise|if)\b")
"""A line of code that an engine prints before the exception itself."""

CODE = (".js", ".mjs", ".cjs", ".ts", ".py", ".sh", ".json", ".yml", ".yaml", ".conf", ".md")
ENVIRONMENT = regex(r"(?:^|[._-])env(?:[._-]|$)", re.IGNORECASE)
DEPLOYS = regex(r"deploy|release|rollout|publish|upgrade|update", re.IGNORECASE)
OMITS = regex(r"--exclude(?:=|\s+)(?P<quote>['\"]?)(?P<what>[^\s'\"]+)(?P=quote)")
"""What tar and rsync are told to leave out."""

STARTS = ("start", "restart", "up", "recreate", "reload")
FEWEST = 3
SOON = timedelta(minutes=15)
CHANGES, DEPLOYED = "deploy_changes_configuration", "the deployment"
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


class _Lack(Struct, frozen=True, kw_only=True):
    """What a log says is missing, how often, where first, and when."""

    sort: str
    name: str
    first: Span
    count: int
    since: datetime | None

    @property
    def told(self) -> str:
        """What its first line shows."""
        return "its last words" if self.sort == "words" else f"{self.name} is missing"


class _Loop(Struct, frozen=True, kw_only=True):
    """Something that is started again and again, what shows it, and how often it ended, None where nothing tells."""

    service: str
    ends: int | None
    evidence: tuple[Evidence, ...]


@rule(code="PROC011", title="A process dies at each start since a deployment", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Joins a crash loop, the thing that its last words name, and the deployment that did not bring it."""
    loops = [*_containers(case), *_ends(case)]
    for loop in loops[:1]:
        lack = max(_lacks(case), key=lambda one: one.count, default=None) or _last_words(case, loop)
        deployed = _deployment(case, loop.service, lack) if lack else ()
        if lack and deployed:
            yield _finding(case, loop, lack, deployed)


def _containers(case: Case) -> Iterator[_Loop]:
    """Containers that their policy starts again and again; not those that the kernel ended."""
    for one in case.of(Container):
        failing = one.exit_code not in (None, 0) and not one.oom_killed
        if failing and ((one.restart_count or 0) >= FEWEST or one.status.lower().startswith("restarting")):
            seen = Evidence(one.span, f"exit code {one.exit_code}", shows="crash_ends_process")
            yield _Loop(service=one.service or one.name, ends=one.restart_count, evidence=(seen,))


def _ends(case: Case) -> Iterator[_Loop]:
    """Services that ended of their own several times."""
    stops = [stop for stop in case.once(stopped) if stop.kind in (*OWN_ENDS, "process.exited")]
    for service, count in Counter(stop.service for stop in stops).most_common():
        if count >= FEWEST:
            seen = [
                Evidence(stop.end, "the process ended", shows="crash_ends_process") for stop in stops if stop.service == service
            ]
            yield _Loop(service=service, ends=count, evidence=tuple(seen[:2]))


def _lacks(case: Case) -> Iterator[_Lack]:
    """What logs say is missing, three times or more; also logs that nothing could read."""
    proxy = {source.path for source in case.sources if source.format.startswith("nginx")}
    for path in sorted(case.files - proxy):
        if not path.endswith(CODE):
            yield from _lacks_of(case, path)


def _lacks_of(case: Case, path: str) -> Iterator[_Lack]:
    rows = case.lines(path).filter(pl.col("text").str.contains(NEEDLE)).collect()
    found: dict[tuple[str, str], list[int]] = {}
    for line, text in rows.select("line", "text").iter_rows():
        named = next(((sort, match["name"]) for sort, pattern in MISSING if (match := pattern.search(text))), None)
        if named and not ECHO.match(text):
            found.setdefault(named, []).append(line)
    for (sort, name), lines in found.items():
        if len(lines) >= FEWEST:
            yield _Lack(sort=sort, name=name, first=Span(path, lines[0]), count=len(lines), since=_time(case, path, lines[0]))


def _last_words(case: Case, loop: _Loop) -> _Lack | None:
    """What nearly every life ends with since it was first said, where that is no failure that tells why by itself."""
    own = pl.col("service") == loop.service
    said = failures(case).filter(own & ~pl.col("message").str.contains(SUPERVISORS)).with_columns(sort_of())
    known = case.happened(*REASONS).filter(own).with_columns(sort=pl.lit(None, pl.String))
    told = pl.concat([said, known]).drop_nulls("time").sort("time", "sort", nulls_last=True, maintain_order=True)
    marks = case.happened(*MARKS).filter(own).select("time").drop_nulls().unique().sort("time")
    near = timedelta(seconds=LAST_WORDS_S)
    last = marks.join_asof(told, on="time", strategy="backward", tolerance=near, coalesce=False).drop_nulls("line")
    for (_,), same in last.unique(["file", "line"], maintain_order=True).drop_nulls("sort").group_by("sort", maintain_order=True):
        since = marks.filter(pl.col("time") >= same["time_right"].min())
        before = said.filter((pl.col("sort") == same["sort"][0]) & (pl.col("time") < same["time_right"][0] - near))
        if same.height >= max(FEWEST, MOST_OF * since.height / 2) and before.is_empty():
            first = Span(same["file"][0], same["line"][0])
            words = str(same["message"][0]).strip()[:HEAD]
            return _Lack(sort="words", name=words, first=first, count=same.height, since=same["time_right"][0])
    return None


def _time(case: Case, path: str, line: int) -> datetime | None:
    """When a line was written: as its envelope says, or the last event up to it."""
    own = case.lines(path).filter(pl.col("line") == line).collect()
    if "logged_at" in own.columns:
        stamp: datetime | None = own["logged_at"][0]
        return stamp
    told = case.timeline.filter((pl.col("file") == path) & (pl.col("line") <= line)).select(pl.col("time").max()).collect()
    last: datetime | None = told["time"][0]
    return last


def _deployment(case: Case, service: str, lack: _Lack) -> tuple[Evidence, ...]:
    """What shows that something was deployed: a log that says so shortly before, or a deploy script that starts the service.

    Where the process does not say what it lacks, only the former tells that it is the deployment.
    """
    scripts = [
        (behaviour.script, Evidence(proved.effect.span, f"{proved.effect.action} {service}", shows=CHANGES))
        for behaviour in case.behaviours
        for proved in behaviour.proved
        if DEPLOYS.search(behaviour.script.name) and proved.effect.action in STARTS
        if service in proved.hits or service in proved.effect.targets or not proved.certain
    ]
    told = _told(case, [script for script, _ in scripts], lack.since)
    starts = () if lack.sort == "words" and told.is_empty() else tuple(dict.fromkeys(evidence for _, evidence in scripts[:1]))
    return (*cite(told, DEPLOYED, most=2, shows=CHANGES), *starts)


def _told(case: Case, scripts: Sequence[Script], since: datetime | None) -> pl.DataFrame:
    """The lines that tell of the deployment: any, if it is not known since when it fails, else those shortly before."""
    told = case.happened("deploy.started").filter(pl.col("time").is_not_null())
    if since is None:
        return told
    near = told.filter(pl.col("time").is_between(since - SOON, since))
    return near if near.height else pl.concat([near, *(_deeds.told(case, script, since, SOON) for script in scripts[:1])])


def _without(case: Case, lack: _Lack) -> tuple[Evidence, ...]:
    """The files that should have it and do not; the one that a deployment copies from first, with the line that does."""
    if lack.sort == "words":
        return ()
    if lack.sort in ("module", "file"):
        return (*_omissions(case, lack.name), *(_packages(case, lack.name) if lack.sort == "module" else ()))
    files = [path for path in sorted(case.files) if ENVIRONMENT.search(path.rpartition("/")[2])]
    lacking = [(path, last) for path in files if (last := _last_setting(case, path, lack.name))]
    uses = {path: use for path, _ in lacking if (use := _use(case, path))}
    ordered = sorted(lacking, key=lambda pair: pair[0] not in uses)
    return (
        *(Evidence(last, f"{path.rpartition('/')[2]} does not set {lack.name}", shows=CHANGES) for path, last in ordered),
        *(Evidence(use, "what the deployment writes", shows=CHANGES) for use in uses.values()),
    )


def _last_setting(case: Case, path: str, name: str) -> Span | None:
    """The last line of an environment file, or the one that leaves the name empty; None where it is set."""
    lines = [(line, text.strip()) for line, text in case.lines(path).select("line", "text").collect().iter_rows() if text.strip()]
    for line, text in lines:
        key, _, value = text.removeprefix("export ").partition("=")
        if key.strip() == name:
            return None if value.strip().strip("'\"") else Span(path, line)
    return Span(path, lines[-1][0]) if lines else None


def _use(case: Case, path: str) -> Span | None:
    """The line of a deploy script that reads this file."""
    name = re.compile(rf"(?<![\w.-]){re.escape(path.rpartition('/')[2])}(?![\w.-])")
    for script in case.of(Script):
        for number, line in enumerate(script.text.split("\n")):
            if DEPLOYS.search(script.name) and name.search(line) and not line.lstrip().startswith("#"):
                return Span(script.span.path, script.span.line + number)
    return None


def _restarted(case: Case, service: str, lack: _Lack) -> bool:
    """Whether the service was told to end shortly before its log first said what is missing."""
    ordered = case.happened("process.terminating").filter((pl.col("service") == service) & pl.col("time").is_not_null())
    return lack.since is not None and ordered.filter(pl.col("time").is_between(lack.since - SOON, lack.since)).height > 0


def _omissions(case: Case, name: str) -> Iterator[Evidence]:
    """The lines of deploy scripts that leave out a directory or file of the missing path."""
    parts = name.split("/")
    for script in case.of(Script):
        for number, line in enumerate(script.text.split("\n") if DEPLOYS.search(script.name) else ()):
            left_out = [match["what"].strip("/").removeprefix("./") for match in OMITS.finditer(line.partition("#")[0])]
            if any(what in parts for what in left_out):
                place = Span(script.span.path, script.span.line + number)
                yield Evidence(place, "the deployment leaves it out", shows=CHANGES)


def _packages(case: Case, module: str) -> Iterator[Evidence]:
    """Where the dependencies of a package are listed without the module."""
    for path in sorted(case.files):
        lines = case.lines(path).select("line", "text").collect() if path.rpartition("/")[2] == "package.json" else None
        if lines is None or module.startswith((".", "/")):
            continue
        section = None
        for line, text in lines.iter_rows():
            section = (line, text.strip().strip('": {')) if text.rstrip().endswith("{") else section
            if f'"{module}"' in text and section:
                if section[1] == "devDependencies":
                    yield Evidence(Span(path, line), "needed only for development", shows="configuration_mismatch")
                return
        listed = [line for line, text in lines.iter_rows() if '"dependencies"' in text]
        yield from (Evidence(Span(path, line), f"does not list {module}", shows="configuration_mismatch") for line in listed)


def _finding(case: Case, loop: _Loop, lack: _Lack, deployed: tuple[Evidence, ...]) -> Finding:
    without = _without(case, lack)
    refused = case.happened("upstream.refused").filter(pl.col("time").is_not_null())
    told = any(one.note == DEPLOYED for one in deployed)
    omitted = any(one.note == "the deployment leaves it out" for one in without) and _restarted(case, loop.service, lack)
    times = (lack.since,) if lack.since else tuple(refused["time"].head(1))
    return Finding(
        confidence=0.95 if (without or lack.sort == "words") and (told or omitted) and lack.since else 0.85,
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


def _claim(loop: _Loop, lack: _Lack) -> Claim:
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


def _fix(lack: _Lack) -> Claim:
    if lack.sort == "words":
        return claim(
            "crash_after_deploy.try_first", "let a deployment start the new version and fail before the old one is taken away"
        )
    return claim(
        "crash_after_deploy.fix",
        "bring {name} with the deployment, and let it fail before the old version is taken away",
        name=lack.name,
    )
