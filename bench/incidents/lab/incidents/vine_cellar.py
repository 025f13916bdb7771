# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A backup keeps SQLite's write lock while it copies to a slow NAS; readers notice nothing, every order of that minute fails."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT

SERVER = r'''"""Cantina Bellosguardo: catalogo e ordini."""
import json
import logging
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("cellar")
DB = "/var/lib/cellar/cellar.db"


def connect():
    db = sqlite3.connect(DB)  # timeout: 5 s, the default
    db.execute("PRAGMA foreign_keys = ON")
    return db


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        with connect() as db:
            row = db.execute("SELECT name, bottles FROM wines WHERE id = ?", (self.path.rsplit("/", 1)[-1],)).fetchone()
        if row is None:
            return self.answer(404, {"error": "sconosciuto"})
        time.sleep(0.05)
        self.answer(200, {"name": row[0], "bottles": row[1]})

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        began = time.time()
        try:
            with connect() as db:
                number = db.execute("INSERT INTO orders(wine, bottles, at) VALUES (?, ?, ?)", (order["wine"], order["bottles"], began)).lastrowid
        except sqlite3.OperationalError:
            log.exception("ordine non salvato, vino %s, dopo %.1f s", order["wine"], time.time() - began)
            return self.answer(500, {"error": "riprovare"})
        log.info("ordine %d: vino %s, %d bottiglie", number, order["wine"], order["bottles"])
        self.answer(201, {"order": number})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *args):
        pass  # nginx scrive già gli accessi


log.info("in ascolto su 127.0.0.1:8110")
ThreadingHTTPServer(("127.0.0.1", 8110), Handler).serve_forever()
'''

BACKUP = r"""#!/bin/bash
# Copia del database sul NAS in ufficio, ogni mezz'ora (/etc/cron.d/cellar)
# Con BEGIN IMMEDIATE nessuno scrive mentre si copia: la copia è coerente.
set -u
DB=/var/lib/cellar/cellar.db
NAME=cellar-$(date +%Y%m%d-%H%M).db
echo "$(date '+%d/%m/%Y %H:%M:%S') inizio $NAME"
sqlite3 "$DB" <<SQL
.timeout 10000
BEGIN IMMEDIATE;
.shell /usr/local/bin/nas-put $DB backup/$NAME
ROLLBACK;
SQL
echo "$(date '+%d/%m/%Y %H:%M:%S') fine $NAME (rc=$?)"
"""

NASPUT = r"""#!/bin/bash
sleep 1; cp "$1" "/mnt/nas/$2"; bytes=$(stat -c %s "$1")
sleep $(( bytes / 62000 ))
echo "  nas-put: $2 $bytes byte, 62 kB/s"
"""

REPORT = """#!/bin/bash
# Giacenze per il magazzino: sola lettura
n=$(sqlite3 -readonly /var/lib/cellar/cellar.db 'SELECT sum(bottles) FROM wines')
logger -t giacenze "bottiglie: $n"
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/cellar-error.log info;
events {}
http {
    log_format tempi '$remote_addr - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time $upstream_response_time';
    access_log /var/log/nginx/cellar-access.log tempi;
    server {
        listen 80;
        server_name cantina.example.it;
        location /vini/ { proxy_pass http://127.0.0.1:8110; proxy_read_timeout 30s; }
        location = /ordini { proxy_pass http://127.0.0.1:8110; proxy_read_timeout 30s; client_max_body_size 64k; }
        location / { return 200 "Cantina\\n"; }
    }
}
"""

CRON = """# m h dom mon dow user command
PATH=/usr/local/bin:/usr/bin:/bin
12,42 * * * * root     /opt/cellar/bin/backup.sh >> /var/log/cellar-backup.log 2>&1
*/15 * * * *  cellar   /opt/cellar/bin/giacenze.sh
7 * * * *     root     /opt/cellar/bin/newsletter.sh
"""

FILL = """import sqlite3, os
db = sqlite3.connect('/var/lib/cellar/cellar.db')
db.executescript('CREATE TABLE wines(id INTEGER PRIMARY KEY, name TEXT, bottles INTEGER, label BLOB); CREATE TABLE orders(id INTEGER PRIMARY KEY, wine INTEGER REFERENCES wines(id), bottles INTEGER, at REAL);')
db.executemany('INSERT INTO wines VALUES (?, ?, ?, ?)', [(n, f'Etichetta {n}', n * 7 % 130, os.urandom(5200)) for n in range(1, 901)])
db.execute("INSERT INTO orders VALUES (15210, 1, 6, 0)")
db.commit()
"""

