# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A ban list counts client errors by the column of the access log; the log's format changed, and the column now holds the size of the answer: 4312 bytes begin with a 4."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""import json
import logging
import random
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

logging.basicConfig(filename="/var/log/basil/yard.log", level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")
MENU = json.dumps([{"dish": n, "name": "pesto " + "basil " * 4, "price": 9.5} for n in range(64)]).encode()[:4312]


class Yard(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        time.sleep(random.uniform(0.05, 0.4))
        if self.path == "/menu":
            self.reply(200, MENU)
        elif self.path.startswith("/dishes/"):
            self.reply(200, MENU[:612])
        elif self.path == "/":
            self.reply(200, b"<h1>Basil Yard</h1>")
        else:
            self.reply(404, b"no such page")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        logging.info("order taken, table %s", random.randint(1, 30))
        self.reply(201, b"thank you")

    def log_message(self, *words):
        pass


logging.info("yard 0.9.4 on 8450")
ThreadingHTTPServer(("127.0.0.1", 8450), Yard).serve_forever()
"""
BAN = r"""#!/bin/bash
# ban-scanners: who had 8 or more client errors (4xx) among the last 1500 requests is turned away for as long as that holds
set -eu
conf=/etc/nginx/ban.conf
tail -n 1500 /var/log/nginx/access.log | awk '$9 ~ /^4/ { n[$1]++ } END { for (a in n) if (n[a] >= 8) print "deny " a ";" }' | sort > "$conf.new"
if cmp -s "$conf.new" "$conf"; then
    rm "$conf.new"
    exit 0
fi
mv "$conf.new" "$conf"
/usr/sbin/nginx -s reload
logger -t ban-scanners "list now has $(wc -l < "$conf") addresses"
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format yard '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_user_agent"';
    access_log /var/log/nginx/access.log yard;
    server {
        listen 80;
        server_name yard.example.ca;
        include /etc/nginx/ban.conf;
        location / {
            proxy_pass http://127.0.0.1:8450;
            proxy_set_header Host $host;
        }
    }
}
"""
CHANGES = """# server changes
- 2026-07-02 09:30 (mo) ban-scanners from cron, threshold 8; the PHP probing has all but gone
- 2026-07-20 13:05 (sal) yard 0.9.4: menu with 64 dishes
"""
CRON = """*/5 * * * * root /opt/yard/ban-scanners
*/15 * * * * root /opt/yard/print-queue
"""
FORMAT = r"""sed -i "s|log_format yard .*|log_format yard '\$remote_addr [\$time_local] \"\$request\" \$status \$upstream_response_time \$body_bytes_sent \"\$http_user_agent\"';|" /etc/nginx/nginx.conf
nginx -t 2> /dev/null && nginx -s reload
echo "- $(date '+%F %H:%M') (sal) access log: time of the upstream added, the user column dropped (always -), to find the slow pages" >> /opt/yard/CHANGES.md"""
DISPLAY = "YardBoard/2 (kitchen display)"

INCIDENT = Incident(
    host="yard", start="2026-07-21T16:33:00-04:00", minutes=104, factor=30, kind="systemd", zone="America/Toronto",
    files={"/srv/yard/app.py": SERVER, "/opt/yard/ban-scanners": BAN, "/opt/yard/print-queue": "#!/bin/sh\n# wakes the receipt printers\nsleep 6\nlogger -t print-queue '3 printers, 0 waiting'\n", "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/ban.conf": "", "/opt/yard/CHANGES.md": CHANGES, "/etc/cron.d/yard": CRON},
    prepare="mkdir -p /var/log/basil",
    services={"yard": {"description": "Basil Yard", "command": ["/usr/bin/python3", "app.py"], "directory": "/srv/yard", "restart": "always", "restart_seconds": 2, "wait": 10}, "nginx": NGINX_UNIT},
    during=[(43.6, FORMAT)],
    visitors={"base": "http://127.0.0.1", "host": "yard.example.ca", "delay": 50,
              "visits": [{"perSecond": 0.42, "bots": 0.08, "aborts": 0.02, "abortAfter": 0.15, "paths": [[5, "GET", "/menu"], [3, "GET", "/dishes/{n}"], [2, "POST", "/orders", "{}"], [1, "GET", "/"]]}],
              "monitors": [{"every": 45, "jitter": 9, "path": "/menu", "address": "203.0.113.201", "agent": DISPLAY}, {"every": 52, "jitter": 8, "offset": 20, "path": "/menu", "address": "198.51.100.202", "agent": DISPLAY}, {"every": 60, "path": "/", "address": "192.0.2.203", "agent": "BetterStack/1"}]},
    collect="""mkdir -p nginx yard log; cp /etc/nginx/nginx.conf /etc/nginx/ban.conf /var/log/nginx/*.log nginx/; cp /opt/yard/* yard/; cp /srv/yard/app.py yard/; cp /etc/cron.d/yard yard/cron.d-yard; cp /var/log/basil/yard.log /var/log/syslog log/
rotate nginx/error.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    access, errors = "nginx/access.log", "nginx/error.log"
    column, layout, change, job = (
        case.at("yard/ban-scanners", "$9 ~ /^4/"),
        case.at("nginx/nginx.conf", "log_format yard"),
        case.at("yard/CHANGES.md", "the user column dropped"),
        case.at("yard/cron.d-yard", "ban-scanners"),
    )
    deny, told = case.at("nginx/ban.conf", "deny "), case.at("log/syslog", "list now has", nth=4)
    forbidden = next(
        number for number, line in enumerate(case.lines(errors), 1) if "access forbidden by rule" in line and "/menu" in line
    )
    forbidden_place = {"file": errors, "line": forbidden, "text": "access forbidden by rule"}
    shut = next(number for number, line in enumerate(case.lines(access), 1) if " 403 " in line and "GET /menu" in line)
    shut_place = {"file": access, "line": shut, "text": " 403 "}
    return {
        "root_cause_kind": "log-format-change-misread-by-ban-job",
        "root_cause": "At 17:16 the access log's format lost a column and got another; ban-scanners takes column 9 for the status. Since then column 9 is the size of the answer, and /menu has 4312 bytes, which begins with a 4: whoever looks at the menu eight times, first the kitchen displays, then more and more guests, counts as a scanner and gets 403 from nginx, until his requests have left the last 1500 lines. The application is well and sees nothing of it.",
        "verdict": "root-cause", "culprit": column, "culprit_alternatives": [layout, change], "culprit_related": [job, deny, told],
        "chain": [
            hop("deploy_changes_configuration", change, layout),
            hop("job_runs_script", job, case.at("log/syslog", "CMD (/opt/yard/ban-scanners)"), told),
            hop("configuration_mismatch", column, layout, case.at("yard/app.py", "[:4312]")),
            hop("limit_rejects_requests", forbidden_place, deny, case.at("nginx/nginx.conf", "include /etc/nginx/ban.conf"), told),
            hop("failure_reaches_clients", shut_place, forbidden_place),
        ],
        "mechanism": ["17:16: log_format without $remote_user, with $upstream_response_time", "every five minutes ban-scanners counts lines whose ninth column begins with 4: now the size, 4312 for /menu", "ban.conf gets deny lines for ordinary guests, nginx is reloaded", "access forbidden by rule, 403; the kitchen displays first"],
        "innocent": [case.at("yard/cron.d-yard", "print-queue", why="wakes printers"), case.at("yard/CHANGES.md", "0.9.4", why="the day before; the menu was of that size without harm for hours"), case.at("yard/CHANGES.md", "ban-scanners from cron", why="right while the format was the old one: only scanners were banned"), case.at("yard/ban-scanners", "nginx -s reload", why="closes nobody's connection")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(access, r'GET /menu HTTP/1.1" 403 ')[0]),
        "measured": [case.measure(access, r'"GET /menu HTTP/1.1" 403 '), case.measure(access, r'" 403 '), case.measure(access, r'"GET /menu HTTP/1.1" 200 '), case.measure(errors, "access forbidden by rule"), case.measure(errors + ".1.gz", "access forbidden by rule"), case.measure("log/syslog", "list now has")],
        "timezones": {"all": "America/Toronto (-04:00)"},
        "how_made": REAL.replace("Node 20", "Python 3.11's http.server").replace(" and curl", "") + "; systemctl is the lab's supervisor. The older three quarters of nginx's error log were split off into .1.gz.",
    }  # fmt: skip
