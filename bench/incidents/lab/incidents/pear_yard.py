# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two things at once: a publish that sweeps the application's directory takes its socket along (502 for everybody), and an hourly job that locks the database (500 for a minute)."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = r'''"""Pear yard: which tree was picked, and how much of it."""
import json, logging, sqlite3, sys, time

logging.basicConfig(filename="/srv/pear/log/app.log", level=logging.INFO, format="[%(asctime)s] %(levelname)s %(message)s", datefmt="%d/%b/%Y %H:%M:%S")
log = logging.getLogger("pear")


def connect():
    return sqlite3.connect("/srv/pear/data/pear.db", timeout=5)


def answer(method, path, number):
    with connect() as db:
        if method == "POST":
            db.execute("INSERT INTO picks (tree, kg, at) VALUES (?, ?, ?)", (number, number % 19, int(time.time())))
            log.info("pick tree=%d kg=%d", number, number % 19)
            return "201 Created", {"ok": True}
        count, = db.execute("SELECT count(*) FROM picks WHERE tree = ?", (number,)).fetchone()
        return "200 OK", {"tree": number, "picks": count}


def app(environ, start_response):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    last = path.rsplit("/", 1)[-1]
    try:
        if path == "/":
            status, body = "200 OK", {"yard": "Langley"}
        elif not last.isdigit():
            status, body = "404 Not Found", {"error": "no such page"}
        else:
            status, body = answer(method, path, int(last))
    except sqlite3.OperationalError:
        log.exception("%s %s failed", method, path)
        status, body = "500 Internal Server Error", {"error": "try again"}
    data = json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]
