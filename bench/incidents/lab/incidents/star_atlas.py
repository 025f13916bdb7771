# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing wrong: nightly jobs restart two workers that no visitor talks to, and a scanner is answered 404 by the hundred."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'atlas', serializers: bunyan.stdSerializers });
const app = express();
app.get('/', (req, res) => res.send('<title>Atlas</title>'));
app.get('/plates/:n', (req, res) => {
  const begin = Date.now();
  setTimeout(() => {
    res.json({ plate: Number(req.params.n), stars: req.params.n * 31 });
    if (Date.now() - begin > 700) log.warn({ plate: req.params.n, ms: Date.now() - begin }, 'slow query');
  }, 80 + 700 * Math.random() ** 6);
});
app.post('/plates', express.json(), (req, res) => { log.info('plate queued for solving'); res.status(202).end(); });
app.use((req, res) => { log.debug({ url: req.url }, 'no such page'); res.status(404).end(); });
app.listen(6080, '127.0.0.1', () => log.info({ port: 6080 }, 'atlas listening'));
setInterval(() => log.info({ rss: process.memoryUsage().rss, uptime: Math.round(process.uptime()) }, 'stats'), 120000);
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""

WORKER = r"""const name = process.argv[2];
let jobs = 0;
console.log(`${name} waiting for jobs`);
setInterval(() => { jobs += 1; console.log(`${name} job ${jobs} done, ${(Math.random() * 9).toFixed(1)} s`); }, 95000);
process.on('SIGTERM', () => { console.log(`${name} SIGTERM, finishing job`); setTimeout(() => { console.log(`${name} stopped`); process.exit(0); }, 3000); });
"""

RESTART = r"""#!/bin/bash
# the solver's index does not like to stay open for days
set -e
LOG=/var/log/atlas/restart-solver.log
echo "$(date '+%Y/%m/%d %H:%M:%S') restart atlas-solver" >> $LOG
systemctl restart atlas-solver.service
sleep 8
systemctl is-active atlas-solver.service >> $LOG
"""
INDEX = r"""#!/bin/bash
# new plates into the index; the indexer stands still meanwhile
set -e
systemctl stop atlas-indexer.service
sleep 40 # merge-index /srv/atlas/index
logger -t merge-index "merged, $((RANDOM % 90 + 10)) plates"
systemctl start atlas-indexer.service
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format vhost '$host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
    access_log /var/log/nginx/other_vhosts_access.log vhost;
    limit_req_zone $binary_remote_addr zone=ip:1m rate=50r/s;
    server {
        listen 80;
        server_name sterne.example.ch;
        location / { limit_req zone=ip burst=100 nodelay; proxy_pass http://127.0.0.1:6080; }
    }
}
"""
UNIT = "[Unit]\nDescription={}\n\n[Service]\nExecStart=/usr/bin/node {}\nRestart=on-failure\nRestartSec=4\n"
CRON = """# nights
15 3 * * * root /srv/atlas/cron/restart-solver.sh
20 3 * * * root /srv/atlas/cron/merge-index.sh
20 3 * * * root /srv/atlas/cron/backup.sh
*/5 * * * * root /srv/atlas/cron/stars-up
"""
UP = """#!/bin/sh
# a line a check; mends nothing
code=$(curl -s -m 30 -o /dev/null -w '%{http_code}' -A stars-up http://127.0.0.1:6080/)
echo "$(date '+%Y/%m/%d %H:%M:%S') $code" >> /var/log/atlas/up.log
[ "$code" = 200 ] || logger -t stars-up "atlas answers $code"
"""
SCAN = """for p in {old,new,backup,test,dev,wp,shop,blog,api,cgi-bin}/{index.php,.env,config.json,db.sql,login,setup.cgi,wp-config.php.bak}; do curl -s -o /dev/null -A 'Mozilla/5.0 (compatible; Nuclei/3.2)' -H 'Host: sterne.example.ch' --interface ADDRESS http://127.0.0.1/$p; done"""
NIGHT = "leap 84480"

