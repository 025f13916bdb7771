# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A queue worker takes a job with no address, dies of it before it has acknowledged it, and supervisord starts it on the same job again."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

API = """import http.server
import json
import logging
import redis

logging.basicConfig(filename="/var/log/post/api.log", level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
log = logging.getLogger("post.api")
queue = redis.Redis()


class Api(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        order["id"] = queue.incr("orders")
        waiting = queue.lpush("labels", json.dumps(order))
        log.info("order %d accepted, %d waiting", order["id"], waiting)
        self.send_response(202)
        self.end_headers()

    def do_GET(self):
        done = queue.get(f"label:{self.path.rsplit('/', 1)[-1]}")
        self.send_response(200 if done else 404)
        self.end_headers()
        self.wfile.write(done or b"")

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 8040), Api).serve_forever()
"""

WORKER = """import json
import logging
import sys
import time
import redis

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
log = logging.getLogger("post.worker")
queue = redis.Redis()


def label(order):
    lines = [order["name"], order["address"]["street"], order["address"]["town"].upper()]
    time.sleep(0.4)
    return "\\n".join(lines)


log.info("worker up, %d waiting, %d unfinished", queue.llen("labels"), queue.llen("labels:doing"))
while True:
    # what was begun and not finished comes first: no order may be lost
    raw = queue.lindex("labels:doing", -1) or queue.brpoplpush("labels", "labels:doing", timeout=30)
    if raw is None:
        continue
    order = json.loads(raw)
    log.info("order %d: label", order["id"])
    queue.set(f"label:{order['id']}", label(order))
    queue.lrem("labels:doing", 1, raw)
"""

SUPERVISORD = """[supervisord]
logfile=/var/log/post/supervisord.log
pidfile=/run/supervisord.pid
nodaemon=true

[program:post-api]
command=/usr/bin/python3 /srv/post/api.py
autorestart=true
stderr_logfile=/var/log/post/api.err

[program:post-worker]
command=/usr/bin/python3 /srv/post/worker.py
autorestart=true
startsecs=1
redirect_stderr=true
stdout_logfile=/var/log/post/worker.log
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/post-access.log combined;
    server {
        listen 80;
        server_name post.example.pl;
        location / { proxy_pass http://127.0.0.1:8040; }
    }
}
"""
ORDER = '{"name": "J. Nowak {n}", "address": {"street": "Lipowa {n}", "town": "Lublin"}}'
POISON = """sleep 0.2; curl -s -o /dev/null -A 'KsiegarniaShop/4.2' -H 'Host: post.example.pl' -H 'Content-Type: application/json' --data '{"name": "Ksiegarnia Pod Lipa", "address": null, "pickup": true}' http://127.0.0.1/orders"""

INCIDENT = Incident(
    host="poczta", start="2026-02-09T10:14:00+01:00", minutes=66, factor=26, kind="systemd", zone="Europe/Warsaw",
    files={"/srv/post/api.py": API, "/srv/post/worker.py": WORKER, "/etc/supervisor/supervisord.conf": SUPERVISORD, "/etc/nginx/nginx.conf": NGINX,
           "/srv/post/queue-length.sh": "#!/bin/sh\n# co kwadrans: ile etykiet czeka\necho \"$(date '+%F %T') waiting=$(redis-cli llen labels)\" >> /var/log/post/queue.log\n"},
    crontabs={"root": "*/15 * * * * /srv/post/queue-length.sh\n0 3 * * * redis-cli bgsave >/dev/null\n"}, prepare="mkdir -p /var/log/post",
    services={"redis": {"description": "Advanced key-value store", "command": ["redis-server", "--bind", "127.0.0.1", "--save", "", "--logfile", "/var/log/post/redis.log"], "restart": "always", "wait": 4},
              "supervisord": {"description": "Supervisor", "command": ["/usr/bin/supervisord", "-n", "-c", "/etc/supervisor/supervisord.conf"], "restart": "no", "wait": 14}, "nginx": NGINX_UNIT},
    during=[(30.3, POISON)],
    visitors={"base": "http://127.0.0.1", "host": "post.example.pl", "delay": 80, "visits": [{"perSecond": 0.12, "bots": 0.03, "paths": [[1, "POST", "/orders", ORDER]]}],
              "monitors": [{"every": 75, "jitter": 30, "path": "/labels/12", "address": "192.0.2.60", "agent": "MagazynPrint/1.3"}]},
    collect="""mkdir log; cp /var/log/post/* log/; rm -f log/redis.log log/api.err; cp /srv/post/* /etc/supervisor/supervisord.conf /etc/nginx/nginx.conf .; cp /var/log/nginx/post-access.log /var/log/syslog log/; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    line, again = case.at("worker.py", 'order["address"]["street"]'), case.at("worker.py", 'queue.lindex("labels:doing"')
    log = "log/worker.log"
    error = case.at(log, "TypeError: 'NoneType' object is not subscriptable")
    exited, spawned = (
        case.at("log/supervisord.log", "exited: post-worker"),
        case.at("log/supervisord.log", "spawned: 'post-worker'", nth=2),
    )
    request = case.at("log/post-access.log", "KsiegarniaShop/4.2")
    return {
        "root_cause_kind": "poison-job-crashes-worker",
        "root_cause": "An order without an address (POST by KsiegarniaShop) makes worker.py die with TypeError in label(); the job stays in labels:doing and is taken first again, so supervisord restarts a worker "
        "that crashes at once, for ever; no label is made any more and the queue grows. The API goes on accepting (202).",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": line,
        "culprit_alternatives": [error, again, request, case.at(log, "lines = [order["), case.at("api.py", "order = json.loads")], "culprit_related": [exited],
        "chain": [
            hop("request_crashes_process", error, line, request, case.at(log, "Traceback")),
            hop("crash_ends_process", exited, error),
            hop("supervisor_restarts_process", spawned, case.at("supervisord.conf", "autorestart=true", nth=2), case.at("log/supervisord.log", "entered RUNNING state", nth=3), case.at(log, "worker up", nth=2)),
        ],
        "mechanism": ["an order with address null is queued", "worker: TypeError: 'NoneType' object is not subscriptable, exit status 1; the job is not acknowledged", "supervisord spawns the worker again, it takes the same job first",
                      "and so on until the end of the log; the queue grows (queue.log)"],
        "innocent": [case.at("crontab", "queue-length.sh", why="every 15 minutes, only reads"), case.at("crontab", "bgsave", why="at night"), case.whole("queue-length.sh", "only reads"),
                     case.at("supervisord.conf", "autorestart=true", nth=2, why="repeats the crash, is not its cause")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times("log/supervisord.log", "exited: post-worker")[0]),
        "measured": [case.measure("log/supervisord.log", "exited: post-worker"), case.measure(log, "worker up"), case.measure("log/queue.log", "waiting=")],
        "how_made": "nginx 1.22, redis 7.0, supervisord 4, cron and Python 3.11 really ran; systemctl is the lab's supervisor.",
    }  # fmt: skip
