"""What root runs of an application's own programs: what they make is root's, and the application may write to it no more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case, Schedule
from logcorr.model.facts import ScheduledJob, Script, Unit
from logcorr.model.source import Span
from logcorr.rules._deeds import JUST_BEFORE, LATE
from logcorr.rules._jobs import scripts_of
from logcorr.timeline.orders import orders
from logcorr.timeline.select import spans

PROGRAMS = regex(
    r"(?:^|[\s/;&|'\"(])(?:artisan|bin/console|console|manage\.py|rails|rake|bundle|wp|drush|occ|cake|yii|magento|composer|npm|npx"
    r"|pnpm|yarn|node|python[\d.]*|php[\d.]*|ruby|flask|alembic|java|dotnet|mix|poetry|uv|gunicorn|celery|sidekiq)(?=[\s;&|'\")]|$)"
)
"""By which the programs of an application are run: its framework's commands, its packages', its language's."""

BY_ROOT = r"\bUSER=root\b"
OTHERWISE = regex(
    r"\b(?:sudo|runuser|doas)\b[^;&|]*?\s(?:-\w*u|--user)[ =]*(?!root\b)[a-z_][\w-]*"
    r"|\b(?:gosu|su-exec|setuidgid|chpst -u) (?!root\b)\w"
    r"|\bsu\b[^;&|]*?\s(?!root\b)[a-z_][\w-]*|\bsetpriv --reuid\b"
)
"""How root runs a command as somebody else."""

INSIDE = regex(r"\b(?:docker|podman|docker-compose|kubectl)\b.*\bexec\b")
AS_USER = regex(r"\bexec\b.*\s(?:-\w*u|--user)[ =](?!root\b|0\b)\S")
"""What runs in a container runs as root, or as whom the image names, if nobody else is asked for."""

WORKS = r"\bPWD=(/[^ ;]*)"
FOLDER = regex(r"(?:\bcd\s+(?:--\s+)?|\s(?:-C|--cwd|--working-dir(?:ectory)?|--path|--chdir|-d)[= ])[\"']?(?P<to>/[^\s\"';&|]+)")
FILE = regex(r"(?:^|[\s\"'=])(?P<path>/(?:[^\s\"';&|/]+/)+[^\s\"';&|/]+)")
SYSTEMS = ("/usr/", "/bin/", "/sbin/", "/etc/", "/dev/", "/proc/", "/tmp/", "/var/log/", "/opt/plesk/")
"""Below these lie programs and logs, and no application."""

ANOTHER = regex(r"\s*(?:User|DynamicUser)\s*=\s*(?!root\b|no\b)\S")
ROOTS_FILE = regex(r"(?:^|[/._-])root(?:[./_-]|$)")
ROOTS_PRINT = regex(r"\bcrontab\b.*\broot\b|\bsudo\s+crontab\s+-l|\broot@[\w.-]+:.*\bcrontab\b")
"""How a unit names another user, and how it is told that a table is root's."""

CRON = r"^\((root)\) CMD \((.*)\)$"
LISTED = r"^\s*[-dl][-rwxsStT]{9}[.+@]?\s+(?:\d+\s+)?root\s+\S+\s(?:.*\s)?(\S+)$"
"""A row of `ls -l` or `namei -l`: mode, links, owner, group, size, date, name."""

GIVEN_BACK = regex(r"\bchown\b[^;&|]*?\s[\"']?(?!root\b|0\b)[a-z_][\w.-]*[:\s]")
TABLE = r"^\(root\) (?:REPLACE|RELOAD)\b"
CHANGED = timedelta(hours=24)
DEEP = 2
SHOWN, SEEN = 0.92, 0.7
"""How sure it is, with a listing or a command that gives the files back, and by the time alone."""


class Made(Struct, frozen=True):
    """Where root's command stands, how sure it is, and the lines that tell the same: its run, the owner, and what mended it."""

    place: Span
    sure: float
    ran: tuple[Span, ...] = ()
    owner: tuple[Span, ...] = ()


class _Run(Struct, frozen=True):
    """A command of root's: when, where it stands or is told of, in which folders it works, and what it runs."""

    time: datetime
    place: Span
    told: tuple[Span, ...]
    folders: tuple[str, ...]
    command: str


def made_by_root(case: Case, paths: Sequence[str], rows: pl.DataFrame) -> Made | None:
    """The last command of the application's own programs that root ran just before, in the folder of the files refused since.

    What root had run before within the logs did no harm then.
    """
    since = rows["time"].min()
    assert isinstance(since, datetime)
    shown = list(_listed(case, paths))
    runs = [run for run in (*_by_sudo(case), *_by_cron(case), *_due(case, since)) if _of(run, paths, shown=bool(shown))]
    near = [run for run in runs if since - JUST_BEFORE <= run.time <= since + LATE]
    early = {run.command for run in runs if run.time < since - JUST_BEFORE}
    new = [run for run in near if run.command not in early]
    if not new:
        return None
    run = max(new, key=lambda one: (one.time, one.place.path.rpartition(".")[2] != "log"))
    owner = (*shown, *_given_back(case, paths, since))
    return Made(run.place, SHOWN if owner else SEEN, (*run.told, *_edited(case, run)), owner[:3])


def _by_sudo(case: Case) -> Iterator[_Run]:
    rows = case.once(orders).filter(pl.col("message").str.contains(BY_ROOT))
    works = rows["message"].str.extract(WORKS, 1).to_list()
    for span, time, command, folder in zip(spans(rows), rows["time"], rows["command"], works, strict=True):
        whole = _with_script(case, command)
        yield _Run(time, span, (), (*([folder] if folder else ()), *_named(whole)), whole)


