# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a rehearsal site is restarted at night, a release swaps two instances one after the other behind nginx, scanners get 404."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const role = process.env.ROLE;
const log = winston.createLogger({ format: combine(timestamp(), printf((i) => `${i.timestamp} ${role} ${i.level}: ${i.message}`)), transports: [new winston.transports.Console()] });
const app = express();
app.get('/health', (req, res) => res.send('ok'));
app.get('/partituren/:n', (req, res) => {
  const slow = Math.random() < 0.02;
  setTimeout(() => { if (slow) log.warn(`slow: ${req.url} 3 s`); res.json({ score: Number(req.params.n) }); }, slow ? 3000 : 70);
});
app.post('/lessons', express.json(), (req, res) => {
  if (req.body.hour % 40 === 0) { log.error(`lesson refused: hour ${req.body.hour} is taken`); return res.status(409).end(); }
  return res.status(201).end();
});
app.get('/', (req, res) => res.send('<h1>Desk</h1>'));
const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => log.info(`desk ${process.env.RELEASE || '11'} on ${process.env.PORT}`));
process.on('SIGTERM', () => { log.info('SIGTERM: no new requests'); server.close(() => { log.info('closed'); process.exit(0); }); server.closeIdleConnections(); });
"""

COMPOSE = """name: desk
x-app: &app
  image: desk:stable
  env_file: .env
  restart: unless-stopped
  network_mode: host
  stop_grace_period: 30s
services:
  desk-a:
    <<: *app
    environment: { ROLE: desk-a, PORT: "8301" }
  desk-b:
    <<: *app
    environment: { ROLE: desk-b, PORT: "8302" }
  rehearsal:        # for the teachers' course, afternoons only
    <<: *app
    environment: { ROLE: rehearsal, PORT: "8390" }
  nginx:
    image: nginx:1.22
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$upstream_addr" "$upstream_status"';
    access_log /var/log/nginx/access.log main;
    limit_req_zone $binary_remote_addr zone=scan:5m rate=2r/s;
    limit_req_status 429;
    upstream desk {
        server 127.0.0.1:8301 max_fails=1 fail_timeout=20s;
        server 127.0.0.1:8302 max_fails=1 fail_timeout=20s;
    }
    server {
        listen 80 default_server;
        server_name desk.example.be;
        limit_req zone=scan burst=10 nodelay;
        location / {
            proxy_pass http://desk;
            proxy_next_upstream error timeout;
        }
    }
    server {
        listen 80;
        server_name rehearsal.desk.example.be;
        location / { proxy_pass http://127.0.0.1:8390; }
    }
}
"""
RELEASE = r"""#!/bin/bash
# release.sh TAG: one after the other, nginx asks the one that is there
set -e
cd /srv/desk
echo "RELEASE=$1" > .env
for one in desk-a desk-b; do
    docker compose up -d --no-deps "$one"
    for try in $(seq 30); do
        sleep 4
        port=$([ "$one" = desk-a ] && echo 8301 || echo 8302)
        curl -fs -m 20 -o /dev/null "http://127.0.0.1:$port/health" && break
    done
    echo "$(date '+%F %T') $one on $1"
    sleep 40    # longer than fail_timeout
