# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: jobs with frightful names that find nothing to do, and two releases that a cluster takes over worker by worker."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const cluster = require('cluster');
const http = require('http');
const fs = require('fs');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp(), printf((i) => `${i.timestamp} ${process.pid} ${i.level.padEnd(5)} ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/quay/quay.log' })],
});
const version = () => fs.readFileSync('/srv/quay/VERSION', 'utf8').trim();
if (cluster.isPrimary) {
  const start = () => new Promise((done) => cluster.fork().once('listening', (address) => done(address)));
  start().then(start).then(() => log.info(`quay ${version()} with 2 workers`));
  process.on('SIGHUP', async () => {
    log.info(`SIGHUP: taking over ${version()}`);
    for (const old of Object.values(cluster.workers)) {
      await start();
      old.disconnect();
      await new Promise((done) => old.once('exit', done));
      log.info(`worker ${old.process.pid} replaced`);
    }
  });
  process.on('SIGTERM', () => process.exit(0));
} else {
  const berths = http.createServer((req, res) => {
    if (req.url === '/health') return res.end('ok');
    if (req.method === 'POST' && Math.random() < 0.1) { log.error(`berth ${req.url} already taken`); return res.writeHead(409).end(); }
    return setTimeout(() => res.end(`<p>${req.url}</p>`), 60);
  });
  berths.listen(7788, '127.0.0.1');
  process.on('disconnect', () => { log.info('worker drained, exit'); process.exit(0); });
}
"""

HEAL = r"""#!/bin/bash
# quay-heal: restarts the site when it is dead
for try in 1 2 3; do
    if curl -fsS -m 10 -o /dev/null http://127.0.0.1:7788/health; then
        echo "$(date '+%F %T') healthy"
        exit 0
    fi
    sleep 5
done
echo "$(date '+%F %T') DEAD, restarting"
systemctl restart quay
"""

REAPER = r"""#!/bin/bash
# kills render helpers that were left behind (chromium --type=renderer)
pids=$(pgrep -f 'chromium.*--type=renderer' | grep -v $$)
if [ -z "$pids" ]; then
    echo "$(date '+%F %T') no zombies"
    exit 0
fi
kill -9 $pids
echo "$(date '+%F %T') killed $pids"
"""

LEAK = r"""#!/bin/bash
# restart before the leak of 2025 bites (over 900 MB)
pid=$(pgrep -o -f '^/usr/bin/node server.js')
rss=$(awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$pid/status")
echo "$(date '+%F %T') $rss MB"
[ "$rss" -gt 900 ] && systemctl restart quay
exit 0
"""

DEPLOY = r"""#!/bin/bash
# deploy.sh VERSION
echo "$1" > /srv/quay/VERSION
systemctl reload quay
echo "$(date '+%F %T') deployed $1" >> /var/log/quay/deploy.log
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format j escape=json '{"ts":"$time_iso8601","remote":"$remote_addr","method":"$request_method","uri":"$request_uri","status":"$status","bytes":$bytes_sent,"rt":$request_time}';
    access_log /var/log/nginx/access.json.log j;
    server {
        listen 80;
        server_name kai.example.no;
        location /admin { return 403; }
        location / { proxy_pass http://127.0.0.1:7788; }
    }
}
"""
UNIT = "[Unit]\nDescription=Quay\n\n[Service]\nWorkingDirectory=/srv/quay\nExecStart=/usr/bin/node server.js\nExecReload=/bin/kill -HUP $MAINPID\nRestart=on-failure\n"

CRON = """*/5 * * * * root /srv/quay/ops/quay-heal.sh >> /var/log/quay/heal.log 2>&1
*/5 * * * * root /srv/quay/ops/zombie-reaper.sh >> /var/log/quay/reaper.log 2>&1
*/10 * * * * root /srv/quay/ops/restart-if-leaking.sh >> /var/log/quay/leak.log 2>&1
0 3 * * * root systemctl stop quay; /srv/quay/ops/cold-backup.sh; systemctl start quay
"""

INCIDENT = Incident(
    host="kai", start="2026-05-19T12:34:00+02:00", minutes=96, factor=30, kind="systemd", zone="Europe/Oslo", apps=["/srv/quay"],
    files={"/srv/quay/server.js": SERVER, "/srv/quay/VERSION": "4.11\n", "/srv/quay/ops/quay-heal.sh": HEAL, "/srv/quay/ops/zombie-reaper.sh": REAPER, "/srv/quay/ops/restart-if-leaking.sh": LEAK, "/srv/quay/ops/deploy.sh": DEPLOY,
           "/srv/quay/ops/cold-backup.sh": "#!/bin/bash\ntar czf /backup/quay.tgz /srv/quay\n", "/etc/cron.d/quay": CRON, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/quay.service": UNIT},
    prepare="mkdir -p /var/log/quay; echo '2026-05-12 10:02:51 deployed 4.11' > /var/log/quay/deploy.log",
    services={"quay": {"description": "Quay", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/quay", "restart": "on-failure", "wait": 12}, "nginx": NGINX_UNIT},
    during=[(21.3, "/srv/quay/ops/deploy.sh 4.12"), (57.8, "/srv/quay/ops/deploy.sh 4.12.1")],
    visitors={"base": "http://127.0.0.1", "host": "kai.example.no", "delay": 60, "visits": [{"perSecond": 0.35, "bots": 0.09, "aborts": 0.04, "abortAfter": 0.8, "paths": [[5, "GET", "/berths/{n}"], [2, "POST", "/berths/{n}", "{}"], [1, "GET", "/admin"]]}]},
    collect="""mkdir -p kai/{ops,etc,log/nginx}; cp /srv/quay/ops/*.sh kai/ops/; cp /srv/quay/server.js /srv/quay/VERSION kai/; cp /etc/cron.d/quay kai/etc/cron-quay; cp /etc/nginx/nginx.conf /etc/systemd/system/quay.service kai/etc/; cp /var/log/quay/* kai/log/; cp /var/log/syslog kai/log/; cp /var/log/nginx/* kai/log/nginx/
systemctl status quay > kai/status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    cron, log = "kai/etc/cron-quay", "kai/log/quay.log"
    return {
        "root_cause": "No incident: quay-heal always finds the site healthy, zombie-reaper no zombies, restart-if-leaking far below its limit; the nightly cold backup is not in these hours. Releases 4.12 and 4.12.1 send SIGHUP, the primary starts a new worker before it drains an old one: no 5xx. "
        "409 is a berth already taken, 403 is /admin as configured, 499 are the impatient.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [
            case.at(cron, "quay-heal.sh", why="always healthy"), case.at(cron, "zombie-reaper.sh", why="found none"), case.at(cron, "restart-if-leaking.sh", why="never over its limit"), case.at(cron, "systemctl stop quay", why="at three in the morning, not in these logs"),
            case.at("kai/ops/quay-heal.sh", "systemctl restart quay", why="never reached"), case.at("kai/ops/zombie-reaper.sh", "kill -9", why="never reached"), case.at("kai/ops/restart-if-leaking.sh", "systemctl restart quay", why="never reached"),
            case.at("kai/ops/deploy.sh", "systemctl reload quay", why="worker by worker, nobody noticed"), case.at(log, "SIGHUP: taking over 4.12", why="a release"), case.at(log, "worker drained, exit", why="a release"),
            case.at("kai/log/deploy.log", "deployed 4.12.1", why="worker by worker, nobody noticed"), case.at(log, "already taken", why="the visitor's mistake, 409"),
        ],
        "measured": [case.measure(log, "SIGHUP: taking over"), case.measure(log, "replaced"), case.measure("kai/log/heal.log", " healthy"), case.measure("kai/log/nginx/access.json.log", '"status":"5')],
        "timezones": {"quay.log": "UTC (Z)", "others": "Europe/Oslo (+02:00)"},
        "how_made": REAL + " (with winston, cluster); systemctl is the lab's supervisor.",
    }  # fmt: skip
