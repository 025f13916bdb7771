# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release runs one process where there were two; nginx still has the second one's port in its upstream, and as nothing is tried twice, some requests get 502."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const bunyan = require('bunyan');
const port = Number(process.argv[2]);
const log = bunyan.createLogger({ name: 'hire', port, src: false });
let taken = 0;
http.createServer((req, res) => {
  if (req.method === 'POST') {
    taken += 1;
    log.info({ path: req.url, taken }, 'hired');
  }
  setTimeout(() => {
    if (Math.random() < 0.01) log.warn({ path: req.url }, 'price list older than a day');
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ sledge: req.url, free: 4 }));
  }, 80);
}).listen(port, '127.0.0.1', () => log.info({ release: process.env.RELEASE }, 'open'));
process.on('SIGTERM', () => { log.info('SIGTERM, closing'); process.exit(0); });
"""

RELEASE = r"""#!/bin/bash
# ./release.sh VERSION
set -euo pipefail
cd /srv/hire
log() { echo "$(date '+%d.%m.%Y %H:%M:%S') $*" | tee -a /var/log/hire/release.log; }
log "release $1"
ln -sfn "/srv/hire/releases/$1" /srv/hire/current
echo "RELEASE=$1" > /etc/hire.env
# 3.0: the price table lives in the process, so there may only be one
if systemctl is-active --quiet hire@4302; then
    systemctl disable --now hire@4302
    log "hire@4302 off"
