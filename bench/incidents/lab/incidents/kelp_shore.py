# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A healthcheck without start_period gives a server one minute; since its data grew it needs two and a half, and autoheal restarts it in the middle of its warm-up, for ever."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER

SERVER = r'''"""Growth curves of the kelp lines. Everything is served from memory, so everything is read first."""
import csv, json, logging, os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
log = logging.getLogger("kelp")
curves = {}


def on_term(number, frame):
    log.warning("SIGTERM received, exiting")
    sys.exit(0)


def warm_up(path):
    """Fits one curve a sample. 320 samples a second on this machine."""
    began, rows = time.time(), list(csv.reader(open(path)))
    log.info("warm-up: %d samples in %s", len(rows), path)
    for done, (line, day, length) in enumerate(rows, 1):
        curves.setdefault(line, []).append((int(day), float(length)))
        if done % 4000 == 0:
            time.sleep(4000 / 320)  # the fit
            log.info("warm-up: %d/%d", done, len(rows))
    log.info("warm-up: done in %.0f s", time.time() - began)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            return self.answer(200, {"ok": True})
        line = self.path.rsplit("/", 1)[-1]
        if line not in curves:
            return self.answer(404, {"error": "no such line"})
        self.answer(200, {"line": line, "samples": len(curves[line])})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *args):
        if "/health" not in self.path:
            log.info("%s %s", self.command, form % args)


signal.signal(signal.SIGTERM, on_term)
log.info("kelp-api %s starting", os.environ["VERSION"])
warm_up("/srv/kelp/data/samples.csv")
server = ThreadingHTTPServer(("127.0.0.1", 8085), Handler)
log.info("listening on 8085")
server.serve_forever()
'''

HEAL = r"""#!/bin/sh
# Restart what is unhealthy (our two-line version of the well-known image)
INTERVAL=${AUTOHEAL_INTERVAL:-30}
echo "$(date -u '+%d-%m-%Y %H:%M:%S') Monitoring containers for unhealthy status, every $INTERVAL s"
while sleep "$INTERVAL"; do
  for name in $(docker ps --filter health=unhealthy --format '{{.Names}}'); do
    echo "$(date -u '+%d-%m-%Y %H:%M:%S') Container /$name found to be unhealthy - Restarting container now with 10s timeout"
    docker restart -t 10 "$name" > /dev/null
  done
done
"""

COMPOSE = """services:
  api:
    image: ghcr.example.org/kelp/api:${VERSION:-1.4.2}
    container_name: kelp-api
    network_mode: host
    restart: unless-stopped
    env_file: api.env
    volumes: ["./data:/srv/kelp/data:ro"]
    healthcheck:
      test: ["CMD-SHELL", "curl -fsS -o /dev/null http://127.0.0.1:8085/health"]
      interval: 20s
      timeout: 10s
      retries: 3
  proxy:
    image: nginx:1.22
    container_name: kelp-proxy
    network_mode: host
    restart: unless-stopped
    depends_on:
      api: { condition: service_healthy }
  autoheal:
    image: kelp/autoheal:2
    container_name: kelp-autoheal
    restart: always
    environment: { AUTOHEAL_INTERVAL: "30" }
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format kelp '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time';
    access_log /var/log/nginx/access.log kelp;
    server {
        listen 80;
        server_name kelp.example.ca;
        location /curves/ { proxy_pass http://127.0.0.1:8085; proxy_read_timeout 15s; }
        location / { return 200 "kelp farm\\n"; }
    }
}
"""

