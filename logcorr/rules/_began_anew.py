"""Applications with data in files of their own that say that they begin without any, and what hides the files they had."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Mount
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._requests import requests_of
from logcorr.rules._volumes import made
from logcorr.rules._words import sought, telling
from logcorr.semantics.paths import copied_from
from logcorr.timeline.select import cite, instants, spans

_THING = r"(?:database|db|data ?(?:base|file|dir\w*|folder|store)|repository|\S+\.(?:db|sqlite3?|mdb|duckdb|h2\.db|realm))"
BEGINS = (
    rf"(?i)\b{_THING}\b.{{0,60}}\b(?:does not|doesn't|did not) exist\b.{{0,40}}\b(?:creat|initiali[sz])"
    rf"|\b{_THING}\b.{{0,60}}\b(?:not found|is missing|is empty|no such file)\b.{{0,40}}\b(?:creat|initiali[sz])"
    rf"|\bcreat(?:ing|ed) (?:a |an |the )?(?:new,? |empty,? |fresh,? )+(?:[\w-]+ ){{0,2}}{_THING}\b"
    rf"|\bno (?:existing |previous )?{_THING}\b.{{0,30}}(?:creat|initiali[sz]|set ?up|install)"
    r"|\b(?:fresh|new|first) install(?:ation)? detected\b|\bfirst (?:run|start|boot) detected\b|\bDB not found, creating\b"
)
"""How programs with a store of their own (SQLite, H2, files) say that it is a new one."""

SAYS_BEGINS = sought(
    BEGINS, "not exist", "n't exist", "not found", "missing", "is empty", "no such file", "creating", "created", "no existing",
    "no previous", "no data", "no repository", "no db", "detected",
)  # fmt: skip

STORES = regex(r"(?i)\b(?:open|database|db|sqlite|data|store|storage|path)\b|\.(?:db|sqlite3?|mdb)\b")
PATH = regex(r"(?P<path>/(?:[\w.@-]+/)+[\w.@-]+)")
MOUNTED = regex(
    r"^[-+ ]?\s*(?:-\s+|-v[ =]|--volume[ =])?[\"']?(?P<source>[\w./~$\{\}-]+):(?P<target>/[\w./-]*)(?::\w+)?[\"']?\s*\\?$"
)
CALM, SOON, NEAR = timedelta(minutes=10), timedelta(hours=2), 4
"""It had run so long before; requests fail within so long; and so many lines around it its path is named."""

FEWEST, ILL, WELL = 5, 0.7, 0.2
PLACED, HIDDEN, UNPLACED = 0.93, 0.85, 0.7
CHANGES, SHOWS = "deploy_changes_configuration", "data_is_missing"


class _Place(Struct, frozen=True):
    evidence: tuple[Evidence, ...]
    sure: float


def began_anew(case: Case) -> Iterator[Finding]:
    """The last such start within what was collected, if requests are refused since that were answered well before."""
    told = telling(case, SAYS_BEGINS)
    late = told.filter(pl.col("time") >= case.window[0] + CALM) if case.window else told.clear()
    if late.is_empty() or told.filter(pl.col("time") < late["time"][0]).height:
        return
    last = late.tail(1)
    since, path = last["time"][0], _path(case, last)
    felt = _refused(case, since)
    if felt.height >= FEWEST:
        place = _place(case, path)
        volumes = () if place.evidence else tuple(made(case, since))
        yield Finding(
            confidence=place.sure if place.evidence else PLACED if volumes else UNPLACED,
            claim=_claim(last, felt),
            evidence=(
                *place.evidence,
                *volumes,
                *cite(last, "its first start", shows=SHOWS),
                *cite(felt, "refused since", most=4, shows="failure_reaches_clients"),
            ),
            would_refute=claim("database_began_empty.refused_refute", "that it was new, or that the same was refused before it"),
            subject=str(last["service"][0] or last["file"][0]),
            measured={"count": felt.height},
            times=instants(pl.concat([last, felt])),
            fix=claim(
                "database_began_empty.mount_back",
                "stop it, mount the folder again where it looks for its data, and keep what was written into the new one "
                "meanwhile",
            ),
        )


def _claim(last: pl.DataFrame, felt: pl.DataFrame) -> Claim:
    return claim(
        "database_began_empty.own",
        "{service} began with an empty store of its own (“{words}”), and what was answered before is refused since ({count}×)",
        service=str(last["service"][0] or last["file"][0]),
        words=str(last["message"][0])[:70],
        count=felt.height,
    )


def _path(case: Case, last: pl.DataFrame) -> str:
    """The file that it makes, by its own line, or by what is said of a store in the lines around it, the nearest first."""
    (span,) = spans(last)
    near = pl.col("line").is_between(span.line - NEAR, span.line + NEAR)
    around = case.lines(span.path).filter(near).select("line", "text").collect().rows()
    told = [(abs(line - span.line), text) for line, text in around if line == span.line or STORES.search(text)]
    found = [one["path"] for _, text in sorted(told) for one in PATH.finditer(text)]
    return next(iter(found), "")


def _refused(case: Case, since: datetime) -> pl.DataFrame:
    """The requests, of kinds that were answered well before, most of which are refused or fail since."""
    requests = requests_of(case)
    if requests is None:
        return case.happened()
    ill, before = pl.col("status") >= 400, pl.col("time") < since
    near = requests.filter(pl.col("time") <= since + SOON)
    kinds = near.group_by("endpoint").agg(
        well=(before & ~ill).sum(), bad=(before & ill).sum(), failed=(~before & ill).sum(), after=(~before).sum()
    )
    enough = (pl.col("well") >= FEWEST) & (pl.col("failed") >= FEWEST)
    changed = (pl.col("bad") <= WELL * pl.col("well")) & (pl.col("failed") >= ILL * pl.col("after"))
    rows = (
        near.filter(~before & ill)
        .join(kinds.filter(enough & changed), on="endpoint", how="semi")
        .select("file", "line")
        .collect()
    )
    return case.timeline.join(rows.lazy(), on=["file", "line"], how="semi").collect().sort("time", "file", "line")


def _place(case: Case, path: str) -> _Place:
    """The mount that was changed, by an older copy or a diff, or the path that one sets; else a mount elsewhere of that name."""
    changed = (tuple(_changed(case, path)) or tuple(_set(case, path))) if path else ()
    if changed:
        return _Place(changed, PLACED)
    mounts = [mount for file in case.of(ComposeFile) for service in file.services for mount in service.mounts]
    hidden = [mount for mount in mounts if path and _elsewhere(mount, path)]
    covered = any(_covers(mount.target, path) for mount in mounts)
    shown = tuple(Evidence(mount.span, "it is mounted elsewhere", shows=CHANGES) for mount in hidden[:1])
    return _Place(() if covered else shown, HIDDEN)


def _covers(target: str, path: str) -> bool:
    return target.count("/") >= 1 and target != "/" and f"{path}/".startswith(f"{target.rstrip('/')}/")


def _elsewhere(mount: Mount, path: str) -> bool:
    """Whether a mount's folder is called as the one in which it looks for its data, and is another one."""
    folder = path.rpartition("/")[0]
    return not _covers(mount.target, path) and mount.target.rstrip("/").rpartition("/")[2] == folder.rpartition("/")[2]


