"""Jobs that the limit of what they ask turns away, and that use up what others of ours need of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Unit
from logcorr.model.result import Finding
from logcorr.rules._amounts import Amount, amount_of, amounts, noted
from logcorr.rules._askers import Maker, asking_line
from logcorr.rules._jobs import DISTINCT, LANGUAGES, logs_of, programs_of, scripts_of
from logcorr.rules._not_given import refused_since
from logcorr.rules._recovered import recovered
from logcorr.timeline.select import cite, instants, seconds

FEWEST = 10
MADE_BY_SCRIPT, MADE_BY_VISITORS, MADE_HERE, MADE_SINCE = 0.9, 0.85, 0.6, 0.92
"""How sure it is who asks too much; the last, where it asks for more just since nothing is answered any more."""

REFUSED = (
    r"(?i)\b(?:https?|status|(?:status_?)?code|error)\b\D{0,12}\b429\b|\bhttp/[\d.]+\W{1,3}429\b|[\"'` (]429 https?://"
    r"|\b429 client error|too ?many ?requests|\bquota (?:is )?exceeded\b"
    r"|\b(?:over|exceeded)(?: \w+){0,3} quota\b|rate[- ]?limit(?: \w+)? ?(?:exceeded|reached|hit)|\brate[- ]?limited\b"
    r"|\b429 (?:from|by|at)\b|\b(?:got|gave|answer(?:s|ed)|return(?:s|ed)|receiv(?:es|ed)|repl(?:ies|ied))\b(?: \w+){0,2} 429\b"
    r"|\bzu viele anfragen\b|\btrop de requ[êe]tes\b|\bdemasiadas (?:solicitudes|peticiones)\b"
)
"""How one who asks tells that it is turned away."""

NONE_REFUSED = (
    r"(?i)(?:^|[\s(\[=:])(?:0|no) (?:rejected|refused|throttled|limited|429s?|rate[- ]?limited)\b"
    r"|\b(?:429s?|rate[- ]?limited|throttled)\b[\"']? ?[=:x×] ?0\b"
)
"""How a count tells of nobody."""

HOST = r"\b((?:[a-z0-9-]+\.)+[a-z]{2,})\b"
ASKED = rf"https?://{HOST}"
OWNER = re.compile(r"(?:^|\.)([a-z0-9-]{4,})\.(?:[a-z]{2,3}\.)?[a-z]{2,}$")
"""Whom a host belongs to: applications tell of `stripe` rather than of `api.stripe.com`."""

MEANWHILE, NEARLY_ALL = timedelta(minutes=2), 0.9
BEFORE_S, GROWN = 600, 3
"""So long nothing was turned away before, and so many times more a run has to ask for than any former one."""

REFUTE = claim("requests_limited.refute", "that these requests were unwanted: then the limit does what it is for")
FIX = claim(
    "requests_limited.fix",
    "let the one who asks keep below the rate (pauses, fewer at a time), exempt it, or raise rate and burst",
)
APART = claim(
    "requests_limited.apart",
    "let the job ask for less at a time, stop when it is turned away, and have a key of its own, so that others keep theirs",
)
NOT_GONE = claim(
    "requests_limited.not_gone",
    "let the job tell what it was not given from what is gone: wait, ask again, and change nothing for want of an answer",
)


def told_by_asker(case: Case) -> Iterator[Finding]:
    """A job whose own log tells that it is turned away, and the line of its program that asks, or says for how much.

    What goes well at the next try, as the log tells, is left out, and so is what bears no time.
    """
    for schedule in case.schedules:
        told = _told(case, schedule)
        if told.height < FEWEST:
            continue
        amount = amount_of(case, schedule, told)
        others = _others(case, told)
        line = amount.place if amount else asking_line(case, schedule)
        if line:
            yield _of_asker(case, told, others, Maker(line=line, job=schedule.job), amount)
        elif sure := _by_times(case, told, others):
            yield _of_asker(case, told, others, Maker(line=schedule.job.span, job=schedule.job), sure=sure)


def _told(case: Case, schedule: Schedule) -> pl.DataFrame:
    """What a job tells of being turned away, in the log that it writes to, in one of its name, or in the journal."""
    names = _names(case, schedule)
    by_name = {source.path for source in case.sources if _stem(source.path) in names}
    files = [path for path in logs_of(case, schedule) or sorted(by_name) if _tells(case, path)]
    program = "" if files else _program(case, schedule)
    if not files and not program:
        return case.happened()
    refused = _refused() & pl.col("time").is_not_null()
    whose = pl.col("file").is_in(files) if files else (pl.col("source") == "syslog") & (pl.col("service") == program)
    every = case.timeline.filter(whose & refused).collect()
    return every.join(recovered(case, every), on=["file", "line"], how="anti", maintain_order="left")


def _refused(column: str = "message") -> pl.Expr:
    """Whether a line tells that somebody was turned away."""
    return pl.col(column).str.contains(REFUSED) & ~pl.col(column).str.contains(NONE_REFUSED)


def _stem(path: str) -> str:
    """The name of a file without its endings, and without the number of a run."""
    return re.sub(r"-\d[\w-]*$", "", path.rpartition("/")[2].partition(".")[0])


def _names(case: Case, schedule: Schedule) -> set[str]:
    """What a job's log may be named after: the program that it runs."""
    own = (*programs_of(case, schedule), *(script.span.path for script in scripts_of(case, schedule)))
    words = schedule.job.command.split()
    named = [word for word in words if word.endswith(tuple(f".{language}" for language in (*LANGUAGES, "sh")))]
    started = [path for path in (*own, *words[:1], *named) if path != schedule.job.span.path]
    return {name for path in started if len(name := _stem(path)) >= DISTINCT}


