# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Cron ends a command at its first percent sign, so the dump is written nowhere; another job says so every half hour."""

from typing import Any

from lab import Incident
from truth import Case, hop

DUMP = (
    "0 3 * * * lamp tar -C /var/lib/lamp -czf /var/backups/lamp/lamp-$(date +%Y%m%d).tar.gz . && logger -t lamp-backup 'written'"
)

AGE = """#!/bin/bash
# Complains when the newest copy is more than 26 hours old.
newest=$(find /var/backups/lamp -name 'lamp-*.tar.gz' -printf '%f\\n' | sort | tail -n 1 | tr -cd 0-9)
age=$(( ($(date +%s) - $(date -d "${newest:-19700101} 03:00" +%s)) / 3600 ))
if (( age > 26 )); then
    logger -p user.err -t backup-age "CRITICAL: newest copy lamp-$newest is $age h old"
    exit 2
fi
logger -t backup-age "ok: lamp-$newest, $age h"
"""

INCIDENT = Incident(
    host="lampada", start="2026-05-05T02:52:00+02:00", minutes=96, factor=34, kind="systemd", zone="Europe/Rome", users=["lamp"],
    files={"/usr/local/bin/backup-age": AGE, "/var/lib/lamp/ordini.csv": "id;lampada;data\n1;olio;2026-05-01\n", "/var/backups/lamp/lamp-20260502.tar.gz": "", "/var/backups/lamp/lamp-20260503.tar.gz": "", "/var/backups/lamp/lamp-20260504.tar.gz": "",
           "/usr/local/bin/wick-count": "#!/bin/sh\nsleep 4\nlogger -t wick-count '1204 stoppini'\n",
           "/etc/cron.d/lamp": "SHELL=/bin/sh\nMAILTO=\"\"\nPATH=/usr/local/bin:/usr/bin:/bin\n# m h dom mon dow user command\n# 2026-05-04 Carla: tar al posto di backup.sh\n" + DUMP + "\n10,40 * * * * root backup-age\n*/10 * * * * root wick-count\n"},
    owners={"/var/backups/lamp": "lamp"},
    services={"lampd": {"description": "Lamp orders", "command": ["/usr/bin/python3", "-m", "http.server", "8600", "--bind", "127.0.0.1", "--directory", "/var/lib/lamp"], "restart": "always"}},
    during=[(22.4, "leap 85200"), (47.1, "leap 85200"), (71.8, "leap 85200")],
    visitors={"base": "http://127.0.0.1:8600", "host": "lamp", "delay": 60, "monitors": [{"every": 300, "path": "/ordini.csv", "address": "127.0.0.1"}]},
    collect="""cp /etc/cron.d/lamp cron.d-lamp; cp /usr/local/bin/backup-age /usr/local/bin/wick-count .; cp /var/log/syslog .; find /var/backups/lamp -type f -printf '%u %p\\n' | sort > backups.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    line, cut = (
        case.at("cron.d-lamp", "date +%Y%m%d"),
        case.at("syslog", "CMD (tar -C /var/lib/lamp -czf /var/backups/lamp/lamp-$(date +)"),
    )
    old = case.at("syslog", "CRITICAL: newest copy")
    return {
        "root_cause_kind": "cron-percent-sign",
        "root_cause": "In the line of the nightly copy the percent signs of date +%Y%m%d are not escaped: cron ends the command at the first one (syslog shows `… $(date +`), the shell finds an unfinished command and nothing is written. "
        "Since the line was changed on 2026-05-04 there is no new copy and backup-age says CRITICAL.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": line, "culprit_alternatives": [cut], "culprit_related": [case.at("cron.d-lamp", "2026-05-04 Carla")],
        "chain": [hop("job_runs_script", line, cut), hop("configuration_mismatch", line, cut, old, case.at("backups.txt", "lamp-20260504"))],
        "mechanism": ["cron runs the line at 03:00, cut at the first %", "sh: unterminated $(, nothing is written, MAILTO is empty, so nobody is told", "no new file; backup-age: CRITICAL"],
        "innocent": [case.at("cron.d-lamp", "backup-age", why="the messenger"), case.whole("backup-age", "only reports"), case.at("cron.d-lamp", "wick-count", why="every ten minutes; only logs"), case.whole("wick-count", "touches nothing")],
        "period_s": None, "lag_s": None,
        "measured": [case.measure("syslog", "CMD \\(tar"), case.measure("syslog", "backup-age: CRITICAL"), case.measure("syslog", "lamp-backup: written")],
        "how_made": "cron and bash really ran, four nights with the clock leapt between them; systemctl is the lab's supervisor.",
    }  # fmt: skip
