"""Cron tables: users' own and the system's, as files or as `crontab -l` prints them.

    */5 * * * * /srv/app/health-check.sh >> /srv/app/logs/health-check.log 2>&1

Format: crontab(5) of Debian's cron 3.0pl1; cronie's and busybox's tables read the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.grammar.crontab import JobLine, NotCron, command_and_input, job_line, setting, times
from logcorr.lazily import regex
from logcorr.model.facts import Fact, ScheduledJob, Script
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.parsers import configuration_parser

_NAME = regex(r"(^|/)(cron\.d/[^/]+|crontabs?/[^/]+|cron/[^/]+)$|crontab|\.cron$", re.IGNORECASE)
_SYSTEM_TABLE = regex(r"(^|/)(etc/crontab|cron\.d/[^/]+)$")
_USER_TABLE = regex(r"(^|/)(?:crontabs|cron/tabs|spool/cron)/(?P<user>[^/]+)$|(^|/)(?P<root>root)$")

# What a capture has around a table: a prompt with the command, a Markdown fence, crontab's own words for an empty one.
_FRAME = regex(r"\s*(```.*|[^#]*[$%>]\s*(sudo\s+)?crontab\s.*|(crontab: )?no crontab for \S+)\s*")
_NO_TABLE = regex(r"(crontab: )?no crontab for \S+\s*")

_USER_NAME = regex(r"[a-z_][a-z0-9_.-]*\$?")
_KNOWN_USER = regex(r"root|www-data|nobody|daemon|deploy|ubuntu|postgres|mysql|nginx|apache|backup|list|mail|munin|logcheck")
_COMMAND = regex(
    r"""
    \[ | test | cd | exec | if | for | while | set | export | echo | printf | true | sleep | date | sync   # the shell's own
    | sh | bash | zsh | dash | env | sudo | su | nice | ionice | timeout | flock | chronic | run-parts    # what runs others
    | cat | rm | mv | cp | find | touch | chmod | chown | mkdir | tar | gzip | rsync | scp | ssh | curl | wget | nc | ping
    | docker | docker-compose | podman | kubectl | systemctl | service | supervisorctl | pm2 | nginx
    | node | npm | npx | php | python[23]? | perl | ruby | java | go | make | git
    | certbot | logrotate | anacron | apt | apt-get | aptitude | yum | dnf | mysqldump | pg_dump | psql | redis-cli | mongodump
    | logger | sendmail | aws | gcloud | az | restic | borg | rclone | reboot | shutdown | kill | pkill | killall
    """,
    re.VERBOSE,
)
_EMPTY_SETTING = regex(r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*")


def _recognise(sample: Sample) -> float:
    named = bool(_NAME.search(sample.path))
    if any(_NO_TABLE.fullmatch(line) for line in sample.lines[:3]):
        return 0.9
    speaking = [line for line in sample.lines if line.strip() and not line.lstrip().startswith("#")]
    others = [line for line in speaking if not _is_job(line)]
    jobs = len(speaking) - len(others)
    if not jobs:
        return 0.6 if named and all(map(setting, others)) else 0.0
    understood = jobs + sum(setting(line) is not None for line in others)
    share = understood / len(speaking)
    if share > 0.5:
        return min(1.0, 0.5 * share + 0.35 + 0.15 * named)
    return 0.3 + 0.35 * named if named or any(_FRAME.fullmatch(line) for line in others) else 0.0


def _is_job(line: str) -> bool:
    found = job_line(line)
    return found is not None and bool(re.match(r"[^<>|=)]", found.rest)) and _refusal(found.schedule) is None


def _refusal(schedule: str) -> str | None:
    try:
        times(schedule)
    except NotCron as error:
        return str(error)
    return None


@configuration_parser(title="cron table", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """Every job with the settings above it, and its command as a script; what cron would refuse as problems."""
    lines = [line.rstrip("\r") for line in artifact.text().split("\n")]
    table = _Table(artifact, _has_user_field(artifact.path, lines), None if _ends_in_newline(artifact) else len(lines))
    environment: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#") or (job_line(line) is None and _FRAME.fullmatch(line)):
            continue
        named = setting(line)
        if named:
            environment[named[0]] = named[1]
        elif empty := _EMPTY_SETTING.fullmatch(line):
            environment[empty["name"]] = ""
            yield Problem(artifact.path, f'Debian\'s cron refuses this: write {empty["name"]}="" for an empty value', number)
        else:
            yield from table.job(number, line, tuple(environment.items()))


def _ends_in_newline(artifact: Artifact) -> bool:
    last = b""
    for piece in artifact.read():
        last = piece[-1:] or last
    return last in (b"", b"\n")


class _Table(Struct, frozen=True):
    """`unterminated` is the number of the last line, where no newline ends it."""

    artifact: Artifact
    has_user_field: bool
    unterminated: int | None

    def job(self, number: int, line: str, environment: tuple[tuple[str, str], ...]) -> Iterator[Fact | Problem]:
        found = job_line(line)
        complaint = "neither a job nor a setting" if found is None else _refusal(found.schedule)
        if found is None or complaint:
            yield Problem(self.artifact.path, f"not a line of a cron table: {complaint}", number)
            return
        user, written = self._user_and_command(found)
        if found.rest and self.has_user_field and not _USER_NAME.fullmatch(user or ""):
            yield Problem(self.artifact.path, f"no user before the command in a system table: {found.rest}", number)
        elif not written:
            yield Problem(self.artifact.path, "a schedule without a command", number)
        else:
            job = _scheduled(self.artifact.span(number), found.schedule, user, written, environment)
            job = replace(job, unterminated=number == self.unterminated)
            yield job
            yield _script(job, column=found.column + len(found.rest) - len(written))

    def _user_and_command(self, found: JobLine) -> tuple[str | None, str]:
        if not self.has_user_field:
            return _owner(self.artifact.path), found.rest
        user, _, command = " ".join(found.rest.split(maxsplit=1)).partition(" ")
        return user, command


def _scheduled(
    span: Span, schedule: str, user: str | None, written: str, environment: tuple[tuple[str, str], ...]
) -> ScheduledJob:
    command, given = command_and_input(written)
    return ScheduledJob(
        span=span,
        schedule=schedule,
        scheduler="cron",
        command=command,
        user=user,
        environment=environment,
        stdin=given,
        zone=dict(environment).get("CRON_TZ"),
    )


def _script(job: ScheduledJob, *, column: int) -> Script:
    settings = dict(job.environment)
    shell = settings.get("SHELL", "/bin/sh").rpartition("/")[2]
    home = settings.get("HOME") or ("/root" if job.user == "root" else None)
    return Script(span=job.span, name=str(job.span), text=job.command, interpreter=shell, directory=home, column=column)


def _owner(path: str) -> str | None:
    match = _USER_TABLE.search(path)
    return (match["user"] or match["root"]) if match else None


def _has_user_field(path: str, lines: Sequence[str]) -> bool:
    """Whether a table names a user before each command: by the commands first, by the path where they do not tell."""
    found = [found.rest.split() for line in lines if not setting(line) and (found := job_line(line)) and found.rest]
    votes = [_user_vote(words) for words in found]
    if any(votes):
        return sum(votes) > 0
    return bool(_SYSTEM_TABLE.search(path))


def _user_vote(words: Sequence[str]) -> int:
    """1 when the first word can only be a user, -1 when it can only be a command, 0 when both are possible."""
    first, *rest = words
    if not _USER_NAME.fullmatch(first) or _COMMAND.fullmatch(first) or not rest:
        return -1
    if _KNOWN_USER.fullmatch(first):
        return 1
    return 1 if _COMMAND.fullmatch(rest[0]) or re.match(r"[~/$\"'(]|\.{1,2}/", rest[0]) else 0
