# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Each GPX import holds its whole file several times over in memory; when imports overlap or follow closely the container is over its limit and is killed."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const { importTrack } = require('./import');
const log = pino({ name: 'rowan', timestamp: pino.stdTimeFunctions.isoTime, base: { name: 'rowan' } });
const app = express();
app.get('/trails/:n', (req, res) => setTimeout(() => res.json({ trail: Number(req.params.n), km: 11.4 }), 60));
app.post('/imports', express.json(), async (req, res) => {
  const began = Date.now();
  log.info({ user: req.body.user }, 'import started');
  const points = await importTrack(req.body.user);
  log.info({ user: req.body.user, points, ms: Date.now() - began }, 'import finished');
  res.status(201).json({ points });
});
app.get('/health', (req, res) => res.send('ok'));
app.get('/', (req, res) => res.send('<h1>Paths</h1>'));
setInterval(() => log.info({ rssMB: Math.round(process.memoryUsage().rss / 1048576) }, 'memory'), 60000);
app.listen(4250, '127.0.0.1', () => log.info({ port: 4250 }, 'rowan listening'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

IMPORT = r"""// GPX of a whole holiday: unpack, parse, thin out. Everything is kept until the answer is sent.
const SIZE = 16 * 1024 * 1024; // what a week with a watch unpacks to
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function importTrack(user) {
  const unpacked = Buffer.alloc(SIZE, user % 251);
  await wait(8000);
  const parsed = Buffer.from(unpacked); // one record a point
  await wait(9000);
  const thinned = Buffer.from(parsed); // same again, sorted by time
  await wait(7000);
  return Math.round((unpacked.length + parsed.length + thinned.length) / 1024) % 9973;
}

module.exports = { importTrack };
"""

COMPOSE = """services:
  rowan:
    image: ghcr.io/example/rowan:2.3
    restart: unless-stopped
    network_mode: host
    mem_limit: 200m
    environment:
      NODE_ENV: production
  web:
    image: nginx:1.22-alpine
    restart: unless-stopped
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 40m;
    server {
        listen 80;
        server_name paths.example.scot;
        location / {
            proxy_pass http://127.0.0.1:4250;
            proxy_read_timeout 300s;
        }
    }
}
"""
TILES = r"""#!/bin/bash
# heights of new tiles; every quarter of an hour
echo "$(date '+%F %T') tiles: start"
sleep 35
echo "$(date '+%F %T') tiles: $((RANDOM % 9)) new"
"""
WATCH = r"""#!/bin/bash
# mail somebody when the service is away twice in a row; restarts nothing
STATE=/var/tmp/rowan.down
if curl -fs -m 60 -o /dev/null http://127.0.0.1:4250/health; then rm -f $STATE
elif [ -e $STATE ]; then echo "$(date '+%F %T') rowan is down" ; else touch $STATE; fi
"""
CRON = """*/15 * * * * /opt/rowan/jobs/tiles.sh >> /var/log/rowan/tiles.log 2>&1
*/5 * * * * /opt/rowan/jobs/watch.sh >> /var/log/rowan/watch.log 2>&1
0 5 * * * /opt/rowan/jobs/prune.sh
"""

INCIDENT = Incident(
    host="cairn", start="2026-07-18T13:10:00+01:00", minutes=118, factor=32, zone="Europe/London", apps=["/opt/rowan/app"],
    files={"/opt/rowan/app/server.js": SERVER, "/opt/rowan/app/import.js": IMPORT, "/opt/rowan/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/opt/rowan/jobs/tiles.sh": TILES, "/opt/rowan/jobs/watch.sh": WATCH,
           "/opt/rowan/jobs/prune.sh": "#!/bin/bash\ndocker image prune -af --filter until=240h\n",
           "/opt/rowan/README.notes": "2.3 (17 July): import of whole holidays, not only of single days\nThe machine has 4 GB, half of it is free. -- Isla\n"},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/rowan",
    services={"rowan": {"container": "rowan-rowan-1", "image": "ghcr.io/example/rowan:2.3", "command": ["node", "server.js"], "directory": "/opt/rowan/app", "restart": "unless-stopped", "memory_limit": 209715200, "log": {"kind": "compose", "path": "/var/log/rowan-compose.log"}, "wait": 6},
              "web": {**NGINX_CONTAINER, "container": "rowan-web-1", "image": "nginx:1.22-alpine"}},
    project={"project": "rowan", "config_files": "/opt/rowan/compose.yml", "working_dir": "/opt/rowan"},
    visitors={"base": "http://127.0.0.1", "host": "paths.example.scot", "delay": 80,
              "visits": [{"perSecond": 0.35, "bots": 0.05, "aborts": 0.004, "paths": [[6, "GET", "/trails/{n}"], [2, "GET", "/"]]}, {"perSecond": 0.024, "bots": 0, "paths": [[1, "POST", "/imports", '{"user":{n}}']]}]},
    collect="""mkdir -p docker jobs nginx app; cp /var/log/rowan-compose.log docker/compose-logs.txt; docker ps > docker/ps.txt; docker inspect rowan-rowan-1 > docker/inspect-rowan.json; docker events --since 3h --until 0s > docker/events.txt; cp /opt/rowan/compose.yml /opt/rowan/README.notes .; cp /opt/rowan/app/*.js app/; cp /opt/rowan/jobs/* jobs/; cp /var/log/rowan/*.log jobs/; crontab -l > jobs/crontab
cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /var/log/syslog .; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, events, inspect, tab = "docker/compose-logs.txt", "docker/events.txt", "docker/inspect-rowan.json", "jobs/crontab"
    limit, kept = case.at("compose.yml", "mem_limit: 200m"), case.at("app/import.js", "Buffer.from(unpacked)")
    size, second = case.at("app/import.js", "const SIZE = 16"), case.at("app/import.js", "Buffer.from(parsed)")
    oom, died, code = case.at(events, "container oom"), case.at(events, "exitCode=137"), case.at(inspect, '"Memory": 209715200')
    begun, memory = case.at(log, "import started"), case.at(log, '"rssMB":')
    closed, refused = case.at("nginx/error.log", "prematurely closed"), case.at("nginx/error.log", "111: Connection refused")
    return {
        "root_cause_kind": "memory-limit-too-small-for-parallel-work",
        "root_cause": "Each import of a holiday's GPX makes three copies of 16 MB, which V8 frees only when it comes to it: rss goes up by some 50 MB an import and falls again (no leak). compose.yml gives the container 200m, of which the idle service needs 55 to 70; when imports overlap or follow close on each other before "
        "anything is freed, it is over the limit and is killed (oom, exit 137), and Docker starts it again: ten times in two hours, 3 to 28 minutes apart, as the walkers come.",
        "verdict": "root-cause", "culprit": limit, "culprit_alternatives": [kept, second, size, case.at("app/import.js", "Buffer.alloc(SIZE"), oom], "culprit_related": [code, begun, memory, case.at("README.notes", "import of whole holidays")],
        "chain": [
            hop("resource_exhausted", oom, limit, memory, begun, kept, code, size),
            hop("crash_ends_process", died, oom),
            hop("supervisor_restarts_process", case.at("compose.yml", "restart: unless-stopped"), case.at(log, "rowan listening", nth=2), case.at(events, "container start", nth=3)),
            hop("termination_closes_connections", closed, died, oom),
            hop("termination_refuses_connections", refused, died),
            hop("failure_reaches_clients", case.at("nginx/access.log.1.gz", '" 502 '), closed, case.at("nginx/access.log", '" 502 ')),
        ],
        "mechanism": ["imports follow each other or overlap: import started, started", "rssMB rises by some 50 an import, up to 198, 199, and sometimes falls back", "container oom, exit 137; no SIGTERM in the log, it simply begins anew, always with an import unfinished", "imports under way: upstream prematurely closed or recv() failed (104); connect() failed (111) until it listens: 502", "irregular: no period; the jobs' minutes do not fit"],
        "innocent": [case.at(tab, "tiles.sh", why="each quarter of an hour; only writes a line"), case.at(tab, "watch.sh", why="every five minutes; restarts nothing"), case.at(tab, "prune.sh", why="at five in the morning, not in these logs"), case.whole("jobs/tiles.sh", "touches nothing"), case.whole("jobs/watch.sh", "only looks"), case.at("nginx/nginx.conf", "proxy_read_timeout 300s", why="never reached")],
        "period_s": None, "lag_s": None,
        "measured": [case.measure(events, "container oom"), case.measure(log, "rowan listening"), case.measure(log, "import started"), case.measure(log, "import finished"), case.measure("nginx/error.log", "prematurely closed", join=60)],
        "timezones": {log: "UTC (Z)", events: "UTC (Z)", inspect: "UTC (Z)", "others": "Europe/London (+01:00)"},
        "how_made": REAL + " (with express, pino); docker is the lab's supervisor: it looks at the process's RSS each second and kills it over the limit, so there is no kernel log.",
    }  # fmt: skip
