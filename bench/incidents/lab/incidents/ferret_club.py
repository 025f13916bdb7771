# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watch loop waits four seconds for an answer that takes six while the standings are counted: it restarts a service that is only slow."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({ format: winston.format.combine(winston.format.timestamp(), winston.format.json()), transports: [new winston.transports.Console()] });
const app = express();
let counting = false;
app.get('/races/:n', (req, res) => setTimeout(() => res.json({ race: req.params.n }), 150));
app.get('/healthz', (req, res) => setTimeout(() => res.json({ ok: true }), counting ? 6000 : 100));
app.post('/standings', (req, res) => {
  counting = true;
  log.info('counting standings');
  setTimeout(() => { counting = false; log.info('standings counted'); }, 90000);
  res.status(202).end();
});
app.listen(7710, '127.0.0.1', () => log.info('club server on 7710'));
process.on('SIGTERM', () => { log.info('SIGTERM, closing'); process.exit(0); });
"""

WATCH = """#!/bin/bash
# keeps the club's server alive
url=http://127.0.0.1:7710/healthz
while sleep 20; do
  if ! curl -fs -o /dev/null --max-time 4 "$url"; then
    echo "$(date +'%F %T') no answer from $url, restarting" >> /var/log/watch.log
    systemctl restart ferret
    sleep 40
  fi
done
"""

INCIDENT = Incident(
    host="stoat", start="2026-04-14T18:01:00+00:00", minutes=38, factor=30, kind="systemd", apps=["/srv/ferret"],
    files={"/srv/ferret/server.js": SERVER, "/srv/ferret/watch.sh": WATCH,
           "/srv/ferret/photos.sh": "#!/bin/sh\nsleep 4\necho \"$(date +'%F %T') photos: warning: 2 without EXIF date\" >> /var/log/photos.log\n",
           "/srv/ferret/deploy.log": "2026-04-14 15:12:09 deployed 2.9.0 (new race page)\n",
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log;\n    server {\n        listen 80;\n        location / { proxy_pass http://127.0.0.1:7710; }\n    }\n}\n"},
    crontabs={"root": "*/10 * * * * curl -s -X POST http://127.0.0.1:7710/standings\n*/10 * * * * /srv/ferret/photos.sh\n"},
    services={"ferret": {"description": "Ferret club", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/ferret", "restart": "always", "restart_seconds": 3, "log": {"kind": "plain", "path": "/var/log/ferret.log"}, "wait": 10},
              "nginx": NGINX_UNIT, "watch": {"description": "Watch the club server", "command": ["/srv/ferret/watch.sh"], "restart": "always", "wait": 60}},
    visitors={"base": "http://127.0.0.1", "host": "ferrets.example.org", "delay": 60, "visits": [{"perSecond": 0.5, "bots": 0.05, "aborts": 0.02, "paths": [[1, "GET", "/races/{n}"]]}]},
    collect="""mkdir nginx; cp /var/log/syslog /var/log/*.log /srv/ferret/server.js /srv/ferret/*.sh /srv/ferret/deploy.log .; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; crontab -l > crontab.root""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    probe, order = case.at("watch.sh", "--max-time 4"), case.at("watch.sh", "systemctl restart ferret")
    said, stop, refused = (
        case.at("watch.log", "restarting"),
        case.at("syslog", "Stopping ferret.service"),
        case.at("nginx/error.log", "connect() failed"),
    )
    job, slow = case.at("crontab.root", "/standings"), case.at("server.js", "counting ? 6000")
    return {
        "root_cause_kind": "watch-loop-restarts-slow-service",
        "root_cause": "watch.sh allows /healthz four seconds; while the standings are counted (cron, every ten minutes, 90 s) it takes six. The loop takes that for dead and restarts a service that was answering visitors.",
        "verdict": "root-cause", "culprit": probe, "culprit_alternatives": [order, slow, job, case.at("watch.sh", "if ! curl"), case.at("watch.sh", "while sleep 20")], "culprit_related": [said],
        "chain": [
            hop("probe_gets_answer", probe, slow, case.at("watch.sh", "url="), said),
            hop("answer_takes_branch", said, order, probe),
            hop("effect_terminates_process", order, stop, case.at("ferret.log", "SIGTERM, closing")),
            hop("termination_refuses_connections", refused, stop),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), refused),
        ],
        "mechanism": ["cron starts the count every ten minutes", "/healthz takes 6 s meanwhile", "watch.sh gives up after 4 s: systemctl restart", "connections refused, 502"],
        "innocent": [case.at("crontab.root", "photos.sh", why="same minutes; only writes a line"), case.whole("photos.sh", "touches nothing"),
                     case.at("deploy.log", "2.9.0", why="hours before; quiet between")],
        "period_s": 600, "lag_s": None,
        "measured": [case.measure("watch.log", "restarting"), case.measure("nginx/access.log", '" 502 ', join=60)],
        "how_made": REAL + " (with express, winston); systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
