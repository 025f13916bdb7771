# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The request timings are kept under the whole URL, query and all; the heap fills at the pace of the visitors until V8 gives up, and pm2 starts it anew."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

APP = r"""const express = require('express');
const { timings, report } = require('./middleware/timings');

const app = express();
app.use(timings);
app.get('/prognose', (req, res) => setTimeout(() => res.json({ felt: req.query.felt, vekst: 3.1 }), 60 + Math.random() * 300));
app.get('/felt/:n', (req, res) => res.json({ felt: Number(req.params.n), dybde: 8 }));
app.get('/metrics', (req, res) => res.type('text/plain').send(report()));
app.get('/', (req, res) => res.send('<h1>Tareskog</h1>'));
app.listen(3600, '127.0.0.1', () => console.log('tareskog: lytter på 3600'));
process.on('SIGINT', () => { console.log('tareskog: SIGINT, avslutter'); process.exit(0); });
"""

TIMINGS = r"""// hvor lang tid hver adresse bruker, til /metrics
const series = new Map();

function timings(req, res, next) {
  const begin = process.hrtime.bigint();
  res.on('finish', () => {
    const key = `${req.method} ${req.originalUrl}`;
    // et vindu med målinger, så vi kan vise p50/p95 per adresse
    if (!series.has(key)) series.set(key, { count: 0, window: Array.from({ length: 40000 }, () => Math.random() * 1e-9) });
    const entry = series.get(key);
    entry.window[entry.count % entry.window.length] = Number(process.hrtime.bigint() - begin) / 1e6;
    entry.count += 1;
  });
  next();
}

const report = () => `timings_series ${series.size}\n` + [...series].map(([key, { count }]) => `requests_total{url="${key}"} ${count}`).join('\n') + '\n';

module.exports = { timings, report };
"""

ECOSYSTEM = """module.exports = {
  apps: [{
    name: 'tareskog',
    script: 'app.js',
    cwd: '/opt/tareskog',
    node_args: '--max-old-space-size=72',
    time: true,
    restart_delay: 2500,
  }],
};
"""

TIDY = r"""#!/bin/bash
# ryddejobb: tømmer mellomlageret når det blir for stort
dir=/opt/tareskog/cache
size=$(du -sm "$dir" | cut -f1)
if [ "$size" -gt 500 ]; then
    rm -rf "${dir:?}"/*
    pm2 restart tareskog
    echo "$(date '+%d.%m.%Y %H:%M:%S') tømt ($size MB), startet på nytt"
else
    echo "$(date '+%d.%m.%Y %H:%M:%S') $size MB, ingenting å gjøre"
fi
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    log_format tid '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time ut=$upstream_response_time';
    access_log /var/log/nginx/access.log tid;
    server {
        listen 80;
        server_name tare.example.no;
        location / { proxy_pass http://127.0.0.1:3600; }
    }
}
"""

CRONTAB = """PATH=/usr/local/bin:/usr/bin:/bin
*/10 * * * * /opt/tareskog/bin/rydd-cache.sh >> /opt/tareskog/logs/rydd.log 2>&1
*/20 * * * * /opt/tareskog/bin/hent-temperatur.sh >> /opt/tareskog/logs/temperatur.log 2>&1
30 2 * * 1 pm2 restart tareskog
"""
# A school class looks at its fields.
CLASS = """(for i in $(seq {}); do curl -s -m 30 -o /dev/null --interface 203.0.113.199 -A 'Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36' \\
"http://127.0.0.1/prognose?felt=$((RANDOM % 40))&t=$RANDOM$RANDOM" -H 'Host: tare.example.no'; sleep {}; done) > /dev/null 2>&1 &"""
PM2 = "runuser -u tare -- env HOME=/home/tare PM2_HOME=/home/tare/.pm2 PATH=$PATH "

