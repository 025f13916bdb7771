# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release moves the port and brings nginx' new file with a typing error; the reload fails, nobody looks, nginx goes on with the old port."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY/MM/DD HH:mm:ss' }), winston.format.printf((i) => `${i.timestamp} [${i.level}] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/ink/ink.log' })],
});
const port = Number(process.env.INK_PORT);
http.createServer((req, res) => setTimeout(() => res.end('<h1>ink</h1>'), 25)).listen(port, '127.0.0.1', () => log.info(`ink ${process.env.INK_VERSION} listening on ${port}`));
process.on('SIGTERM', () => { log.info('stopping'); process.exit(0); });
"""

SITE = """server {
    listen 80;
    server_name ink.example.com;
    client_max_body_size 2m;
    location / {
        proxy_pass http://127.0.0.1:%s;
        proxy_set_header Host $host;
        %s 45s;
    }
}
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    include /etc/nginx/sites/*.conf;
}
"""

DEPLOY = """#!/bin/bash
# deploy.sh DIRECTORY   (needs root)
release=$1
log=/var/log/ink/deploy.log
{
    echo "== $(date '+%Y-%m-%d %H:%M:%S') $release"
    cp "$release/ink.env" /srv/ink/ink.env
    cp "$release/ink.conf" /etc/nginx/sites/ink.conf
    systemctl restart ink
    nginx -s reload
    echo "done"
} >> $log 2>&1
"""

PREPARE = """mkdir -p /var/log/ink /etc/nginx/sites; cp /srv/ink/releases/12/ink.conf /etc/nginx/sites/; cp /srv/ink/releases/12/ink.env /srv/ink/"""
INCIDENT = Incident(
    host="quill", start="2026-11-10T09:12:00-05:00", minutes=56, factor=26, kind="systemd", zone="America/New_York", apps=["/srv/ink"],
    files={"/srv/ink/server.js": SERVER, "/srv/ink/deploy.sh": DEPLOY, "/etc/nginx/nginx.conf": NGINX,
           **{f"/srv/ink/releases/{n}/ink.conf": SITE % (port, word) for n, port, word in ((12, 5001, "proxy_read_timeout"), (13, 5001, "proxy_read_timeout"), (14, 5100, "proxy_read_timout"))},
           **{f"/srv/ink/releases/{n}/ink.env": f"INK_VERSION={n}\nINK_PORT={port}\n" for n, port in ((12, 5001), (13, 5001), (14, 5100))},
           "/srv/ink/refill.sh": "#!/bin/sh\nsleep 5\nlogger -t refill 'levels fine'\n"},
    crontabs={"root": "*/10 * * * * /srv/ink/refill.sh\n"}, prepare=PREPARE,
    services={"ink": {"description": "Ink", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/ink", "environment_file": "/srv/ink/ink.env", "restart": "always", "wait": 8}, "nginx": NGINX_UNIT},
    during=[(10.4, "cd /srv/ink; ./deploy.sh releases/13"), (31.9, "cd /srv/ink; ./deploy.sh releases/14")],
    visitors={"base": "http://127.0.0.1", "host": "ink.example.com", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.05, "paths": [[2, "GET", "/"], [3, "GET", "/bottles/{n}"]]}]},
    collect="""mkdir -p nginx/sites log; cp /etc/nginx/nginx.conf nginx/; cp /etc/nginx/sites/ink.conf nginx/sites/; cp /srv/ink/server.js /srv/ink/deploy.sh /srv/ink/ink.env /srv/ink/refill.sh .; crontab -l > crontab
cp /var/log/ink/*.log /var/log/syslog log/; cp /var/log/nginx/access.log log/nginx_access.log; cp /var/log/nginx/error.log log/nginx_error.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    typo, reload = case.at("nginx/sites/ink.conf", "proxy_read_timout"), case.at("deploy.sh", "nginx -s reload")
    emerg, told = case.at("log/deploy.log", "[emerg]"), case.at("log/deploy.log", "releases/14")
    listening = case.at("log/ink.log", "listening on 5100")
    onset = case.times("log/ink.log", "listening on 5100")[0]
    earlier = sum(time < onset for time in case.times("log/nginx_error.log", "111: Connection refused"))
    refused = case.at("log/nginx_error.log", "111: Connection refused", nth=earlier + 1)
    failed = case.at(
        "log/nginx_access.log", '" 502 ', nth=sum(time < onset for time in case.times("log/nginx_access.log", '" 502 ')) + 1
    )
    return {
        "root_cause_kind": "reload-fails-old-configuration",
        "root_cause": "Release 14 moved the application to port 5100 and brought an ink.conf with `proxy_read_timout`: nginx -s reload refuses it ([emerg] unknown directive) and deploy.sh does not look; nginx goes on asking port 5001, "
        "where nobody listens any more: connect() failed (111), 502 until the end of the log. A restart of nginx would fail altogether.",
        "verdict": "root-cause", "culprit": typo, "culprit_alternatives": [reload, emerg], "culprit_related": [told, case.at("ink.env", "INK_PORT=5100"), case.at("nginx/sites/ink.conf", "127.0.0.1:5100")],
        "chain": [
            hop("deploy_changes_configuration", told, reload, case.at("deploy.sh", "systemctl restart ink"), case.at("deploy.sh", 'cp "$release/ink.conf"'), emerg, listening, case.at("ink.env", "INK_PORT=5100")),
            hop("configuration_mismatch", emerg, typo, listening, refused),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["deploy.sh releases/14: the application listens on 5100", "nginx -s reload: [emerg] unknown directive proxy_read_timout; the old workers go on", "they ask 127.0.0.1:5001: connect() failed (111)", "502 for everybody"],
        "innocent": [case.at("log/deploy.log", "releases/13", why="the same port, reloaded well"), case.at("crontab", "refill.sh", why="every ten minutes, only logs"), case.whole("refill.sh", "touches nothing"),
                     case.at("nginx/sites/ink.conf", "client_max_body_size 2m", why="no 413")],
        "period_s": None, "lag_s": None, "step_change_at": str(onset),
        "measured": [case.measure("log/nginx_error.log", "111: Connection refused"), case.measure("log/nginx_access.log", '" 502 '), case.measure("log/deploy.log", "== ")],
        "how_made": REAL + " (with winston); systemctl is the lab's supervisor.",
    }  # fmt: skip
