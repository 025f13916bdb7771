# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A job takes the write lock of the SQLite file first and then works for most of a minute; the web application waits five seconds."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = """import logging
import re
import sqlite3

logging.basicConfig(filename="/var/log/ipek/web.log", level=logging.INFO, format="%(levelname)-8s %(asctime)s %(name)s  %(message)s", datefmt="%d.%m.%Y %H:%M:%S")
log = logging.getLogger("ipek")
DATABASE = "/var/lib/ipek/ipek.db"


def application(environ, start_response):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    found = re.fullmatch(r"/kumas/(\\\\d+)", path)
    if not found:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    database = sqlite3.connect(DATABASE)
    try:
        if method == "POST":
            with database:
                database.execute("insert into orders (cloth, at) values (?, datetime())", (found[1],))
            start_response("201 Created", [("Content-Length", "0")])
            return []
        count = database.execute("select count(*) from orders where cloth = ?", (found[1],)).fetchone()[0]
    except sqlite3.OperationalError:
        log.exception("%s %s", method, path)
        start_response("500 Internal Server Error", [("Content-Length", "0")])
        return []
    finally:
        database.close()
    body = str(count).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
""".replace("\\\\d", "\\d")

STOCK = """#!/usr/bin/python3
# Stokları siparişlerden yeniden hesaplar
import logging
import sqlite3
import time

logging.basicConfig(filename="/var/log/ipek/stok.log", level=logging.INFO, format="%(asctime)s %(message)s")
database = sqlite3.connect("/var/lib/ipek/ipek.db", isolation_level=None, timeout=60)
database.execute("begin immediate")  # kimse araya girmesin
logging.info("stok: basladi")
for cloth in range(1, 901):
    left = 500 - database.execute("select count(*) from orders where cloth = ?", (cloth,)).fetchone()[0]
    database.execute("insert or replace into stock values (?, ?)", (cloth, left))
    time.sleep(0.045)  # fiyat servisi saniyede 20 istekten fazlasini kabul etmiyor
database.execute("commit")
logging.info("stok: bitti")
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/ipek.log combined;
    upstream app { server unix:/run/ipek.sock; }
    server {
        listen 80;
        server_name ipek.example.com.tr;
        location / { proxy_pass http://app; }
    }
}
"""

INCIDENT = Incident(
    host="bursa2", start="2026-11-12T09:41:00+03:00", minutes=110, factor=40, kind="systemd", zone="Europe/Istanbul",
    files={"/srv/ipek/web.py": APP, "/srv/ipek/stok.py": STOCK, "/etc/nginx/nginx.conf": NGINX,
           "/srv/ipek/kargo.sh": "#!/bin/sh\n# kargo listesi\nsleep 9\nlogger -t kargo \"liste gonderildi\"\n",
           "/etc/systemd/system/ipek.service": "[Unit]\nDescription=Ipek\n\n[Service]\nWorkingDirectory=/srv/ipek\nExecStart=/usr/bin/gunicorn --workers 4 --bind unix:/run/ipek.sock --log-file /var/log/ipek/gunicorn.log web:application\nRestart=always\n"},
    crontabs={"root": "# dakika saat gun ay haftanin-gunu\n5,25,45 * * * * /srv/ipek/stok.py\n*/10 * * * * /srv/ipek/kargo.sh\n5 * * * * /usr/bin/find /var/log/ipek -name '*.gz' -mtime +30 -delete\n"},
    prepare="mkdir -p /var/log/ipek /var/lib/ipek; sqlite3 /var/lib/ipek/ipek.db 'create table orders (cloth int, at text); create table stock (cloth integer primary key, left int)'",
    services={"ipek": {"description": "Ipek", "command": ["/usr/bin/gunicorn", "--workers", "4", "--bind", "unix:/run/ipek.sock", "--log-file", "/var/log/ipek/gunicorn.log", "web:application"], "directory": "/srv/ipek",
                       "environment": {"HOME": "/root"}, "restart": "always", "wait": 20}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "ipek.example.com.tr", "delay": 80, "visits": [{"perSecond": 0.25, "bots": 0.03, "paths": [[3, "GET", "/kumas/{n}"], [2, "POST", "/kumas/{n}", "{}"]]}]},
    collect="""mkdir nginx; cp /srv/ipek/* .; rm -rf __pycache__; cp /var/log/ipek/*.log /var/log/syslog .; cp /etc/systemd/system/ipek.service .; cp /etc/nginx/nginx.conf nginx/; cp /var/log/nginx/*.log nginx/; crontab -l > crontab.root; rotate nginx/ipek.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    lock, wait, job = (
        case.at("stok.py", "begin immediate"),
        case.at("stok.py", "time.sleep(0.045)"),
        case.at("crontab.root", "stok.py"),
    )
    locked, traced = case.at("web.log", "database is locked"), case.at("web.log", "ERROR")
    failed, begins = case.at("nginx/ipek.log", '" 500 '), case.at("stok.log", "stok: basladi")
    connect = case.at("web.py", "database = sqlite3.connect(DATABASE)")
    return {
        "root_cause_kind": "job-holds-database-lock",
        "root_cause": "stok.py, run by cron at :05, :25 and :45, takes SQLite's write lock with `begin immediate` and keeps it for its whole loop, about a minute; the web application waits five seconds (sqlite3's default) "
        "and then fails: OperationalError: database is locked, 500 for every order (reads go on).",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": lock, "culprit_alternatives": [wait, connect], "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job, case.at("syslog", "CMD (/srv/ipek/stok.py)"), begins),
            hop("job_stalls_service", lock, wait, begins, locked, traced, connect),
            hop("failure_reaches_clients", failed, locked, traced),
        ],
        "mechanism": ["cron runs stok.py at :05, :25, :45", "begin immediate, then 900 rows with a pause each: the write lock is held for about a minute", "an order waits 5 s and ends in OperationalError: database is locked", "POST: 500; GET is answered"],
        "innocent": [case.at("crontab.root", "kargo.sh", why="every ten minutes; never at :05"), case.whole("kargo.sh", "touches nothing"), case.at("crontab.root", "/usr/bin/find", why="at :05 too; deletes old archives"),
                     case.at("ipek.service", "Restart=always", why="nothing ended")],
        "period_s": 1200, "lag_s": case.lag(case.times("stok.log", "basladi"), case.times("web.log", "^ERROR")),
        "measured": [case.measure("web.log", "^ERROR", join=200), case.measure("stok.log", "basladi"), case.measure("stok.log", "bitti")],
        "how_made": "nginx 1.22, gunicorn, SQLite, Python 3.11 and cron really ran; systemctl is the lab's supervisor; the price service is a sleep, as the script's comment has it.",
    }  # fmt: skip
