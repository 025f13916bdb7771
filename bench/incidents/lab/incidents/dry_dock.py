# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: now and then a partner's name cannot be resolved; the resolver and its log were not handed over."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const http = require('http');
const winston = require('winston');
const log = winston.createLogger({
  level: 'debug',
  format: winston.format.combine(winston.format.timestamp(), winston.format.errors({ stack: true }), winston.format.json()),
  defaultMeta: { service: 'docks' },
  transports: [new winston.transports.Console()],
});
const TIDES = process.env.TIDES_URL;
function tide(port, done) {
  const ask = http.get(`${TIDES}/v2/ports/${port}`, { timeout: 10000 }, (reply) => {
    let text = '';
    reply.on('data', (part) => { text += part; });
    reply.on('end', () => done(null, text));
  });
  ask.on('timeout', () => ask.destroy(new Error('timeout of 10000ms exceeded')));
  ask.on('error', done);
}
http.createServer((req, res) => {
  if (req.url === '/healthz') return res.end('ok');
  if (!/^\/docks\/\d+$/.test(req.url)) return res.writeHead(404).end();
  tide(req.url.slice(7), (error, text) => {
    if (error) { log.error('tide table unavailable', { dock: req.url, code: error.code, syscall: error.syscall, detail: error.message }); return res.writeHead(503).end(); }
    log.debug('dock planned', { dock: req.url });
    res.end(text);
  });
}).listen(8300, '127.0.0.1', () => log.info('dock planner ready'));
"""

# The resolver of the network: answers SERVFAIL while /run/resolver-ill exists.
RESOLVER = """import os
import socket
import struct

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("172.18.0.53", 53))
while True:
    query, client = server.recvfrom(512)
    name_end = query.index(b"\\0", 12) + 5
    question, kind = query[12:name_end], struct.unpack(">H", query[name_end - 4 : name_end - 2])[0]
    if os.path.exists("/run/resolver-ill"):
        server.sendto(query[:2] + b"\\x81\\x82" + b"\\0\\1\\0\\0\\0\\0\\0\\0" + question, client)
    elif kind == 1:
        answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x1e\\0\\4" + socket.inet_aton("172.18.0.80")
        server.sendto(query[:2] + b"\\x81\\x80" + b"\\0\\1\\0\\1\\0\\0\\0\\0" + question + answer, client)
    else:
        server.sendto(query[:2] + b"\\x81\\x80" + b"\\0\\1\\0\\0\\0\\0\\0\\0" + question, client)
"""

TIDES = """import http.server
import time


class Tides(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.2)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{\\"high\\": \\"07:12\\"}")

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("172.18.0.80", 8080), Tides).serve_forever()
"""

COMPOSE = """services:
  docks:
    image: werft/docks:11
    network_mode: host
    restart: unless-stopped
    environment:
      TIDES_URL: http://api.tides.example.net:8080
    dns: [172.18.0.53]
    healthcheck:
      test: ["CMD-SHELL", "curl -fsS http://127.0.0.1:8300/healthz"]
      interval: 30s
      timeout: 5s
      retries: 3
  edge:
    image: nginx:1.22
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        location / { proxy_pass http://127.0.0.1:8300; proxy_read_timeout 30s; }
    }
}
"""
ILL = "touch /run/resolver-ill; sleep {}; rm /run/resolver-ill"

INCIDENT = Incident(
    host="kai7", start="2026-10-02T08:12:30+00:00", minutes=110, factor=42, apps=["/srv/docks"],
    files={"/srv/docks/server.js": SERVER, "/srv/docks/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/usr/lib/partner/resolver.py": RESOLVER, "/usr/lib/partner/tides.py": TIDES,
           "/etc/resolv.conf": "nameserver 172.18.0.53\noptions timeout:2 attempts:1\n", "/etc/nsswitch.conf": "hosts: files dns\npasswd: files\ngroup: files\n",
           "/srv/docks/berths.sh": "#!/bin/sh\nsleep 4\nlogger -t berths \"plan printed\"\n"},
    crontabs={"root": "*/15 * * * * /srv/docks/berths.sh\n40 * * * * /usr/local/bin/sync-ais >/dev/null 2>&1\n3 8 * * * certbot renew -q\n"},
    prepare="/usr/bin/python3 /usr/lib/partner/resolver.py & /usr/bin/python3 /usr/lib/partner/tides.py &",
    services={"docks": {"container": "werft-docks-1", "image": "werft/docks:11", "command": ["node", "server.js"], "directory": "/srv/docks", "environment": {"TIDES_URL": "http://api.tides.example.net:8080"},
                        "restart": "unless-stopped", "log": {"kind": "json", "path": "/srv/docks/docks-json.log"}, "wait": 8,
                        "health": {"command": "curl -fsS http://127.0.0.1:8300/healthz", "interval": 30, "timeout": 5, "retries": 3}}, "edge": NGINX_CONTAINER},
    during=[(13.5, ILL.format(58)), (27.6, ILL.format(35)), (31.0, ILL.format(80)), (58.9, ILL.format(44)), (77.7, ILL.format(140)), (101.2, ILL.format(60))],
    visitors={"base": "http://127.0.0.1", "host": "docks", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.02, "paths": [[1, "GET", "/docks/{n}"]]}]},
    collect="""cp /srv/docks/compose.yaml /srv/docks/server.js /srv/docks/docks-json.log .; mkdir edge; cp /etc/nginx/nginx.conf /var/log/nginx/access.log /var/log/nginx/error.log edge/; crontab -l > crontab; docker ps > docker-ps.txt
grep CRON /var/log/syslog > cron.log; rotate edge/access.log; rotate docks-json.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-resolver-failure",
        "root_cause": "Not to be known: at irregular moments api.tides.example.net cannot be resolved (EAI_AGAIN) for one to two minutes and the planner answers 503. The resolver 172.18.0.53 failed "
        "(in truth SERVFAIL by hand), but nothing tells why; none of the jobs fits the six bursts.",
        "verdict": "undetermined", "verdict_accepted": ["suspected"], "expected_confidence": "low",
        "innocent": [case.at("crontab", "berths.sh", why="every 15 minutes; only one burst is near one of its runs"), case.at("crontab", "sync-ais", why="at :40, no burst then"),
                     case.at("crontab", "certbot", why="ran before the log begins"), case.at("compose.yaml", "restart: unless-stopped", why="nothing ended"), case.at("compose.yaml", "retries: 3", why="healthy throughout")],
        "ask_for": ["log of the resolver 172.18.0.53", "what else uses it at those minutes", "resolv.conf inside the container, packet capture on port 53"],
        "measured": [case.measure("docks-json.log.1.gz", "EAI_AGAIN", join=60), case.measure("docks-json.log", "EAI_AGAIN", join=60), case.measure("edge/access.log", '" 503 ', join=60)],
        "how_made": REAL + " (with winston); the resolver and the partner are two small Python servers; docker is the lab's supervisor.",
    }  # fmt: skip
