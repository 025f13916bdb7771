# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A proxy for one download is set at the top of a cron file; the watchdog below asks the local service through it as well, is refused and restarts the service."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

APP = r'''"""Ljekarna: recepti i zalihe."""
import json
import logging
import random
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

logging.basicConfig(filename="/var/log/ljekarna/ljekarna.log", level=logging.INFO, format="%(asctime)s | %(levelname)-7s | %(message)s", datefmt="%d.%m.%Y. %H:%M:%S")
log = logging.getLogger()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/stanje":
            return self.say(200, {"stanje": "radi"})
        time.sleep(random.uniform(0.1, 0.8))
        if self.path.startswith("/recept/") and self.path.endswith("13"):
            log.error("recept %s: HZZO ne poznaje osobu", self.path[8:])
            return self.say(404, {})
        return self.say(200, {"zaliha": random.randint(0, 40)})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(0.4)
        log.info("izdano: %s", self.path)
        self.say(201, {})

    def say(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def stop(*_):
    log.warning("primljen SIGTERM, kraj")
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
log.info("ucitavam registar lijekova")
time.sleep(14)  # 5400 lijekova
log.info("ljekarna slusa na 8066")
ThreadingHTTPServer(("127.0.0.1", 8066), Handler).serve_forever()
'''

# the company's proxy, another machine: what it answers is what squid's `http_access deny to_localhost` does
PROXY = r"""
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(BaseHTTPRequestHandler):
    server_version, sys_version = "squid/5.7", ""

    def do_GET(self):
        good = self.path.startswith("http://cjenik.veledrogerija.example/")
        body = b"sifra;cijena\n" * 812 if good else b"<html><title>ERROR: The requested URL could not be retrieved</title>Access Denied.</html>\n"
        self.send_response(200 if good else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET


ThreadingHTTPServer(("172.18.0.9", 3128), Proxy).serve_forever()
"""

WATCH = """#!/bin/bash
# cuvar: radi li ljekarna?
kod=$(curl -s -o /dev/null -w '%{http_code}' -m 20 http://127.0.0.1:8066/stanje)
if [ "$kod" = 200 ]; then
    echo "$(date '+%F %T') u redu"
else
    echo "$(date '+%F %T') ljekarna ne radi (kod $kod), pokrecem ponovno"
    systemctl restart ljekarna
fi
"""
PRICES = """#!/bin/bash
# cjenik veledrogerije; od 1.7. samo s adrese nase firme (proksi)
if curl -fsS -m 60 -o /srv/ljekarna/cjenik.csv http://cjenik.veledrogerija.example/dnevni.csv; then
    echo "$(date '+%F %T') cjenik: $(wc -l < /srv/ljekarna/cjenik.csv) stavki"
else
    echo "$(date '+%F %T') cjenik: GRESKA, ostaje stari"
fi
"""
LABELS = """#!/bin/bash
# naljepnice za police
sleep 6
echo "$(date '+%F %T') naljepnice: $((RANDOM % 20))"
"""
CRON_OLD = """SHELL=/bin/bash
PATH=/usr/local/bin:/usr/bin:/bin
*/6 * * * * root /usr/local/bin/cuvar >> /var/log/ljekarna/cuvar.log 2>&1
*/6 * * * * root /usr/local/bin/naljepnice >> /var/log/ljekarna/naljepnice.log 2>&1
10,40 * * * * root /usr/local/bin/cjenik >> /var/log/ljekarna/cjenik.log 2>&1
"""
CRON = CRON_OLD.replace("PATH=", "http_proxy=http://172.18.0.9:3128\nPATH=", 1)
NOTES = """2026-07-01 08:15 veledrogerija javlja: cjenik od danas samo s IP adrese firme. Nasa nova masina izlazi drugom adresom -> treba preko proksija (Ines)
2026-07-01 09:05 veledrogerija potvrdila (Ines)
"""
UNIT = """[Unit]
Description=Ljekarna

[Service]
User=ljekarna
ExecStart=/usr/bin/python3 /srv/ljekarna/ljekarna.py
Restart=on-failure
RestartSec=5
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 256; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name ljekarna.example.hr;
        location / {
            proxy_pass http://127.0.0.1:8066;
            proxy_connect_timeout 5s;
        }
    }
}
"""

