# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A wget probe without credentials gets 401 from auth_basic and the cron job restarts the container every ten minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""import express from 'express';

const app = express();
app.use(express.json());
const say = (level, text) => console.log(`[${level}] ${text}`);

app.get('/ping', (req, res) => res.send('pong'));
app.get('/api/slots', (req, res) => setTimeout(() => res.json({ free: 11 }), 200 + Math.random() * 1500));
app.post('/api/bookings', (req, res) => {
  if (req.body.slot % 23 === 0) {
    say('warn', `slot ${req.body.slot} is already taken`);
    return res.status(409).json({ error: 'taken' });
  }
  say('info', `booking stored for slot ${req.body.slot}`);
  setTimeout(() => res.status(201).end(), 400);
});
app.listen(3000, '127.0.0.1', () => say('info', 'booking service ready on port 3000'));
"""

ENSURE_UP = r"""#!/bin/bash
# Bring the booking service back when it hangs (it did twice in spring).
URL=http://127.0.0.1:8080/ping
COMPOSE=/opt/clinic/compose.yaml

if wget -q --spider --timeout=8 --tries=1 "$URL"; then
    exit 0
fi
echo "$(date '+%d.%m.%Y %H:%M:%S') booking does not answer (wget exit $?), restarting"
docker compose -f "$COMPOSE" restart booking 2>&1
"""

COMPOSE = """services:
  booking:
    image: registry.example.org/clinic/booking:3.4.0
    container_name: clinic-booking
    restart: unless-stopped
    network_mode: host
  proxy:
    image: nginx:1.22
    container_name: clinic-proxy
    restart: unless-stopped
    network_mode: host
    volumes:
      - ./nginx/default.conf:/etc/nginx/conf.d/default.conf:ro
      - ./nginx/htpasswd:/etc/nginx/htpasswd:ro
"""

SITE = """upstream booking { server 127.0.0.1:3000; }

