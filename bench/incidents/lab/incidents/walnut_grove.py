# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two independent causes: a settings job sends SIGHUP to a release that no longer knows it, and a daily tidy-up takes nginx' folder for request bodies along."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

OLD = r"""// grove 3.x
'use strict';
const fs = require('node:fs');
const http = require('node:http');

const SETTINGS = '/etc/grove/settings.json';
const say = (text) => console.log(`${new Date().toLocaleString('sv')} grove: ${text}`);
let settings = JSON.parse(fs.readFileSync(SETTINGS));
const reread = () => { settings = JSON.parse(fs.readFileSync(SETTINGS)); say(`settings reread, spot price ${settings.spot}`); };
process.on('SIGHUP', reread);
"""
NEW = r"""// grove 4.x
'use strict';
const fs = require('node:fs');
const http = require('node:http');

const SETTINGS = '/etc/grove/settings.json';
const say = (text) => console.log(`${new Date().toLocaleString('sv')} grove: ${text}`);
let settings = JSON.parse(fs.readFileSync(SETTINGS));
const reread = () => { settings = JSON.parse(fs.readFileSync(SETTINGS)); say(`settings reread, spot price ${settings.spot}`); };
fs.watchFile(SETTINGS, { interval: 60000 }, reread);
"""
REST = r"""
fs.writeFileSync('/run/grove/grove.pid', `${process.pid}\n`);

const server = http.createServer((req, res) => {
  let size = 0;
  req.on('data', (part) => { size += part.length; });
  req.on('end', () => {
    const path = req.url.split('/')[1];
    if (req.method === 'POST' && path === 'photos') { say(`photo of lot ${req.url.split('/')[2]}, ${size} bytes`); res.statusCode = 201; return res.end(); }
    if (!['', 'lots', 'spot'].includes(path)) { res.statusCode = 404; return res.end(); }
    return setTimeout(() => res.end(JSON.stringify({ spot: settings.spot })), 100 + Math.random() * 700);
  });
});
say('starting, building the lot index');
setTimeout(() => server.listen(8300, '127.0.0.1', () => say('listening on 8300')), 7000);
process.on('SIGTERM', () => { say('SIGTERM, stopping'); process.exit(0); });
"""

PULL = r"""#!/bin/bash
# Settings (spot price, opening hours) from head office. grove rereads its settings on HUP.
new=$(mktemp)
printf '{"spot": %d, "open": "06:30-19:00"}\n' "$(spot-price)" > "$new"
if cmp -s "$new" /etc/grove/settings.json; then
    logger -t pull-settings "unchanged"
    rm "$new"
else
    install -m 644 "$new" /etc/grove/settings.json && rm "$new"
    pid=$(cat /run/grove/grove.pid)
    kill -HUP "$pid"
    logger -t pull-settings "new settings, told grove ($pid)"
fi
"""

TIDY = r"""#!/bin/sh
# once a day: half-finished exports and the like
rm -rf /srv/grove/tmp/*
logger -t tidy-tmp "emptied /srv/grove/tmp"
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 16m;
    client_body_temp_path /srv/grove/tmp/bodies;   # 4 Nov: photos off the small root disk
    server {
        listen 80 default_server;
        server_name grove.example.co.nz;
        location / {
            proxy_pass http://127.0.0.1:8300;
            proxy_set_header Host $host;
        }
    }
}
"""

RELEASES = """3.1.6  2026-10-21 11:02  Ngaire   lots sorted by row
       2026-11-04 16:40  Ngaire   nginx: request bodies to /srv/grove/tmp, nginx restarted
4.0.0  2026-11-05 14:01  Tama     settings are watched (fs.watchFile), signal handling thrown out; node 20
"""

UNIT = """[Unit]
Description=Walnut Grove lots
After=network.target

[Service]
User=grove
WorkingDirectory=/srv/grove/app
ExecStart=/usr/bin/node server.js
StandardOutput=append:/var/log/grove.log
StandardError=inherit
Restart=always
RestartSec=2
"""