def _changed(case: Case, path: str) -> Iterator[Evidence]:
    for kept, new, old in (*_copies(case), *_diffs(case)):
        gone = [(span, one) for span, one in old if _covers(one[1], path) and one not in {each for _, each in new}]
        came = [(span, one) for span, one in new if one not in {each for _, each in old}]
        for was, (source, target) in gone:
            now = [span for span, one in came if one[0] == source or one[1] == target]
            yield from (Evidence(span, "where it is kept now", shows=CHANGES) for span in now[:1])
            yield Evidence(was, "where it was kept", shows=CHANGES)
            if not now and kept:
                yield Evidence(Span(kept, 1), "no longer mounted", shows=CHANGES)


def _set(case: Case, path: str) -> Iterator[Evidence]:
    """The lines by which a diff tells it this path, or its folder."""
    folder = path.rpartition("/")[0]
    for file in _with_hunks(case):
        added = pl.col("text").str.starts_with("+") & pl.col("text").str.contains(rf"[=:\s\"'/]{re.escape(folder)}(?:[/\"'\s]|$)")
        for line in case.lines(file).filter(added).select("line").collect()["line"]:
            yield Evidence(Span(file, line), "where it looks now", shows=CHANGES)


def _with_hunks(case: Case) -> Iterator[str]:
    for path in sorted(case.files - {source.path for source in case.sources}):
        if case.lines(path).filter(pl.col("text").str.contains(r"^@@ -\d")).head(1).collect().height:
            yield path


_Mounts = Sequence[tuple[Span, tuple[str, str]]]


def _copies(case: Case) -> Iterator[tuple[str, _Mounts, _Mounts]]:
    """Each file with mounts and an older copy of it that lies beside: its path, its mounts, and those of the copy."""
    for copy in sorted(case.files):
        original = copied_from(copy, case.files)
        if original:
            yield original, _mounts(case, original, " -"), _mounts(case, copy, " -")


def _diffs(case: Case) -> Iterator[tuple[str, _Mounts, _Mounts]]:
    for path in _with_hunks(case):
        yield "", _mounts(case, path, "+"), _mounts(case, path, "-")


def _mounts(case: Case, path: str, signs: str) -> _Mounts:
    """The lines that mount a folder, each with its source and its target; of a diff those with the sign."""
    lines = case.lines(path).filter(pl.col("text").str.contains(r":/")).select("line", "text").collect().iter_rows()
    found = ((line, MOUNTED.match(text)) for line, text in lines if len(signs) > 1 or text.startswith(signs))
    return [(Span(path, line), (one["source"], one["target"])) for line, one in found if one]
