# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two independent causes: a watchdog looks for a command line that never is, and photos larger than nginx lets through."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'tulips', serializers: bunyan.stdSerializers });
const app = express();
app.use(express.raw({ type: () => true, limit: '12mb' })); // phones take big pictures
app.post('/fields/:n/photo', (req, res) => { log.info({ field: req.params.n, bytes: req.body.length }, 'photo stored'); res.status(201).end(); });
app.get('/fields/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, colour: 'red' }), 40));
const server = app.listen(2700, '127.0.0.1', () => log.info('fields open'));
process.on('SIGTERM', () => { log.warn('SIGTERM, closing'); server.close(); setTimeout(() => process.exit(0), 900); });
"""

WATCH = """#!/bin/bash
# Is the server still there? systemd gives up after five crashes in a row.
if ! pgrep -f 'node server.js' > /dev/null; then
    echo "$(date +'%b %d %T') tulips is gone, starting it" >> /var/log/tulips-watch.log
    systemctl restart tulips
fi
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 1m;
    server {
        listen 80;
        server_name velden.example.nl;
        location / {
            proxy_pass http://127.0.0.1:2700;
        }
    }
}
"""
PHOTO = """for mb in {}; do head -c $mb /dev/urandom > /tmp/f.jpg; curl -s -o /dev/null -A 'TulipApp/5 (Android 15)' -H 'Host: velden.example.nl' -H 'Content-Type: image/jpeg' -H 'Expect:' --interface 203.0.113.{} --data-binary @/tmp/f.jpg http://127.0.0.1/fields/$((RANDOM % 400 + 1))/photo; sleep 3; done"""

