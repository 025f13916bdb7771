"""Who held the memory when the kernel ran out of it, by its table of processes, and the command of a job that starts that one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Evidence
from logcorr.model.facts import ComposeFile, Script, Unit
from logcorr.model.source import Span
from logcorr.rules._jobs import jobs_commands
from logcorr.rules._runs import runs
from logcorr.semantics.paths import collected
from logcorr.semantics.written import Written
from logcorr.timeline.scripts import code_of, said
from logcorr.timeline.select import cite, seconds

ROW = r"\[\s*(\d+)\]\s+\d+\s+\d+\s+\d+\s+(\d+)\s+(?:\d+\s+)+-?\d+\s+(\S.*?)\s*$"
"""A row of the table that `mm/oom_kill.c` prints: pid, uid, tgid, total_vm, rss, more of which it grew, oom_score_adj, name."""

ENDED = r"Killed? process (\d+) \(([^)]+)\)"

TWICE, HALF = 2.0, 0.5
"""Who took it held so many times what the ended one did, and that much of what all did."""

INTERPRETER = regex(r"(?P<name>python|ruby|php|perl|node|lua)[\d.]*")
MANY = regex(
    r"(?:^|\s)(?:--?(?:max-)?(?:workers?|jobs?|proc(?:s|esses)?|parallel(?:ism)?|concurrency|threads?|num[-_]\w+)|-[jPpwn])[= ]?"
    r"[\"']?\$\{?(?P<name>\w+)"
)
"""An option that tells how many to start at once, its number a variable."""

LONGEST_RUN_S = 3600.0
NAME = 15
"""The kernel keeps so many letters of a name."""

Row: TypeAlias = "tuple[str, int, Span]"


class Taker(Struct, frozen=True):
    """The program that held the most, its share of what all held, and the rows that say so."""

    name: str
    share: float
    rows: tuple[Span, ...]


class Starter(Struct, frozen=True):
    """The command by which a job or another script starts it, and in how many of its runs the memory went.

    `number` is the line that sets how many of it are started, `ran` are the lines that tell of these runs.
    """

    line: Span
    logged: bool
    times: int
    number: Span | None = None
    ran: tuple[Evidence, ...] = ()


def taker(case: Case, killed: pl.DataFrame) -> Taker | None:
    """The one that the kernel's tables show in most of its reports, if another than the one that it ended."""
    told = [one for path in killed["file"].unique().sort() for one in _reports(case, path)]
    found = [one for victim, rows in told if (one := _largest(rows, victim))]
    name, often = next(iter(Counter(one.name for one in found).most_common(1)), ("", 0))
    if not often or 2 * often <= len(told):
        return None
    own = [one for one in found if one.name == name]
    rows = tuple(span for one in own for span in one.rows)
    return Taker(name, float(np.median([one.share for one in own])), rows)


def tabled(case: Case, path: str) -> bool:
    """Whether a log has the kernel's table of processes."""
    return bool(case.lines(path).filter(pl.col("text").str.contains(ROW)).head(1).collect().height)


