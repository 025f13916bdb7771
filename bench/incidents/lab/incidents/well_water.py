# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""logrotate goes by size and its postrotate restarts the service: the more people ask, the oftener it goes down."""

import json
from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

SERVER = r"""import http from 'node:http';
import pino from 'pino';
const log = pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: '/var/log/brunn/api.log', sync: true }));

const brunnar = new Map();
const svara = (res, kod, data) => { res.writeHead(kod, { 'Content-Type': 'application/json' }); res.end(JSON.stringify(data)); };
const server = http.createServer((req, res) => {
  const t0 = Date.now();
  res.on('finish', () => log.info({ ip: req.headers['x-real-ip'], ms: Date.now() - t0, kod: res.statusCode }, `${req.method} ${req.url}`));
  const nr = /^\/brunnar\/(\d+)(\/serie)?$/.exec(req.url);
  if (req.url === '/') return svara(res, 200, { brunnar: brunnar.size });
  if (!nr) return svara(res, 404, { fel: 'finns inte' });
  const dröj = nr[2] ? 900 + Math.random() * 2600 : 120;
  return setTimeout(() => svara(res, 200, { brunn: nr[1], niva: 4.2 }), dröj);
});

log.info('startar, läser in fjorton dygns mätvärden');
for (let i = 1; i <= 900; i += 1) brunnar.set(i, { niva: 4 + (i % 13) / 10 });
setTimeout(() => server.listen(8800, '127.0.0.1', () => log.info({ brunnar: brunnar.size }, 'lyssnar på 8800')), 5000);
process.on('SIGTERM', () => { log.warn('SIGTERM, avslutar'); process.exit(0); });
"""

ROTATE = """# api.log växer fort när det regnar. Kontrolleras var femte minut (cron.d/brunn).
/var/log/brunn/api.log {
    size 64k
    rotate 20
    missingok
    notifempty
    dateext
    dateformat -%Y%m%d-%H%M%S
    compress
    delaycompress
    create 0640 brunn brunn
    postrotate
        # annars skriver den vidare i den gamla filen
        systemctl restart brunn-api >/dev/null 2>&1 || true
    endscript
}
"""
ROTATE_NGINX = """/var/log/nginx/*.log {
    daily
    rotate 14
    missingok
    compress
    delaycompress
    sharedscripts
    postrotate
        invoke-rc.d nginx rotate >/dev/null 2>&1
    endscript
}
"""

MEMORY = r"""#!/bin/bash
# minnesvakt: startar om om node äter mer än 400 MB (hände i våras)
kb=$(ps -C node -o rss= | sort -n | tail -1)
echo "$(date '+%Y-%m-%d %H:%M:%S') rss ${kb:-0} kB" >> /var/log/brunn/minne.log
if [ "${kb:-0}" -gt 400000 ]; then
    echo "$(date '+%Y-%m-%d %H:%M:%S') för mycket, startar om" >> /var/log/brunn/minne.log
    systemctl restart brunn-api
fi
"""
FETCH = r"""#!/bin/sh
# SMHI:s nederbörd, tre gånger i timmen
sleep 11
logger -t nederbord "$(( $(date +%s) % 9 )) mm"
"""

CRON = """SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
*/5 * * * *  root  logrotate -s /var/lib/logrotate/brunn.status /etc/logrotate.d/brunn
*/15 * * * * root  /opt/brunn/minnesvakt.sh
4,24,44 * * * * root /opt/brunn/nederbord.sh
25 6 * * *   root  logrotate /etc/logrotate.conf
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name brunn.example.se;
        location / {
            proxy_pass http://127.0.0.1:8800;
            proxy_set_header X-Real-IP $remote_addr;
        }
    }
}
"""
UNIT = "[Unit]\nDescription=Brunnsdata API\n\n[Service]\nUser=brunn\nWorkingDirectory=/opt/brunn\nExecStart=/usr/bin/node api.mjs\nRestart=on-failure\nMemoryMax=600M\n"
PATHS = [[5, "GET", "/brunnar/{n}"], [3, "GET", "/brunnar/{n}/serie"], [1, "GET", "/"]]
RAIN = {
    "base": "http://127.0.0.1",
    "host": "brunn.example.se",
    "delay": 1,
    "visits": [{"perSecond": 0.85, "bots": 0, "paths": PATHS}],
}

