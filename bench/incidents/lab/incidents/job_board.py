# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A job that ends hung imports with pkill -f also ends the web server and the mailer: since the move their path holds the pattern."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const fs = require('fs');
const say = (text) => console.log(text);
let posts = 0;
const server = http.createServer((req, res) => {
  if (req.url === '/healthz') return res.end('ok\n');
  if (req.method === 'POST') {
    posts += 1;
    fs.appendFile('/var/spool/board/outbox', `${req.url}\n`, () => {});
    say(`application ${posts} for ${req.url}`);
    res.statusCode = 201;
    return res.end();
  }
  if (!/^\/(jobs(\/\d+)?|)$/.test(req.url)) { res.statusCode = 404; return res.end('no such page\n'); }
  setTimeout(() => res.end(`<h1>Lakeside job board</h1><p>${req.url}</p>\n`), 250 + Math.random() * 1400);
});
server.listen(4040, '127.0.0.1', () => say('board listening on 4040'));
process.on('SIGTERM', () => {
  say('got SIGTERM, closing');
  server.close();
  setTimeout(() => process.exit(0), 400);
});
"""

MAILER = r"""// sends what the board puts into the outbox
const fs = require('fs');
console.log('mailer up, watching outbox');
setInterval(() => {
  let lines = [];
  try { lines = fs.readFileSync('/var/spool/board/outbox', 'utf8').split('\n').filter(Boolean); } catch { return; }
  if (!lines.length) return;
  fs.writeFileSync('/var/spool/board/outbox', '');
  console.log(`sent ${lines.length} mails`);
}, 45000);
"""

IMPORT = r"""// partner feed -> board. Their server is slow; now and then the connection just stays open.
const fs = require('fs');
const note = (text) => fs.appendFileSync('/var/log/board/import.log', `${new Date().toISOString()} [${process.pid}] ${text}\n`);
const runs = Number(fs.existsSync('/var/spool/board/runs') ? fs.readFileSync('/var/spool/board/runs', 'utf8') : 0) + 1;
fs.writeFileSync('/var/spool/board/runs', String(runs));
note('import started');
const pages = 6;
let page = 0;
const next = () => {
  page += 1;
  note(`page ${page}/${pages}`);
  if (runs % 4 === 3 && page === 4) return setInterval(() => {}, 60000); // no answer any more
  if (page < pages) return setTimeout(next, 18000 + Math.random() * 9000);
  note(`import done, ${40 + Math.floor(Math.random() * 25)} postings`);
};
next();
"""

STOP = r"""#!/bin/sh
# The partner feed hangs from time to time. An import needs two or three minutes;
# what is still there after eleven is stuck, so end it before the next one starts.
if pkill -TERM -f 'node.*job'; then
    logger -t stop-import "stale import stopped"
fi
exit 0
"""

FEED = "#!/bin/sh\n# sitemap for the search engines\nsleep 4\ndate -u +%FT%TZ > /srv/jobboard/sitemap.stamp\n"
NOTES = """2026-08-24  new box, Debian 12
2026-09-01  cron for the partner feed (jobs/import.js) and stop-import
2026-09-21  everything moved from /srv/lakeside to /srv/jobboard, units changed accordingly
"""
UNIT = "[Unit]\nDescription={what}\nAfter=network-online.target\n\n[Service]\nUser=board\nExecStart=/usr/bin/node /srv/jobboard/{script}\nRestart=always\nRestartSec=3\n\n[Install]\nWantedBy=multi-user.target\n"

NGINX = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    upstream board { server 127.0.0.1:4040; }
    server {
        listen 80;
        server_name jobs.example.com;
        location / {
            proxy_pass http://board;
            proxy_set_header Host $host;
        }
    }
}
"""
CRON = """MAILTO=""
# m h dom mon dow command
*/20 * * * * cd /srv/jobboard && node jobs/import.js
11,31,51 * * * * /srv/jobboard/bin/stop-import
7,37 * * * * /srv/jobboard/bin/sitemap
"""