fi
systemctl restart hire@4301
log "hire@4301 on $1"
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format up '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$upstream_addr" $upstream_status $request_time';
    access_log /var/log/nginx/access.log up;
    include /etc/nginx/sites-enabled/*;
}
"""
SITE = """upstream hire {
    server 127.0.0.1:4301;
    server 127.0.0.1:4302;
}

server {
    listen 80;
    server_name schlitten.example.at;

    location /bilder/ {
        root /srv/hire/public;
    }
    location / {
        proxy_pass http://hire;
        # a booking must never be sent twice
        proxy_next_upstream off;
        proxy_set_header Host $host;
    }
}
"""
UNIT = """[Unit]
Description=Sledge hire on port %i

[Service]
User=hire
EnvironmentFile=/etc/hire.env
WorkingDirectory=/srv/hire/current
ExecStart=/usr/bin/node server.js %i
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
CRON = """*/10 * * * * root /srv/hire/bin/piste >/dev/null
*/10 * * * * root /srv/hire/bin/probe
20 4 * * * root systemctl restart hire@4301
"""
PROBE = r"""#!/bin/bash
# state for the monitor in the office
for port in 4301; do
    code=$(curl -s -m 30 -o /dev/null -w '%{http_code}' http://127.0.0.1:$port/health)
    logger -t hire-probe "port $port: $code"
done
"""


def unit(port: str) -> dict[str, Any]:
    return {"description": f"Sledge hire on port {port}", "command": ["/usr/bin/node", "/srv/hire/current/server.js", port], "user": "hire", "environment_file": "/etc/hire.env", "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/hire/hire.log"}, "wait": 5}  # fmt: skip


INCIDENT = Incident(
    host="alm", start="2026-01-24T08:20:00+01:00", minutes=108, factor=30, kind="systemd", zone="Europe/Vienna", apps=["/srv/hire"], users=["hire"],
    files={"/srv/hire/releases/2.9/server.js": SERVER, "/srv/hire/releases/2.9.1/server.js": SERVER, "/srv/hire/releases/3.0/server.js": SERVER, "/srv/hire/release.sh": RELEASE, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/sites-enabled/schlitten": SITE, "/etc/systemd/system/hire@.service": UNIT, "/etc/hire.env": "RELEASE=2.9\n", "/etc/cron.d/hire": CRON,
           "/srv/hire/bin/probe": PROBE, "/srv/hire/bin/piste": "#!/bin/bash\n# snow report\nsleep 6\nlogger -t piste 'snow 84 cm, -6 C'\n", "/srv/hire/public/bilder/rodel.jpg": "x" * 3000,
           "/srv/hire/bin/release-29x": "#!/bin/bash\nset -e\nsay() { echo \"$(date '+%d.%m.%Y %H:%M:%S') $*\" >> /var/log/hire/release.log; }\nsay \"release $1\"\nln -sfn /srv/hire/releases/$1 /srv/hire/current\necho RELEASE=$1 > /etc/hire.env\nfor p in 4301 4302; do systemctl restart hire@$p; say \"hire@$p on $1\"; sleep 15; done\n"},
    prepare="ln -s /srv/hire/releases/2.9 /srv/hire/current; mkdir -p /var/log/hire",
    services={"hire@4301": unit("4301"), "hire@4302": unit("4302"), "nginx": NGINX_UNIT},
    during=[(17.2, "/srv/hire/bin/release-29x 2.9.1"), (46.5, "sed -i 's/disable --now/stop/' /srv/hire/release.sh; /srv/hire/release.sh 3.0; sed -i 's/systemctl stop/systemctl disable --now/' /srv/hire/release.sh")],
    visitors={"base": "http://127.0.0.1", "host": "schlitten.example.at", "delay": 60, "visits": [{"perSecond": 0.4, "bots": 0.05, "aborts": 0.003, "paths": [[6, "GET", "/sledges/{n}"], [2, "POST", "/hires/{n}", "{}"], [1, "GET", "/bilder/rodel.jpg"]]}]},
    collect="""mkdir -p etc/nginx/sites-enabled etc/systemd etc/cron.d var/log/nginx srv/bin; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/sites-enabled/schlitten etc/nginx/sites-enabled/; cp /etc/systemd/system/hire@.service etc/systemd/; cp /etc/cron.d/hire etc/cron.d/; cp /etc/hire.env etc/
cp /srv/hire/release.sh srv/; cp /srv/hire/bin/probe /srv/hire/bin/piste srv/bin/; cp /var/log/hire/*.log /var/log/syslog var/log/; cp /var/log/nginx/*.log var/log/nginx/; (ss -ltnp 2>/dev/null || true) | sed 's/users:.*//' > ss-ltn.txt; [ -s ss-ltn.txt ] || rm ss-ltn.txt; rotate var/log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    site, script, notes, errors, log = (
        "etc/nginx/sites-enabled/schlitten",
        "srv/release.sh",
        "var/log/release.log",
        "var/log/nginx/error.log",
        "var/log/nginx/access.log",
    )
    member, once, off = (
        case.at(site, "server 127.0.0.1:4302"),
        case.at(site, "proxy_next_upstream off"),
        case.at(script, "systemctl disable --now hire@4302"),
    )
    told, stopped = case.at(notes, "hire@4302 off"), case.at("var/log/syslog", "Stopping hire@4302.service", nth=2)
    refused, failed = case.at(errors, 'upstream: "http://127.0.0.1:4302'), case.at(log, '"127.0.0.1:4302" 502')
    return {
        "root_cause_kind": "upstream-keeps-removed-instance",
        "root_cause": "Release 3.0 (09:06) runs one process and switches hire@4302 off, but nginx' upstream still lists 127.0.0.1:4302. nginx goes on trying it as soon as fail_timeout (10 s) is over, and as proxy_next_upstream is off, each such request ends in 502 instead of going to 4301. It began with the release and goes on; nothing restarts.",
        "verdict": "root-cause", "culprit": member, "culprit_alternatives": [off, told], "culprit_related": [once, stopped, case.at("ss-ltn.txt", "127.0.0.1:4301", why="nobody listens on 4302"), case.at(script, "there may only be one")],
        "chain": [
            hop("deploy_changes_configuration", off, told, stopped),
            hop("configuration_mismatch", member, refused, once),
            hop("termination_refuses_connections", refused, told, stopped),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["release.sh 3.0: hire@4302 off, hire@4301 restarted", "nginx was not told: the upstream keeps 4302", "connect() failed (111) to 127.0.0.1:4302, time and again, ten seconds or more apart", "proxy_next_upstream off: no second try, 502 for a part of the requests, until the end of the logs"],
        "contributing": [case.at(site, "proxy_next_upstream off", why="with the default the other process would have answered")],
        "innocent": [case.at(notes, "release 2.9.1", why="release 29 minutes before; both processes restarted one by one, well again at once"), case.at("etc/cron.d/hire", "bin/piste", why="every ten minutes, only logs"), case.at("etc/cron.d/hire", "bin/probe", why="asks only 4301 and always gets 200; restarts nothing"), case.at("etc/cron.d/hire", "restart hire@4301", why="at 4:20, not in these logs"),
                     case.at("etc/systemd/hire@.service", "Restart=on-failure", why="nothing crashed"), case.whole("srv/bin/piste", "touches nothing")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(notes, "hire@4302 off")[0]),
        "lags": {"hire@4302 off -> first refused": case.lag(case.times(notes, "hire@4302 off"), case.times(errors, "127.0.0.1:4302"), 120)},
        "measured": [case.measure(errors, "127.0.0.1:4302"), case.measure(errors, "127.0.0.1:4301"), case.measure(log, '"127.0.0.1:4302" 502')],
        "timezones": {"hire.log": "UTC (Z)", "others": "Europe/Vienna (+01:00)"},
        "how_made": REAL + " (with bunyan); systemctl and systemd[1]'s lines are the lab's supervisor (which knows no `disable`: there it was a stop).",
    }  # fmt: skip
