# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Hourly contact sheets are never removed; a small volume really runs full and uploads fail with ENOSPC."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const fs = require('fs');
const express = require('express');
const winston = require('winston');

const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.Console()],
});
const STORE = '/data/photos';
const app = express();
app.use(express.raw({ type: () => true, limit: '2mb' }));
app.get('/photos/:id', (req, res) => setTimeout(() => res.type('jpeg').send(Buffer.alloc(900, 7)), 90));
app.post('/photos/:id', (req, res) => {
  fs.writeFile(`${STORE}/incoming/${req.params.id}.jpg`, Buffer.alloc(16000, 1), (error) => {
    if (error) {
      log.error('upload failed', { id: req.params.id, error: error.message });
      return res.status(500).end();
    }
    log.info('photo stored', { id: req.params.id });
    return res.status(201).end();
  });
});
app.listen(9090, '127.0.0.1', () => log.info('photo-drop ready'));
"""

SHEETS = r"""#!/bin/bash
# contact sheets for the picture desk: a fresh set every ten minutes
set -u
OUT=/data/photos/sheets
SET=$OUT/$(date +%H%M)
mkdir -p "$SET"
for desk in news sport city; do
    head -c 1400000 /dev/urandom > "$SET/$desk.tif" || echo "$(date '+%F %T') sheet $desk incomplete"
done
ln -sfn "$SET" "$OUT/latest"
echo "$(date '+%F %T') sheets written to $SET"
"""

PRUNE = r"""#!/bin/bash
# keep incoming small: the picture desk fetches photos within minutes
find /data/photos/incoming -name '*.jpg' -delete
echo "$(date '+%F %T') pruned incoming, $(df --output=pcent /data/photos | tail -1 | tr -d ' ') used"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    client_max_body_size 2m;
    server {
        listen 80;
        server_name fotos.example.nl;
        location /photos/ { proxy_pass http://127.0.0.1:9090; }
    }
}
"""

CRONTAB = """*/10 * * * * /srv/photo/make-sheets.sh >> /var/log/photo/sheets.log 2>&1
*/10 * * * * /srv/photo/prune-incoming.sh >> /var/log/photo/prune.log 2>&1
*/15 * * * * /srv/photo/report.sh >> /var/log/photo/report.log 2>&1
"""

INCIDENT = Incident(
    host="fotos", start="2026-07-04T12:06:20+02:00", minutes=104, factor=34, zone="Europe/Amsterdam", apps=["/srv/photo/app"],
    files={"/srv/photo/app/server.js": SERVER, "/srv/photo/make-sheets.sh": SHEETS, "/srv/photo/prune-incoming.sh": PRUNE,
           "/srv/photo/report.sh": "#!/bin/bash\necho \"$(date '+%F %T') $(ls /data/photos/incoming | wc -l) incoming\"\n",
           "/etc/nginx/nginx.conf": NGINX},
    crontabs={"root": CRONTAB},
    prepare="mkdir -p /var/log/photo /data/photos; mount -t tmpfs -o size=28m photos /data/photos; mkdir /data/photos/incoming /data/photos/sheets",
    services={"photo": {"container": "photo-drop", "image": "photo-drop:1.14", "command": ["node", "server.js"], "directory": "/srv/photo/app",
                        "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/photo-drop-json.log"}},
              "nginx": {**NGINX_CONTAINER}},
    visitors={"base": "http://127.0.0.1", "host": "fotos.example.nl",
              "visits": [{"perSecond": 0.2, "bots": 0.05, "paths": [[2, "GET", "/photos/{n}"], [3, "POST", "/photos/{n}", "{}"]]}]},
    collect="""cp /var/log/photo-drop-json.log .; mkdir logs nginx; cp /var/log/photo/*.log logs/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/
cp /srv/photo/*.sh .; crontab -l > crontab.txt; df -h /data/photos > df.txt; du -sh /data/photos/* > du.txt; docker ps > docker-ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    write, folder = (
        case.at("make-sheets.sh", 'head -c 1400000 /dev/urandom > "$SET/$desk.tif"'),
        case.at("make-sheets.sh", "SET=$OUT/$(date +%H%M)"),
    )
    log, job = "photo-drop-json.log", case.at("crontab.txt", "make-sheets.sh")
    full = case.at(log, "ENOSPC: no space left on device")
    sheet = case.at("logs/sheets.log", "No space left on device")
    return {
        "root_cause_kind": "disk-full",
        "root_cause": "make-sheets.sh writes 4.2 MB of contact sheets into a new folder every 10 minutes and never removes the old ones; after an "
        "hour the 28 MB volume is full and uploads fail with ENOSPC (500), for good: what prune-incoming.sh frees, the next set takes.",
        "verdict": "root-cause", "culprit": folder, "culprit_alternatives": [write], "culprit_related": [job, case.at("df.txt", "/data/photos")],
        "chain": [
            hop("job_runs_script", job),
            hop("resource_exhausted", full, sheet, write, folder, case.at("df.txt", "/data/photos"), case.at("logs/prune.log", "100% used")),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 500 '), full),
        ],
        "mechanism": [
            "cron runs make-sheets.sh every 10 minutes", "each set is kept in its own folder, about 4.2 MB",
            "the volume fills: prune.log shows the share used grow by 15 % a time, then 100 %",
            "make-sheets.sh: head: write error: No space left on device; from then on uploads fail: ENOSPC, status 500",
            "reads go on; nothing restarts",
        ],
        "innocent": [
            case.at("crontab.txt", "prune-incoming.sh", why="same schedule; frees the little it can"), case.at("crontab.txt", "report.sh", why="only counts"),
        ],
        "period_s": None, "lag_s": None, "lags": {}, "step_change_at": str(case.times(log, "ENOSPC")[0]),
        "measured": [case.measure(log, "ENOSPC: no space left"), case.measure("nginx/access.log", '" 500 '), case.measure("logs/sheets.log", "sheets written"),
                     case.measure(log, "photo stored")],
        "timezones": {log: "UTC (Z)", "others": "Europe/Amsterdam (+02:00)"},
        "how_made": REAL + "; the volume is a tmpfs of 28 MB that really ran full; docker is the lab's supervisor.",
    }  # fmt: skip