def _program(case: Case, schedule: Schedule) -> str:
    """By which name a unit that a timer starts writes to the journal, if no other unit writes by it."""
    started = schedule.job.command.removeprefix("systemctl start ")
    runs = {unit.name: _stem(unit.command.split()[0]) for unit in case.of(Unit) if unit.command and unit.command.split()}
    program = runs.get(started, "")
    return program if list(runs.values()).count(program) == 1 else ""


def _tells(case: Case, path: str) -> bool:
    lines = case.lines(path).select(_refused("text").sum())
    return int(lines.collect(engine="streaming").item() or 0) >= FEWEST


def _others(case: Case, told: pl.DataFrame) -> pl.DataFrame:
    """What others tell of being turned away by the same host, or by whom it is named after while the job is, too.

    Where the job does not tell by whom, what is told in other logs just while the job is turned away.
    """
    message = pl.col("message")
    hosts = told["message"].str.extract(HOST, 1).drop_nulls().unique().to_list()
    names = [found[1] for host in hosts if (found := OWNER.search(host))]
    elsewhere = ~pl.col("file").is_in(told["file"].unique().implode())
    same = message.str.contains_any([*hosts, *names], ascii_case_insensitive=True) if hosts else elsewhere
    told_too = case.timeline.filter(_refused() & same & pl.col("time").is_not_null()).collect()
    rows = told_too.join(told.select("file", "line"), on=["file", "line"], how="anti").sort("time", "file", "line")
    by_host = rows.filter(message.str.contains_any(hosts) if hosts else message.str.contains(ASKED))
    if hosts and by_host.height:
        return by_host
    return next((found for found in (by_host, rows) if _meanwhile(found, told)), rows.clear())


def _meanwhile(rows: pl.DataFrame, told: pl.DataFrame) -> bool:
    """Whether nearly all of it comes about when the job is turned away."""
    own = told.select("time", own="time").sort("time")
    near = rows.select("time").sort("time").join_asof(own, on="time", strategy="nearest", tolerance=MEANWHILE)
    return rows.height > 0 and near["own"].count() >= NEARLY_ALL * rows.height