INCIDENT = Incident(
    host="tare01", start="2026-05-12T08:11:30+02:00", minutes=112, factor=30, kind="systemd", zone="Europe/Oslo", users=["tare"], apps=["/opt/tareskog", "/usr/lib/pm2"],
    files={"/opt/tareskog/app.js": APP, "/opt/tareskog/middleware/timings.js": TIMINGS, "/opt/tareskog/ecosystem.config.js": ECOSYSTEM, "/opt/tareskog/bin/rydd-cache.sh": TIDY, "/etc/nginx/nginx.conf": NGINX, "/opt/tareskog/cache/kart-60N": "x" * 4000,
           "/opt/tareskog/bin/hent-temperatur.sh": "#!/bin/sh\nsleep 8\necho \"$(date '+%d.%m.%Y %H:%M:%S') 14 bøyer hentet\"\n", "/opt/tareskog/logs/.keep": ""},
    crontabs={"tare": CRONTAB}, owners={"/opt/tareskog/logs": "tare", "/opt/tareskog/cache": "tare"},
    prepare="mkdir -p /home/tare/.pm2; chown -R tare: /home/tare",
    services={"pm2-tare": {"description": "PM2 process manager", "command": ["pm2", "start", "/opt/tareskog/ecosystem.config.js", "--no-daemon"], "directory": "/opt/tareskog", "user": "tare",
                           "environment": {"PM2_HOME": "/home/tare/.pm2", "HOME": "/home/tare"}, "restart": "always", "log": {"kind": "plain", "path": "/var/log/pm2-tare.log"}, "wait": 50}, "nginx": NGINX_UNIT},
    during=[(38.0, CLASS.format(230, 2)), (64.3, PM2 + "pm2 restart tareskog --silent; echo \"$(date '+%d.%m.%Y %H:%M:%S') utrulling 1.14.2 (nye kart)\" >> /opt/tareskog/logs/utrulling.log"), (84.5, CLASS.format(150, 1))],
    visitors={"base": "http://127.0.0.1", "host": "tare.example.no", "delay": 110,
              "visits": [{"perSecond": 0.36, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.2, "paths": [[5, "GET", "/prognose?felt={n}&t={n}{n}"], [2, "GET", "/felt/12"], [2, "GET", "/"]]}],
              "monitors": [{"every": 60, "path": "/metrics", "address": "192.0.2.90", "agent": "Prometheus/2.53.1"}]},
    collect="""mkdir -p pm2 nginx tareskog/middleware tareskog/bin; cp /home/tare/.pm2/logs/* pm2/; cp /home/tare/.pm2/pm2.log /var/log/pm2-tare.log pm2/ 2>/dev/null; cp /opt/tareskog/app.js /opt/tareskog/ecosystem.config.js /opt/tareskog/logs/*.log tareskog/; cp /opt/tareskog/middleware/*.js tareskog/middleware/
cp /opt/tareskog/bin/*.sh tareskog/bin/; crontab -u tare -l > tareskog/crontab; cp /var/log/nginx/access.log /var/log/nginx/error.log /etc/nginx/nginx.conf nginx/; cp /var/log/syslog .; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    source, daemon, err = "tareskog/middleware/timings.js", "pm2/pm2-tare.log", "pm2/tareskog-error.log"
    key, kept, series = (
        case.at(source, "const key ="),
        case.at(source, "series.set(key"),
        case.at(source, "const series = new Map()"),
    )
    fatal, limit, exited = (
        case.at(err, "FATAL ERROR: "),
        case.at("tareskog/ecosystem.config.js", "--max-old-space-size=72"),
        case.at(daemon, "via signal [SIGABRT]"),
    )
    refused, failed, older = (
        case.at("nginx/error.log", "111: Connection refused"),
        case.at("nginx/access.log", '" 502 '),
        case.at("nginx/access.log.1.gz", '" 502 '),
    )
    return {
        "root_cause_kind": "memory-leak-heap-limit",
        "root_cause": "middleware/timings.js keeps a window of 40000 measurements for every URL, the query string included, and drops none; as nearly every /prognose has its own query, the heap fills at the visitors' pace until V8 aborts at --max-old-space-size=72; pm2 starts it again.",
        "verdict": "root-cause", "culprit": key, "culprit_alternatives": [kept, series, fatal, limit], "culprit_related": [exited, case.at("nginx/access.log.1.gz", "/metrics")],
        "chain": [
            hop("resource_exhausted", fatal, key, kept, series, limit),
            hop("crash_ends_process", exited, fatal),
            hop("supervisor_restarts_process", case.at(daemon, "App [tareskog:0] starting in", nth=2), exited, case.at("tareskog/ecosystem.config.js", "restart_delay"), case.at("pm2/tareskog-out.log", "lytter på 3600", nth=2)),
            hop("termination_refuses_connections", refused, exited),
            hop("failure_reaches_clients", failed, older, refused, case.at("nginx/error.log", "while reading response header from upstream")),
        ],
        "mechanism": ["each new URL adds an entry with 40000 numbers to a Map; the answer of /metrics grows in the access log (bytes) between two starts", "FATAL ERROR: ... heap limit, SIGABRT", "pm2 starts it again after 2.5 s", "502 meanwhile: recv() failed (104), then connect() failed (111)", "the time to the next end depends on the visitors: no fixed period"],
        "contributing": [limit | {"why": "a larger heap only delays it"}],
        "innocent": [
            case.at("tareskog/crontab", "rydd-cache.sh", why="every 10 minutes; would restart, but the cache is small: 'ingenting å gjøre' each time"), case.at("tareskog/bin/rydd-cache.sh", "pm2 restart tareskog", why="never reached"),
            case.at("tareskog/crontab", "hent-temperatur.sh", why="every 20 minutes, only fetches"), case.at("tareskog/crontab", "pm2 restart tareskog", why="Mondays at 02:30; this is a Tuesday morning"),
            case.at("tareskog/utrulling.log", "utrulling 1.14.2", why="one planned restart"),
        ],
        "period_s": None, "lag_s": None,
        "measured": [case.measure(err, "FATAL ERROR: "), case.measure(daemon, r"via signal \[SIGABRT\]"), case.measure("nginx/error.log", "111: Connection refused", join=60), case.measure("tareskog/rydd.log", "ingenting å gjøre")],
        "timezones": {"all": "Europe/Oslo (+02:00)"},
        "how_made": REAL.replace(" and curl", "") + ", under pm2; Node really reached its heap limit; systemctl is the lab's supervisor.",
    }  # fmt: skip
