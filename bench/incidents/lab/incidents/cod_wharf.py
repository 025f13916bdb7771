# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Zones: the application writes Newfoundland time without saying so, host and proxy UTC; half an hour apart, its log points at the wrong job."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const http = require('http');
const winston = require('winston');
const stamp = () => new Date().toLocaleString('sv-SE', { timeZone: 'America/St_Johns' }); // the wharf's own time
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: stamp }), winston.format.printf((i) => `${i.timestamp} ${i.level}: ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/wharf/auction.log' })],
});
const server = http.createServer((req, res) => {
  if (req.method === 'POST') log.info(`bid on lot ${req.url.split('/').pop()}`);
  setTimeout(() => res.end('{"lot":true}'), 90);
});
setTimeout(() => server.listen(9900, '127.0.0.1', () => log.info('auction open on 9900')), 6000); // reads the lots
process.on('SIGTERM', () => {
  log.warn('SIGTERM, auction closes');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
"""

CATALOG = r"""#!/bin/bash
# new lots from the boats; the auction reads the catalogue when it starts
set -e
cd /srv/wharf
sleep 9 # scp boats:/out/lots.csv incoming/
cp lots.csv catalogue.csv
logger -t catalogue "$(wc -l < catalogue.csv) lots"
docker restart -t 20 wharf_auction > /dev/null
"""

BALANCES = r"""#!/bin/bash
# closes the accounts of the half day and clears the cache of the auction's pages
set -e
sleep 7
find /srv/wharf/cache -type f -delete
logger -t balances "closed, cache cleared"
"""

COMPOSE = """services:
  auction:
    container_name: wharf_auction
    image: wharf/auction:3
    environment:
      BOATS_HOST: boats
    network_mode: host
    restart: unless-stopped
  proxy:
    container_name: wharf_proxy
    image: nginx:1.22
    network_mode: host
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name wharf.example.ca;
        location / { proxy_pass http://127.0.0.1:9900; }
    }
}
"""

CRON = """# system time is UTC
12 * * * * root /srv/wharf/bin/catalogue
12 * * * * root /srv/wharf/bin/ice-report
42 * * * * root /srv/wharf/bin/balances
42 * * * * root /srv/wharf/bin/restart-crane-display
"""

INCIDENT = Incident(
    host="wharf", start="2026-12-01T13:58:00+00:00", minutes=272, factor=70, apps=["/srv/wharf"],
    files={"/srv/wharf/server.js": SERVER, "/srv/wharf/compose.yaml": COMPOSE, "/srv/wharf/lots.csv": "".join(f"{n},cod,{n * 7 % 90}\n" for n in range(60)), "/srv/wharf/bin/catalogue": CATALOG, "/srv/wharf/bin/balances": BALANCES,
           "/srv/wharf/bin/ice-report": "#!/bin/bash\nsleep 5\nlogger -t ice 'open water'\n", "/srv/wharf/bin/restart-crane-display": "#!/bin/bash\n# the little screen at the crane, over serial\nsleep 2\nlogger -t crane 'display restarted'\n",
           "/etc/cron.d/wharf": CRON, "/etc/nginx/nginx.conf": NGINX},
    prepare="mkdir -p /var/log/wharf /srv/wharf/cache",
    services={"auction": {"container": "wharf_auction", "image": "wharf/auction:3", "command": ["node", "server.js"], "directory": "/srv/wharf", "restart": "unless-stopped", "wait": 10}, "proxy": {**NGINX_CONTAINER, "container": "wharf_proxy"}},
    visitors={"base": "http://127.0.0.1", "host": "wharf.example.ca", "delay": 90, "visits": [{"perSecond": 0.14, "bots": 0.04, "paths": [[3, "GET", "/lots/{n}"], [2, "POST", "/lots/{n}", "{}"]]}]},
    collect="""mkdir -p auction proxy host/bin; cp /var/log/wharf/auction.log /srv/wharf/compose.yaml /srv/wharf/server.js auction/; cp /etc/nginx/nginx.conf /var/log/nginx/*.log proxy/; cp /srv/wharf/bin/* host/bin/; cp /etc/cron.d/wharf host/cron.d-wharf; cp /var/log/syslog host/; docker ps > host/ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, cron, app = "host/bin/catalogue", "host/cron.d-wharf", "auction/auction.log"
    action, job, stopped = (
        case.at(script, "docker restart -t 20 wharf_auction"),
        case.at(cron, "12 * * * * root /srv/wharf/bin/catalogue"),
        case.at(app, "SIGTERM, auction closes"),
    )
    said, refused = case.at("host/syslog", "/srv/wharf/bin/catalogue"), case.at("proxy/error.log", "111: Connection refused")
    ends = case.times(app, "SIGTERM", hours=3.5)
    return {
        "root_cause_kind": "job-restarts-service",
        "root_cause": "catalogue, hourly at :12 UTC, ends with `docker restart wharf_auction`; the auction needs some time for its lots and visitors get 502. auction.log is in Newfoundland time (UTC-3:30) without saying so: there the SIGTERM stands at :42, where `balances` and restart-crane-display run.",
        "verdict": "root-cause", "culprit": action, "culprit_alternatives": [job], "culprit_related": [said, case.at("host/syslog", "catalogue: 60 lots")],
        "chain": [
            hop("job_runs_script", job, said),
            hop("effect_hits_service", action, case.at("host/syslog", "catalogue: 60 lots")),
            hop("process_terminates", stopped),
            hop("termination_refuses_connections", refused, stopped),
            hop("failure_reaches_clients", case.at("proxy/access.log", '" 502 '), refused),
        ],
        "mechanism": ["cron, UTC, at :12: catalogue copies the lots and restarts the container", "the auction: SIGTERM at :42 of its own clock's zone, UTC-3:30", "it reads the lots; nginx: connect() failed (111), 502 shortly after :12 UTC", "at :42 UTC balances clears a cache and nothing happens to anybody"],
        "innocent": [case.at(cron, "balances", why="at :42 UTC; fits the application's unmarked local time by accident"), case.at(cron, "restart-crane-display", why="at :42 UTC; a display"), case.at(cron, "ice-report", why="same minute as the culprit, only logs"),
                     case.whole("host/bin/balances", "deletes a cache"), case.whole("host/bin/restart-crane-display", "only logs"), case.whole("host/bin/ice-report", "only logs"), case.at("auction/compose.yaml", "restart: unless-stopped", why="nothing crashed")],
        "period_s": 3600, "lag_s": None,
        "lags": {"catalogue's line -> SIGTERM": case.lag(case.times("host/syslog", "catalogue: 60 lots"), ends, 120)},
        "measured": [case.measure(app, "SIGTERM, auction closes"), case.measure("proxy/error.log", "111: Connection refused", join=120), case.measure("proxy/access.log", '" 502 ', join=120)],
        "timezones": {app: "America/St_Johns (-03:30) without saying so", "others": "UTC"},
        "how_made": REAL.replace(" and curl", "") + " (with winston); docker is the lab's supervisor.",
    }  # fmt: skip
