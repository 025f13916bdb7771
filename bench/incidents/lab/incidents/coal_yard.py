# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""No cron line and no script: a systemd timer starts a unit whose ExecStartPre stops the service for its compaction."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'coal' });
http.createServer((req, res) => setTimeout(() => res.end('{"tons": 12}'), 50)).listen(9700, '127.0.0.1', () => log.info('yard open'));
process.once('SIGTERM', () => { log.info({ sig: 'TERM' }, 'yard closing'); process.exit(0); });
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format yard '$msec $remote_addr "$request" $status $upstream_status $request_time';
    access_log /var/log/nginx/yard.log yard;
    server {
        listen 80;
        server_name kohle.example.pl;
        location / { proxy_pass http://127.0.0.1:9700; }
    }
}
"""

COMPACT = """[Unit]
Description=Compact the ledger

[Service]
Type=oneshot
# the ledger must be closed for this
ExecStartPre=/usr/bin/systemctl stop coal.service
ExecStart=/usr/bin/sqlite3 /var/lib/coal/ledger.db "VACUUM"
ExecStartPost=/usr/bin/systemctl start coal.service
"""
TIMER = "[Unit]\nDescription={}\n\n[Timer]\nOnCalendar=*:0/{}\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n"

SYSLOG = """module(load="imuxsock" SysSock.UseSysTimeStamp="off" SysSock.RateLimit.Interval="0")
*.*;auth,authpriv.none action(type="omfile" file="/var/log/syslog" template="RSYSLOG_FileFormat")
"""

INCIDENT = Incident(
    host="halda", start="2026-01-13T06:52:00+01:00", minutes=112, factor=38, kind="systemd", zone="Europe/Warsaw", apps=["/srv/coal"],
    files={"/srv/coal/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/etc/rsyslog.conf": SYSLOG, "/etc/systemd/system/ledger-compact.service": COMPACT, "/etc/systemd/system/ledger-compact.timer": TIMER.format("Compact the ledger now and then", 20),
           "/etc/systemd/system/yard-report.timer": TIMER.format("Report of the yard", 10), "/etc/systemd/system/yard-report.service": "[Unit]\nDescription=Report of the yard\n\n[Service]\nType=oneshot\nExecStart=/usr/local/bin/yard-report\n",
           "/etc/systemd/system/coal.service": "[Unit]\nDescription=Coal yard\nAfter=network.target\n\n[Service]\nExecStart=/usr/bin/node /srv/coal/server.js\nStandardOutput=append:/var/log/coal.log\nRestart=on-failure\n",
           "/usr/local/bin/yard-report": "#!/bin/sh\nsleep 3\necho 'yard: 4 waggons'\n", "/usr/local/bin/scales": "#!/bin/sh\nsleep 5\nlogger -t scales 'tared'\n"},
    crontabs={"root": "*/20 * * * * /usr/local/bin/scales\n"},
    services={"coal": {"description": "Coal yard", "command": ["/usr/bin/node", "/srv/coal/server.js"], "directory": "/srv/coal", "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/coal.log"}, "wait": 8}, "nginx": NGINX_UNIT,
              "ledger-compact": {"description": "Compact the ledger", "every": 1200, "command": ["/bin/sh", "-c", "systemctl stop coal.service; sleep 16; systemctl start coal.service"]},
              "yard-report": {"description": "Report of the yard", "every": 600, "command": ["/usr/local/bin/yard-report"]}},
    visitors={"base": "http://127.0.0.1", "host": "kohle.example.pl", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.03, "paths": [[1, "GET", "/piles/{n}"]]}]},
    collect="""mkdir -p etc/systemd/system etc/nginx var/log; cp /etc/systemd/system/{coal,ledger-compact,yard-report}.* etc/systemd/system/; cp /etc/nginx/nginx.conf etc/nginx/; crontab -l > etc/crontab-root; cp /usr/local/bin/yard-report /usr/local/bin/scales .; cp /srv/coal/server.js .
cp /var/log/coal.log /var/log/syslog /var/log/nginx/yard.log var/log/; cp /var/log/nginx/error.log var/log/nginx-error.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    unit, timer, syslog = "etc/systemd/system/ledger-compact.service", "etc/systemd/system/ledger-compact.timer", "var/log/syslog"
    stop, calendar, begins = (
        case.at(unit, "ExecStartPre=/usr/bin/systemctl stop coal.service"),
        case.at(timer, "OnCalendar=*:0/20"),
        case.at(syslog, "Starting ledger-compact.service"),
    )
    stopping, gone = case.at(syslog, "Stopping coal.service"), case.at("var/log/coal.log", "yard closing")
    refused, failed = case.at("var/log/nginx-error.log", "111: Connection refused"), case.at("var/log/yard.log", '" 502 ')
    return {
        "root_cause_kind": "job-stops-service",
        "root_cause": "ledger-compact.timer starts ledger-compact.service every 20 minutes, and its ExecStartPre stops coal.service for the VACUUM, some twenty seconds and the start: connect() failed (111), 502.",
        "verdict": "root-cause", "culprit": stop, "culprit_alternatives": [], "culprit_related": [calendar, case.at(unit, "ExecStart=/usr/bin/sqlite3"), begins],
        "chain": [
            hop("job_runs_script", calendar, begins, case.at(unit, "ExecStart=/usr/bin/sqlite3"), stop),
            hop("effect_hits_service", stop, stopping),
            hop("process_terminates", gone, stopping),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["the timer fires at :00, :20 and :40", "ExecStartPre=systemctl stop coal.service: SIGTERM", "connect() failed (111), 502 until ExecStartPost has started it again"],
        "innocent": [case.at("etc/crontab-root", "scales", why="at the same minutes; only logs"), case.whole("scales", "touches nothing"), case.at("etc/systemd/system/yard-report.timer", "OnCalendar=*:0/10", why="at the same minutes and between; prints a line"),
                     case.whole("etc/systemd/system/yard-report.service", "prints a line"), case.whole("yard-report", "prints a line"), case.at("etc/systemd/system/coal.service", "Restart=on-failure", why="the stops were ordered")],
        "period_s": 1200, "lag_s": case.lag(case.times(syslog, "Starting ledger-compact"), case.times(syslog, "Stopping coal")),
        "measured": [case.measure(syslog, "Starting ledger-compact"), case.measure(syslog, "Stopping coal.service"), case.measure("var/log/nginx-error.log", "111: Connection refused", join=60)],
        "how_made": REAL + " (with bunyan); systemctl, timers and systemd[1]'s lines are the lab's supervisor; the VACUUM was a sleep.",
    }  # fmt: skip
