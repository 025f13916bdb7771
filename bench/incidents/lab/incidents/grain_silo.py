# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watch loop frees a stuck queue with `pkill -9 -f worker`, which also ends nginx's own worker processes and every socket in them."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

API = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const fs = require('fs');
const winston = require('winston');
const { combine, timestamp, json } = winston.format;
const log = winston.createLogger({ format: combine(timestamp(), json()), defaultMeta: { app: 'silo' }, transports: [new winston.transports.File({ filename: '/var/log/silo/silo-api.jsonl' })] });
const app = express();
const server = createServer(app);
const io = new Server(server, { pingInterval: 20000, pingTimeout: 20000 });
let number = Date.now() % 1e6;
app.get('/bins/:n', (req, res) => setTimeout(() => res.json({ bin: req.params.n, tons: 212 }), 80));
app.post('/weighings', express.json(), (req, res) => {
  number += 1;
  fs.writeFile(`/srv/silo/queue/${number}.todo`, JSON.stringify(req.body), () => res.status(202).json({ number }));
});
io.on('connection', (socket) => {
  log.info('scale display connected', { sid: socket.id, displays: io.engine.clientsCount });
  socket.on('message', () => socket.emit('ack'));
  socket.on('disconnect', (reason) => log.info('scale display gone', { sid: socket.id, reason }));
});
server.listen(6100, '127.0.0.1', () => log.info('listening', { port: 6100 }));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

WORKER = r"""// books weighings, one every two seconds; the accounting host does not always answer
const fs = require('fs');
let busy = false;
async function book() {
  const name = fs.readdirSync('/srv/silo/queue').sort()[0];
  if (busy || !name) return;
  busy = true;
  if (Math.random() < 0.02) { console.log(`booking ${name}: waiting for accounting`); return; } // no timeout: waits for ever
  fs.unlinkSync(`/srv/silo/queue/${name}`);
  busy = false;
}
setInterval(book, 2000);
console.log('worker ready');
process.on('SIGTERM', () => process.exit(0));
"""

WATCH = r"""#!/bin/bash
# Frees the booking queue when it is stuck. queue-watch.service keeps this running.
QUEUE=/srv/silo/queue
MAX=${QUEUE_MAX:-25}
while true; do
    sleep 120
    waiting=$(ls "$QUEUE" | wc -l)
    if [ "$waiting" -gt "$MAX" ]; then
        echo "queue stuck: $waiting waiting, kicking the worker"
        pkill -9 -f worker
    fi
done
"""

NGINX = """worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/access.log combined;
    upstream silo { server 127.0.0.1:6100; }
    server {
        listen 80;
        server_name silo.example.pl;
        location / {
            proxy_pass http://silo;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }
    }
}
"""

UNIT = "[Unit]\nDescription={}\n\n[Service]\nWorkingDirectory=/srv/silo\nExecStart={}\nRestart={}\nRestartSec=3\n\n[Install]\nWantedBy=multi-user.target\n"
UNITS = {
    "silo-api": ("Silo API", "/usr/bin/node api.js", "on-failure"),
    "silo-worker": ("Silo booking worker", "/usr/bin/node worker.js", "always"),
    "queue-watch": ("Queue watch", "/usr/local/bin/queue-watch", "always"),
}