def _by_times(case: Case, told: pl.DataFrame, others: pl.DataFrame) -> float:
    """How sure it is that a job uses up what others need, where no line that asks is known: 0 if it asks for no more than ever.

    The others must be turned away just while it is, in logs that tell of the time before and after as well.
    """
    if others.height < FEWEST or not _meanwhile(others, told):
        return 0.0
    former = [(values[-1], max(values[:-1])) for _, same in amounts(case, told) if len(values := same["value"].to_list()) > 1]
    if former:
        return MADE_BY_SCRIPT if any(last >= GROWN * before > 0 for last, before in former) else 0.0
    of_others, own, turned = seconds(_of_files(case, others)), seconds(_of_files(case, told)), seconds(told)
    first, last = turned.min(), turned.max()
    around = of_others.min() <= first - BEFORE_S and of_others.max() >= last + MEANWHILE.total_seconds()
    known = pl.concat([told, others])["message"].str.contains(HOST).any()
    return MADE_BY_SCRIPT if known and around and own.min() >= first - BEFORE_S else MADE_HERE


def _of_files(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    timed = pl.col("file").is_in(rows["file"].unique().implode()) & pl.col("time").is_not_null()
    return case.timeline.filter(timed).select("time").collect()


def _of_asker(
    case: Case,
    told: pl.DataFrame,
    others: pl.DataFrame,
    who: Maker,
    amount: Amount | None = None,
    *,
    sure: float = MADE_BY_SCRIPT,
) -> Finding:
    changed = [Evidence(span, "it was changed", shows="deploy_changes_configuration") for span in noted(case, amount)]
    seen = refused_since(case, told)
    schedule = who.job.schedule if who.job else ""
    both = pl.concat([told, others, seen]).sort("time", "file", "line")
    return Finding(
        confidence=MADE_SINCE if amount else sure,
        claim=_seen(told, seen, schedule) if seen.height else _claim(told, others, schedule, amount),
        evidence=(
            *makers(who),
            *changed,
            *cite(told, "it is turned away", shows="limit_rejects_requests"),
            *cite(others, "so are others of ours", most=4, shows="failure_reaches_clients"),
            *cite(seen, "refused to visitors since", most=4, shows="failure_reaches_clients"),
        ),
        would_refute=REFUTE,
        subject=str(who.line),
        measured={name: rows.height for name, rows in (("count", told), ("others", others), ("seen", seen)) if rows.height},
        times=instants(both),
        fix=NOT_GONE if seen.height else APART if others.height else FIX,
    )


def _seen(told: pl.DataFrame, seen: pl.DataFrame, schedule: str) -> Claim:
    return claim(
        "requests_limited.refused",
        "the job on {schedule} was turned away {count} times by the limit of what it asks, and what it was not given is refused "
        "to visitors since ({seen}×)",
        schedule=schedule,
        count=told.height,
        seen=seen.height,
    )


def _claim(told: pl.DataFrame, others: pl.DataFrame, schedule: str, amount: Amount | None) -> Claim:
    if amount and not others.height:
        return claim(
            "requests_limited.asker_since",
            "since {name} is {value}, the job on {schedule} was turned away {count} times by the limit of what it asks",
            name=amount.name,
            value=amount.value,
            schedule=schedule,
            count=told.height,
        )
    if not others.height:
        return claim(
            "requests_limited.asker",
            "the job on {schedule} was turned away {count} times by the limit of what it asks",
            schedule=schedule,
            count=told.height,
        )
    if amount is None:
        return claim(
            "requests_limited.shared",
            "the job on {schedule} uses up the limit of what it asks: {others} requests of others of ours were turned away, too",
            schedule=schedule,
            others=others.height,
        )
    return claim(
        "requests_limited.shared_since",
        "since {name} is {value}, the job on {schedule} uses up the limit of what it asks: {others} requests of others of ours "
        "were turned away, too",
        name=amount.name,
        value=amount.value,
        schedule=schedule,
        others=others.height,
    )


def makers(who: Maker) -> Sequence[Evidence]:
    """The line that asks, and the job that it belongs to."""
    line = [Evidence(who.line, "asks for what is turned away", shows="limit_rejects_requests")] if who.line else []
    return (*line, *([Evidence(who.job.span, f"runs on {who.job.schedule}")] if who.job else []))
