# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Before it starts, a report job ends its own leftovers with a pattern that the web service matches as well."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = """import http.server
import logging

logging.basicConfig(filename="/var/log/fern/web.log", level=logging.INFO, format="%(levelname)s:%(asctime)s:%(message)s", datefmt="%d/%b/%Y %H:%M:%S")


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"fern")

    def log_message(self, text, *words):
        logging.info(text, *words)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 8650), Web)
logging.info("greenhouse web serving on 8650")
server.serve_forever()
"""

REPORT = """#!/bin/bash
# Humidity report of the last hour
log=/var/log/fern/report.log
echo "$(date +'%F %T %z') start" >> $log
pkill -f 'python3 .*fern' && echo "$(date +'%F %T %z') ended a report that hung" >> $log
python3 /srv/fern/report.py >> $log 2>&1
"""

INCIDENT = Incident(
    host="farn", start="2026-08-21T04:02:00+00:00", minutes=100, factor=40, kind="systemd", zone="Etc/UTC",
    files={"/srv/fern/web.py": APP, "/srv/fern/report.sh": REPORT, "/srv/fern/report.py": "import time\n\ntime.sleep(20)\nprint('81 % humidity')\n",
           "/srv/fern/valves.sh": "#!/bin/bash\nsleep 2\necho \"$(date +'%F %T %z') valves: ok\" >> /var/log/fern/valves.log\n",
           "/etc/systemd/system/fern-web.service": "[Unit]\nDescription=Fern house web\n\n[Service]\nExecStart=/usr/bin/python3 /srv/fern/web.py\nRestart=always\nRestartSec=8\n",
           "/etc/cron.d/fern": "SHELL=/bin/bash\n# m h dom mon dow user command\n13,43 * * * * root /srv/fern/report.sh\n*/15 * * * * root /srv/fern/valves.sh\n43 * * * * root test -x /usr/bin/true\n",
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log;\n"
           "    server {\n        listen 80;\n        server_name farn.example.org;\n        location / { proxy_pass http://127.0.0.1:8650; }\n    }\n}\n"},
    prepare="mkdir -p /var/log/fern",
    services={"fern-web": {"description": "Fern house web", "command": ["/usr/bin/python3", "/srv/fern/web.py"], "restart": "always", "restart_seconds": 8, "wait": 6}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "farn.example.org", "delay": 60, "visits": [{"perSecond": 0.35, "bots": 0.03, "paths": [[1, "GET", "/beds/{n}"]]}]},
    collect="""mkdir -p etc/cron.d etc/systemd/system etc/nginx srv/fern var/log/nginx; cp /etc/cron.d/fern etc/cron.d/; cp /etc/systemd/system/fern-web.service etc/systemd/system/
cp /etc/nginx/nginx.conf etc/nginx/; cp /srv/fern/*.sh /srv/fern/*.py srv/fern/; cp /var/log/fern/*.log /var/log/syslog var/log/; cp /var/log/nginx/*.log var/log/nginx/""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    kill, job = case.at("srv/fern/report.sh", "pkill -f"), case.at("etc/cron.d/fern", "/srv/fern/report.sh")
    gone, told = (
        case.at("var/log/syslog", "fern-web.service: Main process exited, code=killed, status=15/TERM"),
        case.at("var/log/report.log", "ended a report that hung"),
    )
    refused = case.at("var/log/nginx/error.log", "111: Connection refused")
    return {
        "root_cause_kind": "kill-pattern-too-broad",
        "root_cause": "report.sh, run at :13 and :43 from /etc/cron.d, ends leftovers with pkill -f 'python3 .*fern', which also matches /usr/bin/python3 /srv/fern/web.py: the web service dies twice an hour.",
        "verdict": "root-cause", "culprit": kill, "culprit_alternatives": [], "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job, case.at("var/log/syslog", "/srv/fern/report.sh"), case.at("var/log/report.log", "start")),
            hop("effect_terminates_process", kill, told, gone),
            hop("process_terminates", gone),
            hop("supervisor_restarts_process", case.at("var/log/syslog", "fern-web.service: Scheduled restart job"), case.at("etc/systemd/system/fern-web.service", "Restart=always"),
                case.at("var/log/web.log", "serving on 8650", nth=2)),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", case.at("var/log/nginx/access.log", '" 502 '), refused),
        ],
        "mechanism": ["cron runs report.sh at :13 and :43", "pkill -f 'python3 .*fern' sends SIGTERM to web.py", "systemd starts it again after 8 s", "meanwhile connect() failed (111), 502"],
        "innocent": [case.at("etc/cron.d/fern", "valves.sh", why="every 15 minutes, only writes a line"), case.whole("srv/fern/valves.sh", "touches nothing"),
                     case.at("etc/cron.d/fern", "test -x /usr/bin/true", why="at :43 too; does nothing"),
                     case.at("etc/systemd/system/fern-web.service", "Restart=always", why="mends")],
        "period_s": 1800, "lag_s": case.lag(case.times("var/log/report.log", " start"), case.times("var/log/syslog", "code=killed, status=15")),
        "measured": [case.measure("var/log/syslog", "code=killed, status=15/TERM"), case.measure("var/log/report.log", "ended a report that hung"),
                     case.measure("var/log/nginx/error.log", "111: Connection refused", join=60)],
        "how_made": "nginx 1.22, cron, bash, procps and Python 3.11 really ran; systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
