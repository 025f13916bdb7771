"""System logs: RFC 3164, RFC 5424, ISO stamps, and all that journalctl writes: text that looks the same, or fields.

`Nov 18 06:00:01 prod-web-01 CRON[15578]: (deploy) CMD (/home/deploy/scripts/health-check.sh)`

cron's CMD lines are the runs of its jobs, systemd's unit lines the life of services, the kernel's OOM lines processes killed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from logcorr.grammar import journal, messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.grammar.winston import cased
from logcorr.lazily import pl, regex
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import LEVELS, events, folded, no

_PROGRAM = r"(?P<program>[^\s:\[\]]+(?: [^\s:\[\]]+)?)(?:\[(?P<pid>\d+)\])?"


def _pattern(shape: stamps.Shape, modern: bool) -> str:
    """All before the message. RFC 5424 has a version, a message id and structured data besides."""
    if modern:
        tag = r"(?P<program>\S+) (?:(?P<pid>\d+)|\S+) \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(?:\ufeff)?"
        return rf"^(?P<head><(?P<priority>\d{{1,3}})>1 (?P<stamp>{shape.pattern}) (?P<host>\S+) {tag})"
    return rf"^(?P<head>(?:<(?P<priority>\d{{1,3}})>)?(?P<stamp>{shape.pattern}) (?P<host>[^\s:]+) {_PROGRAM}: ?)"


_SEVERITIES = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"]

_COMMAND = r"^\((?P<user>[^)\s]+)\) CMD \(\s*(?P<command>.*)\)\s*$"
_BUSYBOX = r"^(?:.*: )?USER (?P<user>\S+) pid +\d+ cmd (?P<command>.*)$"

_UNIT = r"(?P<unit>[\w@.\\:-]+\.service)\b"

_UNITS = {
    rf"^Started {_UNIT}": "process.started",
    rf"^Stopping {_UNIT}": "process.terminating",
    rf"^Stopped {_UNIT}": "process.exited",
    rf"^{_UNIT}:? [Ss]tart(?:-pre|-post)? operation timed out\. (?:Terminating|Killing|Aborting)": "process.terminating",
    rf"^{_UNIT}: (?:Watchdog timeout|Service reached runtime time limit)\b": "process.terminating",
    rf"^Reload(?:ed|ing) {_UNIT}": "process.reloaded",
    rf"^{_UNIT}: Scheduled restart job": "service.restarting",
    rf"^{_UNIT}: Main process exited, code=(?:killed, status=9|exited, status=137)/": "process.killed",
    rf"^{_UNIT}: Main process exited, code=(?:killed, status=(?:[123]|1[0245])|exited, status=1(?:29|3[08]|4[023]))/": (
        "process.terminating"
    ),
    rf"^{_UNIT}: Main process exited, code=dumped": "process.crashed",
    rf"^{_UNIT}: Main process exited, code=exited, status=[1-9]\d*/": "process.crashed",
    rf"^{_UNIT}: (?:A process of this unit has been killed by the OOM|Failed with result 'oom-kill')": "process.out_of_memory",
    rf"^{_UNIT}: systemd-oomd killed [1-9]": "process.out_of_memory",
}
"""What systemd says of a service (src/core/unit.c, service.c); other units, and users' own managers, are none."""

_PHRASES = (*messages.SCRIPT, *messages.APPLICATION)
"""What scripts and services write through syslog."""

_SEGFAULT = r"^(?:\[ *\d+\.\d+\] )?(?P<name>\S+)\[\d+\]: segfault at "
_KERNEL = {
    r"^(?:\[ *\d+\.\d+\] )?(?:Out of memory: Kill|Memory cgroup out of memory: Kill|oom-kill:)": "process.out_of_memory",
    _SEGFAULT: "process.crashed",
    r"^(?:\[ *\d+\.\d+\] )?Linux version \d": "host.booted",
}

_SPARED = r"^sending SIG(?:TERM|KILL) to process \d+ (?:uid \d+ )?\"(?P<name>[^\"]+)\":"
_PRESSED = rf"^Killed /(?:\S+/)?{_UNIT} due to memory "
_KEEPERS = {"earlyoom": {_SPARED: "process.out_of_memory"}, "systemd-oomd": {_PRESSED: "process.out_of_memory"}}
"""What ends processes before the kernel must: kill_process in earlyoom's kill.c, systemd's src/oom/oomd-manager.c."""

_CRONS = ("CRON", "anacron", "run-parts")
_ENDED_BADLY = (
    r"^\(CRON\) error \(grandchild #\d+ failed with exit status [1-9]|^Job .+ terminated \(exit status: [1-9]"
    r"|^(?:run-parts: )?/\S+ exited with return code [1-9]"
)
"""What Debian's cron (told to by `-L 5`), anacron and run-parts say of a job that failed."""

