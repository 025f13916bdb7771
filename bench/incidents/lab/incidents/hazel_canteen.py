# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two independent causes: the menu import ends by restarting the service each quarter of an hour; since noon's release the invoices listen on another port than nginx asks."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const pino = require('pino');
const log = pino({ base: { app: 'canteen' }, timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
const server = createServer(app);
const io = new Server(server);
const menu = require('fs').readFileSync('/srv/canteen/menu.txt', 'utf8').split('\n').length;
app.get('/menu/:n', (req, res) => setTimeout(() => res.json({ day: req.params.n, dishes: menu }), 50));
app.post('/meals', express.json(), (req, res) => {
  if (req.body.card % 65 === 0) { log.warn({ card: req.body.card }, 'card is empty'); return res.status(402).end(); }
  log.info({ card: req.body.card }, 'meal');
  return res.status(201).end();
});
app.get('/', (req, res) => res.send('<h1>Canteen</h1>'));
io.on('connection', (socket) => socket.on('disconnect', (reason) => log.info({ id: socket.id, reason }, 'screen gone')));
server.listen(4400, '127.0.0.1', () => log.info({ dishes: menu }, 'canteen up'));
process.on('SIGTERM', () => { log.info('SIGTERM'); io.close(); setTimeout(() => process.exit(0), 2000); });
"""
INVOICES = r"""const express = require('express');
const pino = require('pino');
const log = pino({ base: { app: 'invoices' }, timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
app.get('/invoices/:n', (req, res) => setTimeout(() => res.json({ invoice: req.params.n }), 110));
const port = Number(process.env.PORT || 4410);
const server = app.listen(port, '127.0.0.1', () => log.info({ port, version: process.env.VERSION }, 'invoices listening'));
process.on('SIGTERM', () => { log.info('SIGTERM'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""
NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    log_format main '$remote_addr - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $upstream_addr $request_time';
    access_log /var/log/nginx/canteen.access.log main;
    include /etc/nginx/conf.d/*.conf;
}
"""
SITE = r"""server {
    listen 80 default_server;
    server_name canteen.example.ie;
    location /invoices/ {
        proxy_pass http://127.0.0.1:4410;
    }
    location / {
        proxy_pass http://127.0.0.1:4400;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_read_timeout 600s;
    }
}
"""
IMPORT = """#!/bin/bash
# menu-import: fetch the kitchen's menu, let the service take it
set -e
cd /srv/canteen
sleep 3     # the kitchen's server is slow
printf 'soup\\nstew %s\\nfish\\n' "$(date +%M)" > menu.new
mv menu.new menu.txt
echo "$(date '+%F %T') menu: $(wc -l < menu.txt) dishes"
systemctl restart canteen       # reads menu.txt at start only
"""
CARDS = """#!/bin/sh
# cards topped up at the bank
sleep 7
echo "$(date '+%F %T') 6 cards, 0 refused"
"""
CRON = """# /etc/cron.d/canteen
*/15 * * * * root /srv/canteen/bin/menu-import >> /var/log/canteen/menu-import.log 2>&1
*/15 * * * * canteen /srv/canteen/bin/card-sync >> /var/log/canteen/card-sync.log 2>&1
20 * * * * canteen /srv/canteen/bin/stats >> /var/log/canteen/stats.log 2>&1
"""
RELEASE = """#!/bin/bash
# release-invoices VERSION PORT
set -e
cat > /etc/invoices.env << END
VERSION=$1
PORT=$2
END
systemctl restart invoices
echo "$(date +%FT%T%z) invoices $1 released, port $2"
"""
UNIT = """[Unit]
Description={}

[Service]
User=canteen
WorkingDirectory=/srv/canteen
ExecStart=/usr/bin/node {}.js
{}Restart=always

[Install]
WantedBy=multi-user.target
"""


def unit(name: str, described: str, **more: object) -> dict[str, Any]:
    return {
        "description": described,
        "command": ["node", f"{name}.js"],
        "directory": "/srv/canteen",
        "restart": "always",
        "log": {"kind": "plain", "path": f"/var/log/canteen/{name}.log"},
        "wait": 10,
        **more,
    }


INCIDENT = Incident(
    host="canteen", start="2026-09-08T11:18:00+01:00", minutes=98, factor=34, kind="systemd", zone="Europe/Dublin", apps=["/srv/canteen"], users=["canteen"],
    files={"/srv/canteen/canteen.js": SERVER, "/srv/canteen/invoices.js": INVOICES, "/srv/canteen/menu.txt": "soup\nstew\n", "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/canteen.conf": SITE, "/etc/cron.d/canteen": CRON, "/srv/canteen/bin/menu-import": IMPORT, "/srv/canteen/bin/card-sync": CARDS,
           "/srv/canteen/bin/stats": "#!/bin/sh\nsleep 4\necho \"$(date '+%F %T') stats written\"\n", "/srv/canteen/bin/release-invoices": RELEASE, "/etc/invoices.env": "VERSION=1.9.3\nPORT=4410\n",
           "/etc/systemd/system/canteen.service": UNIT.format("Canteen", "canteen", ""), "/etc/systemd/system/invoices.service": UNIT.format("Invoices", "invoices", "EnvironmentFile=/etc/invoices.env\n")},
    prepare="mkdir -p /var/log/canteen; chown canteen: /var/log/canteen",
    services={"canteen": unit("canteen", "Canteen"), "invoices": unit("invoices", "Invoices", environment_file="/etc/invoices.env"), "nginx": NGINX_UNIT},
    during=[(49.3, "/srv/canteen/bin/release-invoices 2.0.0 4420 >> /var/log/canteen/releases.log 2>&1")],
    visitors={"base": "http://127.0.0.1", "host": "canteen.example.ie", "delay": 80,
              "visits": [{"perSecond": 0.32, "bots": 0.04, "aborts": 0.004, "paths": [[8, "GET", "/menu/{n}"], [5, "POST", "/meals", '{"card":{n}}'], [3, "GET", "/"], [1, "GET", "/invoices/{n}"]]}],
              "browsers": [{"count": 6, "log": "/var/log/screen.txt", "tag": "screen-3"}]},
    collect="""mkdir -p etc/nginx/conf.d etc/cron.d etc/systemd bin log/nginx; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/conf.d/*.conf etc/nginx/conf.d/; cp /etc/cron.d/canteen etc/cron.d/; cp /etc/systemd/system/canteen.service /etc/systemd/system/invoices.service etc/systemd/; cp /etc/invoices.env etc/; cp /srv/canteen/bin/* bin/
cp /var/log/canteen/*.log /var/log/syslog log/; cp /var/log/nginx/*.log log/nginx/; mv /var/log/screen.txt screen-console.txt; rotate log/nginx/canteen.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, tab, site, env, error = (
        "bin/menu-import",
        "etc/cron.d/canteen",
        "etc/nginx/conf.d/canteen.conf",
        "etc/invoices.env",
        "log/nginx/error.log",
    )
    act, job, ran = (
        case.at(script, "systemctl restart canteen"),
        case.at(tab, "menu-import"),
        case.at("log/menu-import.log", "menu: "),
    )
    gone, dropped = case.at("log/canteen.log", '"msg":"SIGTERM"'), case.at("screen-console.txt", "disconnected:")
    ask, port, moved = (
        case.at(site, "proxy_pass http://127.0.0.1:4410"),
        case.at(env, "PORT=4420"),
        case.at("log/releases.log", "invoices 2.0.0 released, port 4420"),
    )
    refused, other = (
        case.at(error, 'upstream: "http://127.0.0.1:4400/'),
        case.at(error, 'upstream: "http://127.0.0.1:4410/', nth=3),
    )
    terms, main = case.times("log/canteen.log", '"msg":"SIGTERM"', 1), r"111: Connection refused.*127\.0\.0\.1:4400"
    return {
        "root_cause_kind": "job-restarts-service",
        "root_cause": "menu-import (cron, */15) ends with systemctl restart canteen so that the new menu is read: every quarter of an hour the screens lose their sockets and nginx gets 111 from port 4400. Beside it, and apart from it, since invoices 2.0.0 (12:07) listens on 4420 nginx goes on asking 4410: every invoice is 502.",
        "verdict": "root-cause", "culprit": act, "culprit_alternatives": [job], "culprit_related": [ran, gone],
        "chain": [
            hop("job_runs_script", job, ran, case.at("log/syslog", "menu-import")),
            hop("effect_hits_service", act, case.at("log/syslog", "Stopping canteen.service")),
            hop("process_terminates", gone, case.at("log/syslog", "canteen.service: Deactivated successfully")),
            hop("termination_closes_connections", dropped, case.at("log/canteen.log", "screen gone")),
            hop("termination_refuses_connections", refused, gone),
        ],
        "other_causes": [{
            "root_cause_kind": "upstream-port-mismatch",
            "root_cause": "release-invoices 2.0.0 at 12:07 moved invoices to port 4420; conf.d/canteen.conf still proxies /invoices/ to 4410.",
            "culprit": ask, "culprit_alternatives": [port, moved], "culprit_related": [other],
            "chain": [hop("deploy_changes_configuration", moved, port), hop("configuration_mismatch", ask, port), hop("termination_refuses_connections", other), hop("failure_reaches_clients", other)],
        }],
        "mechanism": ["cron */15 menu-import: systemctl restart canteen", "SIGTERM, screens: transport close", "111 on 4400 until canteen is up", "apart from it: invoices 2.0.0 listens on 4420, nginx asks 4410, 502 for /invoices/ from 12:07 on"],
        "innocent": [case.at(tab, "card-sync", why="same minutes, touches nothing"), case.at(tab, "bin/stats", why="hourly, touches nothing"), case.whole("bin/card-sync", "touches nothing"), case.whole("bin/stats", "touches nothing"), case.at("etc/systemd/canteen.service", "Restart=always", why="nothing crashed"), case.at(site, "proxy_read_timeout 600s", why="long enough")],
        "period_s": 900, "lag_s": case.lag(case.times("log/syslog", r"CMD \(/srv/canteen/bin/menu-import"), terms, 120), "lags": {"SIGTERM -> refused on 4400": case.lag(terms, case.times(error, main), 120)},
        "measured": [case.measure("log/canteen.log", '"msg":"SIGTERM"'), case.measure(error, main, join=200), case.measure(error, r"111: Connection refused.*127\.0\.0\.1:4410"), case.measure("screen-console.txt", "disconnected:"), case.measure("log/menu-import.log", "menu: ")],
        "timezones": {"nginx, cron, syslog, bin": "Europe/Dublin (+01:00), without zone but in the access log", "canteen.log, invoices.log, screen-console.txt": "UTC (Z)"},
        "how_made": REAL.replace(" and curl", "") + " (with express, socket.io, pino); systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
