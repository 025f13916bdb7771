# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A cleanup of leftover render helpers uses `pkill -f node`, which also ends the studio's API."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const app = express();
const say = (...words) => console.log(...words);
app.get('/api/projects', (req, res) => setTimeout(() => res.json([]), 200 + Math.random() * 300));
app.post('/api/renders', (req, res) => {
  say('render queued', Math.random().toString(16).slice(2, 8));
  setTimeout(() => res.status(202).end(), 2500);
});
app.listen(4400, '127.0.0.1', () => say('studio api listening on 127.0.0.1:4400'));
"""

HELPER = "setTimeout(() => process.exit(0), 200000 + Math.random() * 900000);\n"

CLEANUP = r"""#!/bin/bash
# Leftover render helpers eat memory: end them.
PATTERN="node"
before=$(pgrep -fc "$PATTERN")
pkill -f "$PATTERN"
sleep 1
logger -t render-cleanup "ended $((before - $(pgrep -fc "$PATTERN"))) leftover helpers"
find /var/tmp/renders -name '*.part' -delete
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log syslog:server=unix:/dev/log,tag=nginx,nohostname;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/studio.log;
    server {
        listen 80;
        server_name studio.example.tv;
        location /api/ { proxy_pass http://127.0.0.1:4400; }
        location / { return 200 "studio\\n"; }
    }
}
"""

CRON = """PATH=/usr/sbin:/usr/bin:/sbin:/bin
7,27,47 * * * * root /opt/studio/sbin/cleanup-renders.sh
*/20 * * * * render /opt/studio/sbin/start-helper.sh
7 * * * * root /opt/studio/sbin/usage.sh
"""

UNIT = """[Unit]
Description=Studio API

[Service]
User=render
WorkingDirectory=/opt/studio/api
ExecStart=/usr/bin/node server.js
Restart=always
RestartSec=12

[Install]
WantedBy=multi-user.target
"""

INCIDENT = Incident(
    host="render-a", start="2026-07-30T19:01:44+10:00", minutes=130, factor=42, kind="systemd", zone="Australia/Brisbane", users=["render"],
    apps=["/opt/studio/api"],
    files={"/opt/studio/api/server.js": SERVER, "/opt/studio/api/helper.js": HELPER, "/opt/studio/sbin/cleanup-renders.sh": CLEANUP,
           "/opt/studio/sbin/start-helper.sh": "#!/bin/bash\ncd /opt/studio/api && setsid node helper.js --preview > /dev/null 2>&1 &\n",
           "/opt/studio/sbin/usage.sh": "#!/bin/bash\ndu -sh /var/tmp/renders | logger -t render-usage\n",
           "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/studio": CRON, "/etc/systemd/system/studio-api.service": UNIT},
    prepare="mkdir -p /var/tmp/renders",
    services={"studio-api": {"description": "Studio API", "command": ["node", "server.js"], "directory": "/opt/studio/api", "user": "render",
                             "restart": "always", "restart_seconds": 12, "log": {"kind": "syslog", "tag": "studio-api"}},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "studio.example.tv",
              "visits": [{"perSecond": 0.3, "bots": 0.05, "paths": [[4, "GET", "/api/projects"], [2, "POST", "/api/renders", '{"n":{n}}'], [2, "GET", "/"]]}]},
    collect="""cp /var/log/syslog syslog; cp /var/log/nginx/studio.log access.log; cp /etc/nginx/nginx.conf nginx.conf
cp /etc/cron.d/studio cron.d-studio; mkdir sbin; cp /opt/studio/sbin/*.sh sbin/; cp /opt/studio/api/server.js .
cp /etc/systemd/system/studio-api.service .; rotate access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script = "sbin/cleanup-renders.sh"
    kill, pattern, job = (
        case.at(script, 'pkill -f "$PATTERN"'),
        case.at(script, 'PATTERN="node"'),
        case.at("cron.d-studio", "cleanup-renders.sh"),
    )
    died = case.at("syslog", "studio-api.service: Main process exited, code=killed, status=15/TERM")
    runs, deaths = case.times("syslog", r"CMD \(/opt/studio/sbin/cleanup"), case.times("syslog", "Main process exited")
    return {
        "root_cause_kind": "kill-pattern-too-broad",
        "root_cause": "cleanup-renders.sh, at minutes 7, 27 and 47, runs pkill -f node to end leftover render helpers; the pattern also matches "
        "'node server.js', the studio API, which systemd starts again after 12 s.",
        "verdict": "root-cause", "culprit": pattern, "culprit_alternatives": [kill], "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job, case.at("syslog", "CMD (/opt/studio/sbin/cleanup-renders.sh)")),
            hop("effect_terminates_process", kill, pattern, died),
            hop("process_terminates", died),
            hop("supervisor_restarts_process", case.at("syslog", "studio-api.service: Scheduled restart job"),
                case.at("studio-api.service", "Restart=always"), case.at("studio-api.service", "RestartSec=12")),
            hop("termination_refuses_connections", case.at("syslog", "111: Connection refused"), died),
            hop("failure_reaches_clients", case.at("access.log", '" 502 '), case.at("syslog", "111: Connection refused")),
        ],
        "mechanism": [
            "cron runs cleanup-renders.sh as root at :07, :27, :47",
            "pkill -f node sends SIGTERM to every process with 'node' in its command line: the helpers and the API",
            "the API has no handler and dies: systemd logs code=killed, status=15/TERM",
            "RestartSec=12: for 12 s and the start-up nginx logs connect() failed (111), a render in flight ends as prematurely closed",
        ],
        "innocent": [
            case.at("cron.d-studio", "start-helper.sh", why="every 20 minutes too, at another phase; only starts helpers"),
            case.at("cron.d-studio", "usage.sh", why="hourly at :07, the same minute as a third of the deaths; only measures"),
            case.at("studio-api.service", "Restart=always", why="it brings the API back"),
        ],
        "period_s": 1200, "lag_s": 1, "lags": {"cron line -> main process exited": case.lag(runs, deaths)},
        "measured": [case.measure("syslog", r"CMD \(/opt/studio/sbin/cleanup"), case.measure("syslog", "Main process exited, code=killed"),
                     case.measure("syslog", "111: Connection refused", join=60), case.measure("access.log", '" 502 ', join=60)],
        "how_made": REAL + " (pkill of procps really signalled); systemd[1]'s lines are the lab's supervisor. nginx logs its errors to syslog.",
    }  # fmt: skip
