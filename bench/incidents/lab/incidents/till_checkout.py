# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""nginx keeps upstream connections for 60 s, Node closes them after 5 s idle (and one more): a till that posts every 6 s meets that."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');

const logger = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.printf((i) => `[${i.timestamp}] [${i.level}] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/checkout/app.log' })],
});
const app = express();
app.use(express.json());
app.post('/till/:id/basket', (req, res) => res.json({ total: req.body.items * 3.4 }));
setInterval(() => { // price rules are worked out anew every second, in this thread
  const end = Date.now() + 280;
  while (Date.now() < end);
}, 1000);
app.get('/till/:id/offers', (req, res) => res.json([]));
app.post('/till/:id/pay', (req, res) => {
  logger.info(`till ${req.params.id} paid`);
  setTimeout(() => res.status(201).end(), 900);
});
app.listen(4040, '127.0.0.1', () => logger.info('checkout listening on 4040'));
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;

    upstream checkout {
        server 127.0.0.1:4040;
        keepalive 32;
        keepalive_timeout 60s;
    }

    server {
        listen 80;
        server_name kasse.example.ch;
        location / {
            proxy_pass http://checkout;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
        }
    }
}
"""

CRONTAB = """*/5 * * * * /opt/checkout/sync-prices.sh >> /var/log/checkout/sync.log 2>&1
0 * * * * /opt/checkout/close-hour.sh >> /var/log/checkout/sync.log 2>&1
"""

INCIDENT = Incident(
    host="kasse-srv", start="2026-09-11T15:31:20+02:00", minutes=56, factor=20, kind="systemd", zone="Europe/Zurich", apps=["/opt/checkout"],
    files={"/opt/checkout/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX,
           "/opt/checkout/sync-prices.sh": "#!/bin/bash\nsleep 3\necho \"$(date '+%F %T') prices in sync\"\n",
           "/opt/checkout/close-hour.sh": "#!/bin/bash\necho \"$(date '+%F %T') hour closed\"\n"},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /var/log/checkout",
    services={"checkout": {"description": "Checkout", "command": ["node", "server.js"], "directory": "/opt/checkout", "restart": "always"},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "kasse.example.ch",
              "monitors": [{"every": 6.1, "jitter": 0.35, "method": "POST", "path": "/till/1/basket", "body": '{"items":3}', "agent": "till/4.2",
                            "address": "192.0.2.11"},
                           {"every": 31, "jitter": 3, "method": "POST", "path": "/till/2/pay", "body": "{}", "agent": "till/4.2", "address": "192.0.2.12"},
                           {"every": 67, "path": "/till/2/offers", "agent": "till/4.2", "address": "192.0.2.12"}]},
    collect="""cp /var/log/checkout/*.log .; mkdir nginx; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /opt/checkout/server.js /opt/checkout/*.sh .
crontab -l > crontab; cp /var/log/syslog .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    pool, listen = case.at("nginx/nginx.conf", "keepalive_timeout 60s"), case.at("server.js", "app.listen(4040")
    reset = case.at("nginx/error.log", "while reading response header from upstream")
    return {
        "root_cause_kind": "keep-alive-race",
        "root_cause": "nginx keeps idle upstream connections for 60 s, Node's default keepAliveTimeout closes them after 5 s (this version "
        "adds one second); a till that posts every 6 s now and then sends just as Node closes, and a POST is not retried: 502.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"],
        "culprit": pool, "culprit_alternatives": [listen, case.at("nginx/nginx.conf", "keepalive 32")],
        "chain": [
            hop("configuration_mismatch", pool, listen, case.at("nginx/nginx.conf", "keepalive 32")),
            hop("timeout_closes_connection", reset),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), reset),
        ],
        "mechanism": [
            "nginx pools upstream connections (keepalive 32, 60 s)", "server.js leaves keepAliveTimeout at Node's 5 s, which this version of Node turns into 6",
            "a till's basket is posted about every 6 s over the pooled connection",
            "the event loop is busy 280 ms of every second, so a request may lie unread when the idle timer fires",
            "when Node closes first, nginx logs recv() failed (104) or upstream prematurely closed connection while reading response header",
            "POST is not idempotent, nginx does not try again: 502; the application log shows nothing",
        ],
        "innocent": [
            case.at("crontab", "sync-prices.sh", why="every 5 minutes"), case.at("crontab", "close-hour.sh", why="hourly"),
            case.whole("app.log", "the process starts once and never ends"),
        ],
        "period_s": None, "lag_s": 6, "lags": {},
        "measured": [case.measure("nginx/error.log", "while reading response header from upstream|while sending request to upstream"),
                     case.measure("nginx/access.log", '" 502 '), case.measure("app.log", "listening on")],
        "how_made": REAL + ". The till's 6 s and the 280 ms of work a second are chosen so that the race is met often.",
    }  # fmt: skip
