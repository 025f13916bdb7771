# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The backup's clean-up looks for a file ending that the backup no longer writes; nothing is ever removed and the volume runs full, the database on it too."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = r"""#!/usr/bin/python3
# Bestellungen: kleiner HTTP-Dienst auf SQLite
import logging
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

logging.basicConfig(filename="/var/log/orchard/orders.log", level=logging.INFO, format="%(asctime)s [%(threadName)s] %(levelname)-7s %(message)s")
log = logging.getLogger("orders")
DATABASE = "/srv/orchard/data/orders.sqlite3"


def connect():
    return sqlite3.connect(DATABASE, timeout=20)


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if not self.path.startswith("/boxes/"):
            return self.answer(404)
        base = connect()
        count = base.execute("SELECT count(*) FROM orders").fetchone()[0]
        base.close()
        self.answer(200, b'{"orders": %d}' % count)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        base = connect()
        try:
            with base:
                base.execute("INSERT INTO orders (box, note) VALUES (?, ?)", (self.path, "crate " * 1500))
        except sqlite3.Error:
            log.exception("POST %s failed", self.path)
            return self.answer(500)
        finally:
            base.close()
        log.info("order for %s placed", self.path)
        self.answer(201, b"{}")

    def log_message(self, *words):
        pass


log.info("orders on 127.0.0.1:8400")
ThreadingHTTPServer(("127.0.0.1", 8400), Orders).serve_forever()
"""

BACKUP = r"""#!/bin/bash
# Sicherung der Bestellungen und Bilder, alle 20 Minuten in der Erntezeit
set -u
cd /srv/orchard
stamp=$(date +%Y%m%d-%H%M)
python3 -c "import sqlite3; a = sqlite3.connect('data/orders.sqlite3'); b = sqlite3.connect('/tmp/orders.copy'); a.backup(b)"
# seit Mai mit xz statt gzip, halb so gross
tar -C /srv/orchard -cJf "backups/orchard-$stamp.tar.xz" pictures -C /tmp orders.copy
rc=$?
# die letzten sechs behalten
ls -1t backups/orchard-*.tar.gz 2>/dev/null | tail -n +7 | xargs -r rm --
echo "$(date '+%d.%m.%Y %H:%M:%S') Sicherung orchard-$stamp rc=$rc, $(ls backups | wc -l) Dateien"
"""

NEWS = r"""#!/bin/bash
# Rundbrief: schreibt die Liste der Abholer von morgen
tmp=$(mktemp /tmp/abholer.XXXXXX)
seq 1 200 > "$tmp"
sleep 5
rm -f "$tmp"
echo "$(date '+%d.%m.%Y %H:%M:%S') Liste verschickt"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/orchard_access.log combined;
    server {
        listen 80;
        server_name pflaumen.example.at;
        client_max_body_size 8m;
        location / { proxy_pass http://127.0.0.1:8400; proxy_read_timeout 45s; }
    }
}
"""

UNIT = """[Unit]
Description=Orchard orders

[Service]
WorkingDirectory=/srv/orchard/app
ExecStart=/srv/orchard/app/orders.py
StandardError=append:/var/log/orchard/orders.err
Restart=always
"""

ROTATE = """/var/log/orchard/*.log {
    daily
    rotate 14
    missingok
    copytruncate
    compress
}
"""

CRONTAB = """*/20 * * * * /srv/orchard/bin/sicherung.sh >> /var/log/orchard/sicherung.log 2>&1
*/20 * * * * /srv/orchard/bin/rundbrief.sh >> /var/log/orchard/rundbrief.log 2>&1
7 * * * *    /srv/orchard/bin/bilder-verkleinern.sh
"""

INCIDENT = Incident(
    host="obst", start="2026-08-20T09:50:40+02:00", minutes=150, factor=44, kind="systemd", zone="Europe/Vienna", users=["obst"],
    files={"/srv/orchard/app/orders.py": APP, "/srv/orchard/bin/sicherung.sh": BACKUP, "/srv/orchard/bin/rundbrief.sh": NEWS, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/orchard.service": UNIT, "/etc/logrotate.d/orchard": ROTATE,
           "/srv/orchard/bin/bilder-verkleinern.sh": "#!/bin/sh\nsleep 20\nlogger -t bilder 'keine neuen Bilder'\n"},
    crontabs={"root": CRONTAB},
    prepare="""mkdir -p /var/log/orchard; chown obst: /var/log/orchard
