# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The nightly-style batch job sends faster than nginx's own limit allows and gets most of its requests refused."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }),
    winston.format.printf((i) => `${i.timestamp} [${i.level.toUpperCase()}] mail: ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/mailer/mailer.log' })],
});
const app = express();
let sent = 0;
app.post('/v1/messages', (req, res) => { sent += 1; setTimeout(() => res.status(202).end(), 40); });
app.get('/v1/quota', (req, res) => res.json({ left: 9000 }));
app.listen(5600, '127.0.0.1', () => log.info('accepting messages'));
setInterval(() => { log.info(`${sent} messages accepted in the last 5 minutes`); sent = 0; }, 300000);
"""

DIGEST = r"""#!/bin/bash
# send the digest to every list member who is due
API=http://mail.example.org/v1/messages
codes=$(curl -s -o /dev/null -w '%{http_code}\n' -X POST --resolve mail.example.org:80:127.0.0.1 -d digest "$API?member=[1-60]")
ok=$(grep -c 202 <<< "$codes")
failed=$(grep -vc 202 <<< "$codes")
echo "$(date '+%Y-%m-%d %H:%M:%S') digest: $ok sent, $failed failed"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    limit_req_zone $binary_remote_addr zone=perip:1m rate=1r/s;

    server {
        listen 80;
        server_name mail.example.org;

        location /v1/ {
            # somebody scraped us in May
            limit_req zone=perip burst=8 nodelay;
            proxy_pass http://127.0.0.1:5600;
        }
    }
}
"""

CRONTAB = """0,20,40 * * * * /opt/mailer/digest.sh >> /var/log/mailer/digest.log 2>&1
*/20 * * * * /opt/mailer/bounce.sh >> /var/log/mailer/bounce.log 2>&1
*/5 * * * * /opt/mailer/quota.sh >> /var/log/mailer/quota.log 2>&1
"""

INCIDENT = Incident(
    host="mail-out", start="2026-06-02T05:52:10-07:00", minutes=94, factor=36, kind="systemd", zone="America/Los_Angeles", apps=["/opt/mailer"],
    files={"/opt/mailer/server.js": SERVER, "/opt/mailer/digest.sh": DIGEST, "/etc/nginx/nginx.conf": NGINX,
           "/opt/mailer/bounce.sh": "#!/bin/bash\nsleep 8\necho \"$(date '+%F %T') bounces: 2\"\n",
           "/opt/mailer/quota.sh": "#!/bin/bash\necho \"$(date '+%F %T') $(curl -s http://127.0.0.1:5600/v1/quota)\"\n"},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /var/log/mailer",
    services={"mailer": {"description": "Mailer", "command": ["node", "server.js"], "directory": "/opt/mailer", "restart": "always"}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "mail.example.org",
              "visits": [{"perSecond": 0.12, "bots": 0.04, "paths": [[3, "POST", "/v1/messages", '{"to":{n}}'], [1, "GET", "/v1/quota"]]}]},
    collect="""mkdir logs; cp /var/log/mailer/*.log logs/; cp /var/log/nginx/access.log logs/nginx.access.log; cp /var/log/nginx/error.log logs/nginx.error.log
cp /var/log/syslog logs/; cp /opt/mailer/*.sh /opt/mailer/server.js .; cp /etc/nginx/nginx.conf .; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    limit, loop = case.at("nginx.conf", "limit_req zone=perip burst=8 nodelay;"), case.at("digest.sh", "member=[1-60]")
    rate, job = case.at("nginx.conf", "rate=1r/s"), case.at("crontab", "digest.sh")
    limited = case.at("logs/nginx.error.log", "limiting requests, excess")
    return {
        "root_cause_kind": "rate-limit-rejects-own-job",
        "root_cause": "digest.sh posts 60 messages as fast as it can from 127.0.0.1, through nginx, whose limit_req (1 r/s, burst 8, per address) "
        "was meant for scrapers: most of each batch is refused with 503, every 20 minutes.",
        "verdict": "root-cause", "culprit": loop, "culprit_alternatives": [limit, rate], "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job),
            hop("limit_rejects_requests", limited, limit, rate, loop),
            hop("failure_reaches_clients", case.at("logs/nginx.access.log", '" 503 '), case.at("logs/digest.log", " failed"), limited),
        ],
        "mechanism": [
            "cron runs digest.sh at :00, :20, :40", "one curl posts 60 times without a pause to http://mail.example.org, resolved to this machine",
            "nginx lets 1 r/s and 8 more through, logs 'limiting requests, excess' for 127.0.0.1 and answers 503",
            "digest.log counts them as failed; other clients are not touched, nothing restarts",
        ],
        "innocent": [
            case.at("crontab", "bounce.sh", why="same minutes, only sleeps and logs"), case.at("crontab", "quota.sh", why="every 5 minutes, asks the app directly"),
            case.whole("logs/mailer.log", "the application is well all the time"),
        ],
        "period_s": 1200, "lag_s": 2, "lags": {},
        "measured": [case.measure("logs/nginx.error.log", "limiting requests", join=300), case.measure("logs/nginx.access.log", '" 503 ', join=300),
                     case.measure("logs/digest.log", "digest: ")],
        "how_made": REAL + ".",
    }  # fmt: skip
