# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""nginx' locations are tidied up and the long timeout goes with them: quiet WebSockets, which the server pings every 90 s, end after nginx' own 60."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const http = require('http');
const WebSocket = require('ws');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), winston.format.printf((i) => `${i.timestamp} ${i.level} ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/curlew/board.log' })],
});
const PING_MS = 90000; // old tablets at the gates: a ping wakes their radio
let serial = 0;
const server = http.createServer((req, res) => {
  if (req.url === '/api/gates') { setTimeout(() => { res.setHeader('Content-Type', 'application/json'); res.end('{"gates":14}\n'); }, 50); return; }
  if (/^\/api\/gates\/\d+$/.test(req.url) && Number(req.url.split('/')[3]) <= 800) { setTimeout(() => { res.end('{"open":true}\n'); }, 60 + Math.random() * 60); return; }
  res.statusCode = 404; res.end('not found\n');
});
const wss = new WebSocket.Server({ server, path: '/live' });
wss.on('connection', (ws, req) => {
  const id = ++serial;
  const board = new URL(req.url, 'http://x').searchParams.get('board');
  const since = Date.now();
  const ping = setInterval(() => ws.ping(), PING_MS);
  log.info(`ws ${id} open board=${board}`);
  if (board === 'control') ws.tick = setInterval(() => ws.send(JSON.stringify({ load: Math.random().toFixed(2) })), 12000);
  ws.on('close', (code) => {
    clearInterval(ping); clearInterval(ws.tick);
    const s = Math.round((Date.now() - since) / 1000);
    log[code === 1000 ? 'info' : 'warn'](`ws ${id} closed board=${board} code=${code} after ${s} s`);
  });
});
server.listen(3900, '127.0.0.1', () => log.info('board server listening on 3900, ping every 90 s'));
process.on('SIGTERM', () => { log.info('SIGTERM'); for (const ws of wss.clients) ws.close(1001); setTimeout(() => process.exit(0), 500); });
"""

OUTSIDE = r"""'use strict';
// the world outside: boards at the gates, each a browser that stays open for days
const fs = require('fs');
const WebSocket = require('ws');
const boards = ['gate-2', 'gate-5', 'gate-7', 'gate-9', 'gate-11', 'gate-14', 'control', 'control'];
function open(board, n) {
  const ws = new WebSocket(`ws://127.0.0.1/live?board=${board}`, { localAddress: `198.51.100.${40 + n}`, headers: { Host: 'board.example.fr', 'User-Agent': 'Mozilla/5.0 (Linux; Android 9; SM-T510) AppleWebKit/537.36 Chrome/117.0 Safari/537.36' } });
  const say = (text) => { if (board === 'gate-5') fs.appendFileSync('/var/log/curlew/console-gate-5.log', `${new Date().toISOString()} [board] ${text}\n`); };
  ws.on('open', () => say('socket open'));
  ws.on('error', (error) => say(`socket error: ${error.message}`));
  ws.on('close', (code) => { const wait = 2 + Math.random() * 5; say(`socket closed, code ${code}; again in ${wait.toFixed(1)} s`); setTimeout(() => open(board, n), wait * 1000); });
}
boards.forEach((board, n) => setTimeout(() => open(board, n), 40000 + n * 11000));
setTimeout(() => {}, 1e9);
"""

OLD = """# board.example.fr
server {
    listen 80 default_server;
    server_name board.example.fr;
    access_log /var/log/nginx/board.access.log timed;

    location /live {
        proxy_pass http://127.0.0.1:3900;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Host $host;
        proxy_read_timeout 6h;
    }
    location /api/ {
        proxy_pass http://127.0.0.1:3900;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
    }
    location / { return 200 "Curlew boards\\n"; }
}
"""
NEW = """# board.example.fr
server {
    listen 80 default_server;
    server_name board.example.fr;
    access_log /var/log/nginx/board.access.log timed;

    location /live {
        proxy_pass http://127.0.0.1:3900;
        include /etc/nginx/snippets/proxy.conf;
    }
    location /api/ {
        proxy_pass http://127.0.0.1:3900;
        include /etc/nginx/snippets/proxy.conf;
    }
    location / { return 200 "Curlew boards\\n"; }
}
"""
SNIPPET = """# one place for what every location had of its own
proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_connect_timeout 5s;
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
worker_shutdown_timeout 20s;
events {}
http {
    log_format timed '$remote_addr - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time';
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
    keepalive_timeout 65s;
    include /etc/nginx/sites-enabled/*;
}
"""
DIFF = r"""cd /etc/nginx; cp sites-enabled/board /root/board.before; cp /usr/lib/lab/board.new sites-enabled/board; { echo "$(date '+%Y-%m-%d %H:%M') solene: nginx, /live and /api share snippets/proxy.conf; nginx -t ok, reload"; diff -u --label a/sites-enabled/board --label b/sites-enabled/board /root/board.before sites-enabled/board | sed 's/^/    /'; } >> /root/journal-admin.txt; nginx -s reload"""
ROLL = r"""#!/bin/sh
# heures d'ouverture des portes, du planning vers le serveur
sleep 2
n=$(curl -s -m 20 http://127.0.0.1:3900/api/gates | tr -dc 0-9)
logger -t horaires "planning lu, $n portes"
"""
CRON = """# /etc/cron.d/curlew
* * * * *     www-data  /usr/local/bin/horaires
*/20 * * * *  root      tar czf /var/backups/curlew-etc.tgz /etc/nginx 2>/dev/null; logger -t etc-copy "etc/nginx copied"
"""

INCIDENT = Incident(
    host="courlis", start="2026-05-12T08:26:00+02:00", minutes=66, factor=20, kind="systemd", zone="Europe/Paris", users=["curlew"], apps=["/opt/curlew", "/opt/outside"],
    files={"/opt/curlew/server.js": SERVER, "/opt/outside/boards.js": OUTSIDE, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/sites-enabled/board": OLD, "/etc/nginx/snippets/proxy.conf": SNIPPET, "/usr/lib/lab/board.new": NEW, "/usr/local/bin/horaires": ROLL, "/etc/cron.d/curlew": CRON,
           "/root/journal-admin.txt": "2026-05-04 17:20 solene: board server 1.8, tablets of gates 11 and 14\n"},
    prepare="mkdir -p /var/log/curlew /var/backups; chmod 777 /var/log/curlew; rm -f /etc/nginx/sites-enabled/default",
    services={"curlew-board": {"description": "Curlew board server", "command": ["/usr/bin/node", "/opt/curlew/server.js"], "directory": "/opt/curlew", "user": "curlew", "restart": "on-failure", "wait": 8}, "nginx": NGINX_UNIT,
              "outside": {"description": "Session 3 of User solene", "command": ["node", "/opt/outside/boards.js"], "restart": "no", "wait": 1}},
    during=[(9.4, "systemctl restart curlew-board; echo \"$(date '+%Y-%m-%d %H:%M') solene: board server restarted, new texts\" >> /root/journal-admin.txt"), (27.6, DIFF)],
    visitors={"base": "http://127.0.0.1", "host": "board.example.fr", "delay": 45,
              "visits": [{"perSecond": 0.25, "bots": 0.08, "aborts": 0.03, "abortAfter": 0.08, "paths": [[4, "GET", "/api/gates/{n}"], [2, "GET", "/api/gates"], [2, "GET", "/"]]}]},
    collect="""mkdir -p etc/nginx/sites-enabled etc/nginx/snippets etc/cron.d opt/curlew log/nginx; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/sites-enabled/board etc/nginx/sites-enabled/; cp /etc/nginx/snippets/proxy.conf etc/nginx/snippets/; cp /etc/cron.d/curlew etc/cron.d/
cp /usr/local/bin/horaires opt/; cp /opt/curlew/server.js opt/curlew/; cp /root/journal-admin.txt .; cp /var/log/nginx/*.log log/nginx/; cp /var/log/curlew/*.log log/; grep -v 'User solene' /var/log/syslog > log/syslog""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    site, snippet, journal, log, errors, access = (
        "etc/nginx/sites-enabled/board", "etc/nginx/snippets/proxy.conf", "journal-admin.txt", "log/board.log", "log/nginx/error.log", "log/nginx/board.access.log",
    )  # fmt: skip
    change, gone, place, ping = (
        case.at(journal, "share snippets/proxy.conf"),
        case.at(journal, "-        proxy_read_timeout 6h;"),
        case.at(site, "location /live"),
        case.at("opt/curlew/server.js", "const PING_MS = 90000"),
    )
    include = case.at(site, "include /etc/nginx/snippets/proxy.conf")
    closed, console = case.at(log, "code=1006 after 60 s"), case.at("log/console-gate-5.log", "socket closed, code 1006", nth=5)
    hundred_one = next(
        n for n, line in enumerate(case.lines(access), 1) if "/live?board=gate" in line and '" 101 ' in line and '" 60.' in line
    )
    ended = {"file": access, "line": hundred_one, "text": "GET /live?board=gate"}
    return {
        "root_cause_kind": "websocket-ping-longer-than-proxy-read-timeout",
        "root_cause": "At 08:53 nginx' locations were tidied up: /live now includes snippets/proxy.conf and lost its own proxy_read_timeout 6h, so the default of 60 s holds. The board server pings every 90 s (PING_MS); a board at a gate, which gets nothing else, is closed by nginx 60 s after it opened (101 with 60.0 s in the access log, code=1006 at the server; nginx 1.22 notes it at level info only), "
        "opens again some seconds later and is closed again; the two control boards, which get a message every 12 s, stay.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": change,
        "culprit_alternatives": [gone, place, include, ping, case.whole(snippet, "the shared settings, without a read timeout"), case.at(snippet, "proxy_connect_timeout 5s"), case.at("opt/curlew/server.js", "setInterval(() => ws.ping(), PING_MS)"), case.at(log, "ping every 90 s")],
        "culprit_related": [closed, ended, console, case.at(journal, "+        include /etc/nginx/snippets/proxy.conf;")],
        "chain": [
            hop("deploy_changes_configuration", change, gone, include, place),
            hop("configuration_mismatch", ping, gone, place, include, case.at("opt/curlew/server.js", "setInterval(() => ws.ping(), PING_MS)"), case.at(log, "ping every 90 s"), closed),
            hop("timeout_closes_connection", ended, closed, place, include, gone),
            hop("failure_reaches_clients", console, closed, ended),
        ],
        "mechanism": ["08:53: the new site file has no proxy_read_timeout for /live: nginx' 60 s", "the server's ping comes every 90 s", "60 s after it opened, a quiet socket ends: 101 with a duration of 60.0 s, code 1006 on both sides", "the board opens again 2 to 7 s later, each by its own clock"],
        "innocent": [
            case.at("etc/cron.d/curlew", "/usr/local/bin/horaires", why="every minute, by the wall clock; asks /api/gates; the sockets end by their own clocks"), case.whole("opt/horaires", "asks once, changes nothing"), case.at("etc/cron.d/curlew", "curlew-etc.tgz", why="only reads"),
            case.at(journal, "board server restarted, new texts", why="at 08:35; all boards came back and stayed until 08:53"), case.at(journal, "board server 1.8", why="a week before"), case.at(log, "SIGTERM", why="the restart by hand"), case.at(errors, "111: Connection refused", why="the second of that restart"),
            case.at("etc/nginx/nginx.conf", "keepalive_timeout 65s", why="between requests of a client, not in a WebSocket"), case.at("etc/nginx/nginx.conf", "worker_shutdown_timeout 20s", why="ends the old worker's sockets once, at the reload"), case.at(access, '" 499 ', why="people who left") if any('" 499 ' in line for line in case.lines(access)) else case.at(access, '" 404 ', why="bots"),
        ],
        "period_s": None, "lag_s": 60, "step_change_at": str(case.times(log, "code=1006 after 60 s")[0]), "lags": {},
        "measured": [case.measure(errors, "timed out"), case.measure(log, "code=1006 after 6[01] s"), case.measure(access, r'board=gate-[0-9]+ HTTP/1.1" 101 .* 6[01]\.[0-9]+$'), case.measure("log/console-gate-5.log", "code 1006"), case.measure(log, "closed board=control")],
        "timezones": {"log/console-gate-5.log": "UTC (Z)", "all others": "Europe/Paris (+02:00)"},
        "how_made": REAL + " (with ws and winston); the boards are the lab's own WebSocket clients, systemd is the lab's supervisor.",
    }  # fmt: skip
