# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release moves the health page; haproxy goes on asking at the old place, gets 404 and never lets the two healthy servers in again."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ base: { host: process.env.NAME }, messageKey: 'message' });
const { health, version } = require('./release.json');
const app = express();
app.get(health, (req, res) => res.json({ ok: true }));
app.get('/api/eggs/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, fresh: true }), 40));
app.get('/', (req, res) => res.send('<h1>farm shop</h1>'));
app.use((req, res) => { log.warn({ method: req.method, url: req.url, ua: req.headers['user-agent'] || '-' }, 'no route'); res.status(404).end(); });
app.listen(Number(process.env.PORT), '127.0.0.1', () => log.info({ version, health }, 'farm shop open'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

HAPROXY = """global
    log /dev/log local0 info
    maxconn 400

defaults
    mode http
    log global
    option httplog
    option dontlognull
    timeout connect 4s
    timeout client 40s
    timeout server 40s
    timeout check 3s

frontend public
    bind :80
    default_backend farm

backend farm
    balance roundrobin
    option httpchk
    http-check send meth GET uri /health ver HTTP/1.1 hdr Host farm.example.co.nz
    http-check expect status 200
    default-server inter 5s fall 3 rise 2
    server farm1 127.0.0.1:7001 check
    server farm2 127.0.0.1:7002 check
"""

DEPLOY = """#!/bin/sh
# deploy.sh VERSION
set -e
say() { echo "$(date '+%Y-%m-%d %H:%M:%S') deploy $VERSION: $*" | tee -a /srv/farm/deploy.log | logger -t deploy; }
VERSION=$1
say "unpack"
tar -xf "/srv/farm/builds/$VERSION.tar" -C /srv/farm
for unit in farm1 farm2; do
    systemctl restart $unit
    sleep 12
done
say "finished"
"""

CHANGES = """# Changes

## 3.2.0

- eggs: show the laying date
- all machine pages live under /api now, the health page too (/api/health)
- pino 9

## 3.1.4

- prices in the basket are rounded once
"""

PREPARE = """mkdir -p /srv/farm/builds && cd /tmp
for v in 3.1.4:/health 3.1.5:/health 3.2.0:/api/health; do
printf '{ "version": "%s", "health": "%s" }\\n' ${v%%:*} ${v#*:} > release.json; tar -cf /srv/farm/builds/${v%%:*}.tar release.json; done
tar -xf /srv/farm/builds/3.1.4.tar -C /srv/farm"""

FARM = {
    "command": ["/usr/bin/node", "server.js"],
    "directory": "/srv/farm",
    "restart": "always",
    "log": {"kind": "plain", "path": "/var/log/farm.log"},
    "wait": 7,
}
INCIDENT = Incident(
    host="paddock", start="2026-05-12T09:25:00+12:00", minutes=66, factor=26, kind="systemd", zone="Pacific/Auckland", apps=["/srv/farm"],
    files={"/srv/farm/server.js": SERVER, "/etc/haproxy/haproxy.cfg": HAPROXY, "/srv/farm/deploy.sh": DEPLOY, "/srv/farm/CHANGES.md": CHANGES,
           "/usr/local/sbin/weigh-lambs": "#!/bin/sh\nsleep 3\nlogger -t weigh-lambs '14 weighed'\n", "/usr/local/sbin/stock-mail": "#!/bin/sh\nlogger -t stock-mail 'nothing low'\n"},
    crontabs={"root": "*/10 * * * * /usr/local/sbin/weigh-lambs\n2 * * * * /usr/local/sbin/stock-mail\n"}, prepare=PREPARE,
    services={"farm1": {"description": "Farm shop 1", **FARM, "environment": {"PORT": "7001", "NAME": "farm1"}}, "farm2": {"description": "Farm shop 2", **FARM, "environment": {"PORT": "7002", "NAME": "farm2"}},
              "haproxy": {"description": "HAProxy Load Balancer", "command": ["haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg"], "restart": "always"}},
    during=[(12.1, "/srv/farm/deploy.sh 3.1.5"), (38.6, "/srv/farm/deploy.sh 3.2.0")],
    visitors={"base": "http://127.0.0.1", "host": "farm.example.co.nz", "delay": 90, "visits": [{"perSecond": 0.35, "bots": 0.03, "paths": [[3, "GET", "/api/eggs/{n}"], [2, "GET", "/"]]}]},
    collect="""cp /etc/haproxy/haproxy.cfg /srv/farm/server.js /srv/farm/deploy.sh /srv/farm/deploy.log /srv/farm/CHANGES.md /srv/farm/release.json .
grep haproxy /var/log/syslog > haproxy.log; grep -v haproxy /var/log/syslog > syslog; cp /var/log/farm.log farm.ndjson; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    check, moved = case.at("haproxy.cfg", "http-check send meth GET uri /health"), case.at("release.json", "/api/health")
    down, none = (
        case.at("haproxy.log", "Server farm/farm1 is DOWN", nth=3),
        case.at("haproxy.log", "has no server available!", nth=2),
    )
    begin = case.at("deploy.log", "deploy 3.2.0: unpack")
    failed = case.at("haproxy.log", "farm/<NOSRV>")
    asked = case.at("farm.ndjson", '"url":"/health"')
    onset = case.times("haproxy.log", "has no server available!")[1]
    return {
        "root_cause_kind": "health-check-misreads-not-found",
        "root_cause": "Release 3.2.0 moved the health page to /api/health; haproxy.cfg still asks /health and wants 200. The release's restarts take both servers out for some seconds, as every release does (connection refused), and this time the checks never bring them back: GET /health answers 404 from two healthy servers, 503 for everybody until the end of the log.",
        "verdict": "root-cause", "culprit": check, "culprit_alternatives": [case.at("haproxy.cfg", "http-check expect status 200"), moved, case.at("CHANGES.md", "the health page too")], "culprit_related": [begin, down],
        "chain": [
            hop("deploy_changes_configuration", begin, case.at("deploy.log", "deploy 3.2.0: finished"), case.at("deploy.sh", "tar -xf"), moved, case.at("CHANGES.md", "/api/health"), case.at("farm.ndjson", '"version":"3.2.0"')),
            hop("probe_gets_answer", check, asked),
            hop("answer_takes_branch", down, none, case.at("haproxy.cfg", "rise 2"), case.at("haproxy.cfg", "http-check expect status 200")),
            hop("failure_reaches_clients", failed, none),
        ],
        "mechanism": ["deploy 3.2.0: the health page is now /api/health", "each restart: connection refused, Server farm/farm1 is DOWN, then farm/farm2", "haproxy asks GET /health: 404, so neither is UP again: backend farm has no server available!",
                      "503 (SC--, <NOSRV>) for everybody, while both servers run"],
        "innocent": [case.at("deploy.log", "deploy 3.1.5: unpack", why="the same page as before: the servers were down for half a minute in turn and came back"), case.at("crontab", "weigh-lambs", why="every ten minutes, only logs"),
                     case.at("crontab", "stock-mail", why="only logs"), case.at("haproxy.cfg", "timeout check 3s", why="the checks are answered at once")],
        "period_s": None, "lag_s": case.lag(case.times("deploy.log", "deploy 3.2.0: unpack"), [onset], 600), "step_change_at": str(onset),
        "measured": [case.measure("haproxy.log", "is DOWN"), case.measure("haproxy.log", " 503 "), case.measure("haproxy.log", " 200 ")],
        "how_made": REAL.replace("nginx 1.22", "haproxy 2.6") + " (with express, pino); systemctl is the lab's supervisor. The version is read from release.json so that one server.js serves all three releases.",
    }  # fmt: skip
