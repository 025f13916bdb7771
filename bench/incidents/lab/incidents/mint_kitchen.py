# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""nginx begins to keep its upstream connections, to save handshakes; the scales' service closes them after 4 s of silence (and one more), and a scale posts about that often: now and then 502."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SCALES = r"""'use strict';
// Receives what the scales in the kitchen weigh, one post each time something moved or nothing did for a while.
const http = require('http');

const counts = new Map();
const say = (text) => console.log(`scales: ${text}`);
const server = http.createServer((req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    const scale = /^\/scales\/(\w+)$/.exec(req.url);
    if (req.method !== 'POST' || !scale) { res.writeHead(404); return res.end(); }
    counts.set(scale[1], (counts.get(scale[1]) || 0) + 1);
    res.writeHead(202);
    return res.end();
  });
});
server.keepAliveTimeout = 4000; // many scales, few descriptors
server.listen(5101, '127.0.0.1', () => say('listening on 5101'));

setInterval(() => { // what is left of each dish, worked out anew
  const until = Date.now() + 190;
  while (Date.now() < until);
}, 1000);
setInterval(() => say(`weighed ${[...counts].map(([scale, count]) => `${scale}=${count}`).join(' ')}, up ${Math.round(process.uptime())} s`), 120000);
process.on('SIGTERM', () => { say('SIGTERM'); process.exit(0); });
"""
MENU = r"""'use strict';
const express = require('express');
const app = express();
app.get('/', (req, res) => res.send('<h1>Mint Kitchen</h1>'));
app.get('/menu/:n', (req, res) => (Number(req.params.n) > 870 ? res.sendStatus(404) : setTimeout(() => res.json({ dish: req.params.n }), 60 + Math.random() * 900)));
app.post('/orders', (req, res) => { console.log('order taken'); setTimeout(() => res.status(201).end(), 200); });
app.listen(5100, '127.0.0.1', () => console.log('menu on 5100'));
process.on('SIGTERM', () => process.exit(0));
"""
SITE_OLD = """upstream menu { server 127.0.0.1:5100; }
upstream scales {
    server 127.0.0.1:5101;
}

server {
    listen 80;
    server_name kitchen.example.ie;

    location /scales/ {
        proxy_pass http://scales;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
    }
    location / {
        proxy_pass http://menu;
        proxy_set_header Host $host;
    }
}
"""
SITE_NEW = SITE_OLD.replace(
    "    server 127.0.0.1:5101;\n",
    "    server 127.0.0.1:5101;\n    keepalive 8;            # the scales talk all day, spare the handshakes\n",
)
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    log_format timed '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent "$http_user_agent" '
                     'rt=$request_time uct=$upstream_connect_time urt=$upstream_response_time';
    access_log /var/log/nginx/access.log timed;
    include /etc/nginx/conf.d/*.conf;
}
"""
CRONTAB = """# m h dom mon dow
*/15 * * * * /srv/kitchen/bin/stock.sh
7 * * * * /srv/kitchen/bin/labels.sh
"""
CHANGES = """2026-08-24 10:02  scales.js: counts per scale in the journal (Aoife)
2026-08-26 12:10  menu: orders answered only when printed (Aoife)
2026-08-27 09:58  nginx: keepalive for the scales, `nginx -s reload` (Declan)
2026-08-27 10:21  menu: new photos copied, nothing restarted (Declan)
"""

