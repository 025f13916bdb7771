# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A back end on another machine stands still three times, for half a minute each; what was handed over does not say why."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');

const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.printf((i) => `${i.timestamp} ${i.level} ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
app.get('/bus/:stop', (req, res) => setTimeout(() => {
  if (Number(req.params.stop) > 850) return res.sendStatus(404);
  log.info(`GET ${req.originalUrl} 200`);
  return res.json({ stop: req.params.stop, minutes: Number(req.params.stop) % 17 });
}, 30 + Math.random() * 120));
app.post('/reports', (req, res) => setTimeout(() => { log.info('POST /reports 202'); res.sendStatus(202); }, 180));
app.listen(9300, '172.18.0.40', () => log.info('lane listening on 9300'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/lane.error.log;
events {}
http {
    log_format lane '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "-" "$http_user_agent" rt=$request_time uct=$upstream_connect_time urt=$upstream_response_time';
    access_log /var/log/nginx/lane.access.log lane;
    server {
        listen 80;
        server_name lane.example.ie;
        # the application lives on app1 (172.18.0.40), this machine is only the proxy
        location / {
            proxy_pass http://172.18.0.40:9300;
            proxy_connect_timeout 4s;
            proxy_read_timeout 10s;
        }
        location = / { return 200 "Quarry Lane\\n"; }
    }
}
"""

CRON = """# proxy machine, root
*/15 * * * * /usr/local/sbin/ban-bots
0 * * * *    /usr/local/sbin/geoip-check
"""

MAIL = """Subject: Fwd: app slow again this morning?

Three of the drivers say the board "hung" before nine. It comes back by itself.
I only have the proxy. Declan has app1, he is on leave until Thursday; I got his
application log through the panel, nothing else. He once said that app1 is
snapshotted and backed up "by the provider", no idea when.

  nuala
"""

INCIDENT = Incident(
    host="edge1", start="2026-09-14T07:48:00+01:00", minutes=70, factor=30, zone="Europe/Dublin", apps=["/srv/lane"],
    files={"/srv/lane/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/usr/lib/lab/mail.txt": MAIL,
           "/usr/local/sbin/ban-bots": "#!/bin/sh\n# addresses that asked for /.env go into the set\nsleep 3\nlogger -t ban-bots \"$(grep -c '/.env' /var/log/nginx/lane.access.log) requests for .env so far\"\n",
           "/usr/local/sbin/geoip-check": "#!/bin/sh\nsleep 14\nlogger -t geoip-check 'data base is of this month'\n"},
    crontabs={"root": CRON},
    prepare="mkdir -p /var/log/lane",
    services={"lane": {"container": "lane", "image": "lane:12", "command": ["node", "server.js"], "directory": "/srv/lane", "environment": {"TZ": "UTC"}, "restart": "always", "log": {"kind": "plain", "path": "/var/log/lane/app.log"}, "wait": 8},
              "edge": NGINX_CONTAINER},
    during=[(14.6, "docker pause lane; sleep 38; docker unpause lane"), (27.3, "docker pause lane; sleep 27; docker unpause lane"), (57.9, "docker pause lane; sleep 44; docker unpause lane")],
    visitors={"base": "http://127.0.0.1", "host": "lane.example.ie", "delay": 40, "visits": [{"perSecond": 0.45, "bots": 0.06, "aborts": 0.03, "abortAfter": 0.1, "paths": [[9, "GET", "/bus/{n}"], [1, "POST", "/reports", "{}"], [1, "GET", "/"]]}]},
    collect="""mkdir -p edge1 app1; cp /usr/lib/lab/mail.txt mail.txt; cp /etc/nginx/nginx.conf edge1/; cp /var/log/nginx/*.log edge1/; cp /var/log/syslog edge1/; cp /var/spool/cron/crontabs/root edge1/crontab-root.txt; cp /usr/local/sbin/ban-bots /usr/local/sbin/geoip-check edge1/; cp /var/log/lane/app.log app1/panel-export.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    errors, access, app = "edge1/lane.error.log", "edge1/lane.access.log", "app1/panel-export.log"
    late, failed = case.at(errors, "110: Connection timed out"), case.at(access, '" 504 ')
    return {
        "root_cause_kind": "unknown-backend-standstill",
        "root_cause": "Three times (from 08:02:36, 08:15:17 and 08:45:59, for 30 to 54 s, no common distance) app1 accepts connections and answers nothing; nginx gives up after proxy_read_timeout 10 s: 504. The application's log falls silent and goes on with the same process. "
        "What held it (a snapshot of the machine, a long piece of work, memory, its disk) the files do not say: of app1 there is only its application log. (In truth the process was stopped from outside.)",
        "verdict": "undetermined", "verdict_accepted": [], "expected_confidence": "low",
        "ask_for": ["syslog, dmesg or journal of app1", "the provider's times of snapshots and backups of app1", "crontab and timers of app1", "load, memory and steal time of app1 (sar, atop), event loop delay of the application", "the application's source and configuration"],
        "culprit": {"file": None, "line": None}, "culprit_related": [late, failed],
        "chain": [],
        "mechanism": ["app1 stands still: connections are accepted by its kernel, no answer comes", "nginx: upstream timed out (110) while reading response header, 504 after 10 s", "after half a minute app1 goes on, without a restart; requests that nginx had given up are still answered and logged"],
        "innocent": [
            case.at("edge1/crontab-root.txt", "ban-bots", why="on the proxy, every quarter of an hour; two standstills begin within a minute of a run, the other runs have none and the first standstill no run"), case.at("edge1/crontab-root.txt", "geoip-check", why="on the proxy, once"), case.whole("edge1/ban-bots", "reads a log on the proxy"), case.whole("edge1/geoip-check", "reads on the proxy"),
            case.at("edge1/nginx.conf", "proxy_read_timeout 10s", why="shows the standstill, does not make it; answers take 0.2 s otherwise"),
        ],
        "period_s": None, "lag_s": None, "lags": {},
        "measured": [case.measure(errors, "110: Connection timed out", join=60), case.measure(access, '" 504 ', join=60), case.measure(app, "listening on 9300"), case.measure(app, "SIGTERM")],
        "timezones": {"edge1": "Europe/Dublin (+01:00)", "app1": "UTC"},
        "how_made": REAL + " (with express and winston); app1 is another address of the same machine, its process was stopped and continued (SIGSTOP, SIGCONT) by hand. The mail is written by hand.",
    }  # fmt: skip