_HAPROXY = {
    r" -?\d+/-?\d+/-?\d+/-?\d+/\+?\d+ 5\d\d \+?\d+ ": "http.5xx",
    r"^(?:backend|proxy) \S+ has no server available!": "upstream.none_live",
    r"^Server \S+ is DOWN, reason: ": "probe.failed",
    r"^Server \S+ is UP, reason: ": "probe.passed",
}
"""HAProxy's own words and its lines of requests (its configuration manual, 8.2.3: timers, status, bytes)."""

_EMITS = {
    **messages.emitted(messages.SCRIPT, messages.APPLICATION),
    "job.started": ["CMD (", "cmd "],
    "job.failed": [
        "failed with exit status",
        "terminated (exit status:",
        "exited with return code",
        *messages.emitted(messages.SCRIPT)["job.failed"],
    ],
    "service.restarting": ["Scheduled restart job", *messages.emitted(messages.SCRIPT)["service.restarting"]],
    "process.started": ["Started X.service", *messages.emitted(messages.APPLICATION)["process.started"]],
    "process.terminating": [
        "Stopping X.service",
        "start operation timed out. Terminating.",
        "Watchdog timeout",
        "Service reached runtime time limit",
        "Main process exited, code=killed, status=15",
        *messages.emitted(messages.APPLICATION)["process.terminating"],
    ],
    "process.exited": ["Stopped X.service", *messages.emitted(messages.APPLICATION)["process.exited"]],
    "process.reloaded": ["Reloaded X.service"],
    "process.killed": ["Main process exited, code=killed, status=9"],
    "process.crashed": ["Main process exited, code=dumped", "segfault at "],
    "process.out_of_memory": [
        "Out of memory: Kill",
        "oom-kill",
        'sending SIGTERM to process 1 uid 2 "X": badness 3',
        "Killed /system.slice/X.service due to memory",
    ],
    "host.booted": ["Linux version"],
    "http.5xx": ["HAProxy's status 5xx"],
    "upstream.none_live": ["has no server available!"],
    "probe.failed": ["Server X is DOWN, reason:", *messages.emitted(messages.SCRIPT)["probe.failed"]],
    "probe.passed": ["Server X is UP, reason:", *messages.emitted(messages.SCRIPT)["probe.passed"]],
}


def _layout(lines: tuple[str, ...]) -> tuple[stamps.Shape, bool] | None:
    """The shape of the stamps, and whether the lines are RFC 5424's."""
    modern = [re.sub(r"^<\d{1,3}>1 ", "", line) for line in lines if re.match(r"<\d{1,3}>1 ", line)]
    if modern:
        shape = stamps.shape_of(tuple(modern))
        return (shape, True) if shape else None
    shape = stamps.shape_of(tuple(re.sub(r"^<\d{1,3}>", "", line) for line in lines))
    return (shape, False) if shape else None


_DAEMONS = ("systemd", "kernel", "cron", "crond", "sshd", "rsyslogd", "sudo", "dockerd", "containerd", "dbus-daemon")
_DAEMON = regex(rf" (?i:{'|'.join(_DAEMONS)})(?:\[\d+\])?: ")


def _recognise(sample: Sample) -> float:
    if journal.form_of(sample.lines):
        return 0.97
    layout = _layout(sample.lines)
    if layout is None or layout[0].clock is stamps.Clock.TIME_OF_DAY:
        return 0.0
    pattern = re.compile(_pattern(*layout))
    fits = stamps.share(sample.lines, lambda line: pattern.match(line) or line.startswith("-- "))
    heads = list(filter(None, map(pattern.match, sample.lines)))
    one_host = len({head["host"] for head in heads}) == 1 and all(head["pid"] for head in heads)
    of_journal = layout[0].name.startswith("journal")
    known = (
        layout[1] or of_journal or layout[0].clock is stamps.Clock.YEARLESS or one_host or any(map(_DAEMON.search, sample.lines))
    )
    known = known or (layout[0].clock is stamps.Clock.OFFSET and fits >= 0.9 and _is_one_host(heads))
    return 0.9 * fits if fits >= 0.6 and known else 0.0


def _is_one_host(heads: Sequence[re.Match[str]]) -> bool:
    """Whether several lines name one host, and it is no level."""
    hosts = {head["host"] for head in heads}
    return len(heads) > 2 and len(hosts) == 1 and not any(re.fullmatch(cased(LEVELS), host.strip("[]")) for host in hosts)


