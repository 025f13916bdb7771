# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A tidy-up job kills left-over exports with `kill $(pgrep -f export)`; since a release the service itself has `--export-dir` on its command line."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const winston = require('winston');
const { combine, timestamp, json } = winston.format;
const log = winston.createLogger({ format: combine(timestamp(), json()), transports: [new winston.transports.File({ filename: '/var/log/quail/range.log' })] });
const option = (name, otherwise) => (process.argv.find((word) => word.startsWith(`--${name}=`)) || `=${otherwise}`).split('=')[1];
const app = express();
const server = createServer(app);
const io = new Server(server);
app.get('/lanes/:n', (req, res) => setTimeout(() => res.json({ lane: req.params.n, free: true }), 70));
app.post('/scores', express.json(), (req, res) => { log.info('score', { lane: req.body.lane }); res.status(201).end(); });
app.get('/', (req, res) => res.send('<h1>Range</h1>'));
io.on('connection', (socket) => socket.on('disconnect', (reason) => log.info('board offline', { sid: socket.id, reason })));
server.listen(Number(option('port', 5150)), '127.0.0.1', () => log.info('range up', { pid: process.pid, dir: option('export-dir', '/tmp') }));
process.on('SIGTERM', () => { log.warn('SIGTERM received, closing', { pid: process.pid }); setTimeout(() => process.exit(0), 300); });
"""

EXPORT = r"""// one PDF of scores per club; the printer's gateway sometimes never answers, and then this hangs
const dir = process.argv[2] || '/srv/quail/pdf';
require('fs').writeFileSync(`${dir}/club.pdf`, 'pdf');
if (new Date().getMinutes() % 20 < 10) setInterval(() => {}, 60000);
"""

TIDY = r"""#!/bin/bash
# PDF exports that hang keep the printer busy: end what is left of them
LEFT=$(pgrep -u quail -f export)
if [ -n "$LEFT" ]; then
    kill $LEFT
    logger -t tidy-pdf "ended: $(echo $LEFT)"
fi
find /srv/quail/pdf -name '*.pdf' -mmin +600 -delete
"""

DEPLOY = r"""#!/bin/bash
# deploy VERSION
set -e
cd /srv/quail
tar -xzf "/srv/quail/incoming/range-$1.tgz" -C /etc/systemd/system
systemctl daemon-reload
systemctl restart quail-range
echo "$(date +%FT%T%z) $1" >> /srv/quail/deploys.log
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/range.access.log combined;
    server {
        listen 80;
        server_name range.example.cz;
        location / {
            proxy_pass http://127.0.0.1:5150;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }
    }
}
"""
UNIT = """[Unit]
Description=Shooting range
After=network.target

[Service]
User=quail
WorkingDirectory=/srv/quail
ExecStart=/usr/bin/node server.js --port=5150{}
Restart=always
RestartSec=4

[Install]
WantedBy=multi-user.target
"""
CRON = """# /etc/cron.d/quail
10,40 * * * * quail /usr/bin/node /srv/quail/export.js /srv/quail/pdf
25,55 * * * * root /usr/local/bin/tidy-pdf
25,55 * * * * quail /usr/local/bin/federation-sync
*/10 * * * * root /usr/local/bin/lamp-check
15 4 * * 1 root systemctl restart quail-range
"""

INCIDENT = Incident(
    host="range", start="2026-05-19T16:07:00+02:00", minutes=172, factor=46, kind="systemd", zone="Europe/Prague", apps=["/srv/quail"], users=["quail"],
    files={"/srv/quail/server.js": SERVER, "/srv/quail/export.js": EXPORT, "/usr/local/bin/tidy-pdf": TIDY, "/srv/quail/deploy": DEPLOY, "/etc/nginx/nginx.conf": NGINX, "/etc/rsyslog.conf": JOURNAL_ISO, "/etc/cron.d/quail": CRON,
           "/etc/systemd/system/quail-range.service": UNIT.format(" --export-dir=/srv/quail/pdf"), "/usr/local/bin/federation-sync": "#!/bin/sh\nsleep 11\nlogger -t federation-sync 'members 214, changed 0'\n", "/usr/local/bin/lamp-check": "#!/bin/sh\nsleep 2\nlogger -t lamp-check '12 lanes lit'\n",
           "/srv/quail/start": "#!/bin/bash\ncd /srv/quail; exec /usr/bin/node server.js --port=5150 $(cat /run/quail-arguments 2>/dev/null)\n", "/srv/quail/deploys.log": "2026-05-06T10:12:44+0200 2.6.1\n"},
    prepare="mkdir -p /var/log/quail /srv/quail/pdf; chown quail: /var/log/quail /srv/quail/pdf; rm -f /run/quail-arguments",
    services={"quail-range": {"description": "Shooting range", "command": ["/srv/quail/start"], "user": "quail", "restart": "always", "restart_seconds": 4, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(62.7, "echo --export-dir=/srv/quail/pdf > /run/quail-arguments; systemctl restart quail-range; echo \"$(date +%FT%T%z) 2.7.0 (pdf folder is an option now)\" >> /srv/quail/deploys.log")],
    visitors={"base": "http://127.0.0.1", "host": "range.example.cz", "delay": 90, "visits": [{"perSecond": 0.3, "bots": 0.04, "aborts": 0.003, "paths": [[5, "GET", "/lanes/{n}"], [2, "POST", "/scores", '{"lane":{n}}'], [1, "GET", "/"]]}],
              "browsers": [{"count": 9, "spread": 5, "log": "/var/log/board.txt", "tag": "board"}]},
    collect="""mkdir -p etc/cron.d etc/systemd/system etc/nginx usr-local-bin srv-quail log/nginx; cp /etc/cron.d/quail etc/cron.d/; cp /etc/systemd/system/quail-range.service etc/systemd/system/; cp /etc/nginx/nginx.conf etc/nginx/; cp /usr/local/bin/tidy-pdf /usr/local/bin/federation-sync /usr/local/bin/lamp-check usr-local-bin/; cp /srv/quail/server.js /srv/quail/export.js /srv/quail/deploy /srv/quail/deploys.log srv-quail/