def _reports(case: Case, path: str) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each table, and the name of the process that was then ended."""
    fields = (pl.col("text").str.extract(ROW, part).alias(name) for part, name in ((2, "rss"), (3, "name")))
    lines = case.lines(path).with_columns(*fields, ended=pl.col("text").str.extract(ENDED, 2)).drop("text")
    rows: list[Row] = []
    for line, rss, name, ended in (
        lines.filter(pl.any_horizontal(pl.col("rss", "ended").is_not_null()))
        .select("line", "rss", "name", "ended")
        .collect()
        .iter_rows()
    ):
        if ended is None:
            rows.append((name, int(rss), Span(path, line)))
        elif rows:
            yield ended, rows
            rows = []


def _largest(rows: Sequence[Row], victim: str) -> Taker | None:
    held: Counter[str] = Counter()
    for name, pages, _ in rows:
        held[name] += pages
    (name, most), *_ = held.most_common(1)
    if name == victim or most < TWICE * held[victim] or most < HALF * held.total():
        return None
    first = next(span for other, _, span in rows if other == name)
    return Taker(name, most / held.total(), (first,))


def starter(case: Case, name: str, killed: pl.DataFrame) -> Starter | None:
    """The one command of a job that starts such a program, if each time a run of it had begun, unless a service runs it, too.

    Of several jobs it is that in whose runs it happens far oftener than in those of the others. Of an interpreter
    it must be in half of the runs: its name tells little.
    """
    program = _program(name)
    if any(program.search(command) for command in _services(case)):
        return None
    found = [
        (command, schedule)
        for schedule in case.schedules
        for command in jobs_commands(case, schedule)
        if program.search(command.text) or program.search(_interpreter(case, command))
    ]
    if not found:
        return _script(case, program, killed)
    jobs = {schedule.job.span: schedule for _, schedule in found}
    rated = sorted((pair for one in jobs.values() if (pair := _rated(case, one, killed))), key=lambda pair: -pair[0])
    if not rated or (len(rated) > 1 and rated[0][0] < TWICE * rated[1][0]):
        return None
    if INTERPRETER.fullmatch(name) and rated[0][0] < HALF:
        return None
    _, schedule, logged, times = rated[0]
    own = [command for command, other in found if other is schedule]
    return Starter(_main(own).span, logged.height > 0, times, _number(_main(own)), cite(_those(logged, killed), "its run"))


def _services(case: Case) -> Iterator[str]:
    """What units and compose files run all the time: commands, and images where they tell none."""
    yield from (unit.command for unit in case.of(Unit) if unit.command)
    for one in (service for file in case.of(ComposeFile) for service in file.services):
        yield " ".join((*one.entrypoint, *one.command)) or one.image or ""


def _program(name: str) -> re.Pattern[str]:
    """How a command calls a program that the kernel knows by this name; an interpreter's version may differ."""
    whole = r"(?![\w.-])" if len(name) < NAME else ""
    versioned = INTERPRETER.fullmatch(name)
    called = rf"{versioned['name']}[\d.]*" if versioned else re.escape(name)
    return re.compile(rf"(?<![\w.-]){called}{whole}")


def _interpreter(case: Case, command: Written) -> str:
    """The first line of the collected file that a command runs by its path, if that names what reads it (`#!`)."""
    called = next((word for word in command.text.split() if "/" in word and word.rpartition("/")[2] == command.name), None)
    file = collected(called, case.files) if called else None
    first = case.lines(file).head(1).collect()["text"].to_list() if file else []
    return first[0] if first and first[0].startswith("#!") else ""


def _rated(case: Case, schedule: Schedule, killed: pl.DataFrame) -> tuple[float, Schedule, pl.DataFrame, int] | None:
    """The share of a job's runs in which it happened, what cron tells of these runs, and how many they are."""
    logged = runs(case, schedule)
    began = seconds(logged) if logged.height else schedule.ticks
    times = _begun(began, killed)
    return (times / len(began), schedule, logged, times) if times else None


def _those(logged: pl.DataFrame, killed: pl.DataFrame) -> pl.DataFrame:
    """The runs that had begun when it happened."""
    run = np.searchsorted(seconds(logged), _first_told(killed), side="right") - 1
    return logged[np.unique(run[run >= 0])]


def _main(commands: Sequence[Written]) -> Written:
    """The last command that stands by itself: one within another only asks for something."""
    outer = [one for one in commands if not one.substituted()]
    return (outer or commands)[-1]


def _number(command: Written) -> Span | None:
    """The line that sets how many of it a command starts, where the command takes that from a variable."""
    found = MANY.search(command.text)
    setting = re.compile(rf"^\s*(?:export |readonly |local )?{found['name']}=") if found else None
    lines = [place for place, line in code_of(command.script) if setting and setting.match(line)]
    return next((place for place in reversed(lines) if place.line < command.span.line), None)


def _script(case: Case, program: re.Pattern[str], killed: pl.DataFrame) -> Starter | None:
    """The one script besides that starts it, if it says something before each report: a unit's, or one run by hand."""
    scripts = ((place, line.partition(" #")[0]) for script in case.of(Script) for place, line in code_of(script))
    found = [place for place, line in scripts if program.search(line)]
    if not found or len({span.path for span in found}) > 1:
        return None
    line = found[0]
    speaking = [one for one in case.behaviours if any(span.path == line.path for _, span in one.says)]
    times = _begun(seconds(said(case, speaking)), killed)
    return Starter(line, True, times) if times is not None else None


def _begun(began: npt.NDArray[np.float64], killed: pl.DataFrame) -> int | None:
    """In how many of the runs that began then the memory went; None if not each report falls into one."""
    times = _first_told(killed)
    run = np.searchsorted(began, times, side="right") - 1
    within = len(began) and ((run >= 0) & (times - began[np.maximum(run, 0)] <= LONGEST_RUN_S)).all()
    return len(np.unique(run)) if within else None


def _first_told(killed: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The first line of each report."""
    times = seconds(killed)
    return times[np.diff(times, prepend=-np.inf) > 1.0]