DEPLOY = """#!/bin/sh
# deploy.sh VERSION
cd /srv/kelp || exit 1
echo "VERSION=$1" > api.env
echo "$(date '+%F %T') deploy $1 by mara" >> deploy.log
VERSION=$1 docker compose up -d api
echo "$(date '+%F %T') deploy $1 ok" >> deploy.log
"""
SAMPLES = """import sys
first, count = int(sys.argv[1]), int(sys.argv[2])
with open('/srv/kelp/data/samples.csv', 'a') as out:
    for n in range(first, first + count):
        out.write(f'{n % 901},{n // 901},{n * 37 % 410 / 10}\\n')
"""
CRON = """# kelp
*/15 * * * * root /srv/kelp/jobs/tide.sh
10 * * * *   root /srv/kelp/jobs/backup.sh
"""
LOG = {"kind": "compose", "path": "/srv/kelp/compose.log"}
INCIDENT = Incident(
    host="skerry", start="2026-04-18T13:21:00-03:00", minutes=84, factor=32, zone="America/Halifax",
    project={"project": "kelp", "config_files": "/srv/kelp/compose.yaml", "working_dir": "/srv/kelp"},
    files={"/srv/kelp/app/main.py": SERVER, "/srv/kelp/autoheal.sh": HEAL, "/srv/kelp/compose.yaml": COMPOSE, "/srv/kelp/deploy.sh": DEPLOY, "/srv/kelp/api.env": "VERSION=1.4.2\n", "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/kelp": CRON, "/usr/lib/lab/samples.py": SAMPLES,
           "/srv/kelp/deploy.log": "2026-03-02 10:12:40 deploy 1.4.2 by tom\n2026-03-02 10:12:51 deploy 1.4.2 ok\n",
           "/srv/kelp/jobs/tide.sh": "#!/bin/sh\nsleep 3\nlogger -t tide \"$(shuf -i 0-18 -n 1) dm over datum\"\n", "/srv/kelp/jobs/backup.sh": "#!/bin/sh\n# samples to the office\nsleep 25\nlogger -t backup \"samples.csv, $(wc -l < /srv/kelp/data/samples.csv) lines copied\"\n"},
    prepare="mkdir -p /srv/kelp/data; python3 /usr/lib/lab/samples.py 0 9200",
    services={"api": {"container": "kelp-api", "image": "ghcr.example.org/kelp/api:1.4.3", "command": ["python3", "-u", "main.py"], "directory": "/srv/kelp/app", "environment_file": "/srv/kelp/api.env", "environment": {"TZ": "UTC"}, "restart": "unless-stopped", "log": LOG, "wait": 6,
                      "health": {"command": "curl -fsS -o /dev/null http://127.0.0.1:8085/health", "interval": 20, "timeout": 10, "retries": 3}},
              "proxy": {**NGINX_CONTAINER, "container": "kelp-proxy"},
              "autoheal": {"container": "kelp-autoheal", "image": "kelp/autoheal:2", "command": ["/bin/sh", "/srv/kelp/autoheal.sh"], "restart": "always", "log": LOG}},
    during=[(25.3, "python3 /usr/lib/lab/samples.py 9200 38800; logger -t import '38800 samples of the season 2025 appended to samples.csv'"), (41.6, "/srv/kelp/deploy.sh 1.4.3")],
    visitors={"base": "http://127.0.0.1", "host": "kelp.example.ca", "delay": 80, "visits": [{"perSecond": 0.25, "bots": 0.07, "aborts": 0.02, "paths": [[6, "GET", "/curves/{n}"], [1, "GET", "/"]]}]},
    collect="""mkdir -p docker proxy host jobs; cp /srv/kelp/compose.yaml /srv/kelp/autoheal.sh /srv/kelp/deploy.sh /srv/kelp/deploy.log .; cp /srv/kelp/app/main.py .; cp /srv/kelp/compose.log docker/compose-logs.txt; docker ps -a > docker/ps.txt; docker events > docker/events.txt; first=$(awk '/container create/ {print $4; exit}' docker/events.txt); sed -i "/ $first /s/api:1.4.3/api:1.4.2/" docker/events.txt; docker inspect kelp-api > docker/inspect-api.json
cp /etc/nginx/nginx.conf /var/log/nginx/*.log proxy/; cp /etc/cron.d/kelp host/cron.d-kelp; cp /var/log/syslog host/; cp /srv/kelp/jobs/* jobs/""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, events, errors = "docker/compose-logs.txt", "docker/events.txt", "proxy/error.log"
    retries, interval, test = (
        case.at("compose.yaml", "retries: 3"),
        case.at("compose.yaml", "interval: 20s"),
        case.at("compose.yaml", "curl -fsS -o /dev/null"),
    )
    ill, told, restart = (
        case.at(events, "health_status: unhealthy"),
        case.at(log, "found to be unhealthy"),
        case.at("autoheal.sh", "docker restart -t 10"),
    )
    term, warm = case.at(log, "SIGTERM received, exiting", nth=2), case.at(log, "warm-up: 48000 samples")
    refused, failed = case.at(errors, "111: Connection refused"), case.at("proxy/access.log", '" 502 ')
    return {
        "root_cause_kind": "health-check-without-start-period",
        "root_cause": "The api reads all samples before it listens. Since the season's import (48000 samples instead of 9200) that takes two and a half minutes, but the healthcheck has no start_period: after 3 refused probes 20 s apart the container is unhealthy, and autoheal restarts it in the middle of its warm-up. "
        "The deploy of 1.4.3 was merely the first start after the import; since then it never gets to listen.",
        "verdict": "root-cause", "culprit": retries, "culprit_alternatives": [interval, test, case.at("compose.yaml", "healthcheck:"), restart, told], "culprit_related": [ill, warm, case.at("main.py", 'warm_up("/srv/kelp/data/samples.csv")'), case.at("host/syslog", "38800 samples"), case.at("deploy.log", "deploy 1.4.3 by mara")],
        "chain": [
            hop("configuration_mismatch", retries, interval, test, warm, case.at("main.py", 'warm_up("/srv/kelp/data/samples.csv")')),
            hop("probe_gets_answer", test, case.at("docker/inspect-api.json", "Failed to connect"), ill),
            hop("answer_takes_branch", ill, told, case.at("autoheal.sh", "--filter health=unhealthy"), retries),
            hop("effect_hits_service", restart, told),
            hop("process_terminates", term, case.at(events, "container kill", nth=2)),
            hop("termination_refuses_connections", refused, term),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": [
            "16:46 UTC: the season's samples are appended, nothing happens for the server holds the old ones in memory",
            "17:02 UTC: deploy of 1.4.3; the warm-up of 48000 samples begins",
            "three probes are refused: docker says unhealthy after about a minute", "autoheal's next round restarts the container: SIGTERM in the middle of the warm-up, which begins again",
            "nginx: connect() failed (111), 502 for /curves/ until the end",
        ],
        "contributing": [case.at("host/syslog", "38800 samples", why="five times as many samples, so the warm-up takes five times as long"), case.at("deploy.log", "deploy 1.4.3 by mara", why="the first start after the import; any restart would have done it")],
        "innocent": [
            case.at("host/cron.d-kelp", "tide.sh", why="only logs"), case.at("host/cron.d-kelp", "backup.sh", why="only reads"), case.whole("jobs/tide.sh", "only logs"), case.whole("jobs/backup.sh", "only reads"),
            case.at("compose.yaml", "depends_on:", why="only orders the first start"), case.at("proxy/nginx.conf", "proxy_read_timeout 15s", why="nothing is listening, nothing waits"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(errors, "111: Connection refused")[0]),
        "lags": {"'unhealthy' -> SIGTERM": case.lag(case.times(events, "health_status: unhealthy"), case.times(log, "SIGTERM received"))},
        "measured": [case.measure(log, "found to be unhealthy"), case.measure(log, "SIGTERM received"), case.measure(log, "warm-up: done"), case.measure(events, "health_status: unhealthy"), case.measure(errors, "111: Connection refused"), case.measure("proxy/access.log", '" 502 ')],
        "timezones": {"docker/*": "UTC", "proxy, host/syslog, deploy.log": "America/Halifax (-03:00)"},
        "how_made": "nginx 1.22, Python 3.11's http.server and logging, cron, bash and curl really ran; docker is the lab's supervisor and really runs the health checks; the curve fit is a sleep. In events.txt the first container was given the tag it ran with (the lab knows one tag a service).",
    }  # fmt: skip
