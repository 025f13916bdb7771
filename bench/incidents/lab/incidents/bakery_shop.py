# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a planned rolling deploy restarts two instances one after the other, nobody notices."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const port = Number(process.argv[2]);
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }),
    winston.format.printf((i) => `${i.timestamp} ${i.level.toUpperCase()} [${port}] ${i.message}`)),
  transports: [new winston.transports.File({ filename: `/var/log/bakery/shop-${port}.log` })],
});
const app = express();
let ready = true;
app.get('/ready', (req, res) => (ready ? res.send('yes') : res.status(503).send('draining')));
app.get('/shop/cakes', (req, res) => setTimeout(() => res.json([1, 2]), 100 + Math.random() * 300));
app.post('/shop/orders', (req, res) => { log.info('order accepted'); setTimeout(() => res.status(201).end(), 400); });
const server = app.listen(port, '127.0.0.1', () => log.info('shop 1.31 listening'));
process.on('SIGTERM', () => {
  ready = false;
  log.info('SIGTERM received, draining');
  server.close(() => { log.info('drained, exit'); process.exit(0); });
  server.closeIdleConnections();
});
"""

DEPLOY = r"""#!/bin/bash
# rolling deploy: one instance at a time, the other one serves
set -e
say() { echo "$(date '+%Y-%m-%d %H:%M:%S') $*"; }
for port in 5001 5002; do
    say "take $port out"
    sed -i "s/server 127.0.0.1:$port;/server 127.0.0.1:$port down;/" /etc/nginx/nginx.conf
    systemctl reload nginx
    sleep 15
    systemctl restart "shop-$port"
    until curl -sf -o /dev/null "http://127.0.0.1:$port/ready"; do sleep 1; done
    sed -i "s/server 127.0.0.1:$port down;/server 127.0.0.1:$port;/" /etc/nginx/nginx.conf
    systemctl reload nginx
    say "$port is back"
    sleep 20
done
say "deploy finished"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    upstream shop {
        server 127.0.0.1:5001;
        server 127.0.0.1:5002;
    }
    server {
        listen 80;
        server_name baeckerei.example.de;
        location /shop/ { proxy_pass http://shop; }
        location / { return 200 "Brot\\n"; }
    }
}
"""

INCIDENT = Incident(
    host="ofen", start="2026-03-04T09:33:00+01:00", minutes=44, factor=24, kind="systemd", zone="Europe/Berlin", apps=["/srv/bakery"],
    files={"/srv/bakery/server.js": SERVER, "/srv/bakery/deploy.sh": DEPLOY, "/etc/nginx/nginx.conf": NGINX,
           "/srv/bakery/stock.sh": "#!/bin/bash\nsleep 5\necho \"$(date '+%F %T') stock counted\"\n"},
    crontabs={"root": "*/5 * * * * /srv/bakery/stock.sh >> /var/log/bakery/stock.log\n"}, prepare="mkdir -p /var/log/bakery",
    services={**{f"shop-{port}": {"description": f"Bakery shop {port}", "command": ["node", "server.js", str(port)], "directory": "/srv/bakery",
                                  "restart": "on-failure", "wait": 10} for port in (5001, 5002)},
              "nginx": NGINX_UNIT},
    during=[(21, "/srv/bakery/deploy.sh >> /var/log/bakery/deploy.log 2>&1")],
    visitors={"base": "http://127.0.0.1", "host": "baeckerei.example.de", "delay": 50,
              "visits": [{"perSecond": 0.4, "bots": 0.04, "paths": [[4, "GET", "/shop/cakes"], [1, "POST", "/shop/orders", '{"n":{n}}'], [1, "GET", "/"]]}]},
    collect="""mkdir log nginx; cp /var/log/bakery/*.log /var/log/syslog log/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/
cp /srv/bakery/*.sh /srv/bakery/server.js .; crontab -l > crontab; systemctl status > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    failures = case.measure("nginx/access.log", '" 5[0-9][0-9] ')
    assert failures["lines"] == 0, failures
    return {
        "root_cause": "No incident: a planned rolling deploy took each of two instances out of nginx, restarted it and put it back; no request failed.",
        "expected_no_incident": True,
        "innocent": [
            case.at("deploy.sh", 'systemctl restart "shop-$port"', why="planned, run by hand, one instance at a time"),
            case.at("log/shop-5001.log", "SIGTERM received", why="the deploy's own"), case.at("log/shop-5002.log", "SIGTERM received", why="the deploy's own"),
            case.at("crontab", "stock.sh", why="every 5 minutes, only counts"),
            case.at("nginx/error.log", "signal 1 (SIGHUP) received", why="the deploy's reloads"),
        ],
        "measured": [case.measure("log/shop-5001.log", "SIGTERM received"), case.measure("log/shop-5002.log", "SIGTERM received"), failures,
                     case.measure("nginx/access.log", '" 20[01] ')],
        "how_made": REAL + "; systemctl is the lab's supervisor.",
    }  # fmt: skip
