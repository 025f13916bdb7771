# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a rolling release that no visitor notices, a limited scraper, scanners and impatient visitors."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ base: { pid: process.pid, port: process.env.PORT }, timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
const open = new Set();
app.use((req, res, next) => { open.add(res); res.on('close', () => open.delete(res)); next(); });
app.get('/offers', (req, res) => setTimeout(() => res.json([{ n: 1, bales: 40 }]), 300));
app.get('/offers/:n', (req, res) => {
  if (Number(req.params.n) > 840) log.warn({ n: req.params.n }, 'offer has no picture, showing the default one');
  setTimeout(() => res.json({ n: req.params.n }), 120);
});
app.post('/offers/:n/bid', (req, res) => {
  if (Number(req.params.n) % 9 === 0) { log.warn({ n: req.params.n }, 'bid below the minimum'); return res.status(422).json({ error: 'too low' }); }
  return res.status(201).end();
});
const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => log.info('market open'));
process.on('SIGTERM', () => {
  log.info({ open: open.size }, 'SIGTERM, finishing what is open');
  server.close(() => { log.info('all answered, bye'); process.exit(0); });
});
"""

RELEASE = """#!/bin/bash
# Rolls a release over both instances, one after the other.
set -euo pipefail
version=$1
logger -t release "$version: begin ($USER)"
for port in 4001 4002; do
    systemctl restart hay@$port
    for _ in $(seq 30); do
        curl -fsS -o /dev/null "http://127.0.0.1:$port/offers" 2> /dev/null && break
        sleep 1
    done
    logger -t release "$version: hay@$port is back"
    sleep 15 # let nginx notice
done
logger -t release "$version: done"
"""

NGINX = """worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 1024; }
http {
    log_format market '$remote_addr $server_name "$request" $status $request_time [$time_local] "$http_user_agent" upstream=$upstream_addr ustatus=$upstream_status';
    access_log /var/log/nginx/market.log market;
    limit_req_zone $binary_remote_addr zone=per_client:1m rate=20r/m;
    limit_req_status 429;
    upstream hay {
        server 127.0.0.1:4001 max_fails=1 fail_timeout=4s;
        server 127.0.0.1:4002 max_fails=1 fail_timeout=4s;
    }
    server {
        listen 80;
        server_name heu.example.ch;
        location / {
            proxy_pass http://hay;
            proxy_next_upstream error timeout non_idempotent;
        }
        location /offers {
            limit_req zone=per_client burst=20 nodelay;
            proxy_pass http://hay;
            proxy_next_upstream error timeout non_idempotent;
        }
        location = /wp-login.php { return 444; }
    }
}
"""

SYSLOG = """module(load="imuxsock" SysSock.UseSysTimeStamp="off" SysSock.RateLimit.Interval="0")
template(name="journal" type="string" string="%timereported:1:19:date-rfc3339%+0200 %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\\n")
*.*;auth,authpriv.none action(type="omfile" file="/var/log/syslog" template="journal")
"""

INCIDENT = Incident(
    host="stall", start="2026-08-06T16:40:00+02:00", minutes=60, factor=24, kind="systemd", zone="Europe/Zurich", apps=["/srv/hay"],
    files={"/srv/hay/server.js": SERVER, "/srv/hay/release.sh": RELEASE, "/etc/nginx/nginx.conf": NGINX, "/etc/rsyslog.conf": SYSLOG,
           "/etc/cron.d/hay": "MAILTO=stall@example.ch\n*/20 * * * * root /srv/hay/dump.sh\n7 * * * * root /usr/sbin/logrotate /etc/logrotate.d/hay\n",
           "/srv/hay/dump.sh": "#!/bin/bash\n# a copy of the offers, kept for a week\nset -e\nout=/var/backups/hay/offers-$(date +%H%M).json\nmkdir -p /var/backups/hay\ncurl -fsS -A hay-dump http://127.0.0.1:4001/offers > \"$out\"\nlogger -t hay-dump \"wrote $out ($(stat -c %s \"$out\") bytes)\"\n",
           "/etc/logrotate.d/hay": "/var/log/nginx/market.log {\n    size 20M\n    rotate 8\n    compress\n    postrotate\n        nginx -s reopen\n    endscript\n}\n",
           "/etc/systemd/system/hay@.service": "[Unit]\nDescription=Hay market on port %i\n\n[Service]\nEnvironment=PORT=%i\nWorkingDirectory=/srv/hay\nExecStart=/usr/bin/node server.js\nStandardOutput=append:/var/log/hay-%i.log\nRestart=on-failure\nTimeoutStopSec=30\n"},
    services={f"hay@{port}": {"description": f"Hay market on port {port}", "command": ["node", "server.js"], "directory": "/srv/hay", "environment": {"PORT": port}, "restart": "on-failure", "grace": 30,
                              "log": {"kind": "plain", "path": f"/var/log/hay-{port}.log"}, "wait": 8} for port in ("4001", "4002")} | {"nginx": NGINX_UNIT},
    during=[(32.4, "USER=reto /srv/hay/release.sh 5.12.0")],
    visitors={"base": "http://127.0.0.1", "host": "heu.example.ch", "delay": 90,
              "visits": [{"perSecond": 0.2, "bots": 0.08, "aborts": 0.03, "abortAfter": 0.2, "paths": [[3, "GET", "/offers"], [4, "GET", "/offers/{n}"], [1, "POST", "/offers/{n}/bid", "{}"]]}],
              "monitors": [{"every": 1.4, "offset": 2700, "path": "/offers/77", "address": "198.51.100.77", "agent": "Scrapy/2.11.2 (+https://scrapy.org)"},
                           {"every": 120, "path": "/offers", "address": "192.0.2.9", "agent": "Uptime/1.0"}]},
    collect="""mkdir -p etc log; cp /etc/nginx/nginx.conf /etc/cron.d/hay /etc/systemd/system/hay@.service etc/; mv etc/hay etc/cron.d-hay; cp /etc/logrotate.d/hay etc/logrotate-hay; cp /srv/hay/*.sh /srv/hay/server.js .
cp /var/log/nginx/market.log /var/log/hay-*.log log/; cp /var/log/nginx/error.log log/nginx-error.log; cp /var/log/syslog log/journal.txt; rotate log/market.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause": "No incident: release 5.12.0 was rolled over two instances and nginx asked the other one meanwhile (connect() failed in its log, no 5xx for anybody); a scraper is limited to twenty requests a minute, "
        "as configured; the rest are scanners, impatient visitors (499) and bids that are too low (422).",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [case.at("log/journal.txt", "release: 5.12.0: begin", why="ordered; nobody got an error"), case.whole("release.sh", "waits for each instance before the next"),
                     case.at("etc/cron.d-hay", "dump.sh", why="every 20 minutes; only reads"), case.at("etc/cron.d-hay", "logrotate", why="the log is too small to be rotated"), case.whole("dump.sh", "only reads"),
                     case.at("etc/nginx.conf", "limit_req_zone", why="limits a scraper, as meant")],
        "measured": [case.measure("log/market.log", '" 429 '), case.measure("log/market.log", '" 499 '), case.measure("log/market.log", '" 404 '), case.measure("log/market.log", '" 5[0-9][0-9] '),
                     case.measure("log/journal.txt", "Stopping Hay|Stopping hay")],
        "how_made": REAL + " (with express, pino); systemctl is the lab's supervisor.",
    }  # fmt: skip
