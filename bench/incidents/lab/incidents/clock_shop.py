# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release needs a newer schema and the deploy script does not migrate: pm2 starts it again and again, ever more slowly."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const fs = require('fs');
const release = require('./current/release.json');
const found = JSON.parse(fs.readFileSync('/var/lib/clocks/schema.json')).version;
if (found < release.schema) {
  console.error(`fatal: database schema is at ${found}, release ${release.name} needs ${release.schema}. Pending migration: ${release.schema}-engravings`);
  process.exit(1);
}
http.createServer((req, res) => {
  if (req.method === 'POST') console.log(`order ${req.url} taken`);
  setTimeout(() => res.end(JSON.stringify({ clock: req.url, ticks: true })), 60);
}).listen(4455, '127.0.0.1', () => console.log(`clock shop ${release.name} listening on 4455`));
process.on('SIGINT', () => { console.log('SIGINT, closing'); process.exit(0); });
"""

ECOSYSTEM = """{
  "apps": [{
    "name": "clocks",
    "script": "server.js",
    "cwd": "/srv/clocks",
    "exp_backoff_restart_delay": 200,
    "time": true
  }]
}
"""

DEPLOY = r"""#!/bin/bash
# bin/deploy RELEASE
set -e
cd /srv/clocks
ln -sfn "releases/$1" current
# TODO: migrations
pm2 restart clocks --silent
echo "$(date '+%Y/%m/%d %H:%M:%S') released $1 ($USER)" >> /srv/clocks/log/releases.log
"""

MIGRATE = r"""#!/bin/bash
# bin/migrate: brings the schema to what the current release needs
cd /srv/clocks
want=$(sed -n 's/.*"schema": \([0-9]*\).*/\1/p' current/release.json)
echo "{ \"version\": $want }" > /var/lib/clocks/schema.json
echo "$(date '+%Y/%m/%d %H:%M:%S') schema at $want" >> /srv/clocks/log/releases.log
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format shop '$remote_addr - [$time_local] $host "$request" $status $body_bytes_sent up=$upstream_addr/$upstream_status rt=$request_time';
    access_log /var/log/nginx/shop.log shop;
    server {
        listen 80;
        server_name uhren.example.ch;
        location / { proxy_pass http://127.0.0.1:4455; }
    }
}
"""

CRONTAB = """PATH=/usr/local/bin:/usr/bin:/bin
*/5 * * * * /srv/clocks/bin/stock
*/5 * * * * /srv/clocks/bin/wind
0 4 * * * pm2 restart clocks
"""
PM2 = "runuser -u deploy -- env HOME=/home/deploy PM2_HOME=/home/deploy/.pm2 USER=urs PATH=$PATH "
RELEASES = {"r118": 41, "r119": 41, "r120": 42}

INCIDENT = Incident(
    host="zeit", start="2026-11-03T13:02:00+01:00", minutes=78, factor=24, kind="systemd", zone="Europe/Zurich", apps=["/srv/clocks", "/usr/lib/pm2"],
    files={"/srv/clocks/server.js": SERVER, "/srv/clocks/pm2.json": ECOSYSTEM, "/srv/clocks/bin/deploy": DEPLOY, "/srv/clocks/bin/migrate": MIGRATE, "/etc/nginx/nginx.conf": NGINX, "/var/lib/clocks/schema.json": '{ "version": 41 }\n',
           **{f"/srv/clocks/releases/{name}/release.json": f'{{ "name": "{name}", "schema": {schema} }}\n' for name, schema in RELEASES.items()},
           "/srv/clocks/log/releases.log": "2026/10/29 16:40:12 released r118 (urs)\n",
           "/srv/clocks/bin/stock": "#!/bin/sh\nsleep 3\nlogger -t stock '311 clocks'\n", "/srv/clocks/bin/wind": "#!/bin/sh\n# the clock in the shop window\nsleep 1\nlogger -t wind wound\n"},
    crontabs={"deploy": CRONTAB}, owners={"/srv/clocks/log": "deploy", "/var/lib/clocks": "deploy"},
    prepare="ln -s releases/r118 /srv/clocks/current; chown -h deploy: /srv/clocks /srv/clocks/current; mkdir -p /home/deploy/.pm2; chown -R deploy: /home/deploy",
    services={"pm2-deploy": {"description": "PM2 process manager", "command": ["pm2", "start", "/srv/clocks/pm2.json", "--no-daemon"], "directory": "/srv/clocks", "user": "deploy",
                             "environment": {"PM2_HOME": "/home/deploy/.pm2", "HOME": "/home/deploy"}, "restart": "always", "log": {"kind": "plain", "path": "/var/log/pm2.log"}, "wait": 50}, "nginx": NGINX_UNIT},
    during=[(13.2, PM2 + "/srv/clocks/bin/deploy r119"), (31.6, PM2 + "/srv/clocks/bin/deploy r120"), (61.3, PM2 + "/srv/clocks/bin/migrate")],
    visitors={"base": "http://127.0.0.1", "host": "uhren.example.ch", "delay": 110, "visits": [{"perSecond": 0.35, "bots": 0.05, "paths": [[4, "GET", "/clocks/{n}"], [1, "POST", "/orders/{n}", "{}"]]}]},
    collect="""mkdir -p pm2 web clocks/bin; cp /home/deploy/.pm2/logs/* /home/deploy/.pm2/pm2.log /var/log/pm2.log pm2/ 2>/dev/null; cp /srv/clocks/server.js /srv/clocks/pm2.json /srv/clocks/log/releases.log clocks/; cp /srv/clocks/current/release.json clocks/current-release.json
cp /srv/clocks/bin/* clocks/bin/; crontab -u deploy -l > crontab.deploy; cp /var/log/nginx/*.log /etc/nginx/nginx.conf web/; cp /var/log/syslog .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    err, daemon, notes = "pm2/clocks-error.log", "pm2/pm2.log", "clocks/releases.log"
    fatal, exited, told = (
        case.at(err, "fatal: database schema is at 41, release r120 needs 42"),
        case.at(daemon, "exited with code [1]"),
        case.at(notes, "released r120"),
    )
    gap, need, switch = (
        case.at("clocks/bin/deploy", "# TODO: migrations"),
        case.at("clocks/current-release.json", '"schema": 42'),
        case.at("clocks/bin/deploy", "ln -sfn"),
    )
    refused, failed = case.at("web/error.log", "111: Connection refused"), case.at("web/shop.log", '" 502 ')
    return {
        "root_cause_kind": "deploy-without-migration",
        "root_cause": "Release r120 needs schema 42; bin/deploy does not migrate (a TODO says so). The new process finds 41 and exits with 1; pm2 starts it again with an ever longer pause (exp_backoff_restart_delay), until somebody runs bin/migrate half an hour later.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": fatal,
        "culprit_alternatives": [gap, switch, need, told, case.at("clocks/bin/deploy", "pm2 restart clocks"), case.at("clocks/server.js", "found < release.schema"), case.at("clocks/server.js", "process.exit(1)"), case.at("clocks/server.js", "fatal: database schema")],
        "culprit_related": [exited, case.at(notes, "schema at 42")],
        "chain": [
            hop("deploy_changes_configuration", told, switch, need, gap),
            hop("configuration_mismatch", fatal, need, gap, case.at("clocks/server.js", "found < release.schema")),
            hop("crash_ends_process", exited, fatal),
            hop("supervisor_restarts_process", case.at("clocks/pm2.json", "exp_backoff_restart_delay"), exited, case.at(daemon, "will restart in")),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["deploy r120: the link is moved, pm2 restart", "fatal: database schema is at 41, release r120 needs 42; exit 1", "pm2 starts it again, with pauses that grow to fifteen seconds", "connect() failed (111), 502 for everybody", "bin/migrate: schema at 42; the next start stays up"],
        "innocent": [case.at("crontab.deploy", "bin/stock", why="every five minutes, only logs"), case.at("crontab.deploy", "bin/wind", why="every five minutes, only logs"), case.at("crontab.deploy", "pm2 restart clocks", why="at four in the morning, not in these logs"),
                     case.at(notes, "released r119", why="a release that worked"), case.whole("clocks/bin/stock", "touches nothing"), case.whole("clocks/bin/wind", "touches nothing"), case.whole("clocks/bin/migrate", "the mending")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(notes, "released r120")[0]),
        "measured": [case.measure(err, "fatal: database schema"), case.measure(daemon, r"exited with code \[1\]"), case.measure("web/error.log", "111: Connection refused", join=120), case.measure("web/shop.log", '" 502 ', join=120)],
        "timezones": {"all": "Europe/Zurich (+01:00)"},
        "how_made": REAL.replace(" and curl", "") + ", under pm2; systemctl is the lab's supervisor; the schema's number is a file, not a database.",
    }  # fmt: skip