'''

PUBLISH = r"""#!/bin/bash
# publish.sh: new leaflets and price lists (static pages only, so no restart is needed)
set -euo pipefail
APP=/srv/pear/app
LOG=/srv/pear/log/publish.log
note() { echo "$(date '+%F %T') $*" >> "$LOG"; }

note "publish by ${1:-web} begins"
rm -rf "${APP:?}"/*                  # no stale leaflets
cp -a /srv/pear/build/. "$APP"/
note "$(find "$APP"/static -type f | wc -l) pages in place"
"""
STOCK = r"""#!/bin/sh
# stocktaking.sh: the sums of the last hour for the office. Exclusive, so that nobody picks while we count
{
    echo 'BEGIN EXCLUSIVE;'
    echo 'SELECT count(*), sum(kg) FROM picks;'
    sleep 42 # the printer
    echo 'COMMIT;'
} | sqlite3 /srv/pear/data/pear.db | logger -t stocktaking
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/pear-error.log;
events {}
http {
    access_log /var/log/nginx/pear-access.log combined;
    upstream pear { server unix:/srv/pear/app/run/app.sock; }
    server {
        listen 80;
        server_name pears.example.uk;
        location /static/ { root /srv/pear/app; }
        location / {
            proxy_pass http://pear;
            proxy_read_timeout 30s;
        }
    }
}
"""
UNIT = """[Unit]
Description=Pear yard

[Service]
User=pear
WorkingDirectory=/srv/pear/app
ExecStart=/usr/bin/gunicorn --bind unix:/srv/pear/app/run/app.sock --workers 2 --threads 4 --error-logfile /srv/pear/log/gunicorn.log yard:app
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
CRON = """# pear yard
0 * * * *     pear  /srv/pear/bin/stocktaking.sh
*/15 * * * *  root  /srv/pear/bin/frost.sh
40 * * * *    pear  /srv/pear/bin/backup.sh
"""


def restart(who: str) -> str:
    return f"logger -t sudo '    {who} : TTY=pts/1 ; PWD=/home/{who} ; USER=root ; COMMAND=/usr/bin/systemctl restart pear'; systemctl restart pear"


INCIDENT = Incident(
    host="langley", start="2026-08-24T09:46:00+01:00", minutes=176, factor=50, kind="systemd", zone="Europe/London", users=["pear"], owners={"/srv/pear": "pear"},
    files={"/srv/pear/app/yard.py": APP, "/srv/pear/build/yard.py": APP, "/srv/pear/build/run/.gitkeep": "", "/srv/pear/build/static/prices.html": "<h1>Prices</h1>\n", "/srv/pear/build/static/leaflet.html": "<h1>Conference, Comice, Williams</h1>\n",
           "/srv/pear/app/static/prices.html": "<h1>Prices</h1>\n", "/srv/pear/app/run/.gitkeep": "", "/srv/pear/log/publish.log": "", "/srv/pear/bin/publish.sh": PUBLISH, "/srv/pear/bin/stocktaking.sh": STOCK,
           "/srv/pear/bin/frost.sh": "#!/bin/sh\n# temperature between the rows\nlogger -t frost \"row 7: $(shuf -i 11-19 -n 1) C\"\n", "/srv/pear/bin/backup.sh": "#!/bin/sh\nsleep 9\nlogger -t backup \"pear.db copied\"\n",
           "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/pear": CRON, "/etc/systemd/system/pear.service": UNIT},
    prepare="mkdir -p /srv/pear/data; sqlite3 /srv/pear/data/pear.db 'CREATE TABLE picks (tree INTEGER, kg INTEGER, at INTEGER)'",
    services={"pear": {"description": "Pear yard", "command": ["gunicorn", "--bind", "unix:/srv/pear/app/run/app.sock", "--workers", "2", "--threads", "4", "--error-logfile", "/srv/pear/log/gunicorn.log", "yard:app"], "directory": "/srv/pear/app", "user": "pear", "restart": "on-failure", "wait": 20},
              "nginx": NGINX_UNIT},
    during=[(37.4, "setpriv --reuid pear --regid pear --clear-groups /srv/pear/bin/publish.sh hazel"), (55.8, restart("colin")), (146.2, "setpriv --reuid pear --regid pear --clear-groups /srv/pear/bin/publish.sh hazel"), (156.1, restart("colin"))],
    visitors={"base": "http://127.0.0.1", "host": "pears.example.uk", "delay": 100, "visits": [{"perSecond": 0.2, "bots": 0.05, "aborts": 0.01, "paths": [[5, "GET", "/trees/{n}"], [3, "POST", "/picks/{n}", "{}"], [1, "GET", "/static/prices.html"]]}]},
    collect="""mkdir -p nginx app jobs system; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /srv/pear/build/yard.py app/; cp /srv/pear/log/*.log app/; cp /srv/pear/bin/*.sh jobs/; cp /etc/cron.d/pear jobs/cron.d-pear; cp /var/log/syslog /etc/systemd/system/pear.service system/; rotate nginx/pear-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    errors, access, log, syslog = "nginx/pear-error.log", "nginx/pear-access.log", "app/app.log", "system/syslog"
    sweep, socket, begin = (
        case.at("jobs/publish.sh", 'rm -rf "${APP:?}"/*'),
        case.at("nginx/nginx.conf", "server unix:/srv/pear/app/run/app.sock"),
        case.at("app/publish.log", "publish by hazel begins"),
    )
    missing, failed = case.at(errors, "2: No such file or directory) while connecting to upstream"), case.at(access, '" 502 ')
    bind, mend = (
        case.at("system/pear.service", "--bind unix:/srv/pear/app/run/app.sock"),
        case.at(syslog, "COMMAND=/usr/bin/systemctl restart pear"),
    )
    lock, count, locked = (
        case.at("jobs/stocktaking.sh", "BEGIN EXCLUSIVE"),
        case.at("jobs/cron.d-pear", "stocktaking.sh"),
        case.at(log, "database is locked"),
    )
    five = "nginx/pear-access.log.1.gz"
    return {
        "root_cause_kind": "publish-deletes-socket",
        "root_cause": "publish.sh empties /srv/pear/app before it copies the new pages, and the application's socket lies in there (app/run/app.sock). gunicorn goes on running on a socket without a name; nginx finds no file: connect() to unix:... failed (2), 502 for everybody "
        "from 10:23 to 10:41 and from 12:12 to 12:22, each time until somebody restarted pear.",
        "verdict": "root-cause", "culprit": sweep, "culprit_alternatives": [bind, socket, begin, missing], "culprit_related": [case.at("jobs/publish.sh", "cp -a /srv/pear/build/."), mend],
        "chain": [
            hop("deploy_changes_configuration", begin, case.at("app/publish.log", "pages in place"), sweep),
            hop("effect_hits_service", sweep, bind, socket),
            hop("termination_refuses_connections", missing, socket, sweep),
            hop("failure_reaches_clients", failed, missing, case.at(five, '" 502 ')),
        ],
        "other_causes": [{
            "root_cause_kind": "scheduled-job-locks-database",
            "root_cause": "Every hour, on the hour, stocktaking.sh holds an exclusive transaction on pear.db for 42 s; the application waits 5 s and gives up: database is locked, 500 for all that needs the database.",
            "culprit": lock, "culprit_alternatives": [count, case.at("jobs/stocktaking.sh", "sleep 42"), locked, case.at("app/yard.py", "timeout=5")], "period_s": 3600, "lag_s": case.lag(case.times(syslog, "stocktaking.sh"), case.times(log, "ERROR")),
            "chain": [hop("job_runs_script", count, case.at(syslog, "/srv/pear/bin/stocktaking.sh")), hop("job_stalls_service", lock, locked, case.at("jobs/stocktaking.sh", "sleep 42")), hop("failure_reaches_clients", case.at(five, '" 500 '), locked, case.at(log, "failed"))],
        }],
        "mechanism": [
            "10:23 and 12:12: publish.sh: rm -rf app/*, the socket with it; no restart, for only pages changed", "nginx: connect() to unix:/srv/pear/app/run/app.sock failed (2: No such file or directory), 502; static pages are served",
            "10:41 and 12:22: systemctl restart pear makes a new socket, all is well", "independently, at 10:00, 11:00 and 12:00: stocktaking.sh locks the database, 'database is locked', 500 for less than a minute",
        ],
        "innocent": [
            mend | {"why": "mends: the 502 end with it"}, case.at(syslog, "Stopping pear.service", why="ordered, the repair"), case.at("jobs/cron.d-pear", "frost.sh", why="only logs"), case.at("jobs/cron.d-pear", "backup.sh", why="only reads"),
            case.at("nginx/nginx.conf", "proxy_read_timeout 30s", why="nothing waits that long"),
            case.at("app/gunicorn.log", "Control server error", why="at every start, also when all is well"),
        ],
        "period_s": None, "lag_s": None, "lags": {"publish -> first (2)": case.lag(case.times("app/publish.log", "begins"), case.times(errors, "2: No such file"))},
        "measured": [case.measure(errors, "2: No such file or directory\\) while connecting", join=300), case.measure("app/publish.log", "begins"), case.measure(syslog, "COMMAND=/usr/bin/systemctl restart pear"), case.measure(log, "ERROR", join=300), case.measure(five, '" 50[02] ', join=300), case.measure(access, '" 50[02] ', join=300)],
        "timezones": {"all": "Europe/London (+01:00)"},
        "how_made": "nginx 1.22, gunicorn, Python's sqlite3 and logging, the sqlite3 tool, cron and bash really ran; systemctl is the lab's supervisor. The printer is a sleep.",
    }  # fmt: skip
