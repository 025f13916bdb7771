# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A preview was set up on the site's own port; it waits in a crash loop until the site is restarted, and takes the port."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ name: 'kites' });
const app = express();
app.get('/winds/:n', (req, res) => res.json({ station: req.params.n, knots: 14 }));
app.get('/', (req, res) => res.send('<h1>kites</h1>'));
const port = Number(process.env.PORT || 3000);
const server = app.listen(port, '127.0.0.1');
server.on('listening', () => log.info({ port }, 'listening'));
server.on('error', (error) => { log.fatal({ code: error.code, port }, error.message); process.exitCode = 1; });
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

PREVIEW = r"""// preview of the new home page
const http = require('http');
http.createServer((req, res) => {
  if (req.url === '/') return res.end('<h1>kites (preview)</h1>');
  return res.writeHead(404).end('not in the preview');
}).listen(process.env.PORT, '127.0.0.1', () => console.log(`preview on ${process.env.PORT}`));
process.on('SIGTERM', () => process.exit(0));
"""
UNIT = "[Unit]\nDescription={}\nAfter=network.target\n\n[Service]\nEnvironment=PORT=4000\nWorkingDirectory=/srv/{}\nExecStartPre=/bin/sleep {}\nExecStart=/usr/bin/node {}\nRestart=always\nRestartSec={}\n"

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name kites.example.com.au;
        location / { proxy_pass http://127.0.0.1:4000; }
    }
    server {
        listen 80;
        server_name preview.kites.example.com.au;
        location / { proxy_pass http://127.0.0.1:4001; }
    }
}
"""

INCIDENT = Incident(
    host="breeze", start="2026-01-20T14:03:00+11:00", minutes=54, factor=24, kind="systemd", zone="Australia/Sydney", apps=["/srv/kites"],
    files={"/srv/kites/server.js": SERVER, "/srv/preview/preview.js": PREVIEW, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/kites.service": UNIT.format("Kites", "kites", 25, "server.js", 6),
           "/etc/systemd/system/kites-preview.service": UNIT.format("Kites preview", "preview", 1, "preview.js", 15),
           "/srv/kites/deploy.sh": "#!/bin/sh\nset -e\necho \"$(date '+%F %T') $1 $USER\" >> /srv/kites/deploys.log\nsed -i \"s/^VERSION=.*/VERSION=$1/\" /srv/kites/.version\nsystemctl restart kites\n",
           "/srv/kites/.version": "VERSION=77\n", "/srv/kites/deploys.log": "2026-01-13 09:41:12 76 priya\n2026-01-19 17:20:31 77 tom\n",
           "/srv/kites/buoys.sh": "#!/bin/sh\nsleep 3\nlogger -t buoys 'read 9'\n"},
    crontabs={"root": "*/10 * * * * /srv/kites/buoys.sh\n"},
    services={"kites": {"description": "Kites", "command": ["/bin/sh", "-c", "sleep 25; exec /usr/bin/node server.js"], "directory": "/srv/kites", "environment": {"PORT": "4000"}, "restart": "always", "restart_seconds": 6,
                        "log": {"kind": "syslog", "tag": "node"}, "wait": 60},
              "kites-preview": {"description": "Kites preview", "command": ["/usr/bin/node", "preview.js"], "directory": "/srv/preview", "environment": {"PORT": "4000"}, "restart": "always", "restart_seconds": 15,
                                "log": {"kind": "syslog", "tag": "node"}, "wait": 4},
              "nginx": NGINX_UNIT},
    during=[(26.7, "USER=priya /srv/kites/deploy.sh 78")],
    visitors={"base": "http://127.0.0.1", "host": "kites.example.com.au", "delay": 120, "visits": [{"perSecond": 0.2, "bots": 0.04, "paths": [[4, "GET", "/winds/{n}"], [2, "GET", "/"]]}]},
    collect="""mkdir units; cp /etc/systemd/system/kites*.service units/; cp /srv/kites/server.js /srv/kites/deploy.sh /srv/kites/deploys.log /srv/kites/buoys.sh /srv/preview/preview.js /etc/nginx/nginx.conf .; crontab -l > crontab
cp /var/log/nginx/access.log /var/log/nginx/error.log .; cp /var/log/syslog journal.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    mine, site = (
        case.at("units/kites-preview.service", "Environment=PORT=4000"),
        case.at("units/kites.service", "Environment=PORT=4000"),
    )
    log = "journal.log"
    taken, up, exited = (
        case.at(log, '"code":"EADDRINUSE"'),
        case.at(log, "preview on 4000"),
        case.at(log, "kites.service: Main process exited, code=exited, status=1/FAILURE"),
    )
    wanted = case.at("nginx.conf", "proxy_pass http://127.0.0.1:4001")
    lost_at = next(number for number, line in enumerate(case.lines("access.log"), 1) if "/winds/" in line and '" 404 ' in line)
    lost = {"file": "access.log", "line": lost_at, "text": '" 404 '}
    return {
        "root_cause_kind": "port-taken-by-other-service",
        "root_cause": "kites-preview.service was given the site's own port (PORT=4000; nginx expects it at 4001). It crash-loops with EADDRINUSE while the site runs; when deploy 78 restarts the site, the preview is quicker and takes 4000. "
        "From then on the site crash-loops with EADDRINUSE and visitors get the preview: 404 for every page but the first.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": mine, "culprit_alternatives": [site, taken, case.at("units/kites-preview.service", "ExecStart=")],
        "culprit_related": [wanted, up, case.at("deploys.log", " 78 ")],
        "chain": [
            hop("configuration_mismatch", mine, site, wanted, taken, up),
            hop("crash_ends_process", exited, taken),
            hop("supervisor_restarts_process", case.at(log, "kites.service: Scheduled restart job"), case.at("units/kites.service", "Restart=always")),
            hop("failure_reaches_clients", lost, up),
        ],
        "mechanism": ["both units say PORT=4000; the preview crash-loops with EADDRINUSE, unnoticed", "deploy 78 restarts the site, which needs half a minute to start", "the preview takes the port: 'preview on 4000'",
                      "the site: EADDRINUSE, exit status 1, again and again", "nginx passes visitors to the preview: 404 for /winds/N"],
        "innocent": [case.at("crontab", "buoys.sh", why="every ten minutes, only logs"), case.whole("buoys.sh", "touches nothing"), case.at("deploy.sh", "systemctl restart kites", why="an ordered restart as on the days before; it only gave the preview its chance"),
                     case.at("units/kites.service", "Restart=always", why="repeats the crash, is not its cause")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(log, "preview on 4000")[0]),
        "measured": [case.measure(log, "EADDRINUSE"), case.measure("access.log", "/winds/.*\" 404 "), case.measure("access.log", "/winds/.*\" 200 ")],
        "how_made": REAL + " (with express, pino); systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