@log_parser(title="syslog and journal", source="syslog", recognise=_recognise, emits=_EMITS)
def syslog(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with host, program, pid; user and command of cron's jobs; unit of systemd's services."""
    form = journal.form_of(context.sample.lines)
    if form:
        return _described(_exported(journal.entries(lines, form)))
    layout = _layout(context.sample.lines)
    if layout is None:
        return events(lines, time=no(pl.Datetime("us")), message=pl.col("text"), parsed=pl.lit(False))
    groups = pl.col("text").str.extract_groups(ascii_only(_pattern(*layout)))
    part = pl.col("groups").struct.field
    is_known = part("head").is_not_null() | pl.col("text").str.starts_with("-- ")
    read = folded(lines.with_columns(groups.alias("groups")), is_known, context)
    message = pl.col("text").cast(pl.Binary).bin.slice(part("head").str.len_bytes().fill_null(0)).cast(pl.String)
    stamp = part("stamp")
    own_unit = pl.when(part("program") == "systemd").then(message).str.extract(ascii_only(_UNIT), 1)
    offset = layout[0].utc_offset_s(stamp)
    described = read.with_columns(
        *(part(name).alias(name) for name in ("program", "host", "pid", "priority")),
        message.alias("message"),
        layout[0].time(stamp).alias("time"),
        own_unit.alias("unit"),
        is_known.alias("parsed"),
    )
    return _described(described if offset is None else described.with_columns(offset.alias("utc_offset_s")))


def _exported(entries: pl.LazyFrame) -> pl.LazyFrame:
    """The journal's entries by their fields."""
    time = pl.from_epoch(pl.col("microseconds").cast(pl.Int64, strict=False), time_unit="us").dt.replace_time_zone("UTC")
    program = pl.coalesce("identifier", "executable")
    service = pl.when(pl.col("own_unit").str.ends_with(".service") & ~_is_daemon(program)).then("own_unit")
    return entries.with_columns(
        time.alias("time"),
        program.alias("program"),
        pl.coalesce("message", pl.col("text")).alias("message"),
        pl.coalesce("subject", service).alias("unit"),
        (time.is_not_null() | pl.col("text").str.starts_with("-- ")).alias("parsed"),
    )


def _described(read: pl.LazyFrame) -> pl.LazyFrame:
    """Events of the parts that every form has."""
    severity = (pl.col("priority").cast(pl.Int32, strict=False) % 8).replace_strict(
        list(range(8)), _SEVERITIES, default=None, return_dtype=severity_type()
    )
    program = pl.when(~_is_daemon(pl.col("program"))).then(pl.col("program"))
    job = pl.col("job").struct.field
    own = {
        "host": pl.col("host"),
        "program": pl.col("program"),
        "pid": pl.col("pid").cast(pl.Int32, strict=False),
        "user": job("user"),
        "command": job("command"),
        "unit": pl.coalesce("unit", _ended(), program),
    }
    offset = {"utc_offset_s": pl.col("utc_offset_s")} if "utc_offset_s" in read.collect_schema() else {}
    return events(
        read.with_columns(_from_cron(_COMMAND, _BUSYBOX).alias("job")),
        time=pl.col("time"),
        severity=severity,
        kind=_kind(),
        message=pl.col("message"),
        parsed=pl.col("parsed"),
        count=pl.col("lines"),
        own=own | offset,
    )


def _ended() -> pl.Expr:
    """Of whom a keeper of memory or the kernel says that it ended: their own name is another."""
    told = {"earlyoom": _SPARED, "systemd-oomd": _PRESSED, "kernel": _SEGFAULT}
    message = pl.col("message")
    return pl.coalesce(
        pl.when(pl.col("program") == program).then(message.str.extract(ascii_only(pattern), 1))
        for program, pattern in told.items()
    )


def _is_daemon(program: pl.Expr) -> pl.Expr:
    return program.str.to_lowercase().is_in(_DAEMONS)


def _from_cron(*patterns: str) -> pl.Expr:
    """User and command of a job that cron starts."""
    cron = pl.col("program").str.to_lowercase().str.contains(r"(?:^|/)crond?$")
    message = pl.when(cron).then(pl.col("message"))
    first, second = (message.str.extract_groups(ascii_only(pattern)) for pattern in patterns)
    return pl.when(first.struct[0].is_not_null()).then(first).otherwise(second)


def _kind() -> pl.Expr:
    message = pl.col("message")
    by_cron = pl.when(pl.col("program").is_in(_CRONS)).then(message)
    return pl.coalesce(
        pl.when(pl.col("job").struct.field("command").is_not_null()).then(pl.lit("job.started")),
        *_meanings("systemd", _UNITS),
        *_meanings("kernel", _KERNEL),
        *_meanings("haproxy", _HAPROXY),
        *(kind for keeper, table in _KEEPERS.items() for kind in _meanings(keeper, table)),
        pl.when(by_cron.str.contains(ascii_only(_ENDED_BADLY))).then(pl.lit("job.failed")),
        pl.when(message.str.starts_with("-- Boot ") | message.str.starts_with("-- Reboot")).then(pl.lit("host.booted")),
        pl.when(~pl.col("program").is_in(["systemd", "kernel"])).then(messages.kind_of(message, _PHRASES)),
    )


def _meanings(program: str, table: dict[str, str]) -> list[pl.Expr]:
    logins = pl.col("message").str.contains(r"user(?:-runtime-dir)?@[0-9]+\.service")
    message = pl.when((pl.col("program") == program) & ~logins).then(pl.col("message"))
    return [pl.when(message.str.contains(ascii_only(pattern))).then(pl.lit(kind)) for pattern, kind in table.items()]