server {
    listen 8080;
    server_name termin.example.org;

    # not public yet: pilot practices only
    auth_basic           "Pilot";
    auth_basic_user_file /etc/nginx/htpasswd;

    location / {
        proxy_pass http://booking;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_read_timeout 20s;
    }
}
"""

NGINX = """user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 256; }
http {
    access_log /var/log/nginx/access.log;
    include /etc/nginx/conf.d/*.conf;
}
"""

EXPIRE = """#!/bin/bash
# release slots nobody confirmed
sleep 7
echo "$(date '+%d.%m.%Y %H:%M:%S') $((RANDOM % 9)) holds expired"
"""

CRONTAB = """MAILTO=""
*/10 * * * * /opt/clinic/bin/expire-holds.sh >> /var/log/clinic/expire-holds.log 2>&1
*/10 * * * * /opt/clinic/bin/ensure-up.sh >> /var/log/clinic/ensure-up.log 2>&1
0 * * * * /opt/clinic/bin/expire-holds.sh --all >> /var/log/clinic/expire-holds.log 2>&1
"""

INCIDENT = Incident(
    host="praxis01", start="2026-02-17T07:52:30+01:00", minutes=82, factor=28, zone="Europe/Berlin", apps=["/opt/clinic/app"],
    files={
        "/opt/clinic/app/server.mjs": SERVER, "/opt/clinic/bin/ensure-up.sh": ENSURE_UP, "/opt/clinic/compose.yaml": COMPOSE,
        "/etc/nginx/conf.d/default.conf": SITE, "/etc/nginx/nginx.conf": NGINX, "/opt/clinic/bin/expire-holds.sh": EXPIRE,
    },
    crontabs={"root": CRONTAB},
    prepare="mkdir -p /var/log/clinic; echo \"pilot:$(openssl passwd -apr1 'lab-only')\" > /etc/nginx/htpasswd",
    services={
        "booking": {"container": "clinic-booking", "image": "registry.example.org/clinic/booking:3.4.0", "restart": "unless-stopped",
                    "command": ["node", "server.mjs"], "directory": "/opt/clinic/app",
                    "log": {"kind": "json", "path": "/var/log/clinic-booking-json.log"}},
        "proxy": {**NGINX_CONTAINER, "container": "clinic-proxy"},
    },
    project={"project": "clinic", "config_files": "/opt/clinic/compose.yaml", "working_dir": "/opt/clinic"},
    visitors={
        "base": "http://127.0.0.1:8080", "host": "termin.example.org", "headers": {"Authorization": "Basic cGlsb3Q6bGFiLW9ubHk="},
        "visits": [{"perSecond": 0.35, "bots": 0, "paths": [[5, "GET", "/api/slots"], [2, "POST", "/api/bookings", '{"slot":{n}}']]}],
        "monitors": [{"every": 61, "path": "/", "headers": {"Authorization": ""}, "agent": "Mozilla/5.0 zgrab/0.x", "address": "198.51.100.9"}],
    },
    collect="""mkdir -p docker nginx bin log
cp /var/log/clinic-booking-json.log docker/; docker ps > docker/ps.txt; docker inspect clinic-booking > docker/inspect-booking.json
cp /var/log/nginx/*.log nginx/; cp /etc/nginx/conf.d/default.conf /etc/nginx/nginx.conf nginx/
cp /opt/clinic/bin/*.sh bin/; cp /opt/clinic/compose.yaml .; cp /var/log/clinic/*.log log/; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, auth = "bin/ensure-up.sh", case.at("nginx/default.conf", 'auth_basic           "Pilot";')
    url = case.at(script, "URL=http://127.0.0.1:8080/ping")
    probe = case.at(script, 'if wget -q --spider --timeout=8 --tries=1 "$URL"; then')
    restart = case.at(script, 'docker compose -f "$COMPOSE" restart booking')
    job = case.at("crontab", "ensure-up.sh")
    ready, told = "booking service ready", "does not answer"
    return {
        "root_cause_kind": "health-check-misreads-unauthorized",
        "root_cause": "ensure-up.sh asks http://127.0.0.1:8080/ping through nginx without credentials; auth_basic covers the whole server, "
        "so wget gets 401, fails, and the */10 cron job restarts the healthy booking container every time.",
        "verdict": "root-cause", "culprit": probe, "culprit_alternatives": [url], "culprit_related": [restart, job, auth],
        "chain": [
            hop("job_runs_script", job),
            hop("probe_gets_answer", probe, url, auth, case.at("nginx/access.log", '"HEAD /ping HTTP/1.1" 401')),
            hop("answer_takes_branch", probe, case.at("log/ensure-up.log", told)),
            hop("effect_hits_service", restart, case.at("log/ensure-up.log", told)),
            hop("process_terminates", case.at("docker/clinic-booking-json.log", ready, nth=2)),
            hop("termination_refuses_connections", case.at("nginx/error.log", "111: Connection refused")),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), case.at("nginx/error.log", "111: Connection refused"), case.at("nginx/error.log", "prematurely closed")),
        ],
        "mechanism": [
            "cron runs ensure-up.sh every 10 minutes",
            "wget --spider asks nginx on port 8080 without credentials; auth_basic answers 401 (seen as HEAD /ping 401 in access.log)",
            "wget exits 6, the script takes it for a hang and runs docker compose restart booking",
            "the process dies at once (it has no SIGTERM handler, no log line tells); each new start says 'booking service ready'",
            "for some seconds nothing answers; it is a quiet service, so only a few visitors meet the gap: connect() failed (111) or "
            "upstream prematurely closed, 502",
        ],
        "contributing": [case.at(script, "wget exit $?", why="$? is that of the if statement's end, so the log says 'exit 0', which hides the 401")],
        "innocent": [
            case.at("crontab", "expire-holds.sh", why="same schedule, only sleeps and logs"),
            case.at("crontab", "expire-holds.sh --all", why="hourly"),
            auth | {"why": "the protection is wanted"},
        ],
        "period_s": 600, "lag_s": 4, "lags": {"script -> ready again": case.lag(
            case.times("log/ensure-up.log", told), case.times("docker/clinic-booking-json.log", ready, hours=1), 60)},
        "measured": [
            case.measure("docker/clinic-booking-json.log", ready),
            case.measure("nginx/error.log", "111: Connection refused|prematurely closed"), case.measure("nginx/access.log", '" 502 '),
            case.measure("nginx/access.log", '"HEAD /ping HTTP/1.1" 401'),
            case.measure("log/ensure-up.log", told),
        ],
        "timezones": {"docker/clinic-booking-json.log": "UTC (Z)", "nginx, cron, scripts": "Europe/Berlin (+01:00)"},
        "how_made": REAL + " (wget 1.21); docker is the lab's supervisor. The password in htpasswd was made for this run.",
    }  # fmt: skip