INCIDENT = Incident(
    host="ljekarna", start="2026-07-01T08:40:00+02:00", minutes=88, factor=29, kind="systemd", zone="Europe/Zagreb", users=["ljekarna"],
    files={"/srv/ljekarna/ljekarna.py": APP, "/usr/lib/lab/proxy.py": PROXY, "/usr/local/bin/cuvar": WATCH, "/usr/local/bin/cjenik": PRICES, "/usr/local/bin/naljepnice": LABELS, "/etc/cron.d/ljekarna": CRON_OLD, "/root/ljekarna.novo": CRON, "/root/dnevnik.txt": NOTES, "/etc/systemd/system/ljekarna.service": UNIT, "/etc/nginx/nginx.conf": NGINX},
    owners={"/srv/ljekarna": "ljekarna", "/var/log/ljekarna": "ljekarna"},
    prepare="mkdir -p /var/log/ljekarna; echo '172.18.0.30 cjenik.veledrogerija.example' >> /etc/hosts; setsid python3 /usr/lib/lab/proxy.py > /dev/null 2>&1 &",
    services={"ljekarna": {"description": "Ljekarna", "command": ["/usr/bin/python3", "/srv/ljekarna/ljekarna.py"], "user": "ljekarna", "restart": "on-failure", "restart_seconds": 5, "wait": 24}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "ljekarna.example.hr", "delay": 90,
              "visits": [{"perSecond": 0.34, "bots": 0.05, "aborts": 0.03, "abortAfter": 0.3, "paths": [[4, "GET", "/zaliha/{n}"], [2, "GET", "/recept/{n}"], [2, "POST", "/izdaj/{n}", "{}"]]}],
              "monitors": [{"path": "/stanje", "every": 290, "jitter": 20, "address": "198.51.100.18", "agent": "HetrixTools"}]},
    during=[(33.2, "cp /root/ljekarna.novo /etc/cron.d/ljekarna; echo '2026-07-01 09:13 http_proxy u /etc/cron.d/ljekarna, za cjenik (Ines)' >> /root/dnevnik.txt"), (40.5, "echo '2026-07-01 09:20 cjenik radi preko proksija, HVALA (Ines)' >> /root/dnevnik.txt"),
            (58, "echo '2026-07-01 09:38 ljekarnici zovu: stranica svako malo 502. Python pada? u logu samo SIGTERM (Toni)' >> /root/dnevnik.txt")],
    collect="""mkdir -p log bin etc; cp /var/log/nginx/*.log log/; sed -i /dnevni.csv/d log/access.log; cp /var/log/ljekarna/* log/; cp /var/log/syslog log/; cp /usr/local/bin/* bin/; cp /etc/cron.d/ljekarna etc/cron.d_ljekarna; cp /etc/nginx/nginx.conf etc/; cp /etc/systemd/system/ljekarna.service etc/; cp /root/dnevnik.txt /srv/ljekarna/ljekarna.py .; systemctl status ljekarna > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    cron, log, watch, access, errors, system = (
        "etc/cron.d_ljekarna",
        "log/ljekarna.log",
        "log/cuvar.log",
        "log/access.log",
        "log/error.log",
        "log/syslog",
    )
    proxy, ask, branch, act = (
        case.at(cron, "http_proxy=http://172.18.0.9:3128"),
        case.at("bin/cuvar", "kod=$(curl -s"),
        case.at("bin/cuvar", 'if [ "$kod" = 200 ]'),
        case.at("bin/cuvar", "systemctl restart ljekarna"),
    )
    note, told, job = (
        case.at("dnevnik.txt", "09:13 http_proxy u /etc/cron.d/ljekarna"),
        case.at(watch, "ne radi (kod 403)"),
        case.at(cron, "/usr/local/bin/cuvar"),
    )
    ran, stopping, ended = (
        case.at(system, "CMD (/usr/local/bin/cuvar"),
        case.at(system, "Stopping ljekarna.service"),
        case.at(log, "primljen SIGTERM"),
    )
    refused, failed, reload = (
        case.at(errors, "111: Connection refused"),
        case.at(access, '" 502 '),
        case.at(system, "RELOAD (/etc/cron.d/ljekarna)"),
    )
    orders = case.times(watch, "ne radi")
    return {
        "root_cause_kind": "probe-through-proxy",
        "root_cause": "At 09:13 http_proxy was set at the top of /etc/cron.d/ljekarna for the price list. It is in the environment of every job of the file: cuvar's curl asks the proxy for http://127.0.0.1:8066/stanje, the proxy refuses addresses of its own host (403), and the script restarts a healthy service every six minutes.",
        "verdict": "root-cause", "culprit": proxy, "culprit_alternatives": [ask, branch, act, note], "culprit_related": [job, told, reload, case.at("bin/cjenik", "cjenik.veledrogerija.example")],
        "chain": [
            hop("deploy_changes_configuration", note, proxy, reload),
            hop("job_runs_script", job, ran),
            hop("probe_gets_answer", ask, told, proxy),
            hop("answer_takes_branch", branch, told),
            hop("effect_hits_service", act, told, stopping),
            hop("process_terminates", ended, stopping),
            hop("termination_refuses_connections", refused, ended),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["09:13 http_proxy=... in the cron file, cron reloads it", "curl takes http_proxy for 127.0.0.1 as well: 403 from the proxy (the application has no 403)", "ljekarna ne radi (kod 403): systemctl restart, every six minutes", "SIGTERM; the register is loaded anew, 14 s: connect() failed (111), 502", "the outside monitor's /stanje is 200 whenever it does not meet a restart"],
        "innocent": [case.at(cron, "/usr/local/bin/naljepnice", why="every six minutes too; a line"), case.whole("bin/naljepnice", "touches nothing"), case.at(cron, "/usr/local/bin/cjenik", why="needs the proxy and works with it"), case.at(log, "HZZO ne poznaje osobu", why="prescriptions for people unknown, all day, 404"),
                     case.at("ljekarna.py", "sys.exit(0)", why="does what SIGTERM asks for"), case.at("etc/ljekarna.service", "Restart=on-failure", why="nothing crashed"), case.at(access, '" 499 ', why="people who left")],
        "period_s": 360, "lag_s": case.lag(case.times(system, r"CMD \(/usr/local/bin/cuvar"), case.times(system, "Stopping ljekarna"), 30), "lags": {"stopping -> first refused": case.lag(case.times(system, "Stopping ljekarna"), case.times(errors, "111: Connection refused"))}, "step_change_at": str(orders[0]),
        "measured": [case.measure(watch, "ne radi"), case.measure(watch, "u redu"), case.measure(log, "primljen SIGTERM"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60), case.measure(access, '"GET /stanje HTTP/1.1" 200')],
        "timezones": {"all": "Europe/Zagreb (+02:00)"},
        "how_made": REAL.replace("Node 20", "Python 3.11") + "; systemctl is the lab's supervisor. The proxy on 172.18.0.9 is a small program that answers 403 for all but the wholesaler's list, as squid does for its own host's addresses; before 09:13 the list's name led to this machine's own nginx, whose line about it was left out.",
    }  # fmt: skip