INCIDENT = Incident(
    host="grove", start="2026-11-05T13:32:00+13:00", minutes=112, factor=34, kind="systemd", zone="Pacific/Auckland", users=["grove"],
    files={"/srv/grove/app/server.js": OLD + REST, "/srv/grove/next/server.js": NEW + REST, "/srv/grove/RELEASES": RELEASES, "/usr/local/bin/pull-settings": PULL, "/usr/local/bin/tidy-tmp": TIDY, "/usr/local/bin/spot-price": "#!/bin/bash\necho $(( 640 + RANDOM % 3 ))\n",
           "/usr/local/bin/export-lots": "#!/bin/sh\n# CSV for the packhouse\nsleep 9\nlogger -t export-lots '118 lots'\n", "/etc/grove/settings.json": '{"spot": 640, "open": "06:30-19:00"}\n', "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/grove.service": UNIT,
           "/etc/cron.d/grove": "PATH=/usr/local/bin:/usr/bin:/bin\n# m h dom mon dow user command\n*/8 * * * * root pull-settings\n*/10 * * * * grove export-lots\n35 14 * * * root tidy-tmp\n"},
    prepare="mkdir -p /run/grove /srv/grove/tmp; chown grove: /run/grove",
    services={"grove": {"description": "Walnut Grove lots", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/grove/app", "user": "grove", "restart": "always", "restart_seconds": 2, "log": {"kind": "plain", "path": "/var/log/grove.log"}, "wait": 24}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "grove.example.co.nz", "delay": 80,
              "visits": [{"perSecond": 0.3, "bots": 0.06, "aborts": 0.04, "abortAfter": 0.4, "paths": [[5, "GET", "/lots/{n}"], [2, "GET", "/spot"], [2, "GET", "/"]]}, {"perSecond": 0.014, "bots": 0, "paths": [[1, "POST", "/photos/{n}", '{"jpeg":"' + "/9j4" * 12000 + '"}']]}]},
    during=[(29.2, "cp /srv/grove/next/server.js /srv/grove/app/server.js; systemctl restart grove")],
    collect="""mkdir -p nginx bin; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /usr/local/bin/pull-settings /usr/local/bin/tidy-tmp /usr/local/bin/export-lots bin/; cp /etc/cron.d/grove cron.d-grove; cp /etc/systemd/system/grove.service /srv/grove/app/server.js /srv/grove/RELEASES .
cp /var/log/grove.log /var/log/syslog .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    system, log, errors, access = "syslog", "grove.log", "nginx/error.log", "nginx/access.log"
    hup, job, release = (
        case.at("bin/pull-settings", 'kill -HUP "$pid"'),
        case.at("cron.d-grove", "pull-settings"),
        case.at("RELEASES", "signal handling thrown out"),
    )
    released = str(case.times(log, "SIGTERM, stopping")[0])
    told = next(line for line in case.lines(system) if "told grove" in line and line[7:15] > released[11:19])
    told_place, gone = (
        case.at(system, told[told.index("told grove") :]),
        case.at(system, "grove.service: Main process exited, code=killed, status=1/HUP"),
    )
    refused, failed = case.at(errors, "111: Connection refused", nth=6), case.at(access, '" 502 ', nth=7)
    watch = case.at("server.js", "fs.watchFile(SETTINGS")
    rm, path, tidy = (
        case.at("bin/tidy-tmp", "rm -rf /srv/grove/tmp/*"),
        case.at("nginx/nginx.conf", "client_body_temp_path /srv/grove/tmp/bodies"),
        case.at("cron.d-grove", "tidy-tmp"),
    )
    missing, five = case.at(errors, "failed (2: No such file or directory)"), case.at(access, '" 500 ')
    return {
        "root_cause_kind": "signal-without-handler",
        "root_cause": "pull-settings sends SIGHUP to grove whenever head office's settings differ. Release 4.0.0 (14:01) threw the HUP handler out: the signal's default action now ends node, systemd starts it again and for some ten seconds every visitor gets 502; "
        "runs that say unchanged do nothing.",
        "verdict": "root-cause", "culprit": hup, "culprit_alternatives": [release, watch], "culprit_related": [job, told_place, case.at(log, "settings reread")],
        "chain": [
            hop("deploy_changes_configuration", release, watch),
            hop("job_runs_script", job, case.at(system, "CMD (pull-settings)"), told_place),
            hop("effect_terminates_process", hup, told_place, gone),
            hop("process_terminates", gone, case.at(log, "starting, building the lot index", nth=3)),
            hop("supervisor_restarts_process", case.at(system, "grove.service: Scheduled restart job"), case.at("grove.service", "Restart=always")),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused),
        ],
        "other_causes": [{
            "root_cause_kind": "tidy-up-removes-folder-in-use",
            "root_cause": "tidy-tmp, at 14:35, removes everything under /srv/grove/tmp, since the day before also nginx' client_body_temp_path; nginx makes that folder only at its start, so from then on each photo larger than its buffer is answered 500.",
            "culprit": rm, "culprit_alternatives": [path, tidy, case.at("RELEASES", "request bodies to /srv/grove/tmp")], "period_s": None, "step_change_at": str(case.times(system, "emptied /srv/grove/tmp")[0]),
            "chain": [hop("job_runs_script", tidy, case.at(system, "emptied /srv/grove/tmp")), hop("configuration_mismatch", rm, path, missing), hop("failure_reaches_clients", five, missing)],
        }],
        "mechanism": ["14:01 release 4.0.0: the settings are watched, no HUP handler any more", "every 8 minutes pull-settings; when the settings differ: kill -HUP", "before 14:01: settings reread; since: the process is gone, systemd starts it again", "connect() failed (111), 502 until it listens",
                      "independently, 14:35: tidy-tmp removes /srv/grove/tmp/bodies, open() failed (2), POST /photos 500 until the end"],
        "innocent": [case.at("cron.d-grove", "export-lots", why="every ten minutes, only a line"), case.whole("bin/export-lots", "touches nothing"), case.at("grove.service", "Restart=always", why="mends"), case.at("nginx/nginx.conf", "client_max_body_size 16m", why="no photo is that large"),
                     case.at(errors, "a client request body is buffered to a temporary file", why="ordinary"), case.at(log, "SIGTERM, stopping", why="the release itself")],
        "period_s": None, "lag_s": case.lag(case.times(system, "told grove")[-3:], case.times(system, "grove.service: Scheduled restart")), "step_change_at": None,
        "measured": [case.measure(system, "told grove"), case.measure(system, "pull-settings: unchanged"), case.measure(system, "grove.service: Scheduled restart job"), case.measure(log, "settings reread"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60),
                     case.measure(errors, r"tmp/bodies/\d+. failed \(2"), case.measure(access, '"POST /photos/[0-9]+ HTTP/1.1" 500 '), case.measure(access, '"POST /photos/[0-9]+ HTTP/1.1" 201 ')],
        "timezones": {"all": "Pacific/Auckland (+13:00)"},
        "how_made": REAL.replace(" and curl", "") + "; systemctl and systemd[1]'s lines are the lab's supervisor, head office a random number.",
    }  # fmt: skip