INCIDENT = Incident(
    host="lakeside", start="2026-09-23T08:04:00-05:00", minutes=113, factor=32, kind="systemd", zone="America/Chicago", users=["board"],
    files={"/srv/jobboard/server.js": SERVER, "/srv/jobboard/mailer.js": MAILER, "/srv/jobboard/jobs/import.js": IMPORT, "/srv/jobboard/bin/stop-import": STOP, "/srv/jobboard/bin/sitemap": FEED, "/srv/jobboard/NOTES": NOTES,
           "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/board-web.service": UNIT.format(what="Job board web", script="server.js"), "/etc/systemd/system/board-mailer.service": UNIT.format(what="Job board mailer", script="mailer.js")},
    crontabs={"board": CRON}, owners={"/srv/jobboard": "board"},
    prepare="mkdir -p /var/log/board /var/spool/board; chown board: /var/log/board /var/spool/board",
    services={"board-web": {"description": "Job board web", "command": ["/usr/bin/node", "/srv/jobboard/server.js"], "user": "board", "restart": "always", "restart_seconds": 3, "log": {"kind": "syslog", "tag": "node"}, "wait": 12},
              "board-mailer": {"description": "Job board mailer", "command": ["/usr/bin/node", "/srv/jobboard/mailer.js"], "user": "board", "restart": "always", "restart_seconds": 3, "log": {"kind": "syslog", "tag": "node"}, "wait": 5}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "jobs.example.com", "delay": 80,
              "visits": [{"perSecond": 0.4, "bots": 0.08, "aborts": 0.04, "abortAfter": 0.5, "paths": [[6, "GET", "/jobs/{n}"], [2, "POST", "/jobs/{n}/apply", "{}"], [1, "GET", "/jobs"], [1, "GET", "/"]]}]},
    collect="""mkdir -p nginx srv-jobboard units; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/jobboard/*.js /srv/jobboard/NOTES srv-jobboard/; cp -r /srv/jobboard/jobs /srv/jobboard/bin srv-jobboard/; cp /etc/systemd/system/board-*.service units/; crontab -u board -l > crontab-board
cp /var/log/syslog .; cp /var/log/board/import.log .; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, errors, access, older, cron = "syslog", "nginx/error.log", "nginx/access.log", "nginx/access.log.1.gz", "crontab-board"
    kill, moved, entry = (
        case.at("srv-jobboard/bin/stop-import", "pkill -TERM -f 'node.*job'"),
        case.at("srv-jobboard/NOTES", "moved from /srv/lakeside to /srv/jobboard"),
        case.at(cron, "/srv/jobboard/bin/stop-import"),
    )
    told, ended, mailer = (
        case.at(log, "stale import stopped"),
        case.at(log, "got SIGTERM, closing"),
        case.at(log, "board-mailer.service: Main process exited, code=killed"),
    )
    again, started = case.at(log, "board-web.service: Scheduled restart job"), case.at(log, "board listening on 4040", nth=2)
    refused, failed = case.at(errors, "111: Connection refused"), case.at(older, '" 502 ')
    units = [
        case.at("units/board-web.service", "ExecStart=/usr/bin/node /srv/jobboard/server.js"),
        case.at("units/board-mailer.service", "ExecStart=/usr/bin/node /srv/jobboard/mailer.js"),
    ]
    return {
        "root_cause_kind": "kill-pattern-too-wide",
        "root_cause": "stop-import ends whatever matches 'node.*job' with SIGTERM. Since the move to /srv/jobboard the web server (/usr/bin/node /srv/jobboard/server.js) and the mailer match as well as jobs/import.js, so at minutes 11, 31 and 51 both are ended in the same second, mostly without any import left to stop; systemd starts them again 3 s later.",
        "verdict": "root-cause", "culprit": kill, "culprit_alternatives": [moved, entry],
        "culprit_related": [*units, case.at("units/board-web.service", "Restart=always"), told],
        "chain": [
            hop("job_runs_script", entry, case.at(log, "CMD (/srv/jobboard/bin/stop-import)")),
            hop("effect_terminates_process", kill, told, *units),
            hop("process_terminates", ended, mailer, case.at(log, "board-web.service: Deactivated successfully")),
            hop("supervisor_restarts_process", again, started, case.at("units/board-web.service", "Restart=always"), case.at(log, "Started board-web.service", nth=2)),
            hop("termination_refuses_connections", refused),
            hop("failure_reaches_clients", failed, case.at(access, '" 502 '), refused),
        ],
        "mechanism": ["cron runs stop-import at minutes 11, 31, 51", "pkill -f 'node.*job' matches by the path /srv/jobboard", "the web server says got SIGTERM, the mailer is killed by signal 15, in the same second; no Stopping line: not systemctl", "systemd: Scheduled restart job, 3 s later", "connect() failed (111) until the web server listens: 502"],
        "innocent": [
            case.at(cron, "node jobs/import.js", why="every twenty minutes too, at 0, 20, 40; nothing ends then"), case.whole("srv-jobboard/jobs/import.js", "its hanging is why stop-import is there; it touches no service"),
            case.at(cron, "/srv/jobboard/bin/sitemap", why="at 7 and 37"), case.whole("srv-jobboard/bin/sitemap", "only writes a stamp"),
            case.at("srv-jobboard/server.js", "process.on('SIGTERM'", why="obeys the signal"), case.at(older, '" 404 ', why="bots"), case.at(older, '" 499 ', why="people who left"),
        ],
        "period_s": 1200, "lag_s": case.lag(case.times(log, r"CMD \(/srv/jobboard/bin/stop-import"), case.times(log, "got SIGTERM")),
        "lags": {"SIGTERM -> listening": case.lag(case.times(log, "got SIGTERM"), case.times(log, "board listening"))},
        "measured": [case.measure(log, "got SIGTERM, closing"), case.measure(log, "board-mailer.service: Main process exited, code=killed"), case.measure(log, "stale import stopped"), case.measure(log, r"CMD \(/srv/jobboard/bin/stop-import"), case.measure("import.log", "import done"), case.measure("import.log", "import started"), case.measure(errors, "111: Connection refused", join=120), case.measure(older, '" 502 ', join=120), case.measure(access, '" 502 ', join=120)],
        "timezones": {"all": "America/Chicago (-05:00)", "import.log": "UTC"},
        "how_made": REAL.replace(" and curl", "") + ", procps' pkill too; systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