done
"""
NIGHT = r"""#!/bin/bash
# a clean rehearsal site for the next day
echo "$(date '+%F %T') rehearsal: restart"
docker restart desk-rehearsal-1 > /dev/null
sleep 20
echo "$(date '+%F %T') rehearsal: seeded"
"""
LOOK = r"""#!/bin/bash
# health of the site; mails, restarts nothing
code=$(curl -s -m 40 -o /dev/null -w '%{http_code}' -H 'Host: desk.example.be' http://127.0.0.1/health)
echo "$(date '+%F %T') $code"
[ "$code" = 200 ] || echo "desk: $code" | mail -s desk admin
"""
CRON = """15 2 * * * /srv/desk/bin/rehearsal-reset.sh >> /var/log/desk/rehearsal.log 2>&1
15 2 * * * /srv/desk/bin/backup.sh >> /var/log/desk/backup.log 2>&1
*/5 * * * * /srv/desk/bin/look.sh >> /var/log/desk/look.log 2>&1
"""
SCAN = """for p in {old,new,backup,test,dev,wp,api,cgi-bin}/{index.php,.env,config.json,db.sql,login,setup.cgi,wp-config.php.bak}; do curl -s -o /dev/null -A 'Mozilla/5.0 (compatible; Nuclei/3.3)' -H 'Host: desk.example.be' --interface ADDRESS http://127.0.0.1/$p & done; wait"""


def app(role: str, port: str, wait: float) -> dict[str, Any]:
    return {"container": f"desk-{role}-1", "image": "desk:stable", "command": ["node", "server.js"], "directory": "/srv/desk/app", "environment": {"ROLE": role, "PORT": port}, "environment_file": "/srv/desk/.env", "restart": "unless-stopped", "grace": 30, "log": {"kind": "compose", "path": "/var/log/desk-compose.log"}, "wait": wait}  # fmt: skip


INCIDENT = Incident(
    host="lessenaar", start="2026-10-06T01:58:00+02:00", minutes=112, factor=32, zone="Europe/Brussels", apps=["/srv/desk/app"],
    files={"/srv/desk/app/server.js": SERVER, "/srv/desk/compose.yml": COMPOSE, "/srv/desk/release.sh": RELEASE, "/srv/desk/bin/rehearsal-reset.sh": NIGHT, "/srv/desk/bin/look.sh": LOOK, "/srv/desk/bin/backup.sh": "#!/bin/bash\nsleep 30\necho \"$(date '+%F %T') scores-$(date +%d).tar 420 MB\"\n", "/etc/nginx/nginx.conf": NGINX,
           "/srv/desk/.env": "RELEASE=11\n"},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/desk",
    services={"desk-a": app("desk-a", "8301", 5), "desk-b": app("desk-b", "8302", 5), "rehearsal": app("rehearsal", "8390", 5), "nginx": {**NGINX_CONTAINER, "container": "desk-nginx-1"}},
    project={"project": "desk", "config_files": "/srv/desk/compose.yml", "working_dir": "/srv/desk"},
    during=[(9, SCAN.replace("ADDRESS", "192.0.2.77")), (30.5, "leap 29400"), (41.8, "/srv/desk/release.sh 12 >> /var/log/desk/release.log 2>/dev/null"), (58, SCAN.replace("ADDRESS", "203.0.113.15")), (74, "leap 52800")],
    visitors={"base": "http://127.0.0.1", "host": "desk.example.be", "delay": 60, "visits": [{"perSecond": 0.35, "bots": 0.09, "aborts": 0.006, "paths": [[6, "GET", "/partituren/{n}"], [1, "POST", "/lessons", '{"hour":{n}}'], [2, "GET", "/"]]}]},
    collect="""mkdir -p logs bin nginx; cp /var/log/desk-compose.log logs/compose-logs.txt; cp /var/log/desk/*.log logs/; cp /var/log/syslog logs/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/desk/compose.yml /srv/desk/release.sh .; cp /srv/desk/bin/* bin/; crontab -l > crontab.root; docker ps > docker-ps.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, errors, access = "logs/compose-logs.txt", "nginx/error.log", "nginx/access.log"
    return {
        "root_cause": "No incident: no visitor got a 5xx. Each night the rehearsal site, which nobody uses then, is restarted as planned; release 12 replaced desk-a and desk-b one after the other, and what nginx could not connect to meanwhile it asked of the other (error lines, but 200). "
        "Scanners got 404, some lessons 409, a few pages are slow.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [case.at("crontab.root", "rehearsal-reset.sh", why="restarts a site nobody uses at night"), case.at("bin/rehearsal-reset.sh", "docker restart desk-rehearsal-1", why="ordered, and harmless"), case.at("crontab.root", "backup.sh", why="same minute, touches nothing"), case.at("crontab.root", "look.sh", why="only looks, and always saw 200"),
                     case.at("release.sh", "docker compose up", why="one instance after the other"), case.at("logs/release.log", "desk-a on 12", why="the release"), case.at(errors, "111: Connection refused", why="retried at the other instance, the visitor got an answer"), case.at(log, "SIGTERM: no new requests", why="ordered"),
                     case.at("nginx/access.log.1.gz", "Nuclei", why="a scanner; 404 is the right answer"), case.at("nginx/nginx.conf", "limit_req zone=scan", why="never reached"), case.at(log, "slow: ", why="three seconds, answered"), case.at(log, "lesson refused", why="a taken hour, as meant")],
        "measured": [case.measure(access, '" 5[0-9][0-9] '), case.measure("nginx/access.log.1.gz", '" 5[0-9][0-9] '), case.measure(errors, "111: Connection refused", join=120), case.measure("nginx/access.log.1.gz", '" 404 '), case.measure(log, "SIGTERM: no new requests"), case.measure("logs/look.log", " 200$"), case.measure("logs/rehearsal.log", "restart")],
        "timezones": {log: "UTC (Z)", "others": "Europe/Brussels (+02:00)"},
        "how_made": REAL + " (with express, winston); docker is the lab's supervisor. Between two nights and a day the wall clock leapt by some hours.",
    }  # fmt: skip