def _by_cron(case: Case) -> Iterator[_Run]:
    """What cron's log tells of root's jobs, at the line of the table that has it, if that was collected."""
    told = (pl.col("source") == "syslog") & pl.col("message").str.contains(CRON) & pl.col("time").is_not_null()
    rows = case.timeline.filter(told).collect()
    jobs = {job.command: job.span for job in case.of(ScheduledJob)}
    for span, time, message in zip(spans(rows), rows["time"], rows["message"], strict=True):
        command = message[len("(root) CMD (") : -1]
        place, whole = jobs.get(command, span), _with_script(case, command)
        yield _Run(time, place, (span,) if place != span else (), tuple(_named(whole)), whole)


def _with_script(case: Case, command: str) -> str:
    """A command with the text of the collected script that it runs, if it is one."""
    names = {word.rpartition("/")[2] for word in command.split()[:3]}
    texts = [one.text for one in case.of(Script) if one.span.line == 1 and one.span.path.rpartition("/")[2] in names]
    return "\n".join([command, *texts[:1]])


def _due(case: Case, since: datetime) -> Iterator[_Run]:
    """The jobs of tables that are root's, and of units that name no other user, as they were due."""
    for schedule in case.schedules:
        command, place, folders = _whole(case, schedule)
        if command:
            for tick in schedule.ticks[schedule.ticks <= since.timestamp() + LATE.total_seconds()]:
                yield _Run(datetime.fromtimestamp(float(tick), tz=since.tzinfo), place, (), folders, command)


def _whole(case: Case, schedule: Schedule) -> tuple[str, Span, tuple[str, ...]]:
    """What root's job runs, with its scripts, and where; nothing if it is not known to be root's."""
    job = schedule.job
    unit = next((unit for unit in case.of(Unit) if job.command == f"systemctl start {unit.name}" and unit.command), None)
    lines = case.lines((unit or job).span.path).select("text").collect()["text"].to_list()
    texts = [script.text for script in scripts_of(case, schedule) if script.span != job.span]
    whole = "\n".join([(unit and unit.command) or job.command, *texts])
    if unit is None:
        return (whole if job.scheduler == "cron" and _is_roots(job, lines) else "", job.span, tuple(_named(whole)))
    works = [found[1] for text in lines if (found := re.match(r"\s*WorkingDirectory\s*=\s*(/\S+)", text))]
    starts = [Span(unit.span.path, line) for line, text in enumerate(lines, 1) if text.lstrip().startswith("ExecStart=")]
    another = any(ANOTHER.match(text) for text in lines)
    return ("" if another else whole, next(iter(starts), job.span), (*works, *_named(whole)))


def _is_roots(job: ScheduledJob, lines: Sequence[str]) -> bool:
    """Whether a table is root's: its lines say so, its file is named so, or what printed it stands above it."""
    return job.user == "root" or bool(ROOTS_FILE.search(job.span.path)) or any(ROOTS_PRINT.search(line) for line in lines[:3])


def _named(command: str) -> Iterator[str]:
    """The folders that a command goes to, and those in which the programs lie that it names."""
    yield from (found["to"].rstrip("/") for found in FOLDER.finditer(command))
    for found in FILE.finditer(command):
        if not found["path"].startswith(SYSTEMS):
            yield found["path"].rpartition("/")[0].removesuffix("/bin")


def _of(run: _Run, paths: Sequence[str], *, shown: bool) -> bool:
    """Whether root runs one of the application's programs as root, and works where the files lie.

    Where in a container it works is not told: there it takes a listing that shows whose the files are.
    """
    lines = [
        line for line in run.command.split("\n") if PROGRAMS.search(line) and not (OTHERWISE.search(line) or AS_USER.search(line))
    ]
    if shown and any(INSIDE.search(line) for line in lines):
        return True
    within = (folder for folder in run.folders if folder.count("/") >= DEEP and not folder.startswith("/home/"))
    return bool(lines) and any(path.startswith(folder + "/") for folder in within for path in paths)


def _listed(case: Case, paths: Sequence[str]) -> Iterator[Span]:
    """The rows of collected listings that show one of these files or folders to be root's."""
    names = {part for path in paths for part in path.split("/")[DEEP + 1 :]}
    for path in sorted(case.files - {source.path for source in case.sources}):
        rows = case.lines(path).select("line", name=pl.col("text").str.extract(LISTED, 1)).drop_nulls()
        yield from (Span(path, line) for line, name in rows.collect().iter_rows() if name.strip("/").rpartition("/")[2] in names)


def _given_back(case: Case, paths: Sequence[str], since: datetime) -> Iterator[Span]:
    """The commands by which somebody gave these files back to whom they had belonged."""
    rows = case.once(orders).filter(pl.col("time") > since)
    works = rows["message"].str.extract(WORKS, 1).fill_null("").to_list()
    for span, command, folder in zip(spans(rows), rows["command"], works, strict=True):
        words = [word.strip("\"'").rstrip("/*") for word in command.split()[1:] if not word.startswith("-")]
        whole = [word if word.startswith("/") else f"{folder}/{word}" for word in words[1:] if word]
        if GIVEN_BACK.search(command) and any(f"{path}/".startswith(f"{word}/") for word in whole for path in paths):
            yield span


def _edited(case: Case, run: _Run) -> Sequence[Span]:
    """What tells that root's table was changed in the time before, if it is a job's command."""
    if run.place.path not in {job.span.path for job in case.of(ScheduledJob)} and not run.told:
        return ()
    near = pl.col("time").is_between(run.time - CHANGED, run.time)
    told = (pl.col("source") == "syslog") & pl.col("message").str.contains(TABLE) & near
    return spans(case.timeline.filter(told).collect().tail(2))
