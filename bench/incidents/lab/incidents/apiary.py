# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A memory guard compares kilobytes with a limit in megabytes, so every run restarts a process that uses little."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const when = () => new Date().toLocaleString('en-US', { timeZone: 'America/Denver', year: 'numeric', month: '2-digit', day: '2-digit',
  hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const say = (level, text) => console.log(`${when().replace(',', '')} ${level} hive - ${text}`);
http.createServer((req, res) => {
  if (req.method === 'POST') say('INFO', `weight stored (${req.url.slice(1)})`);
  setTimeout(() => res.end('{}'), 70);
}).listen(8900, '127.0.0.1', () => say('INFO', 'hive api started'));
process.once('SIGTERM', () => { say('WARN', 'SIGTERM: stopping'); setTimeout(() => process.exit(0), 500); });
"""

GUARD = """#!/bin/bash
# Restarts the hive API before it eats the whole machine.
LIMIT=300 # MB
pid=$(pgrep -f 'node /srv/hive/hive.js' | head -n 1)
[ -n "$pid" ] || exit 0
used=$(ps -o rss= -p "$pid")
if (( used > LIMIT )); then
    logger -t memory-guard "hive uses more than $LIMIT MB, restarting"
    systemctl restart hive
fi
"""

INCIDENT = Incident(
    host="meadow", start="2026-05-30T12:04:00-06:00", minutes=84, factor=34, kind="systemd", zone="America/Denver",
    files={"/srv/hive/hive.js": SERVER, "/usr/local/bin/memory-guard": GUARD, "/usr/local/bin/swarm-mail": "#!/bin/sh\nsleep 3\nlogger -t swarm-mail 'no swarm'\n",
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n"
           "    log_format short '$time_iso8601 $status $request_method $request_uri $remote_addr';\n    access_log /var/log/nginx/access.log short;\n"
           "    server {\n        listen 80;\n        location / { proxy_pass http://127.0.0.1:8900; }\n    }\n}\n"},
    crontabs={"root": "# minute hour day month weekday\n8,18,28,38,48,58 * * * * /usr/local/bin/memory-guard\n*/2 * * * * /usr/local/bin/swarm-mail\n"},
    services={"hive": {"description": "Hive API", "command": ["/usr/bin/node", "/srv/hive/hive.js"], "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/hive.log"}, "wait": 8},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "hive.example.com", "delay": 60,
              "visits": [{"perSecond": 0.5, "bots": 0.04, "paths": [[2, "GET", "/hives/{n}"], [2, "POST", "/hives/{n}/weight", "{}"]]}]},
    collect="""mkdir bin log; cp /usr/local/bin/memory-guard /usr/local/bin/swarm-mail bin/; cp /srv/hive/hive.js /etc/nginx/nginx.conf .; cp /var/log/hive.log /var/log/syslog log/
cp /var/log/nginx/access.log log/nginx-access.log; cp /var/log/nginx/error.log log/nginx-error.log; crontab -l > crontab; ps -eo pid,rss,args | grep '[h]ive.js' > ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log = "bin/memory-guard", "log/hive.log"
    compare, unit, action = (
        case.at(script, "if (( used > LIMIT ))"),
        case.at(script, "used=$(ps -o rss="),
        case.at(script, "systemctl restart hive"),
    )
    told, stopped, gone = (
        case.at("log/syslog", "hive uses more than 300 MB"),
        case.at("log/syslog", "Stopping hive.service"),
        case.at(log, "SIGTERM: stopping"),
    )
    refused = case.at("log/nginx-error.log", "111: Connection refused")
    return {
        "root_cause_kind": "guard-compares-wrong-unit",
        "root_cause": "memory-guard compares the resident size that ps prints in kilobytes with a limit meant in megabytes: some 50 000 are always more than 300, and cron has the healthy "
        "hive API restarted every ten minutes.",
        "verdict": "root-cause", "culprit": compare, "culprit_alternatives": [unit, case.at(script, "LIMIT=300"), action], "culprit_related": [case.at("crontab", "memory-guard")],
        "chain": [
            hop("job_runs_script", case.at("crontab", "memory-guard"), case.at("log/syslog", "CMD (/usr/local/bin/memory-guard)")),
            hop("answer_takes_branch", compare, told),
            hop("effect_hits_service", action, stopped, told),
            hop("process_terminates", gone, stopped),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", case.at("log/nginx-access.log", " 502 "), refused),
        ],
        "mechanism": ["cron runs memory-guard at :08, :18, …", "ps -o rss= prints kilobytes, the limit is meant in megabytes", "systemctl restart hive: SIGTERM", "connect() failed (111), 502 for some seconds"],
        "innocent": [case.at("crontab", "swarm-mail", why="every two minutes, so at each :08 too; only logs"), case.whole("bin/swarm-mail", "touches nothing"), case.whole("hive.js", "uses little memory (ps.txt)")],
        "period_s": 600, "lag_s": case.lag(case.times("log/syslog", "CMD \\(/usr/local/bin/memory-guard"), case.times(log, "SIGTERM: stopping")),
        "measured": [case.measure("log/syslog", "hive uses more than 300 MB"), case.measure(log, "SIGTERM: stopping"), case.measure("log/nginx-error.log", "111: Connection refused", join=60)],
        "how_made": REAL + " (and procps); systemctl is the lab's supervisor.",
    }  # fmt: skip
