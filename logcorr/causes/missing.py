"""What was not collected, and what it would decide; the most deciding first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.causes import words
from logcorr.causes.letters import letters
from logcorr.causes.scheduled import Attributed
from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Cause, Finding, Missing
from logcorr.model.source import Span

FEW_STOPS = 4
MANY_LINES = 100
"""A log of so many lines that could not be read may hold an incident."""

LOG = regex(r"\.log\b|(?:^|/)[^/]*_log\b[^/]*$|(?:^|/)logs?/")
"""What logs are called, or the folders they lie in, rotated and compressed ones too."""

LEAST_PROBABLE = 0.01
"""What a job runs decides nothing where it is less probable than this that the job did it."""


def missing(case: Case, findings: Sequence[Finding], told: Sequence[Attributed], causes: Sequence[Cause]) -> tuple[Missing, ...]:
    """What to collect next, if anything was felt."""
    if not case.sources:
        return (_any_log(),)
    if not any(finding.role == "symptom" for finding in findings):
        return (*(_readable(path, count) for path, count in unread(case)), *map(_felt, case.once(letters)))
    shown = any(finding.role == "symptom" and finding.severity == "error" for finding in findings)
    wanted = [
        *(() if shown else map(_felt, case.once(letters))),
        *_dependencies(findings),
        *_refusals(findings, causes),
        *_ends(findings),
        *_scripts(told),
        *_compose_files(told),
        *_probes(case),
        *_more_events(told),
        *_scheduler_log(case),
        *_zones(case),
    ]
    return tuple(dict.fromkeys(wanted))


def unread(case: Case) -> Iterator[tuple[str, int]]:
    """Logs that were collected and could not be read, and how many lines each has: what they tell is not known."""
    read = {source.path for source in case.sources} | {fact.span.path for fact in case.facts}
    for path in sorted(file for file in case.files - read if LOG.search(file)):
        count = case.lines(path).select(pl.len()).collect().item()
        if count >= MANY_LINES:
            yield path, count
    for source in case.sources:
        if source.unparsed >= MANY_LINES and 2 * source.unparsed > source.lines:
            yield source.path, source.unparsed


def _felt(letter: tuple[Span, str]) -> Missing:
    place, subject = letter
    return Missing(
        what=claim("missing.felt", "what was felt, when and by whom (“{subject}”), and the logs of that time", subject=subject),
        why=claim("missing.felt_why", "{place} tells of it, and no log that was collected does", place=str(place)),
        would_decide=claim("missing.felt_decides", "whether it happened where nothing was logged, or elsewhere"),
    )


def _readable(path: str, count: int) -> Missing:
    return Missing(
        what=claim(
            "missing.format", "what sets out the format of {path} (nginx: log_format), or the log in a usual one", path=path
        ),
        why=claim("missing.format_why", "{count} of its lines are in no format that is known", count=count),
        would_decide=claim("missing.format_decides", "whether it tells of an incident that the other logs do not show"),
    )


def _any_log() -> Missing:
    return Missing(
        what=claim("missing.logs", "the logs of the services and of the proxy, from before it began"),
        why=claim("missing.logs_why", "no log was collected; configuration alone shows what could happen, not what did"),
        would_decide=claim("missing.logs_decides", "whether anything happened at all"),
    )


def _dependencies(findings: Sequence[Finding]) -> Iterator[Missing]:
    """The log of what could not be reached, where nothing collected says why."""
    for finding in findings:
        if finding.claim.id == "dependency_unreachable.found":
            target = str(finding.measured["target"])
            yield Missing(
                what=claim("missing.dependency", "the log of {target}, or of what runs there", target=target)
                if target
                else claim("missing.called", "the log of what {service} calls", service=finding.subject),
                why=claim("missing.dependency_why", "{service} could not reach or use it", service=finding.subject),
                would_decide=claim(
                    "missing.dependency_decides", "whether it was down, busy, or refused {service}", service=finding.subject
                ),
            )


def _ends(findings: Sequence[Finding]) -> Iterator[Missing]:
    """Who ended what died without a word."""
    for finding in findings:
        if finding.claim.id == "died_without_shutdown.interrupted":
            yield Missing(
                what=claim(
                    "missing.end",
                    "how {service} ended: docker inspect (ExitCode, OOMKilled), docker events, dmesg -T, journalctl",
                    service=finding.subject,
                ),
                why=claim("missing.end_why", "its own log breaks off in the midst of work"),
                would_decide=claim(
                    "missing.end_decides", "whether the kernel ended it for want of memory, somebody killed it, or it crashed"
                ),
            )


def _refusals(findings: Sequence[Finding], causes: Sequence[Cause]) -> Iterator[Missing]:
    """What changed when requests began to be refused, where no cause says so."""
    explained = {one.finding for cause in causes for one in cause.explains if one.count}
    for finding in findings:
        if finding.rule == "requests_refused" and finding.id not in explained:
            asked = str(finding.measured["asked"])
            yield Missing(
                what=claim(
                    "missing.refused",
                    "what changed at {time} on either side of {asked}: a key, a route, a release; and one such request",
                    time=finding.times[0].strftime("%Y-%m-%d %H:%M:%S UTC"),
                    asked=asked,
                ),
                why=claim("missing.refused_why", "it is refused from then on, and nothing collected changed at that time"),
                would_decide=claim("missing.refused_decides", "whether the clients or the service are wrong"),
            )


def _scripts(told: Sequence[Attributed]) -> Iterator[Missing]:
    """What jobs run that may have done it, the most probable first."""
    for one in told:
        jobs = sorted((job for group in one.posterior.groups for job in group.jobs), key=lambda job: -job.probability)
        for suspect, probability in ((one.suspect(job.name), job.probability) for job in jobs):
            if suspect.weight == words.NOT_COLLECTED and probability >= LEAST_PROBABLE:
                yield Missing(
                    what=claim("missing.script", "what this job runs: {command}", command=suspect.command),
                    why=claim(
                        "missing.script_why",
                        "it runs on {schedule}; what it does is unknown",
                        schedule=suspect.runs,
                    ),
                    would_decide=claim("missing.script_decides", "whether it stops {service}", service=one.service),
                )


def _compose_files(told: Sequence[Attributed]) -> Iterator[Missing]:
    for one in told:
        for proved in (suspect.effect for suspect in one.suspects if suspect.effect and not suspect.effect.certain):
            for file in proved.effect.compose_files:
                yield Missing(
                    what=claim("missing.compose_file", "{file}, named at {place}", file=file, place=str(proved.effect.span)),
                    why=claim("missing.compose_file_why", "without it the services that the command acts on are not known"),
                    would_decide=claim(
                        "missing.compose_file_decides",
                        "whether {service} is one of them, or the file is not there at all",
                        service=one.service,
                    ),
                )


def _probes(case: Case) -> Iterator[Missing]:
    for behaviour in case.behaviours:
        for probe in behaviour.probes:
            if probe.unknown:
                yield Missing(
                    what=claim(
                        "missing.probe", "{unknown}, used by the probe at {place}", unknown=probe.unknown, place=str(probe.span)
                    ),
                    why=claim("missing.probe_why", "without it the probe's address is not known"),
                    would_decide=claim("missing.probe_decides", "what the probe is answered"),
                )


def _more_events(told: Sequence[Attributed]) -> Iterator[Missing]:
    for one in told:
        if one.times.size < FEW_STOPS:
            yield Missing(
                what=claim("missing.longer_logs", "more of the log of {service}: at least 4 stops", service=one.service),
                why=claim(
                    "missing.longer_logs_why", "it holds {count}; so few events prove no period", count=int(one.times.size)
                ),
                would_decide=claim("missing.longer_logs_decides", "whether the stops keep a schedule"),
            )


def _scheduler_log(case: Case) -> Iterator[Missing]:
    if case.schedules and not case.happened("job.started").height:
        yield Missing(
            what=claim("missing.scheduler_log", "the scheduler's own log (syslog, or journalctl -u cron)"),
            why=claim("missing.scheduler_log_why", "no line shows that a job really ran"),
            would_decide=claim("missing.scheduler_log_decides", "which jobs ran in the minutes of the stops"),
        )


def _zones(case: Case) -> Iterator[Missing]:
    assumed = [source for source in case.sources if source.zone_assumed]
    if assumed:
        yield Missing(
            what=claim("missing.zone", "the host's time zone (timedatectl)"),
            why=claim(
                "missing.zone_why", "{count} logs carry no zone; {zone} was assumed", count=len(assumed), zone=assumed[0].zone
            ),
            would_decide=claim("missing.zone_decides", "whether the logs and the schedule share one clock"),
        )