INCIDENT = Incident(
    host="bollen", start="2026-04-25T11:02:00+02:00", minutes=76, factor=28, kind="systemd", zone="Europe/Amsterdam", apps=["/srv/tulips"],
    files={"/srv/tulips/server.js": SERVER, "/usr/local/bin/tulips-watch": WATCH, "/etc/nginx/nginx.conf": NGINX,
           "/usr/local/bin/bulb-prices": "#!/bin/sh\nsleep 7\nlogger -t bulb-prices 'auction closed'\n",
           "/etc/systemd/system/tulips.service": "[Unit]\nDescription=Tulip fields\n\n[Service]\nExecStart=/usr/bin/node /srv/tulips/server.js\nStandardOutput=append:/var/log/tulips.log\nRestart=on-failure\nRestartSec=2\nStartLimitBurst=5\n",
           "/etc/cron.d/tulips": "# m h dom mon dow user command\n*/12 * * * * root /usr/local/bin/tulips-watch\n*/6 * * * * nobody /usr/local/bin/bulb-prices\n"},
    services={"tulips": {"description": "Tulip fields", "command": ["/usr/bin/node", "/srv/tulips/server.js"], "restart": "on-failure", "restart_seconds": 2, "log": {"kind": "plain", "path": "/var/log/tulips.log"}, "wait": 8},
              "nginx": NGINX_UNIT},
    during=[(m, PHOTO.format(sizes, address)) for m, sizes, address in
            [(5.1, "300000 2900000", 11), (9.4, "3400000", 52), (16.9, "640000", 88), (21.3, "4100000 4100000", 52), (29.8, "2500000", 119), (33.4, "410000", 11), (39.2, "3000000", 119), (50.6, "5100000 220000", 201),
             (57.7, "2800000", 88), (65.1, "3900000", 14), (70.3, "900000", 14)]],
    visitors={"base": "http://127.0.0.1", "host": "velden.example.nl", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.04, "paths": [[1, "GET", "/fields/{n}"]]}]},
    collect="""mkdir -p etc/nginx etc/cron.d etc/systemd usr/local/bin srv/tulips var/log/nginx; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/cron.d/tulips etc/cron.d/; cp /etc/systemd/system/tulips.service etc/systemd/
cp /usr/local/bin/tulips-watch /usr/local/bin/bulb-prices usr/local/bin/; cp /srv/tulips/server.js srv/tulips/; cp /var/log/tulips.log /var/log/tulips-watch.log /var/log/syslog var/log/; cp /var/log/nginx/*.log var/log/nginx/; ps -C nginx,node -o pid,user,args > ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log = "usr/local/bin/tulips-watch", "var/log/tulips.log"
    probe, action, job = (
        case.at(script, "pgrep -f 'node server.js'"),
        case.at(script, "systemctl restart tulips"),
        case.at("etc/cron.d/tulips", "tulips-watch"),
    )
    told, stopped, gone = (
        case.at("var/log/tulips-watch.log", "tulips is gone"),
        case.at("var/log/syslog", "Stopping tulips.service"),
        case.at(log, "SIGTERM, closing"),
    )
    refused, failed = case.at("var/log/nginx/error.log", "111: Connection refused"), case.at("var/log/nginx/access.log", '" 502 ')
    size, large = (
        case.at("etc/nginx/nginx.conf", "client_max_body_size 1m"),
        case.at("var/log/nginx/error.log", "client intended to send too large body"),
    )
    return {
        "root_cause_kind": "watchdog-pattern-never-matches",
        "root_cause": "tulips-watch looks for a process 'node server.js', but the unit runs /usr/bin/node /srv/tulips/server.js: pgrep never finds it and every twelve minutes cron has the healthy service restarted. "
        "Apart from that, nginx takes bodies of 1 MB while the application takes 12 MB: photos above that end as 413.",
        "verdict": "root-cause", "culprit": probe, "culprit_alternatives": [action], "culprit_related": [job, case.at("etc/systemd/tulips.service", "ExecStart=/usr/bin/node /srv/tulips/server.js")],
        "chain": [
            hop("job_runs_script", job, case.at("var/log/syslog", "CMD (/usr/local/bin/tulips-watch)")),
            hop("answer_takes_branch", probe, told),
            hop("effect_hits_service", action, stopped, told),
            hop("process_terminates", gone, stopped),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["cron runs tulips-watch every twelve minutes", "pgrep -f 'node server.js' matches nothing: the command line is /usr/bin/node /srv/tulips/server.js", "systemctl restart tulips: SIGTERM, connect() failed (111), 502",
                      "independently: client_max_body_size 1m, photos of some megabytes: 413"],
        "innocent": [case.at("etc/cron.d/tulips", "bulb-prices", why="every six minutes, so at each twelfth too; only logs"), case.whole("usr/local/bin/bulb-prices", "touches nothing"),
                     case.at("etc/systemd/tulips.service", "Restart=on-failure", why="nothing crashed")],
        "period_s": 720, "lag_s": case.lag(case.times("var/log/syslog", "CMD \\(/usr/local/bin/tulips-watch"), case.times("var/log/syslog", "Stopping tulips.service")),
        "measured": [case.measure("var/log/tulips-watch.log", "tulips is gone"), case.measure("var/log/syslog", "Stopping tulips.service"), case.measure("var/log/nginx/error.log", "111: Connection refused", join=60),
                     case.measure("var/log/nginx/access.log", '" 413 ')],
        "other_causes": [{
            "root_cause_kind": "body-limit-below-need",
            "root_cause": "client_max_body_size 1m in nginx.conf, 12 MB in the application: photos of more than one megabyte are refused with 413 before the application sees them.",
            "culprit": size, "culprit_alternatives": [large, case.at("srv/tulips/server.js", "limit: '12mb'")], "period_s": None, "lag_s": None,
            "chain": [hop("configuration_mismatch", size, case.at("srv/tulips/server.js", "limit: '12mb'")), hop("limit_rejects_requests", large, size), hop("failure_reaches_clients", case.at("var/log/nginx/access.log", '" 413 '), large)],
        }],
        "how_made": REAL + " (with express, bunyan) and procps; systemctl is the lab's supervisor.",
    }  # fmt: skip
