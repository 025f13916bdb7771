# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: phones go to sleep and people leave pages; socket.io says transport close, nginx 499."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const http = require('http');
const { Server } = require('socket.io');
const winston = require('winston');
const logger = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.Console()],
});
const app = express();
const server = http.createServer(app);
const io = new Server(server, { pingInterval: 25000, pingTimeout: 20000 });
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/api/departures/:stop', (req, res) => setTimeout(() => res.json([4, 9, 15]), 600 + Math.random() * 2500));
io.on('connection', (socket) => {
  logger.info('client connected', { id: socket.id });
  socket.on('disconnect', (reason) => logger.info('client disconnected', { id: socket.id, reason }));
});
setInterval(() => io.emit('positions', Array.from({ length: 12 }, () => Math.random())), 10000);
server.listen(3100, '127.0.0.1', () => logger.info('tram live listening', { port: 3100 }));
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log info;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80;
        server_name tram.example.pl;
        location /socket.io/ {
            proxy_pass http://127.0.0.1:3100;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 300s;
        }
        location / { proxy_pass http://127.0.0.1:3100; }
    }
}
"""

INCIDENT = Incident(
    host="tram-web", start="2026-10-29T07:20:00+01:00", minutes=48, factor=18, zone="Europe/Warsaw", apps=["/srv/tram"],
    files={"/srv/tram/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX,
           "/srv/tram/watch.sh": "#!/bin/bash\n# restart if it does not answer\ncurl -fsS -m 10 -o /dev/null http://127.0.0.1:3100/healthz || docker restart tram\n",
           "/srv/tram/gtfs.sh": "#!/bin/bash\nsleep 8\n"},
    crontabs={"root": "*/2 * * * * /srv/tram/watch.sh\n*/10 * * * * /srv/tram/gtfs.sh\n"},
    services={"tram": {"image": "tram/live:5", "command": ["node", "server.js"], "directory": "/srv/tram", "restart": "always",
                       "log": {"kind": "json", "path": "/var/log/tram-json.log"}},
              "web": {**NGINX_CONTAINER}},
    visitors={"base": "http://127.0.0.1", "host": "tram.example.pl",
              "visits": [{"perSecond": 0.35, "bots": 0.04, "aborts": 0.14, "abortAfter": 0.9, "paths": [[1, "GET", "/api/departures/{n}"]]}],
              "browsers": [{"count": 7, "asleep": 60, "log": "/var/log/console.log", "tag": "tram"}]},
    collect="""cp /var/log/tram-json.log .; mkdir nginx; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/tram/*.sh /srv/tram/server.js .
crontab -l > crontab; docker ps > docker-ps.txt; mv /var/log/console.log phone-console.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause": "No incident: phones that sleep close their connection (transport close on the server), people leave before the answer (499); the service "
        "runs through.",
        "expected_no_incident": True,
        "innocent": [
            case.at("watch.sh", "docker restart tram", why="never reached: /healthz answers each time"),
            case.at("crontab", "watch.sh", why="every 2 minutes"), case.at("crontab", "gtfs.sh", why="every 10 minutes"),
            case.at("tram-json.log", "transport close", why="the phones' own doing, at random times"),
            case.at("nginx/access.log", '" 499 ', why="client aborts"),
        ],
        "measured": [case.measure("nginx/access.log", '" 499 '), case.measure("nginx/access.log", '" 5[0-9][0-9] '),
                     case.measure("tram-json.log", "transport close"), case.measure("tram-json.log", "tram live listening")],
        "how_made": REAL + " with socket.io; docker is the lab's supervisor.",
    }  # fmt: skip
