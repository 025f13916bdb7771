"""Writes fail because no space is left on a device."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._chatted import LESS, chatted_since
from logcorr.rules._container_logs import Unbounded, unbounded
from logcorr.rules._fillers import Filler, complains, fillers
from logcorr.rules._hoards import DF_NAME, Hoard, captured, captures, hoard, is_elsewhere, most_of
from logcorr.rules._logged_into import logged_into
from logcorr.rules._still_open import still_open
from logcorr.rules._sweeping import FULL, REFUTE, astray, inodes, unswept, without_inodes
from logcorr.rules._verbose import asked_for, held, is_of, verbose_logs
from logcorr.timeline.select import cite, instants, lines_like

PATH = regex(r"(?<!GET)(?<!POST)(?<!PUT)(?<!PATCH)(?<!DELETE)[\"' ](?P<path>/[^\"' :,]+)")
ROW = r"\s\d[\d.,]*[KMGT]?i?\s+\d[\d.,]*[KMGT]?i?\s+\d[\d.,]*[KMGT]?i?" + FULL
"""The end of a row of `df`; in a file that may be called anything, all its sizes must be there."""

NEARLY = r"\s9\d%\s+/\S*$"
MOST_LINES = 1000
FEWEST = 3

FILLED, UNSIZED, UNFILLED = 0.92, 0.7, 0.6
"""How sure one can be where a job has a device of its own, or a capture shows what it left; where nothing tells how much that is;
where what filled the disk was not collected."""

GOES_ON = r"\b(?:tcpdump|tshark|strace|monitor|perf|yes|dd|nohup|while|watch)\b|\s(?:-[fF]|--follow)\b|&\s*$"
"""Commands that write until somebody ends them."""

CHATTED, CHATTED_THERE, HOARDED, ONCE, LOGGED = 0.6, 0.92, 0.9, 0.7, 0.95
"""And where a log is full of what only developers ask for; and the device that is full is one for logs, or a capture shows it;
and where a capture shows the folder that takes most of it, into which one line of a program puts something new each time, or a
file into which a command writes that ends by itself; and where it is a container's own log."""