INCIDENT = Incident(
    host="larder", start="2026-08-27T09:26:00+01:00", minutes=80, factor=24, kind="systemd", zone="Europe/Dublin", users=["kitchen"], apps=["/srv/kitchen"],
    files={"/etc/rsyslog.conf": JOURNAL_ISO, "/srv/kitchen/scales.js": SCALES, "/srv/kitchen/menu.js": MENU, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/kitchen.conf": SITE_OLD, "/srv/kitchen/kitchen.conf.new": SITE_NEW, "/srv/kitchen/CHANGES": CHANGES,
           "/srv/kitchen/bin/stock.sh": "#!/bin/sh\n# what is left in the cold room\nsleep 9\nlogger -t stock \"$(( $(date +%s) % 40 )) crates\"\n", "/srv/kitchen/bin/labels.sh": "#!/bin/sh\nsleep 20\nlogger -t labels 'printed'\n",
           "/etc/systemd/system/scales.service": "[Unit]\nDescription=Kitchen scales\n\n[Service]\nUser=kitchen\nWorkingDirectory=/srv/kitchen\nExecStart=/usr/bin/node scales.js\nRestart=always\nRestartSec=5\n"},
    crontabs={"kitchen": CRONTAB},
    services={"scales": {"description": "Kitchen scales", "command": ["/usr/bin/node", "scales.js"], "directory": "/srv/kitchen", "user": "kitchen", "restart": "always", "restart_seconds": 5, "log": {"kind": "syslog", "tag": "node"}, "wait": 8},
              "menu": {"description": "Menu and orders", "command": ["/usr/bin/node", "menu.js"], "directory": "/srv/kitchen", "user": "kitchen", "restart": "always", "restart_seconds": 5, "log": {"kind": "syslog", "tag": "node"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(32.3, "mv /srv/kitchen/kitchen.conf.new /etc/nginx/conf.d/kitchen.conf; nginx -t && nginx -s reload")],
    visitors={"base": "http://127.0.0.1", "host": "kitchen.example.ie", "delay": 60,
              "visits": [{"perSecond": 0.16, "bots": 0.06, "aborts": 0.04, "abortAfter": 0.5, "paths": [[4, "GET", "/menu/{n}"], [1, "GET", "/"], [1, "POST", "/orders", "{}"]]}],
              "monitors": [{"every": 5.05, "jitter": 0.4, "method": "POST", "path": "/scales/range1", "body": '{"g":412}', "agent": "scale/3.1", "address": "192.0.2.31"},
                           {"every": 58, "jitter": 20, "offset": 30, "method": "POST", "path": "/scales/cold2", "body": '{"g":9120}', "agent": "scale/3.1", "address": "192.0.2.32"}]},
    collect="""mkdir -p nginx/conf.d srv bin; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /etc/nginx/conf.d/kitchen.conf nginx/conf.d/; cp /srv/kitchen/*.js /srv/kitchen/CHANGES srv/; cp /srv/kitchen/bin/* bin/; cp /etc/systemd/system/scales.service .; crontab -u kitchen -l > crontab.kitchen
cp /var/log/syslog journal.txt; systemctl status scales menu nginx > status.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    site, errors, log = "nginx/conf.d/kitchen.conf", "nginx/error.log", "journal.txt"
    pool, closing, change = (
        case.at(site, "keepalive 8;"),
        case.at("srv/scales.js", "server.keepAliveTimeout = 4000"),
        case.at("srv/CHANGES", "keepalive for the scales"),
    )
    failure = "while reading response header from upstream|while sending request to upstream"
    reset = next(case.at(errors, text) for text in ("while reading response header from upstream",) if case.times(errors, text))
    reload = case.at(errors, "reconfiguring")
    where = "nginx/access.log" if case.times("nginx/access.log", '" 502 ') else "nginx/access.log.1.gz"
    return {
        "root_cause_kind": "keep-alive-race",
        "root_cause": "Since 09:58 nginx keeps idle connections to the scales' service (keepalive 8, nginx's default of 60 s); scales.js closes an idle connection after 4 s (this Node adds one). The scale at the range posts about every 5 s: now and then its post goes out on a connection that Node is just closing, "
        "and a POST is not tried again: 502. Neither service was restarted or knows of it.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": pool, "culprit_alternatives": [closing, change], "culprit_related": [reset, reload, case.at(site, 'proxy_set_header Connection ""')],
        "chain": [
            hop("deploy_changes_configuration", change, pool, reload),
            hop("configuration_mismatch", pool, closing),
            hop("timeout_closes_connection", reset, closing),
            hop("failure_reaches_clients", case.at(where, '" 502 '), reset),
        ],
        "mechanism": ["09:58: keepalive 8 in the upstream, reload", "scales.js: keepAliveTimeout 4 s (and one that Node adds), shorter than nginx's 60 s", "the event loop is busy 190 ms of every second: a post may lie unread when the idle timer fires", "recv() failed (104) or upstream prematurely closed, within a second or so, with uct=0.000 (a reused connection), on POST /scales/ alone", "502 for that post; the counts in the journal go on, the process is the same"],
        "innocent": [
            case.at("srv/CHANGES", "new photos copied", why="23 minutes later, and touches no process"), case.at("srv/CHANGES", "counts per scale", why="three days before"), case.at("srv/CHANGES", "orders answered only", why="the day before, another process"),
            case.at("crontab.kitchen", "stock.sh", why="every quarter of an hour; the 502 come at any minute"), case.whole("bin/stock.sh", "only logs"), case.at("crontab.kitchen", "labels.sh", why="hourly"), case.whole("bin/labels.sh", "only logs"),
            case.at("scales.service", "Restart=always", why="never acted"), case.at("nginx/access.log.1.gz", '" 499 ', why="people who left"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": "2026-08-27 09:58:20", "lags": {},
        "measured": [case.measure(errors, failure), case.measure("nginx/access.log", 'POST /scales/.*" 502 '), case.measure("nginx/access.log.1.gz", 'POST /scales/.*" 502 '), case.measure(log, "listening on 5101"), case.measure(log, "weighed")],
        "timezones": {"all": "Europe/Dublin (+01:00)"},
        "how_made": REAL.replace(", bash and curl", "") + ". The scale's 5 s and the 190 ms of work a second are chosen so that the race is met often.",
    }  # fmt: skip
