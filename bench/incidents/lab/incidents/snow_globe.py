# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: a container ends with status 1 again and again; the only application log handed over is another container's."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SHOP = r"""const http = require('http');
const pino = require('pino');
const log = pino({ name: 'shop' });
http.createServer((req, res) => {
  if (!req.url.startsWith('/preview/')) return res.end('<h1>globes</h1>');
  http.get(`http://127.0.0.1:9090${req.url}`, (reply) => { reply.pipe(res); })
    .on('error', (error) => { log.error({ url: req.url, code: error.code }, 'preview failed'); res.writeHead(502).end(); });
}).listen(3400, '127.0.0.1', () => log.info('shop open'));
"""

RENDER = r"""const http = require('http');
const fs = require('fs');
http.createServer((req, res) => {
  if (fs.existsSync('/run/gl-lost')) { console.error(new Error('GL context lost').stack); process.exit(1); }
  setTimeout(() => res.end('png'), 200);
}).listen(9090, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
"""

COMPOSE = """name: globes
services:
  shop:
    image: globes/shop:19
    network_mode: host
    restart: always
    environment: { RENDER_URL: "http://127.0.0.1:9090" }
  render:
    image: globes/render:4
    network_mode: host
    restart: always
    shm_size: 64m
  proxy:
    image: nginx:1.22
    network_mode: host
    restart: always
"""
NGINX = "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log combined;\n    server {\n        listen 80;\n        location / { proxy_pass http://127.0.0.1:3400; }\n    }\n}\n"
LOST = "touch /run/gl-lost; sleep {}; rm /run/gl-lost"

INCIDENT = Incident(
    host="globes", start="2026-11-18T10:00:20+00:00", minutes=90, factor=36, apps=["/srv/globes"],
    files={"/srv/globes/render.js": RENDER, "/srv/globes/shop.js": SHOP, "/srv/globes/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/globes/prices.sh": "#!/bin/sh\nsleep 4\nlogger prices\n"},
    crontabs={"root": "*/30 * * * * /srv/globes/prices.sh\n12 * * * * docker system df >> /var/log/docker-df.log\n"},
    services={"shop": {"container": "globes-shop-1", "image": "globes/shop:19", "command": ["node", "shop.js"], "directory": "/srv/globes", "restart": "always", "log": {"kind": "plain", "path": "/srv/globes/shop.log"}, "wait": 7},
              "render": {"container": "globes-render-1", "image": "globes/render:4", "command": ["node", "render.js"], "directory": "/srv/globes", "restart": "always", "log": {"kind": "plain", "path": "/srv/globes/render.log"}, "wait": 7},
              "proxy": {**NGINX_CONTAINER, "container": "globes-proxy-1", "restart": "always"}},
    during=[(18.1, LOST.format(40)), (34.4, LOST.format(75)), (47.0, LOST.format(20)), (76.6, LOST.format(120))],
    visitors={"base": "http://127.0.0.1", "host": "globes.example.com", "delay": 60, "visits": [{"perSecond": 0.25, "bots": 0.03, "paths": [[3, "GET", "/"], [2, "GET", "/preview/{n}.png"]]}]},
    collect="""cp /srv/globes/compose.yaml /srv/globes/shop.log .; docker events > events.log; docker ps > ps.txt; cp /var/log/nginx/access.log /etc/nginx/nginx.conf .; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-crash",
        "root_cause": "Not to be known: globes-render-1 ends with exit code 1 in four bouts at irregular moments and Docker starts it again; why it ends would be in its own log, which was not handed over. "
        "The shop's 502 for previews are the consequence.",
        "verdict": "undetermined", "verdict_accepted": ["suspected"], "expected_confidence": "low",
        "innocent": [case.at("crontab", "prices.sh", why="at :00 and :30; the script is not there, but no bout begins then"), case.at("crontab", "docker system df", why="only reads"),
                     case.at("compose.yaml", "restart: always", why="mends"), case.at("compose.yaml", "shm_size: 64m", why="nothing shows that it was too little")],
        "ask_for": ["docker logs globes-render-1", "what the render container was asked for at those moments", "docker inspect of it"],
        "measured": [case.measure("events.log", "container die .*exitCode=1"), case.measure("shop.log", "preview failed"), case.measure("access.log", '" 502 ')],
        "how_made": REAL + " (with pino); docker is the lab's supervisor; the renderer ended by itself while a file told it to.",
    }  # fmt: skip
