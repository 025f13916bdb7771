# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Three clocks: the web server's at +05:30, the order machine's in UTC and four minutes fast; on paper the stalls fall on the minute of an innocent job."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const { execFileSync } = require('child_process');
const express = require('express');
const winston = require('winston');

const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), winston.format.printf((i) => `${i.timestamp} [orders] ${i.level.toUpperCase()} ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/orders/orders.log' })],
});

const app = express();
app.get('/stock/:n', (req, res) => setTimeout(() => res.json({ sku: req.params.n, kg: req.params.n % 40 }), 300));
app.post('/orders/:n', (req, res) => {
  log.info(`order ${req.params.n} taken rid=${req.get('x-request-id') ?? '-'}`);
  setTimeout(() => res.status(201).json({ order: req.params.n }), 700);
});

// rewrite the ledger without the cancelled orders; nobody must write meanwhile
app.post('/admin/compact', (req, res) => {
  const rows = execFileSync('/srv/orders/bin/compact-ledger');
  res.json({ rows: Number(rows) });
});

app.listen(6200, '0.0.0.0', () => log.info('orders 5.3.0 on 6200'));

let last = Date.now();
setInterval(() => {
  const late = Date.now() - last - 5000;
  if (late > 12000) log.warn(`event loop stalled for ${(late / 1000).toFixed(1)} s`);
  last = Date.now();
}, 5000);
setInterval(() => log.info(`alive, rss ${Math.round(process.memoryUsage().rss / 1e6)} MB`), 300000);
"""

COMPACT = r"""#!/bin/bash
# ask the order service to compact its ledger, every hour
LOG=/var/log/spice/compact.log
echo "$(date '+%d/%m/%Y %H:%M:%S') start" >> $LOG
answer=$(curl -fsS --max-time 180 -X POST http://172.18.0.20:6200/admin/compact 2>&1)
echo "$(date '+%d/%m/%Y %H:%M:%S') $answer" >> $LOG
"""
REPRICE = r"""#!/bin/bash
# new prices from the exchange; asks the stock of every spice for it
LOG=/var/log/spice/reprice.log
n=0
for sku in 11 24 37 42 58 63 71 89 93 104 117 126; do
    curl -s --max-time 30 -o /dev/null "http://172.18.0.20:6200/stock/$sku" && n=$((n + 1))
done
echo "$(date '+%d/%m/%Y %H:%M:%S') $n of 12 repriced" >> $LOG
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/spice.error.log;
events {}
http {
    log_format spice '$remote_addr [$time_local] "$request" $status rt=$request_time ut=$upstream_response_time rid=$request_id "$http_user_agent"';
    access_log /var/log/nginx/spice.access.log spice;
    upstream orders { server 172.18.0.20:6200; keepalive 8; }
    server {
        listen 80;
        server_name spice.example.in;
        location / {
            proxy_pass http://orders;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Request-Id $request_id;
            proxy_read_timeout 20s;
        }
    }
}
"""
CRON = """MAILTO=""
15 * * * *    /opt/spice/compact.sh
49 * * * *    /opt/spice/reprice.sh
*/30 * * * *  /opt/spice/mailq.sh
"""
NOTES = """Saturday

Shop hangs for the better part of a minute, again and again, customers see 504.
Vivek: orders.log on the order VM says "event loop stalled" always at 49 or 50 past. reprice.sh runs at 49.
   -> switch reprice off? It is his script that calls the order VM twelve times in a row
Order VM: rented, we have no root there. Its logs are UTC, they say.
Memory there is fine, CPU graphs we do not have.
"""
INCIDENT = Incident(
    host="cochin-web", start="2026-06-13T09:07:00+05:30", minutes=260, factor=72, zone="Asia/Kolkata", apps=["/srv/orders"],
    files={"/srv/orders/server.js": SERVER, "/srv/orders/bin/compact-ledger": "#!/bin/sh\n# the ledger without its cancelled orders\nsleep 44\necho $((31000 + $(date +%s) % 700))\n", "/etc/nginx/nginx.conf": NGINX,
           "/opt/spice/compact.sh": COMPACT, "/opt/spice/reprice.sh": REPRICE, "/opt/spice/mailq.sh": "#!/bin/sh\nsleep 4\nlogger -t mailq 'Mail queue is empty'\n", "/root/notes.txt": NOTES},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/spice /var/log/orders",
    services={"orders": {"command": ["node", "server.js"], "directory": "/srv/orders", "environment": {"TZ": "UTC", "CLOCK_SKEW": "244"}, "restart": "always"}, "nginx": NGINX_UNIT},
    during=[(92.0, "nginx -s reload; logger -t sudo '   vivek : TTY=pts/0 ; PWD=/home/vivek ; USER=root ; COMMAND=/usr/sbin/nginx -s reload'")],
    visitors={"base": "http://127.0.0.1", "host": "spice.example.in", "delay": 90, "visits": [{"perSecond": 0.11, "bots": 0.06, "aborts": 0.015, "paths": [[5, "GET", "/stock/{n}"], [2, "POST", "/orders/{n}", "{}"]]}]},
    collect="""mkdir -p web/nginx web/cron web/log order-vm; cp /etc/nginx/nginx.conf /var/log/nginx/*.log web/nginx/; crontab -l > web/cron/root; cp /opt/spice/*.sh web/cron/; cp /var/log/spice/*.log /var/log/syslog web/log/; cp /etc/timezone web/timezone
cp /var/log/orders/orders.log /srv/orders/server.js /srv/orders/bin/compact-ledger order-vm/; cp /root/notes.txt .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, errors, access, told = (
        "order-vm/orders.log",
        "web/nginx/spice.error.log",
        "web/nginx/spice.access.log",
        "web/log/compact.log",
    )
    blocks, job, ask = (
        case.at("order-vm/server.js", "execFileSync('/srv/orders/bin/compact-ledger')"),
        case.at("web/cron/root", "compact.sh"),
        case.at("web/cron/compact.sh", "curl -fsS --max-time 180 -X POST"),
    )
    stalled, began = case.at(log, "event loop stalled"), case.at(told, " start")
    timeout, failed = case.at(errors, "110: Connection timed out"), case.at(access, '" 504 ')
    limit = case.at("web/nginx/nginx.conf", "proxy_read_timeout 20s")
    begins, waits = case.times(told, " start$"), case.times(errors, "110: Connection timed out")
    return {
        "root_cause_kind": "scheduled-request-blocks-event-loop",
        "root_cause": "At minute 15 of every hour (web server's time, +05:30) compact.sh posts /admin/compact to the order service, which runs compact-ledger with execFileSync: its event loop stands still for some 45 seconds, nginx gives up after 20 s (110), visitors get 504. "
        "orders.log says minute 49 for it, because that machine is in UTC (30 minutes off in the minutes) and its clock is 4 minutes fast: reprice.sh at minute 49 of the web server has nothing to do with it.",
        "verdict": "root-cause", "culprit": blocks, "culprit_alternatives": [job, ask], "culprit_related": [began, stalled, case.at("order-vm/server.js", "app.post('/admin/compact'"), case.at("order-vm/compact-ledger", "sleep 44"), case.at("web/log/syslog", "/opt/spice/compact.sh")],
        "chain": [
            hop("job_runs_script", job, case.at("web/log/syslog", "/opt/spice/compact.sh"), began),
            hop("job_stalls_service", blocks, ask, stalled, began, case.at("order-vm/server.js", "app.post('/admin/compact'")),
            hop("timeout_closes_connection", timeout, limit),
            hop("failure_reaches_clients", failed, timeout),
        ],
        "mechanism": [
            "cron on the web server: compact.sh at HH:15 (+05:30)", "curl -X POST http://172.18.0.20:6200/admin/compact", "execFileSync blocks node until compact-ledger ends, 44 s",
            "20 s later nginx: upstream timed out (110), 504; ends when the ledger is done (compact.log: the second line of the pair)",
            "orders.log: 'event loop stalled' at HH:49-50, its own UTC and 4 minutes fast: the rid= of an order shows both clocks",
        ],
        "contributing": [limit | {"why": "turns the stall into 504 for those who came in its first half; the others wait"}],
        "innocent": [
            case.at("web/cron/root", "reprice.sh", why="minute 49 of the web server's clock: in orders.log that is minute 23; at minute 49 nginx has no timeout"),
            case.whole("web/cron/reprice.sh", "twelve quick reads"), case.at("web/cron/root", "mailq.sh", why="only logs"), case.whole("web/cron/mailq.sh", "only logs"),
            case.at("web/log/syslog", "nginx -s reload", why="a reload at 10:39, nobody was hurt"),
            case.at(log, "alive, rss", why="memory stays flat"),
            case.at(log, "event loop stalled for 14.9 s", why="once, short; nobody waited for it"), case.at(errors, "upstream prematurely closed", why="once: a kept-alive connection that node had just closed"),
        ],
        "period_s": 3600, "lag_s": case.lag(begins, waits), "lags": {"compact start -> first 110": case.lag(begins, waits), "compact start -> stall logged (orders.log moved to +05:30 and by 244 s)": case.lag(begins, case.times(log, "event loop stalled", hours=5.5 - 244 / 3600))},
        "measured": [case.measure(log, "event loop stalled", join=120), case.measure(told, " start$"), case.measure(errors, "110: Connection timed out", join=120), case.measure(access, '" 504 ', join=120)],
        "timezones": {"web/*": "Asia/Kolkata (+05:30)", log: "UTC without zone"}, "clock_skew_s": {log: 244},
        "how_made": REAL + " (with express, winston); the order machine's address and its clock (4 minutes 4 seconds fast, one process of the lab) stand in for a second machine; compact-ledger is a sleep.",
    }  # fmt: skip
