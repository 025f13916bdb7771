# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A probe waits three seconds; the readiness page counts the spool, which takes longer in the minutes after each hourly delivery."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const http = require('http');
const fs = require('fs');
const pino = require('pino');
const log = pino({ base: { svc: 'feed' }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } });
const SPOOL = '/data/spool';
const STAT_MS = 4; // one stat() on the NAS
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
async function ready(res) {
  const files = fs.readdirSync(SPOOL);
  await sleep(files.length * STAT_MS); // every file is looked at: age of the oldest
  res.end(JSON.stringify({ ready: true, spool: files.length }));
}
const server = http.createServer((req, res) => {
  if (req.url === '/ready') return ready(res);
  return setTimeout(() => res.end(JSON.stringify({ tile: req.url })), 90);
});
setTimeout(() => server.listen(8020, '127.0.0.1', () => log.info({ port: 8020 }, 'feed is up')), 9000); // the tile index
process.on('SIGTERM', () => {
  log.info({ spool: fs.readdirSync(SPOOL).length }, 'terminating');
  process.exit(0);
});
"""

WORKER = r"""const fs = require('fs');
const log = require('pino')({ base: { svc: 'cutter' }, timestamp: require('pino').stdTimeFunctions.isoTime });
let cut = 0;
setInterval(() => {
  for (const name of fs.readdirSync('/data/spool').sort().slice(0, 5)) { fs.unlinkSync(`/data/spool/${name}`); cut += 1; }
}, 4000);
setInterval(() => log.info({ cut, left: fs.readdirSync('/data/spool').length }, 'cut'), 60000);
process.on('SIGTERM', () => process.exit(0));
"""

ALIVE = r"""#!/bin/sh
# ops/alive.sh: every four minutes, from /etc/cron.d/marsh
stamp() { date '+%b %d %H:%M:%S'; }
if wget -q -t 1 -T 3 -O /dev/null http://127.0.0.1:8020/ready
then
  echo "$(stamp) feed answers"
else
  rc=$?
  echo "$(stamp) feed does not answer (wget $rc), restarting it"
  cd /opt/marsh && docker-compose -f docker-compose.yml restart -t 5 feed