INCIDENT = Incident(
    host="sterne", start="2026-11-16T03:06:10+01:00", minutes=128, factor=40, kind="systemd", zone="Europe/Zurich", apps=["/srv/atlas"],
    files={"/srv/atlas/server.js": SERVER, "/srv/atlas/worker.js": WORKER, "/srv/atlas/cron/restart-solver.sh": RESTART, "/srv/atlas/cron/merge-index.sh": INDEX, "/srv/atlas/cron/stars-up": UP, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/atlas": CRON,
           "/srv/atlas/cron/backup.sh": "#!/bin/sh\nsleep 25\nlogger -t backup \"atlas-$(date +%F).tar.zst 311 MB\"\n",
           "/etc/systemd/system/atlas.service": UNIT.format("Star atlas", "/srv/atlas/server.js"), "/etc/systemd/system/atlas-solver.service": UNIT.format("Plate solver", "/srv/atlas/worker.js solver"), "/etc/systemd/system/atlas-indexer.service": UNIT.format("Plate indexer", "/srv/atlas/worker.js indexer")},
    prepare="mkdir -p /var/log/atlas",
    services={"atlas": {"description": "Star atlas", "command": ["/usr/bin/node", "/srv/atlas/server.js"], "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/atlas/atlas.log"}, "wait": 5},
              **{f"atlas-{name}": {"description": f"Plate {name}", "command": ["/usr/bin/node", "/srv/atlas/worker.js", name], "restart": "on-failure", "grace": 30, "log": {"kind": "syslog", "tag": name}} for name in ("solver", "indexer")},
              "nginx": NGINX_UNIT},
    during=[(11.2, SCAN.replace("ADDRESS", "192.0.2.66")), (31.5, NIGHT), (46, SCAN.replace("ADDRESS", "203.0.113.9")), (63.5, NIGHT), (73.6, SCAN.replace("ADDRESS", "192.0.2.66")), (95.5, NIGHT)],
    visitors={"base": "http://127.0.0.1", "host": "sterne.example.ch", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.12, "aborts": 0.004, "paths": [[6, "GET", "/plates/{n}"], [1, "POST", "/plates", "{}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p logs etc/units cron srv; cp /var/log/atlas/* /var/log/syslog logs/; cp /var/log/nginx/*.log logs/; cp /etc/nginx/nginx.conf etc/; cp /etc/systemd/system/atlas*.service etc/units/; cp /etc/cron.d/atlas cron/cron.d-atlas; cp /srv/atlas/cron/* cron/; cp /srv/atlas/*.js srv/; rotate logs/other_vhosts_access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    cron, log = "cron/cron.d-atlas", "logs/syslog"
    return {
        "root_cause": "No incident: no answer of the site is a 5xx, atlas itself runs from the first line to the last. Each night restart-solver.sh restarts atlas-solver and merge-index.sh stops atlas-indexer for a while: workers without visitors, which finish their job first. "
        "Scanners ask for what there never was and get 404; some queries are slow.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [case.at(cron, "restart-solver.sh", why="restarts a worker nobody waits for"), case.at(cron, "merge-index.sh", why="stops and starts a worker nobody waits for"), case.at(cron, "backup.sh", why="same minute, only logs"), case.at(cron, "stars-up", why="only looks, and always saw 200"),
                     case.at("cron/restart-solver.sh", "systemctl restart atlas-solver.service", why="ordered, and harmless"), case.at("cron/merge-index.sh", "systemctl stop atlas-indexer.service", why="ordered, and harmless"), case.at(log, "Stopping atlas-solver.service", why="ordered, and harmless"),
                     case.at("logs/other_vhosts_access.log.1.gz", "Nuclei", why="a scanner; 404 is the right answer"), case.at("etc/nginx.conf", "limit_req zone=ip", why="never reached"), case.at("etc/units/atlas.service", "Restart=on-failure", why="nothing crashed")],
        "measured": [case.measure("logs/other_vhosts_access.log", '" 5[0-9][0-9] '), case.measure("logs/other_vhosts_access.log.1.gz", '" 5[0-9][0-9] '), case.measure("logs/other_vhosts_access.log.1.gz", '" 404 '), case.measure(log, "Stopping atlas-solver.service"), case.measure(log, "Stopping atlas-indexer.service"),
                     case.measure("logs/atlas.log", "atlas listening"), case.measure("logs/up.log", " 200$")],
        "timezones": {"atlas.log": "UTC (Z)", "others": "Europe/Zurich (+01:00)"},
        "how_made": REAL + " (with express, bunyan); systemctl and systemd[1]'s lines are the lab's supervisor. Between the four nights the wall clock leapt by 23.5 h.",
    }  # fmt: skip
