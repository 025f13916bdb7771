"""cron's own log shows that it ran but the beginning of a command."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import counted, rule
from logcorr.rules._jobs import cron_jobs
from logcorr.timeline.select import cite

SHOWN, LIKELY = 0.95, 0.8
COMMAND = r"^\([^)]+\) CMD \((.*)\)$"
REFUTE = claim("command_cut_short.refute", "what the job was to write, with a date after these runs")
FIX = claim("command_cut_short.fix", "escape each % as \\%, or move the command into a script")


@rule(code="CRON018", title="cron ran only the beginning of a command", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Logged runs of jobs whose line holds a bare `%`: cron ends the command there, and what is left is no whole command."""
    ran = case.happened("job.started")
    known = [schedule.job.command.strip() for schedule in cron_jobs(case)] if ran.height else []
    unknown = [pl.col("message").str.contains(f"({command})", literal=True) for command in known]
    yield from _logged(ran.filter(~pl.any_horizontal(*unknown, pl.lit(False))))
    for schedule in cron_jobs(case) if ran.height else ():
        job = schedule.job
        cut = ran.filter(pl.col("message").str.contains(f"({job.command.strip()})", literal=True))
        if job.stdin is not None and cut.height and _unfinished(schedule):
            yield replace(
                counted(
                    cut,
                    str(job.span),
                    claim(
                        "command_cut_short.found",
                        "cron ran only the beginning of the command on {schedule} ({count}×): {command}",
                        schedule=job.schedule,
                        count=cut.height,
                        command=job.command.strip(),
                    ),
                    REFUTE,
                ),
                evidence=(
                    Evidence(job.span, "a bare % ends the command", shows="configuration_mismatch"),
                    *cite(cut, "what cron ran", shows="configuration_mismatch"),
                ),
                confidence=SHOWN,
                fix=FIX,
            )


def _logged(ran: pl.DataFrame) -> Iterator[Finding]:
    """Runs whose table was not collected: a substitution stays open in what cron says that it ran."""
    command = ran.with_columns(pl.col("message").str.extract(COMMAND, 1).alias("command")).drop_nulls("command")
    opened = pl.col("command").str.count_matches("$(", literal=True) > pl.col("command").str.count_matches(")", literal=True)
    for (text,), cut in command.filter(opened).group_by("command", maintain_order=True):
        found = counted(
            cut,
            str(text),
            claim(
                "command_cut_short.logged",
                "cron ran only the beginning of a command ({count}×): {command}",
                count=cut.height,
                command=str(text),
            ),
            REFUTE,
        )
        shown = cite(cut, "what cron ran", shows="configuration_mismatch")
        yield replace(found, evidence=shown, confidence=LIKELY, fix=FIX)


def _unfinished(schedule: Schedule) -> bool:
    """Whether what is left is no whole command: a substitution or a quote stays open."""
    command = schedule.job.command
    return command.count("$(") > command.count(")") or command.count("`") % 2 == 1 or any(command.count(q) % 2 for q in "'\"")