UNIT = """[Unit]
Description=Cantina, catalogo e ordini
After=network.target

[Service]
User=cellar
WorkingDirectory=/opt/cellar
ExecStart=/usr/bin/python3 -u app.py
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""

INCIDENT = Incident(
    host="barrique", start="2026-10-12T08:56:00+02:00", minutes=81, factor=34, kind="systemd", zone="Europe/Rome", users=["cellar"],
    files={"/etc/rsyslog.conf": JOURNAL_ISO, "/opt/cellar/app.py": SERVER, "/opt/cellar/bin/backup.sh": BACKUP, "/opt/cellar/bin/giacenze.sh": REPORT, "/usr/local/bin/nas-put": NASPUT, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/cellar": CRON, "/etc/systemd/system/cellar.service": UNIT, "/usr/lib/lab/fill.py": FILL,
           "/opt/cellar/bin/newsletter.sh": "#!/bin/bash\n# spedisce le newsletter in coda\nsleep 50\nlogger -t newsletter '38 inviate, 1 rimbalzata'\n"},
    prepare="mkdir -p /var/lib/cellar /mnt/nas/backup; python3 /usr/lib/lab/fill.py; chown -R cellar: /var/lib/cellar",
    services={"cellar": {"description": "Cantina, catalogo e ordini", "command": ["/usr/bin/python3", "-u", "app.py"], "directory": "/opt/cellar", "user": "cellar", "restart": "on-failure", "restart_seconds": 5, "log": {"kind": "syslog", "tag": "python3"}, "wait": 10},
              "nginx": NGINX_UNIT},
    during=[(24.5, "systemctl restart cellar; logger -t deploy 'giulia: app.py, testi del catalogo'")],
    visitors={"base": "http://127.0.0.1", "host": "cantina.example.it", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.03, "abortAfter": 0.1, "paths": [[7, "GET", "/vini/{n}"], [3, "POST", "/ordini", "{\"wine\": {n}, \"bottles\": 6}"], [1, "GET", "/"]]}]},
    collect="""mkdir -p bin nginx; cp /opt/cellar/app.py /var/log/cellar-backup.log .; cp /opt/cellar/bin/* bin/; cp /etc/cron.d/cellar crontab-cellar.txt; cp /etc/systemd/system/cellar.service .; cp /var/log/syslog journal.txt; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; ls -l --time-style=+ /var/lib/cellar > ls-db.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log, journal, access = "bin/backup.sh", "cellar-backup.log", "journal.txt", "nginx/cellar-access.log"
    lock, copy, job = (
        case.at(script, "BEGIN IMMEDIATE;"),
        case.at(script, ".shell /usr/local/bin/nas-put"),
        case.at("crontab-cellar.txt", "backup.sh"),
    )
    begun, failed, locked = (
        case.at(log, "inizio cellar-"),
        case.at(access, '" 500 '),
        case.at(journal, "OperationalError: database is locked"),
    )
    lost = case.at(journal, "ordine non salvato")
    return {
        "root_cause_kind": "backup-holds-database-write-lock",
        "root_cause": "Every half hour (12,42) backup.sh opens a write transaction (BEGIN IMMEDIATE) and copies the database to the office NAS inside it, more than a minute at 62 kB/s. Reading goes on; every order of that time waits SQLite's 5 s and fails with "
        "'database is locked': 500 for POST /ordini, and nothing for GET.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": lock, "culprit_alternatives": [copy, job], "culprit_related": [begun, lost, locked, case.at(log, "nas-put:"), case.at("app.py", "timeout: 5 s, the default")],
        "chain": [
            hop("job_runs_script", job, case.at(journal, "/opt/cellar/bin/backup.sh >> /var/log"), begun),
            hop("job_stalls_service", lock, copy, locked, lost, begun),
            hop("failure_reaches_clients", failed, lost, locked),
        ],
        "mechanism": ["cron at :12 and :42: backup.sh", "BEGIN IMMEDIATE takes the write lock, nas-put copies inside the transaction for some 75 s", "each order waits 5 s (sqlite3's default timeout), then 'database is locked', 500 after five to a dozen seconds", "ROLLBACK, orders go through again; GET was never disturbed"],
        "contributing": [case.at("app.py", "timeout: 5 s, the default", why="five seconds are too short for the copy; a longer one would only make the wait longer"), case.at(log, "nas-put:", why="the line to the office is slow")],
        "innocent": [
            case.at("crontab-cellar.txt", "giacenze.sh", why="every quarter of an hour, reads only"), case.at("crontab-cellar.txt", "newsletter.sh", why="does not touch the database"), case.whole("bin/giacenze.sh", "reads only"), case.whole("bin/newsletter.sh", "does not touch the database"),
            case.at(journal, "giulia: app.py", why="a deploy between two backups; the failures began before it"), case.at("nginx/nginx.conf", "proxy_read_timeout 30s", why="the answer comes long before"),
        ],
        "period_s": 1800, "lag_s": case.lag(case.times(journal, r"CMD \(.*backup\.sh"), case.times(journal, "ordine non salvato"), 120),
        "lags": {"CMD backup.sh -> ordine non salvato": case.lag(case.times(journal, r"CMD \(.*backup\.sh"), case.times(journal, "ordine non salvato"), 120), "inizio -> fine, counted by hand": 82.0},
        "measured": [case.measure(journal, r"CMD \(.*backup\.sh"), case.measure(journal, "ordine non salvato", join=120), case.measure(access, '"POST /ordini HTTP/1.1" 500 ', join=120)],
        "timezones": {"all": "Europe/Rome (+02:00)", "cellar-backup.log": "day/month/year: 12 October"},
        "how_made": "nginx 1.22, Python 3.11 with its sqlite3, the sqlite3 shell, cron and bash really ran; systemctl is the lab's supervisor; the slow line to the NAS is a sleep in nas-put, which was not handed over.",
    }  # fmt: skip