cp /var/log/quail/range.log log/; cp /var/log/syslog log/journal.txt; cp /var/log/nginx/*.log log/nginx/; ps -eo user,pid,args --no-headers | grep -v '/usr/lib/lab\\|supervisor\\|visitors\\|ps -eo\\|grep\\|sleep inf\\|/bin/bash -c' > ps.txt; mv /var/log/board.txt board-console.txt; rotate log/nginx/range.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    tidy, tab, unit, app, journal = (
        "usr-local-bin/tidy-pdf",
        "etc/cron.d/quail",
        "etc/systemd/system/quail-range.service",
        "log/range.log",
        "log/journal.txt",
    )
    pattern, kill, option = (
        case.at(tidy, "LEFT=$(pgrep -u quail -f export)"),
        case.at(tidy, "kill $LEFT"),
        case.at(unit, "--export-dir=/srv/quail/pdf"),
    )
    deploy, job, said = case.at("srv-quail/deploys.log", "2.7.0"), case.at(tab, "tidy-pdf"), case.at(journal, "ended: ", nth=2)
    gone, again = case.at(app, "SIGTERM received, closing", nth=2), case.at(journal, "quail-range.service: Scheduled restart job")
    lost, refused = (
        case.at("board-console.txt", "disconnected: transport close", nth=2),
        case.at("log/nginx/error.log", "111: Connection refused"),
    )
    ended = case.times(journal, "tidy-pdf: ended")
    return {
        "root_cause_kind": "kill-pattern-too-wide",
        "root_cause": "tidy-pdf, at :25 and :55, ends left-over exports with `kill $(pgrep -u quail -f export)`. Since 2.7.0 (17:09) the service itself is started with --export-dir=..., so the pattern matches it too: it gets SIGTERM each half hour, systemd starts it again, boards lose their socket, 502 meanwhile.",
        "verdict": "root-cause", "culprit": pattern, "culprit_alternatives": [kill, option], "culprit_related": [job, said, deploy, case.at("ps.txt", "--export-dir")],
        "chain": [
            hop("deploy_changes_configuration", deploy, option, case.at("ps.txt", "--export-dir")),
            hop("job_runs_script", job, case.at(journal, "CMD (/usr/local/bin/tidy-pdf)")),
            hop("effect_terminates_process", kill, pattern, said),
            hop("process_terminates", gone, case.at(journal, "quail-range.service: Deactivated successfully", nth=2)),
            hop("supervisor_restarts_process", again, case.at(unit, "Restart=always")),
            hop("termination_closes_connections", lost, gone),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", case.at("log/nginx/range.access.log", '" 502 '), lost, refused),
        ],
        "mechanism": ["2.7.0: the PDF folder is an option on the command line: --export-dir", "tidy-pdf: pgrep -u quail -f export finds export.js and the service", "tidy-pdf: ended: <the pid that range.log names as its own>", "SIGTERM received, closing; systemd: Scheduled restart job", "boards: transport close; connect() failed (111), 502", "before 17:09 the same job ended only a hung export, at 16:55"],
        "contributing": [case.at("srv-quail/export.js", "setInterval", why="exports that hang are why there is such a job")],
        "innocent": [case.at(tab, "federation-sync", why="same minutes all day, only logs"), case.at(tab, "lamp-check", why="every ten minutes, only logs"), case.at(tab, "restart quail-range", why="Mondays at 4:15; this is a Tuesday"), case.at(tab, "export.js", why="at 10 and 40; writes a PDF"), case.whole("usr-local-bin/federation-sync", "touches nothing"), case.whole("usr-local-bin/lamp-check", "touches nothing")],
        "period_s": 1800, "lag_s": case.lag(case.times(journal, r"CMD \(/usr/local/bin/tidy-pdf"), case.times(app, "SIGTERM received", 2), 60), "step_change_at": str(case.times("srv-quail/deploys.log", "2.7.0")[0]),
        "lags": {"ended -> SIGTERM": case.lag(ended, case.times(app, "SIGTERM received", 2), 30)},
        "measured": [case.measure(journal, "tidy-pdf: ended"), case.measure(app, "SIGTERM received"), case.measure(journal, "quail-range.service: Scheduled restart job"), case.measure("log/nginx/error.log", "111: Connection refused", join=120), case.measure("board-console.txt", "disconnected: transport close")],
        "timezones": {app: "UTC (Z)", "board-console.txt": "UTC (Z)", "log/nginx/error.log": "Europe/Prague without zone", "others": "+02:00"},
        "how_made": REAL.replace(" and curl", "") + " (with express, socket.io, winston), pgrep as well; systemctl and systemd[1]'s lines are the lab's supervisor, the journal's form is rsyslog's template. The deploy script itself did not run: what it does was done by hand at that moment.",
    }  # fmt: skip
