"""A job calls a program that cron's short PATH does not reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._idioms import only_tells
from logcorr.rules._jobs import SEEN, cron_jobs, jobs_commands
from logcorr.semantics.written import AndOr, Written, compound

SBIN = frozenset({
    "nginx", "service", "reboot", "shutdown", "poweroff", "halt", "logrotate", "iptables", "ip6tables", "nft", "sysctl",
    "apachectl", "apache2ctl", "ufw", "ifconfig", "useradd", "usermod", "groupadd", "modprobe", "ldconfig", "ntpdate",
    "hwclock", "dhclient", "update-rc.d", "a2ensite", "zpool", "zfs", "lvs", "vgs", "lvcreate", "mkfs", "fsck", "swapon",
    "swapoff", "mdadm", "smartctl", "exim4", "postfix", "sendmail", "squid",
})  # fmt: skip
"""Programs that distributions put into /usr/sbin or /sbin."""

ELSEWHERE = regex(r"(?<![\w.$}-])(/usr/local/s?bin|/opt/[\w./-]+/bin|/snap/bin|/(?:home|root)/[\w./-]+/bin)/([\w.-]+)")
"""A program by its whole path, in a folder that is not on cron's PATH."""

DEFAULT = "/usr/bin:/bin"
WITH_ALL = regex(r"(^|/)etc/crontabs/")
"""busybox's tables: its daemon hands on the PATH it was started with."""


@rule(code="CRON003", title="A command is not on cron's PATH", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for programs outside /usr/bin and /bin, named without their folder in jobs that set no PATH."""
    elsewhere = dict(_elsewhere(case))
    seen = set()
    for schedule in cron_jobs(case):
        written = jobs_commands(case, schedule)
        if _sets_path(schedule, written):
            continue
        for command in written:
            known = elsewhere.get(command.name)
            if (known or command.name in SBIN) and _by_name(command) and (schedule.job.span, command.name) not in seen:
                seen.add((schedule.job.span, command.name))
                yield _finding(schedule, command, known)


def _elsewhere(case: Configuration) -> Iterator[tuple[str, tuple[str, Span]]]:
    """The programs that collected scripts call by their whole path, each with its folder and where that is written."""
    for script in case.of(Script):
        for found in ELSEWHERE.finditer(script.text):
            line = script.span.line + script.text.count("\n", 0, found.start())
            yield found[2], (found[1], Span(script.span.path, min(line, script.span.end_line)))


def _sets_path(schedule: Schedule, written: Sequence[Written]) -> bool:
    """Whether the table or a script sets PATH, or may: one not collected, busybox (it hands on its own), a sourced file."""
    own = "PATH" in dict(schedule.job.environment) or bool(
        WITH_ALL.search(schedule.job.span.path) or SEEN.match(schedule.job.schedule)
    )
    return own or any("PATH=" in command.script.text or command.name in ("source", ".") for command in written)


def _by_name(command: Written) -> bool:
    """Whether the program is named without a folder, looked up with the job's own PATH, and no other stands by for it."""
    by_path = command.text.partition(command.name)[0].endswith("/")
    return not by_path and not {"sudo", "doas"} & set(command.wrappers) and not _replaced(command)


def _replaced(command: Written) -> bool:
    """Whether another program does its work where it is not found."""
    outer = command.around[-1] if command.around else None
    if not isinstance(outer, AndOr) or outer.operator != "||" or outer.left is not command.node:
        return False
    return not all(
        one.name in (command.name, "exit", "return") or only_tells(one) for one in compound(command.script, outer.right)
    )


def _finding(schedule: Schedule, command: Written, known: tuple[str, Span] | None) -> Finding:
    return Finding(
        confidence=0.85,
        claim=_claim(command.name, known),
        evidence=(
            Evidence(command.span, "named without its folder"),
            *([Evidence(known[1], "names its folder")] if known else []),
            *([Evidence(schedule.job.span, "sets no PATH")] if schedule.job.span != command.span else []),
        ),
        would_refute=claim(
            "command_not_on_cron_path.refute", "env -i PATH=/usr/bin:/bin which {program}, which finds it", program=command.name
        ),
        subject=str(schedule.job.span),
        measured={"program": command.name, "path": DEFAULT},
        fix=claim("command_not_on_cron_path.fix", "set PATH at the top of the table, or write the program's whole path"),
    )


def _claim(program: str, known: tuple[str, Span] | None) -> Claim:
    if known:
        return claim(
            "command_not_on_cron_path.elsewhere",
            "cron looks for {program} in /usr/bin and /bin only, and it is in {folder}",
            program=program,
            folder=known[0],
        )
    return claim(
        "command_not_on_cron_path.sbin",
        "cron looks for {program} in /usr/bin and /bin only, and it is in /usr/sbin",
        program=program,
    )
