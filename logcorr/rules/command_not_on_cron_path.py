"""A job calls a program that cron's short PATH does not reach."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs, jobs_commands
from logcorr.semantics.written import Written

SBIN = frozenset({
    "nginx", "service", "reboot", "shutdown", "poweroff", "halt", "logrotate", "iptables", "ip6tables", "nft", "sysctl",
    "apachectl", "apache2ctl", "ufw", "ifconfig", "useradd", "usermod", "groupadd", "modprobe", "ldconfig", "ntpdate",
    "hwclock", "dhclient", "update-rc.d", "a2ensite", "zpool", "zfs", "lvs", "vgs", "lvcreate", "mkfs", "fsck", "swapon",
    "swapoff", "mdadm", "smartctl", "exim4", "postfix", "sendmail", "squid",
})  # fmt: skip
"""Programs that distributions put into /usr/sbin or /sbin."""

LOCAL = frozenset({"docker-compose", "pm2", "kubectl", "helm", "node", "npm", "npx", "yarn", "aws", "composer", "wp", "rclone"})
"""Programs that are often installed by hand, into /usr/local/bin or below a home."""

DEFAULT = "/usr/bin:/bin"
WITH_ALL = re.compile(r"(^|/)etc/crontabs/")
"""busybox's tables: its daemon hands on the PATH it was started with."""


@rule(code="CRON003", title="A command is not on cron's PATH", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for programs of /usr/sbin and /usr/local/bin in jobs that run with cron's own PATH, /usr/bin:/bin."""
    seen = set()
    for schedule in cron_jobs(case):
        if "PATH" in dict(schedule.job.environment) or WITH_ALL.search(schedule.job.span.path):
            continue
        written = jobs_commands(case, schedule)
        if any("PATH=" in command.script.text or command.name in ("source", ".") for command in written):
            continue
        for command in written:
            missed = _misses(command)
            if missed and (command.span, command.name) not in seen:
                seen.add((command.span, command.name))
                yield _finding(schedule, command)


def _misses(command: Written) -> bool:
    called = command.text[: command.text.find(command.name)] if command.name in command.text else ""
    by_path = called.endswith("/")
    elsewhere = "sudo" in command.wrappers or (command.function is not None and command.name == command.function)
    return not by_path and not elsewhere and command.name in SBIN | LOCAL


def _finding(schedule: Schedule, command: Written) -> Finding:
    certain = command.name in SBIN
    return Finding(
        severity="warning" if certain else "info",
        confidence=0.85 if certain else 0.5,
        claim=_claim(command.name, certain),
        evidence=(
            Evidence(command.span, "named without its folder"),
            *([Evidence(schedule.job.span, "sets no PATH")] if schedule.job.span != command.span else []),
        ),
        would_refute=claim(
            "command_not_on_cron_path.refute", "env -i PATH=/usr/bin:/bin which {program}, which finds it", program=command.name
        ),
        subject=str(schedule.job.span),
        measured={"program": command.name, "path": DEFAULT},
        fix=claim("command_not_on_cron_path.fix", "set PATH at the top of the table, or write the program's whole path"),
    )


def _claim(program: str, certain: bool) -> Claim:
    if certain:
        return claim(
            "command_not_on_cron_path.sbin",
            "cron looks for {program} in /usr/bin and /bin only, and it is in /usr/sbin",
            program=program,
        )
    return claim(
        "command_not_on_cron_path.local",
        "cron looks for {program} in /usr/bin and /bin only, and it is often installed elsewhere (/usr/local/bin)",
        program=program,
    )
