# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The server closes idle connections after five seconds, nginx keeps them for sixty, and the collector posts every five seconds: some posts meet the closing."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""// tern-colony: counts of the nest cameras, and the map of the island
const http = require('http');
const bunyan = require('bunyan');

const log = bunyan.createLogger({ name: 'tern' });
const counts = new Map();
let posts = 0;

/** The map is drawn anew for each request: pure arithmetic, nothing else is served meanwhile. */
function drawMap(id) {
  let sum = 0;
  for (let i = 0; i < 9e6; i += 1) sum = (sum + i * Number(id)) % 8191;
  return JSON.stringify({ plot: id, shade: sum, nests: [...counts.values()] });
}

const server = http.createServer((req, res) => {
  if (req.method === 'POST' && req.url === '/counts') {
    let body = '';
    req.on('data', (chunk) => { body += chunk; });
    req.on('end', () => {
      const { camera, nests } = JSON.parse(body);
      counts.set(camera, nests);
      posts += 1;
      res.statusCode = 204;
      res.end();
    });
    return undefined;
  }
  const plot = /^\/map\/(\d+)$/.exec(req.url);
  if (!plot || Number(plot[1]) > 860) { res.statusCode = 404; return res.end('no such plot\n'); }
  return res.end(drawMap(plot[1]));
});
server.keepAliveTimeout = 5000;
server.listen(7070, '127.0.0.1', () => log.info({ port: 7070, keepAliveTimeout: server.keepAliveTimeout }, 'listening'));
setInterval(() => {
  server.getConnections((error, connections) => log.info({ posts, connections, rss: process.memoryUsage().rss >> 20, up: Math.round(process.uptime()) }, 'minute'));
}, 60000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/tern-error.log;
events {}
http {
    log_format tern '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time "$upstream_response_time"';
    access_log /var/log/nginx/tern-access.log tern;
    upstream tern {
        server 127.0.0.1:7070;
        # 2026-05-04 hamish: reuse connections, the collector opened thousands
        keepalive 8;
    }
    server {
        listen 80;
        server_name terns.example.scot;
        location = / { return 200 "Tern colony\\n"; }
        location / {
            proxy_pass http://tern;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_connect_timeout 5s;
            proxy_read_timeout 60s;
        }
    }
}
"""

CRON = """# /etc/cron.d/tern
*/5 * * * * tern /srv/tern/bin/thin-frames.sh
10 * * * *  root /srv/tern/bin/copy-cards.sh
"""

UNIT = """[Unit]
Description=Tern colony counts and map

[Service]
User=tern
WorkingDirectory=/srv/tern
ExecStart=/usr/bin/node server.js
StandardOutput=append:/var/log/tern/tern.log
Restart=always
RestartSec=2
"""

NOTE = """From the field station, 5 May

- the collector's own log says "HTTP 502, batch lost" now and then since we are back from the island, a few an hour, sometimes none
- opening the page by hand always works
- restarted nothing yet; the frames are thinned every five minutes by cron, is it that?
                                                                     isla
"""

INCIDENT = Incident(
    host="colony", start="2026-05-05T04:51:00+01:00", minutes=36, factor=15, kind="systemd", zone="Europe/London", users=["tern"], apps=["/srv/tern"],
    files={"/srv/tern/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/tern": CRON, "/etc/systemd/system/tern.service": UNIT, "/srv/tern/note.txt": NOTE,
           "/srv/tern/bin/thin-frames.sh": "#!/bin/sh\n# keep one frame in ten\nsleep 5\nlogger -t thin-frames '54 of 60 frames removed'\n",
           "/srv/tern/bin/copy-cards.sh": "#!/bin/sh\nsleep 45\nlogger -t copy-cards '3 cards, 212 MB'\n"},
    prepare="mkdir -p /var/log/tern; chown tern: /var/log/tern; touch /var/log/collector.log; chmod 666 /var/log/collector.log",
    services={"tern": {"description": "Tern colony counts and map", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/tern", "user": "tern", "restart": "always", "restart_seconds": 2, "log": {"kind": "plain", "path": "/var/log/tern/tern.log"}, "wait": 8},
              "nginx": NGINX_UNIT},
    during=[],
    visitors={"base": "http://127.0.0.1", "host": "terns.example.scot", "delay": 40, "visits": [{"perSecond": 0.1, "bots": 0.1, "aborts": 0.02, "abortAfter": 0.1, "paths": [[5, "GET", "/map/{n}"], [2, "GET", "/"]]}],
              "monitors": [{"every": 5, "jitter": 0.12, "method": "POST", "path": "/counts", "body": '{"camera": "north-3", "nests": 41}', "address": "192.0.2.31", "agent": "nestcam-collector/1.4", "log": "/var/log/collector.log", "name": "collector"}]},
    collect="""mkdir -p nginx bin; cp /srv/tern/server.js /srv/tern/note.txt .; cp /srv/tern/bin/* bin/; cp /etc/cron.d/tern cron.d-tern; cp /etc/systemd/system/tern.service .; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /var/log/tern/tern.log /var/log/syslog .; cp /etc/hostname hostname.txt; systemctl status tern > systemctl-status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    conf, errors, access = "nginx/nginx.conf", "nginx/tern-error.log", "nginx/tern-access.log"
    idle, keep = case.at("server.js", "server.keepAliveTimeout = 5000"), case.at(conf, "keepalive 8;")
    cut, failed = case.at(errors, '"POST /counts'), case.at(access, '"POST /counts HTTP/1.1" 502 ')
    broken = "prematurely closed connection|104: Connection reset by peer"
    return {
        "root_cause_kind": "keepalive-race-upstream-closes-first",
        "root_cause": "Since nginx keeps its connections to the server (keepalive 8, idle up to 60 s) it may send a request on one which the server, after 5 s of idleness (keepAliveTimeout = 5000), is just closing. The collector posts every five seconds, so it meets that moment again and again: "
        "the connection ends before an answer, POST is not repeated, 502. The server neither restarts nor sees these requests.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": idle, "culprit_alternatives": [keep, cut], "culprit_related": [failed, case.at("tern.log", '"keepAliveTimeout":5000'), case.at(conf, 'proxy_set_header Connection "";')],
        "chain": [
            hop("configuration_mismatch", idle, keep, case.at("tern.log", '"keepAliveTimeout":5000')),
            hop("timeout_closes_connection", cut, idle),
            hop("failure_reaches_clients", failed, cut),
        ],
        "mechanism": ["nginx keeps up to 8 idle connections (for 60 s), node closes each after 5 s idle", "the collector posts about every 5 s; while a map is drawn the server reads nothing for a moment, and closes before it reads", "the post travels into the closing connection: prematurely closed / reset by peer, no retry for POST", "502 for the collector when the map is drawn (2 to 5 s), ten times in 35 minutes; the two GETs it met were repeated by nginx and succeeded"],
        "contributing": [case.at("server.js", "for (let i = 0; i < 9e6", why="drawing blocks the event loop and widens the moment"), case.at(access, "nestcam-collector/1.4", why="its five seconds are the timeout's")],
        "innocent": [case.at("cron.d-tern", "thin-frames.sh", why="every five minutes; the failures keep no such minute"), case.whole("bin/thin-frames.sh", "removes frames"), case.at("cron.d-tern", "copy-cards.sh", why="once, and only reads"), case.whole("bin/copy-cards.sh", "only reads"),
                     case.at("tern.service", "Restart=always", why="the server never ended: one start, the minutes' `up` only grows"), case.at(conf, "proxy_read_timeout 60s", why="nothing waited for a minute")],
        "period_s": None, "lag_s": None, "lags": {},
        "measured": [case.measure(errors, broken), case.measure(access, '"POST /counts HTTP/1.1" 502 '), case.measure(access, '"POST /counts HTTP/1.1" 204 '), case.measure("tern.log", '"msg":"listening"')],
        "timezones": {"nginx, syslog": "Europe/London (BST, +01:00)", "tern.log": "UTC"},
        "how_made": REAL + " (with bunyan); systemctl is the lab's supervisor. The race is real; on the faster clock its moment is wider by the factor, and drawing a map takes seconds. A comment in server.js was put right after the run.",
    }  # fmt: skip