@rule(code="NGX008", title="A disk is full", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Errno 28 from whoever tells it, with the files that could not be written and the jobs whose own log tells of it."""
    failed = case.happened("disk.full")
    if failed.height < FEWEST:
        return
    paths = sorted({found["path"] for message in failed["message"] if (found := PATH.search(message))})
    counted = inodes(case, failed) or still_open(case, failed, list(_mounts(case))) or astray(case, failed, paths)
    filler, captured = (None, ()) if counted or without_inodes(case) else _filler(case, failed)
    told = counted or (None if filler else next(_told(case, failed, paths), None))
    yield told or _filled_by(case, failed, paths, filler, captured)


def _told(case: Case, failed: pl.DataFrame, paths: Sequence[str]) -> Iterator[Finding]:
    """What filled it where no job did: by what captures show, by a setting, by a clean-up that is none."""
    mounts = [mount for _, mount in _mounts(case)]
    if logged := unbounded(case, mounts):
        yield _logged(case, failed, logged)
    if setting := _chatty(case):
        yield _chatted(case, failed, *setting)
    if hoarded := hoard(case, mounts):
        yield _hoarded(case, failed, hoarded)
    if written := captured(case, mounts or _fullest(case)):
        yield _captured_by(case, failed, written)
    yield from chatted_since(case, failed, mounts)
    yield from logged_into(case, failed, mounts)
    if swept := unswept(case, failed, paths):
        yield swept


def _filled_by(
    case: Case, failed: pl.DataFrame, paths: Sequence[str], filler: Filler | None, captured: Sequence[Span]
) -> Finding:
    """The job that filled it; or, where none is found, the device and the jobs whose own log tells of it."""
    device = () if filler else tuple(_full(case, paths))
    return Finding(
        confidence=(FILLED if _is_known(case, filler) else UNSIZED) if filler else UNFILLED,
        claim=_claim(failed, filler),
        evidence=(
            *(_filled(filler) if filler else ()),
            *(Evidence(span, "the device that is full", shows="resource_exhausted") for span in device),
            *cite(failed, most=1, shows="resource_exhausted"),
            *(Evidence(span, "how full it was", shows="resource_exhausted") for span in captured),
            *(Evidence(span, "what it left", shows="resource_exhausted") for span in (filler.listed if filler else ())),
            *(_jobs(case, failed) if not filler else ()),
            *cite(failed.slice(1), shows="resource_exhausted"),
        ),
        would_refute=REFUTE,
        subject=paths[0] if paths else "",
        measured={"count": failed.height, "paths": ", ".join(paths[:3])},
        times=instants(failed),
        fix=_fix(filler),
    )


def _fix(filler: Filler | None) -> Claim:
    if filler and filler.missed:
        return claim(
            "disk_full.mend",
            "free space, and let the clean-up at {missed} look for what {written} writes",
            missed=str(filler.missed),
            written=str(filler.line),
        )
    return claim("disk_full.fix", "free space, find what grew (du -x, df -i), and bound it: rotation, retention, a quota")


def _filled(filler: Filler) -> Iterator[Evidence]:
    """The job that filled it: what it is to remove, what it writes, when."""
    if filler.missed:
        yield Evidence(filler.missed, "only what is called otherwise is removed", shows="resource_exhausted")
    nothing = "a new name each time" if filler.missed else "a new name each time, and nothing is removed"
    yield Evidence(filler.line, nothing, shows="resource_exhausted")
    yield Evidence(filler.schedule.job.span, f"runs on {filler.schedule.job.schedule}")


def _chatty(case: Case) -> tuple[Span, str] | None:
    """The one setting that asks for a level below `info`, and a log mostly of it that may be on the full device."""
    mounts = [mount for _, mount in _mounts(case)]
    logs = [log for log in verbose_logs(case) if not mounts or "/" in mounts or "/" not in log or held(log, mounts)]
    shown = most_of(case, mounts)
    logs = [log for log in logs if not shown or is_of(log, shown)]
    asking = list(asked_for(case)) if logs else []
    return (asking[0], logs[0]) if len(asking) == 1 else None


def _chatted(case: Case, failed: pl.DataFrame, setting: Span, log: str) -> Finding:
    logs = [(span, mount) for span, mount in _mounts(case) if held(log, [mount])]
    there, shown = tuple(span for span, _ in logs), most_of(case, [mount for _, mount in logs])
    return Finding(
        confidence=CHATTED_THERE if logs and (shown or any("log" in mount for _, mount in logs)) else CHATTED,
        claim=claim(
            "disk_full.chatted",
            "no space was left on a device: {count} writes failed; most lines of {log} are of a level that {setting} asks for",
            count=failed.height,
            log=log,
            setting=str(setting),
        ),
        evidence=(
            Evidence(setting, "asks for them", shows="deploy_changes_configuration"),
            *(Evidence(span, "the device that is full", shows="resource_exhausted") for span in there),
            *cite(failed, shows="resource_exhausted"),
        ),
        would_refute=REFUTE,
        subject=log,
        measured={"count": failed.height, "log": log},
        times=instants(failed),
        fix=LESS,
    )


def _logged(case: Case, failed: pl.DataFrame, found: Unbounded) -> Finding:
    return Finding(
        confidence=LOGGED,
        claim=claim(
            "disk_full.logged",
            "no space was left on a device: {count} writes failed; most of it is what {name} wrote to its container's log, "
            "which nothing bounds",
            count=failed.height,
            name=found.name,
        ),
        evidence=(
            Evidence(found.line, "its log has no bound", shows="resource_exhausted"),
            Evidence(found.told, "what takes the space", shows="resource_exhausted"),
            Evidence(found.named, "whose it is", shows="resource_exhausted"),
            *(Evidence(span, "the device that is full", shows="resource_exhausted") for span, _ in _mounts(case)),
            *cite(failed, shows="resource_exhausted"),
        ),
        would_refute=REFUTE,
        subject=found.name,
        measured={"count": failed.height},
        times=instants(failed),
        fix=LESS,
    )


def _hoarded(case: Case, failed: pl.DataFrame, found: Hoard, does: str = "a new name each time") -> Finding:
    return Finding(
        confidence=HOARDED,
        claim=claim(
            "disk_full.hoarded",
            "no space was left on a device: {count} writes failed; most of it is in {folder}, "
            "where {line} puts something new each time",
            count=failed.height,
            folder=found.folder,
            line=str(found.line),
        ),
        evidence=(
            Evidence(found.line, does, shows="resource_exhausted"),
            Evidence(found.told, "what takes the space", shows="resource_exhausted"),
            *(Evidence(span, "the device that is full", shows="resource_exhausted") for span, _ in _mounts(case)),
            *cite(failed, shows="resource_exhausted"),
        ),
        would_refute=REFUTE,
        subject=found.folder,
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim("disk_full.remove", "remove what is left behind on every way out, also where something fails or is refused"),
    )


def _captured_by(case: Case, failed: pl.DataFrame, found: Hoard) -> Finding:
    said = claim(
        "disk_full.captured",
        "no space was left on a device: {count} writes failed; most of it is {file}, into which the command at {line} writes",
        count=failed.height,
        file=found.folder,
        line=str(found.line),
    )
    bound = claim("disk_full.end", "end the command, remove the file, and bound such a capture: timeout, head -c, a size")
    sure, does = (HOARDED, "writes on and on") if any(lines_like(case, found.line, GOES_ON)) else (ONCE, "writes into it")
    return replace(_hoarded(case, failed, found, does), confidence=sure, claim=said, fix=bound)


def _filler(case: Case, failed: pl.DataFrame) -> tuple[Filler | None, tuple[Span, ...]]:
    """The one job that piles files up, if its own log complains of the full disk, or a capture shows that it is its disk."""
    rest = [one for one in fillers(case) if not is_elsewhere(case, (), one.folder)]
    found = [(one, tuple(_captured(case, one.folder)), complains(case, one.schedule, failed)) for one in rest]
    likely = [(one, captured) for one, captured, told in found if captured or told]
    return likely[0] if len(likely) == 1 else (None, ())


def _is_known(case: Case, filler: Filler) -> bool:
    """Whether a device that is not everybody's is full of it, or a capture shows what the job left."""
    own = [mount for _, mount in _mounts(case) if mount != "/" and f"{filler.folder}/".startswith(f"{mount}/")]
    return bool(own or filler.listed or most_of(case, ["/"]))


def _captured(case: Case, folder: str) -> Iterator[Span]:
    """The line of a collected `df` that shows the folder's device to be full."""
    yield from (span for span, mount in _mounts(case) if f"{folder}/".startswith(mount.rstrip("/") + "/"))


def _full(case: Case, paths: Sequence[str]) -> Iterator[Span]:
    """The captured line of the device on which the writes failed; of writes to unnamed files that of the only full one."""
    mounts = list(_mounts(case))
    named = [span for span, mount in mounts if any(path.startswith(mount.rstrip("/") + "/") for path in paths)]
    yield from named if paths else [span for span, _ in mounts] if len(mounts) == 1 else ()


def _mounts(case: Case) -> Iterator[tuple[Span, str]]:
    """The lines of a collected `df` that show a full device, and where it is mounted."""
    called = {path for path in case.files if DF_NAME.search(path)}
    for path in sorted(called.union(captures(case))):
        shown = lines_like(case, Span(path, 1, MOST_LINES), FULL if path in called else ROW)
        full = {text.split()[-1]: span for span, text in reversed(list(shown))}
        yield from ((span, mount) for mount, span in reversed(full.items()))


def _fullest(case: Case) -> Sequence[str]:
    """Where the device is mounted that is nearly full by a collected `df`: what had no room may be gone when it is taken."""
    rows = [
        row for path in sorted(case.files) if DF_NAME.search(path) for row in lines_like(case, Span(path, 1, MOST_LINES), NEARLY)
    ]
    return [max((text.split()[-2:] for _, text in rows), key=lambda row: row[0])[1]] if rows else []


def _claim(failed: pl.DataFrame, filler: Filler | None) -> Claim:
    if filler and filler.missed:
        return claim(
            "disk_full.missed",
            "no space was left on a device: {count} writes failed; the job on {schedule} writes into {folder} under a new name "
            "each time, and its clean-up at {missed} looks for other names",
            count=failed.height,
            schedule=filler.schedule.job.schedule,
            folder=filler.folder,
            missed=str(filler.missed),
        )
    if filler:
        return claim(
            "disk_full.filled",
            "no space was left on a device: {count} writes failed; the job on {schedule} writes into {folder} under a new name "
            "each time, and nothing removes them",
            count=failed.height,
            schedule=filler.schedule.job.schedule,
            folder=filler.folder,
        )
    return claim(
        "disk_full.found",
        "no space was left on a device: {count} writes failed, in {files} logs",
        count=failed.height,
        files=int(failed["file"].n_unique()),
    )


def _jobs(case: Case, failed: pl.DataFrame) -> Iterator[Evidence]:
    """Jobs that write into a log that tells of it: they were writing when it was full."""
    names = {file.rpartition("/")[2] for file in failed["file"]}
    for schedule in case.schedules:
        written = re.findall(r">>?\s*(\S+)", schedule.job.command)
        if any(path.rpartition("/")[2] in names for path in written):
            yield Evidence(schedule.job.span, f"writes on {schedule.job.schedule}")