INCIDENT = Incident(
    host="kallan", start="2026-10-07T06:57:00+02:00", minutes=108, factor=32, kind="systemd", zone="Europe/Stockholm", users=["brunn"], apps=["/opt/brunn"],
    files={"/opt/brunn/api.mjs": SERVER, "/etc/logrotate.d/brunn": ROTATE, "/etc/logrotate.d/nginx": ROTATE_NGINX, "/opt/brunn/minnesvakt.sh": MEMORY, "/opt/brunn/nederbord.sh": FETCH, "/etc/cron.d/brunn": CRON, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/brunn-api.service": UNIT, "/usr/lib/lab/rain.json": json.dumps(RAIN),
           "/root/anteckning.txt": "7 okt: API:t är borta några sekunder då och då sedan i morse, oftare när det är mycket trafik.\nMinnesläcka igen?? Kollade minne.log, såg inget. /Birgitta\n"},
    prepare="mkdir -p /var/log/brunn; chown brunn: /var/log/brunn",
    services={"brunn-api": {"description": "Brunnsdata API", "command": ["/usr/bin/node", "api.mjs"], "directory": "/opt/brunn", "user": "brunn", "restart": "on-failure", "grace": 90, "log": {"kind": "syslog", "tag": "node"}, "wait": 20}, "nginx": NGINX_UNIT},
    during=[(44.5, "cd /; (setsid bash -c 'node /usr/lib/lab/visitors.mjs /usr/lib/lab/rain.json & p=$!; sleep 2400; kill $p' > /run/rain.out 2>&1 &)")],
    visitors={"base": "http://127.0.0.1", "host": "brunn.example.se", "delay": 100, "visits": [{"perSecond": 0.55, "bots": 0.05, "aborts": 0.03, "abortAfter": 0.7, "paths": PATHS}]},
    collect="""mkdir -p etc/cron.d etc/logrotate.d etc/nginx etc/systemd opt var/log/nginx var/log/brunn; cp /etc/cron.d/brunn etc/cron.d/; cp /etc/logrotate.d/brunn /etc/logrotate.d/nginx etc/logrotate.d/; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/systemd/system/brunn-api.service etc/systemd/
cp /opt/brunn/*.sh /opt/brunn/api.mjs opt/; cp /root/anteckning.txt .; cp /var/lib/logrotate/brunn.status var/log/logrotate-brunn.status; cp /var/log/nginx/*.log var/log/nginx/; cp -r /var/log/brunn var/log/; cp /var/log/syslog var/log/; rotate var/log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    rotate, log, errors, access, older = (
        "etc/logrotate.d/brunn",
        "var/log/syslog",
        "var/log/nginx/error.log",
        "var/log/nginx/access.log",
        "var/log/nginx/access.log.1.gz",
    )
    files = sorted(path.name for path in (case.root / "var/log/brunn").iterdir() if path.name.startswith("api.log-"))
    first, latest = f"var/log/brunn/{files[0]}", f"var/log/brunn/{files[-1]}"
    restart, size, entry = (
        case.at(rotate, "systemctl restart brunn-api"),
        case.at(rotate, "size 64k"),
        case.at("etc/cron.d/brunn", "/etc/logrotate.d/brunn"),
    )
    stopping, ended, begins = (
        case.at(log, "Stopping brunn-api.service"),
        case.at(first, "SIGTERM, avslutar"),
        case.at("var/log/brunn/api.log", "startar, läser in"),
    )
    closed, refused, failed = (
        case.at(errors, "prematurely closed"),
        case.at(errors, "111: Connection refused"),
        case.at(older, '" 502 '),
    )
    return {
        "root_cause_kind": "logrotate-postrotate-restarts",
        "root_cause": "logrotate looks at api.log every five minutes and rotates it when it is larger than 64k; its postrotate restarts the whole service so that it opens the new file. Each time the requests in flight are cut, and since the service reads its measurements first, it refuses connections for some seconds more. The log grows with the traffic, so there is no fixed period, and the rainy hour has more of it.",
        "verdict": "root-cause", "culprit": restart, "culprit_alternatives": [size, entry],
        "culprit_related": [stopping, ended, begins, case.at("opt/api.mjs", "setTimeout(() => server.listen"), case.whole("var/log/logrotate-brunn.status", "when it was last rotated")],
        "chain": [
            hop("job_runs_script", entry, case.at(log, "logrotate -s /var/lib/logrotate/brunn.status"), size),
            hop("effect_hits_service", restart, stopping),
            hop("process_terminates", ended, case.at(latest, "SIGTERM, avslutar"), case.at(log, "Stopped brunn-api.service")),
            hop("termination_closes_connections", closed),
            hop("termination_refuses_connections", refused, begins, case.at("opt/api.mjs", "setTimeout(() => server.listen")),
            hop("failure_reaches_clients", failed, case.at(access, '" 502 '), closed, refused),
        ],
        "mechanism": ["cron runs logrotate for brunn every five minutes", "api.log is larger than 64k: it is rotated, and postrotate restarts brunn-api", "SIGTERM is the last line of each rotated file, startar the first of the next", "in flight: upstream prematurely closed; then connect() failed (111) until it listens: 502"],
        "innocent": [
            case.at("opt/minnesvakt.sh", "systemctl restart brunn-api", why="never reached: minne.log shows less than 400 MB all along"), case.at("etc/cron.d/brunn", "/opt/brunn/minnesvakt.sh", why="every quarter of an hour, thrice beside a restart and four times without one; only measured"), case.at("anteckning.txt", "Minnesläcka", why="a guess that minne.log refutes"),
            case.at("etc/systemd/brunn-api.service", "MemoryMax=600M", why="never near it"), case.at("etc/cron.d/brunn", "/opt/brunn/nederbord.sh", why="three times an hour, only logs"), case.whole("opt/nederbord.sh", "only logs"),
            case.at("etc/cron.d/brunn", "logrotate /etc/logrotate.conf", why="at 06:25, before these logs"), case.whole("etc/logrotate.d/nginx", "daily, with the right signal"), case.at(older, '" 499 ', why="people who left"), case.at(older, '" 404 ', why="bots"),
        ],
        "period_s": None, "lag_s": case.lag(case.times(log, r"CMD \( *logrotate -s"), case.times(log, "Stopping brunn-api"), within=60),
        "lags": {"Stopping -> listening": case.lag(case.times(log, "Stopping brunn-api"), [time for name in [*files, "api.log"] for time in case.times(f"var/log/brunn/{name}", "lyssnar", hours=2)])},
        "measured": [case.measure(log, "Stopping brunn-api.service"), case.measure(log, r"CMD \( *logrotate -s"), case.measure(errors, "111: Connection refused|prematurely closed", join=60), case.measure(older, '" 502 ', join=60), case.measure(access, '" 502 ', join=60), case.measure("var/log/brunn/minne.log", "rss"), case.measure("var/log/brunn/minne.log", "startar om")],
        "timezones": {"all": "Europe/Stockholm (+02:00)", "api.log": "UTC"},
        "how_made": "nginx 1.22, Node 20 (with pino), Debian's logrotate, cron and bash really ran; reading the measurements is a wait of 5 s; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