cp -a /srv/orchard /tmp/orchard-files; mount -t tmpfs -o size=40m /dev/vdb1 /srv/orchard; cp -a /tmp/orchard-files/. /srv/orchard/; rm -rf /tmp/orchard-files
cd /srv/orchard; mkdir data backups pictures
for n in 1 2 3 4 5; do head -c 840000 /dev/urandom > pictures/baum-$n.jpg; done
for n in 1 2 3; do head -c $((3500000 + n * 1000)) /dev/urandom > backups/orchard-20260430-0$n$n0.tar.gz; touch -d "2026-04-30 0$n:00" backups/orchard-20260430-0$n$n0.tar.gz; done
/usr/bin/python3 -c "import sqlite3; b = sqlite3.connect('data/orders.sqlite3'); b.execute('CREATE TABLE orders (id INTEGER PRIMARY KEY, box TEXT, note TEXT)'); b.commit()"
chown -R obst: data""",
    services={"orchard": {"description": "Orchard orders", "command": ["/srv/orchard/app/orders.py"], "directory": "/srv/orchard/app", "user": "obst", "restart": "always", "log": {"kind": "plain", "path": "/var/log/orchard/orders.err"}, "wait": 30}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "pflaumen.example.at", "delay": 90,
              "visits": [{"perSecond": 0.2, "bots": 0.06, "paths": [[5, "GET", "/boxes/{n}"], [2, "POST", "/orders/{n}", "{}"]]}],
              "monitors": [{"every": 120, "path": "/boxes/1", "address": "192.0.2.14", "agent": "Uptime-Kuma/1.23.16"}]},
    collect="""mkdir -p logs etc bin; cp /var/log/orchard/*.log /var/log/syslog logs/; cp /var/log/nginx/orchard_access.log logs/; cp /var/log/nginx/error.log logs/nginx_error.log
cp /etc/nginx/nginx.conf /etc/systemd/system/orchard.service etc/; cp /etc/logrotate.d/orchard etc/logrotate-orchard; crontab -l > etc/crontab; cp /srv/orchard/bin/*.sh bin/; cp /srv/orchard/app/orders.py .
df -h /srv/orchard / 2>/dev/null | sed 's/^overlay /\\/dev\\/vda1 /' > df.txt; (cd /srv/orchard; du -sk * | sort -n) > du.txt; (cd /srv/orchard/backups; stat -c '%8s %n' *) > ls-backups.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log = "bin/sicherung.sh", "logs/orders.log"
    glob, writes, job = (
        case.at(script, "ls -1t backups/orchard-*.tar.gz"),
        case.at(script, "tar -C /srv/orchard -cJf"),
        case.at("etc/crontab", "sicherung.sh"),
    )
    full, short, failed = (
        case.at(log, "database or disk is full"),
        case.at("logs/sicherung.log", "No space left on device"),
        case.at("logs/orchard_access.log", '" 500 '),
    )
    df, listed, du = case.at("df.txt", "/srv/orchard"), case.at("ls-backups.txt", ".tar.xz"), case.at("du.txt", "backups")
    onset = case.times(log, "POST /orders/.* failed")[0]
    return {
        "root_cause_kind": "disk-full",
        "root_cause": "sicherung.sh writes .tar.xz every 20 minutes, but its clean-up still lists .tar.gz, of which there are three: no backup is ever removed, the volume /srv/orchard runs full and SQLite, which lives on it, refuses each order: 'database or disk is full', 500.",
        "verdict": "root-cause", "culprit": glob, "culprit_alternatives": [writes, job, listed], "culprit_related": [df, du, case.at("logs/sicherung.log", "Sicherung orchard-")],
        "chain": [
            hop("job_runs_script", job),
            hop("resource_exhausted", full, short, df, writes, glob, listed, du),
            hop("failure_reaches_clients", failed, full),
        ],
        "mechanism": ["cron runs sicherung.sh every 20 minutes, about 4.2 MB each (packing takes ten minutes)", "'die letzten sechs behalten' looks for *.tar.gz; since May the script writes *.tar.xz", "sicherung.log: the number of files grows by one each time, beyond six", "the volume is full: tar: No space left on device; sqlite3.OperationalError: database or disk is full", "POST /orders 500; reading goes on; nothing restarts"],
        "innocent": [
            case.at("etc/crontab", "rundbrief.sh", why="same minutes; removes its own file"), case.at("etc/crontab", "bilder-verkleinern.sh", why="only logs"), case.whole("etc/logrotate-orchard", "the logs are small and on another volume"),
            case.at("etc/orchard.service", "Restart=always", why="nothing ended"), case.at("du.txt", "pictures", why="large, but does not grow"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(onset),
        "measured": [case.measure(log, "database or disk is full"), case.measure("logs/orchard_access.log", '" 500 '), case.measure("logs/sicherung.log", "Sicherung orchard-"), case.measure("logs/sicherung.log", "rc=0")],
        "timezones": {"all": "Europe/Vienna (+02:00)"},
        "how_made": "nginx 1.22, Python 3.11 with SQLite, cron and bash really ran; the volume is a tmpfs of 40 MB that really ran full; systemctl is the lab's supervisor.",
    }  # fmt: skip
