# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two causes in one folder: a probe that distrusts the certificate restarts the service; reports run into a proxy timeout."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss,SSS' }),
    winston.format.printf((i) => `[${i.timestamp}] ${i.level.toUpperCase()} school - ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/ski/school.log' })],
});
const app = express();
app.get('/alive', (req, res) => res.send('alive'));
app.get('/courses', (req, res) => setTimeout(() => res.json([7]), 120 + Math.random() * 400));
app.post('/bookings', (req, res) => { log.info('booking taken'); setTimeout(() => res.status(201).end(), 500); });
app.get('/reports/season', (req, res) => { // adds up all slopes and all weeks
  const begin = Date.now();
  setTimeout(() => { log.info(`season report ready after ${Date.now() - begin} ms`); res.json({ lifts: 12 }); }, 42000);
});
const server = app.listen(5300, '127.0.0.1', () => log.info('school service on 5300'));
process.on('SIGTERM', () => { log.info('SIGTERM, closing'); server.close(() => process.exit(0)); setTimeout(() => process.exit(0), 4000); });
"""

PROBE = r"""#!/bin/bash
# is the booking site up?
URL=https://localhost/alive
curl --fail --silent --show-error --max-time 8 "$URL" > /dev/null && exit 0
echo "$(date '+%Y-%m-%d %H:%M:%S') not alive, restart"
systemctl restart ski-school
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 443 ssl;
        server_name ski.example.it;
        ssl_certificate /etc/ski/cert.pem;
        ssl_certificate_key /etc/ski/key.pem;
        location /reports/ { proxy_pass http://127.0.0.1:5300; proxy_read_timeout 30s; }
        location / { proxy_pass http://127.0.0.1:5300; }
    }
}
"""

INCIDENT = Incident(
    host="piste", start="2026-01-10T09:04:30+01:00", minutes=74, factor=28, kind="systemd", zone="Europe/Rome", apps=["/srv/ski"],
    files={"/srv/ski/server.js": SERVER, "/srv/ski/alive.sh": PROBE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/ski/snow.sh": "#!/bin/bash\nsleep 4\necho \"$(date '+%F %T') 85 cm\"\n"},
    crontabs={"root": "*/12 * * * * /srv/ski/alive.sh >> /var/log/ski/alive.log 2>&1\n*/12 * * * * /srv/ski/snow.sh >> /var/log/ski/snow.log\n"},
    prepare="""mkdir -p /var/log/ski /etc/ski; cd /etc/ski
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=ski.example.it -days 300 2>/dev/null""",
    services={"ski-school": {"description": "Ski school", "command": ["node", "server.js"], "directory": "/srv/ski", "restart": "always"}, "nginx": NGINX_UNIT},
    visitors={"base": "https://127.0.0.1", "host": "ski.example.it",
              "visits": [{"perSecond": 0.35, "bots": 0.03, "paths": [[4, "GET", "/courses"], [2, "POST", "/bookings", '{"n":{n}}']]},
                         {"perSecond": 0.006, "bots": 0, "paths": [[1, "GET", "/reports/season"]]}]},
    collect="""mkdir logs; cp /var/log/ski/*.log /var/log/syslog logs/; cp /var/log/nginx/access.log logs/nginx-access.log; cp /var/log/nginx/error.log logs/nginx-error.log
cp /srv/ski/*.sh /srv/ski/server.js /etc/nginx/nginx.conf .; crontab -l > crontab; systemctl status ski-school nginx > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    probe, url = case.at("alive.sh", "curl --fail"), case.at("alive.sh", "URL=https://localhost/alive")
    restart, job = case.at("alive.sh", "systemctl restart ski-school"), case.at("crontab", "alive.sh")
    told, distrust = case.at("logs/alive.log", "not alive, restart"), case.at("logs/alive.log", "curl: (60)")
    refused, term = (
        case.at("logs/nginx-error.log", "111: Connection refused", nth=3),
        case.at("logs/school.log", "SIGTERM, closing"),
    )
    limit, timeout = case.at("nginx.conf", "proxy_read_timeout 30s"), case.at("logs/nginx-error.log", "110: Connection timed out")
    work = case.at("server.js", "42000")
    return {
        "root_cause_kind": "health-check-misreads-certificate",
        "root_cause": "alive.sh asks https://localhost/alive; the site's own certificate is not one curl trusts (exit 60), the script takes that for "
        "death and restarts the healthy service every 12 minutes. Apart from that, season reports take 42 s and nginx waits 30 s for them: 504.",
        "verdict": "root-cause", "culprit": probe, "culprit_alternatives": [url], "culprit_related": [restart, job],
        "chain": [
            hop("job_runs_script", job),
            hop("probe_gets_answer", probe, url, distrust),
            hop("answer_takes_branch", restart, probe, told),
            hop("effect_hits_service", restart, case.at("logs/syslog", "Stopping ski-school.service")),
            hop("process_terminates", term, case.at("logs/syslog", "Stopping ski-school.service")),
            hop("termination_refuses_connections", refused, term),
            hop("failure_reaches_clients", case.at("logs/nginx-access.log", '" 502 '), refused),
        ],
        "other_causes": [{
            "root_cause_kind": "proxy-read-timeout-slow-endpoint",
            "root_cause": "GET /reports/season takes 42 s, location /reports/ allows 30 s: each such request ends as upstream timed out (110), 504.",
            "culprit": limit, "culprit_alternatives": [work], "period_s": None, "lag_s": 30,
            "chain": [hop("configuration_mismatch", limit, work), hop("timeout_closes_connection", timeout, limit),
                      hop("failure_reaches_clients", case.at("logs/nginx-access.log", '" 504 '), timeout)],
        }],
        "mechanism": [
            "cron runs alive.sh every 12 minutes", "curl does not trust the certificate: (60), for nginx is well",
            "systemctl restart ski-school; SIGTERM, connect() failed (111), 502 for some seconds",
            "independently: a season report asked for at any time takes 42 s, nginx gives up after 30 s, 504",
        ],
        "innocent": [
            case.at("crontab", "snow.sh", why="same schedule; sleeps and logs"),
            case.at("logs/nginx-error.log", "111: Connection refused", why="the first two are the machine's own boot: nginx was up before the service"),
        ],
        "period_s": 720, "lag_s": 10, "lags": {"probe line -> SIGTERM": case.lag(case.times("logs/alive.log", "not alive"), case.times("logs/school.log", "SIGTERM"))},
        "measured": [case.measure("logs/school.log", "SIGTERM, closing"), case.measure("logs/nginx-error.log", "111: Connection refused", join=60),
                     case.measure("logs/nginx-error.log", "110: Connection timed out"), case.measure("logs/nginx-access.log", '" 504 ')],
        "how_made": REAL + "; systemctl is the lab's supervisor.",
    }  # fmt: skip