INCIDENT = Incident(
    host="silos", start="2026-07-21T09:31:00+02:00", minutes=96, factor=32, kind="systemd", zone="Europe/Warsaw", apps=["/srv/silo"],
    files={"/srv/silo/api.js": API, "/srv/silo/worker.js": WORKER, "/usr/local/bin/queue-watch": WATCH, "/etc/nginx/nginx.conf": NGINX, "/etc/rsyslog.conf": JOURNAL_ISO,
           **{f"/etc/systemd/system/{name}.service": UNIT.format(*words) for name, words in UNITS.items()},
           "/etc/cron.d/silo": "*/2 * * * * root /usr/local/bin/moisture >/dev/null 2>&1\n*/2 * * * * root /usr/local/bin/truck-lights >/dev/null 2>&1\n15 3 * * * root /usr/local/bin/restart-all\n",
           "/usr/local/bin/moisture": "#!/bin/sh\nsleep 5\nlogger -t moisture '13.4 %'\n", "/usr/local/bin/truck-lights": "#!/bin/sh\nsleep 1\nlogger -t truck-lights green\n",
           "/usr/local/bin/restart-all": "#!/bin/sh\n# once a night\nsystemctl restart silo-api silo-worker\n"},
    prepare="mkdir -p /var/log/silo /srv/silo/queue",
    services={"silo-api": {"description": "Silo API", "command": ["/usr/bin/node", "api.js"], "directory": "/srv/silo", "restart": "on-failure", "restart_seconds": 3, "wait": 8},
              "silo-worker": {"description": "Silo booking worker", "command": ["/usr/bin/node", "worker.js"], "directory": "/srv/silo", "restart": "always", "restart_seconds": 3, "log": {"kind": "syslog", "tag": "node"}},
              "nginx": NGINX_UNIT,
              "queue-watch": {"description": "Queue watch", "command": ["/usr/local/bin/queue-watch"], "restart": "always", "log": {"kind": "syslog", "tag": "queue-watch"}}},
    visitors={"base": "http://127.0.0.1", "host": "silo.example.pl", "delay": 60, "visits": [{"perSecond": 0.4, "bots": 0.03, "paths": [[3, "GET", "/bins/{n}"], [3, "POST", "/weighings", '{"truck":{n}}']]}],
              "browsers": [{"count": 14, "spread": 3, "emitEvery": 40, "log": "/var/log/display.log", "tag": "display"}]},
    collect="""mkdir -p etc/systemd etc/nginx usr-local-bin var-log/nginx; cp /etc/systemd/system/*.service etc/systemd/; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/cron.d/silo etc/cron.d-silo; cp /usr/local/bin/* usr-local-bin/
cp /srv/silo/api.js /srv/silo/worker.js .; cp /var/log/silo/silo-api.jsonl var-log/; cp /var/log/syslog var-log/journal-short-iso.log; cp /var/log/nginx/*.log var-log/nginx/; mv /var/log/display.log display-console.txt; rotate var-log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    watch, log, errors, app = (
        "usr-local-bin/queue-watch",
        "var-log/journal-short-iso.log",
        "var-log/nginx/error.log",
        "var-log/silo-api.jsonl",
    )
    kill, test = case.at(watch, "pkill -9 -f worker"), case.at(watch, 'if [ "$waiting" -gt "$MAX" ]')
    said, gone = case.at(log, "kicking the worker"), case.at(errors, "exited on signal 9")
    closed, console = case.at(app, '"reason":"transport close"'), case.at("display-console.txt", "disconnected: transport close")
    return {
        "root_cause_kind": "kill-pattern-too-wide",
        "root_cause": "queue-watch, a loop of its own unit, answers a queue of more than 25 with `pkill -9 -f worker`. That ends silo-worker as meant, but also nginx's `worker process`es: every socket through nginx is cut (transport close) and requests under way are lost.",
        "verdict": "root-cause", "culprit": kill, "culprit_alternatives": [test], "culprit_related": [said, case.at(watch, "while true"), case.at("etc/systemd/queue-watch.service", "ExecStart="), case.at("worker.js", "waits for ever")],
        "chain": [
            hop("answer_takes_branch", test, said, kill),
            hop("effect_terminates_process", kill, said, gone),
            hop("process_terminates", gone, said, case.at(log, "status=9/KILL")),
            hop("termination_closes_connections", closed, gone, console),
            hop("failure_reaches_clients", console, closed),
        ],
        "mechanism": ["silo-worker now and then waits for ever for the accounting host; the queue grows", "every two minutes queue-watch counts; over 25 it runs pkill -9 -f worker", "the pattern matches silo-worker and `nginx: worker process`",
                      "nginx: worker process N exited on signal 9, both at once; its master forks new ones", "all displays lose their socket in the same second: transport close; they come back some seconds later"],
        "contributing": [case.at("worker.js", "waits for ever", why="why the queue is stuck at all")],
        "innocent": [case.at("etc/cron.d-silo", "moisture", why="every two minutes, only logs"), case.at("etc/cron.d-silo", "truck-lights", why="every two minutes, only logs"), case.at("etc/cron.d-silo", "restart-all", why="at 3:15, not in these logs"),
                     case.whole("usr-local-bin/restart-all", "did not run"), case.at("etc/systemd/silo-worker.service", "Restart=always", why="brings the worker back"), case.at("etc/nginx/nginx.conf", "worker_processes 2", why="only the name that matches")],
        "period_s": None, "lag_s": 0,
        "lags": {"kicking -> worker process exited": case.lag(case.times(log, "kicking the worker"), case.times(errors, "exited on signal 9"), 30)},
        "measured": [case.measure(log, "kicking the worker"), case.measure(errors, "exited on signal 9", join=30), case.measure(app, "transport close", join=30)],
        "timezones": {log: "+0200", errors: "Europe/Warsaw without zone", app: "UTC (Z)", "display-console.txt": "UTC (Z)"},
        "how_made": REAL + " (with express, socket.io, winston), pkill as well; systemctl and systemd[1]'s lines are the lab's supervisor, the journal's form is rsyslog's template.",
    }  # fmt: skip