fi
"""

DELIVERY = r"""#!/bin/sh
# the survey office's hourly delivery: 1500 sheets into the spool
sleep 3
i=0 hour=$(date +%H)
while [ $i -lt 1500 ]; do i=$((i + 1)); : > "/data/spool/$hour-$i.sheet"; done
logger -t delivery "1500 sheets spooled"
"""

COMPOSE = """version: "2.4"
services:
  feed:
    container_name: marsh_feed_1
    image: registry.example.org/marsh/feed:2.6
    command: node server.js
    network_mode: host
    restart: always
    volumes: ["/data/spool:/data/spool"]
  cutter:
    container_name: marsh_cutter_1
    image: registry.example.org/marsh/feed:2.6
    command: node worker.js
    restart: always
    volumes: ["/data/spool:/data/spool"]
  proxy:
    container_name: marsh_proxy_1
    image: nginx:1.22
    network_mode: host
    restart: always
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        location / { proxy_pass http://127.0.0.1:8020; }
        location = /ready { return 404; }
    }
}
"""

CRON = """SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
*/4 * * * * root /opt/marsh/ops/alive.sh >> /var/log/marsh/alive.log 2>&1
*/4 * * * * root /opt/marsh/ops/tide-gauge.sh
*/4 * * * * www-data /opt/marsh/ops/ping-board.sh >> /var/log/marsh/board.log 2>&1
20 * * * *  root /opt/marsh/ops/delivery.sh
"""

INCIDENT = Incident(
    host="marsh-a", start="2026-08-06T06:02:00+00:00", minutes=168, factor=44, apps=["/opt/marsh"],
    files={"/opt/marsh/server.js": SERVER, "/opt/marsh/worker.js": WORKER, "/opt/marsh/ops/alive.sh": ALIVE, "/opt/marsh/ops/delivery.sh": DELIVERY, "/opt/marsh/docker-compose.yml": COMPOSE,
           "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/marsh": CRON,
           "/opt/marsh/ops/tide-gauge.sh": "#!/bin/sh\nsleep 6\nlogger -t tide-gauge \"$(date +%H%M) 2.1 m\"\n",
           "/opt/marsh/ops/ping-board.sh": "#!/bin/sh\n# the information board at the dyke\nsleep 2\necho \"$(date '+%b %d %H:%M:%S') board pinged\"\n"},
    prepare="mkdir -p /var/log/marsh /data/spool; chmod 777 /var/log/marsh; touch /var/log/marsh/board.log; chown www-data /var/log/marsh/board.log",
    services={"feed": {"container": "marsh_feed_1", "image": "registry.example.org/marsh/feed:2.6", "command": ["node", "server.js"], "directory": "/opt/marsh", "restart": "always", "log": {"kind": "compose", "path": "/var/log/compose.log"}},
              "cutter": {"container": "marsh_cutter_1", "image": "registry.example.org/marsh/feed:2.6", "command": ["node", "worker.js"], "directory": "/opt/marsh", "restart": "always", "log": {"kind": "compose", "path": "/var/log/compose.log"}},
              "proxy": {**NGINX_CONTAINER, "container": "marsh_proxy_1"}},
    visitors={"base": "http://127.0.0.1", "host": "karten.example.org", "delay": 60, "visits": [{"perSecond": 0.35, "bots": 0.04, "aborts": 0.02, "paths": [[5, "GET", "/tiles/{n}.png"], [1, "GET", "/"]]}]},
    collect="""mkdir -p logs conf/ops; cp /opt/marsh/docker-compose.yml conf/; cp /opt/marsh/ops/*.sh conf/ops/; cp /opt/marsh/server.js conf/feed-server.js; cp /etc/cron.d/marsh conf/cron.d_marsh; cp /etc/nginx/nginx.conf conf/proxy.conf
cp /var/log/compose.log logs/docker-compose-logs.txt; cp /var/log/marsh/*.log logs/; cp /var/log/nginx/access.log logs/proxy-access.log; cp /var/log/nginx/error.log logs/proxy-error.log; grep -v CRON /var/log/syslog > logs/messages
docker ps > docker-ps.txt; rotate logs/proxy-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, cron, log = "conf/ops/alive.sh", "conf/cron.d_marsh", "logs/docker-compose-logs.txt"
    probe, action, job = case.at(script, "wget -q -t 1 -T 3"), case.at(script, "restart -t 5 feed"), case.at(cron, "alive.sh")
    slow, said, stopped = (
        case.at("conf/feed-server.js", "files.length * STAT_MS"),
        case.at("logs/alive.log", "does not answer (wget 4)"),
        case.at(log, '"msg":"terminating"'),
    )
    refused = case.at("logs/proxy-error.log", "111: Connection refused")
    return {
        "root_cause_kind": "probe-timeout-too-short",
        "root_cause": "alive.sh gives /ready three seconds (wget -T 3, one try). /ready looks at every file of the spool, 4 ms each, and needs up to six seconds in the ten minutes after the hourly delivery of 1500 sheets: wget gives up, the script restarts a healthy container.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": probe, "culprit_alternatives": [slow, action, case.at("conf/feed-server.js", "const STAT_MS = 4")],
        "culprit_related": [job, said, case.at(cron, "delivery.sh"), case.at("conf/ops/delivery.sh", "-lt 1500")],
        "chain": [
            hop("job_runs_script", job),
            hop("probe_gets_answer", probe, said, slow),
            hop("answer_takes_branch", said, probe, action),
            hop("effect_hits_service", action, said),
            hop("process_terminates", stopped, said),
            hop("termination_refuses_connections", refused, stopped),
            hop("failure_reaches_clients", case.at("logs/proxy-access.log", '" 502 '), case.at("logs/proxy-access.log.1.gz", '" 502 '), refused),
        ],
        "mechanism": ["cron: delivery.sh spools 1500 sheets at :20", "cron: alive.sh every four minutes; wget -T 3 on /ready", "with more than some 700 files /ready takes longer than three seconds: wget exits 4", "docker-compose restart feed: SIGTERM, some seconds for the tile index",
                      "nginx: connect() failed (111), 502; by :32 the spool is small enough again"],
        "contributing": [case.at("conf/ops/delivery.sh", "-lt 1500", why="fills the spool that /ready walks over"), case.at(cron, "delivery.sh", why="the same")],
        "innocent": [case.at(cron, "tide-gauge.sh", why="same four minutes, only logs"), case.at(cron, "ping-board.sh", why="same four minutes, only logs"), case.whole("conf/ops/tide-gauge.sh", "touches nothing"), case.whole("conf/ops/ping-board.sh", "touches nothing"),
                     case.at("conf/docker-compose.yml", "restart: always", why="nothing crashed")],
        "period_s": None, "lag_s": None,
        "lags": {"probe gives up -> terminating": case.lag(case.times("logs/alive.log", "does not answer"), case.times(log, "terminating"), 60)},
        "measured": [case.measure("logs/alive.log", "does not answer"), case.measure(log, '"msg":"terminating"'), case.measure("logs/proxy-error.log", "111: Connection refused", join=60)],
        "timezones": {"all": "UTC"},
        "how_made": REAL.replace("curl", "wget") + " (with pino); docker-compose is the lab's supervisor; a stat() of 4 ms is a wait in the server.",
    }  # fmt: skip
