# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Uploads are unpacked into a work folder that only a successful import empties; scans the importer refuses stay there until the volume is full: ENOSPC, 500."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const fs = require('fs');
const path = require('path');
const express = require('express');
const { unpack, accepted } = require('./scans');
const STORE = process.env.STORE || '/srv/data';
const stamp = () => new Date().toLocaleString('sv-SE');
const log = (level, text) => process.stdout.write(`${stamp()} ${level} ${text}\n`);
const app = express();
app.use(express.json({ limit: '1mb' }));
app.get('/roofs/:n', (req, res) => setTimeout(() => res.json({ roof: Number(req.params.n), straw: 'reed' }), 70));
app.post('/notes', (req, res) => {
  fs.writeFile(path.join(STORE, 'notes', `${Date.now()}.json`), JSON.stringify(req.body).padEnd(6000), (error) => {
    if (error) { log('ERROR', `note for roof ${req.body.roof}: ${error.message}`); return res.status(500).end(); }
    return res.status(201).end();
  });
});
app.post('/scans', async (req, res) => {
  const work = path.join(STORE, 'work', `scan-${Date.now()}`);
  try {
    await unpack(req.body.roof, work);
    if (!accepted(req.body.roof)) {
      log('WARN', `scan of roof ${req.body.roof}: format v3 not supported, skipped (${path.basename(work)})`);
      return res.status(422).json({ reason: 'format' });
    }
    fs.renameSync(path.join(work, 'model.bin'), path.join(STORE, 'models', `${req.body.roof}.bin`));
    fs.rmSync(work, { recursive: true });
    log('INFO', `scan of roof ${req.body.roof} imported`);
    return res.status(201).end();
  } catch (error) {
    log('ERROR', `scan of roof ${req.body.roof}: ${error.message}`);
    return res.status(500).end();
  }
});
app.get('/', (req, res) => res.send('<h1>Guild</h1>'));
app.listen(6310, '127.0.0.1', () => log('INFO', 'guild listening on 6310'));
process.on('SIGTERM', () => { log('INFO', 'SIGTERM'); process.exit(0); });
"""

SCANS = r"""const fs = require('fs/promises');
const path = require('path');

// the drone's archive: a model and, since firmware 3, its pictures
async function unpack(roof, folder) {
  await fs.mkdir(folder);
  await fs.writeFile(path.join(folder, 'model.bin'), Buffer.alloc(24 * 1024, roof % 251));
  if (!accepted(roof)) await fs.writeFile(path.join(folder, 'pictures.bin'), Buffer.alloc(420 * 1024, roof % 241));
}

const accepted = (roof) => roof % 3 !== 0; // v3 archives come from the new drones

module.exports = { unpack, accepted };
"""

DUMP = r"""#!/bin/bash
# hourly copy of the notes, three are kept
cd /srv/data/backup || exit 1
tar -czf "notes-$(date +%H%M).tgz" -C /srv/data notes
ls -1t notes-*.tgz | tail -n +4 | xargs -r rm --
echo "$(date '+%F %T') $(ls | wc -l) kept, $(du -sh . | cut -f1)"
"""
CLEAN = r"""#!/bin/bash
# models older than a month go to the archive
find /srv/data/models -name '*.bin' -mtime +31 -exec mv -t /mnt/archive {} +
echo "$(date '+%F %T') $(ls /srv/data/models | wc -l) models, volume $(df --output=pcent /srv/data | tail -1 | tr -d ' ')"
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 8m;
    server {
        listen 80;
        server_name guild.example.dk;
        location / { proxy_pass http://127.0.0.1:6310; }
    }
}
"""
UNIT = "[Unit]\nDescription=Thatchers' guild\n\n[Service]\nUser=guild\nWorkingDirectory=/srv/guild\nEnvironment=STORE=/srv/data\nExecStart=/usr/bin/node server.js\nRestart=on-failure\n\n[Install]\nWantedBy=multi-user.target\n"
CRON = """*/30 * * * * guild /srv/guild/bin/dump.sh >> /var/log/guild/dump.log 2>&1
*/10 * * * * guild /srv/guild/bin/models.sh >> /var/log/guild/models.log 2>&1
0 6 * * * root journalctl --vacuum-size=200M
"""

INCIDENT = Incident(
    host="guild", start="2026-04-21T12:14:00+02:00", minutes=124, factor=36, kind="systemd", zone="Europe/Copenhagen", apps=["/srv/guild"], users=["guild"],
    files={"/srv/guild/server.js": SERVER, "/srv/guild/scans.js": SCANS, "/srv/guild/bin/dump.sh": DUMP, "/srv/guild/bin/models.sh": CLEAN, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/guild": CRON, "/etc/systemd/system/guild.service": UNIT,
           "/srv/guild/RELEASES": "2026-03-30 1.8\n"},
    prepare="mkdir -p /var/log/guild /srv/data; mount -t tmpfs -o size=40m data /srv/data; mkdir /srv/data/notes /srv/data/models /srv/data/work /srv/data/backup; chown -R guild: /srv/data /var/log/guild",
    services={"guild": {"description": "Thatchers' guild", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/guild", "user": "guild", "environment": {"STORE": "/srv/data"}, "restart": "on-failure", "log": {"kind": "syslog", "tag": "guild"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(38.4, "systemctl restart guild; echo '2026-04-21 1.8.1 (wording)' >> /srv/guild/RELEASES")],
    visitors={"base": "http://127.0.0.1", "host": "guild.example.dk", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.003, "paths": [[6, "GET", "/roofs/{n}"], [2, "POST", "/notes", '{"roof":{n}}'], [2, "POST", "/scans", '{"roof":{n}}'], [1, "GET", "/"]]}]},
    collect="""mkdir -p etc log nginx bin state; cp /etc/cron.d/guild etc/cron.d-guild; cp /etc/systemd/system/guild.service etc/; cp /srv/guild/*.js /srv/guild/RELEASES .; cp /srv/guild/bin/* bin/; cp /var/log/guild/*.log /var/log/syslog log/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; df -h /srv/data > state/df-h.txt; df -i /srv/data > state/df-i.txt; du -sh /srv/data/* > state/du.txt; (cd /srv/data/work; ls | wc -l; ls | head -3; ls | tail -2) > state/ls-work.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, app = "log/syslog", "server.js"
    left, unpacked = case.at(app, "format v3 not supported, skipped"), case.at(app, "await unpack(req.body.roof, work)")
    skipped, full = case.at(log, "format v3 not supported, skipped"), case.at(log, "ENOSPC: no space left on device")
    answer, only, df = (
        case.at(app, "return res.status(422)"),
        case.at(app, "fs.rmSync(work"),
        case.at("state/df-h.txt", "/srv/data"),
    )
    return {
        "root_cause_kind": "disk-full-by-work-files",
        "root_cause": "POST /scans unpacks each archive into /srv/data/work/scan-N; the folder is removed only after a successful import. Archives of the new format (v3) are refused with 422 and their folders stay, half a megabyte each: in about an hour and a half the 40 MB volume is full and notes and scans fail with ENOSPC, 500. Reads go on.",
        "verdict": "root-cause", "culprit": answer, "culprit_alternatives": [left, unpacked, only, case.at(app, "if (!accepted(req.body.roof))")], "culprit_related": [skipped, df, case.at("state/du.txt", "/srv/data/work"), case.at("state/ls-work.txt", "scan-"), case.at("scans.js", "pictures.bin")],
        "chain": [
            hop("resource_exhausted", full, skipped, left, answer, unpacked, df, case.at("state/du.txt", "/srv/data/work"), case.at("log/models.log", "volume 100%"), only),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 500 '), full),
        ],
        "mechanism": ["a scan is unpacked into work/scan-N before it is judged", "format v3 not supported, skipped (scan-N): 422, the folder stays", "models.log: the volume fills by some percent each ten minutes, up to 100%", "ENOSPC: no space left on device: 500 for notes and scans", "/roofs goes on; nothing restarts"],
        "innocent": [case.at("etc/cron.d-guild", "dump.sh", why="half-hourly copy on the same volume, but only three small ones are kept"), case.whole("bin/dump.sh", "keeps three"), case.at("etc/cron.d-guild", "models.sh", why="only measures, nothing is that old"), case.at("etc/cron.d-guild", "vacuum", why="at six, another volume"), case.at("RELEASES", "1.8.1", why="wording; twenty 502 while it restarted at 12:52, once; the volume filled before it as after it"),
                     case.at("nginx/nginx.conf", "client_max_body_size 8m", why="never reached")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(log, "ENOSPC")[0]),
        "measured": [case.measure(log, "ENOSPC: no space left"), case.measure(log, "format v3 not supported"), case.measure("log/models.log", "volume"), case.measure("nginx/access.log", '" 500 '), case.measure("nginx/access.log.1.gz", '" 422 ')],
        "timezones": {"all": "Europe/Copenhagen (+02:00)"},
        "how_made": REAL.replace(" and curl", "") + " (with express); the volume is a tmpfs of 40 MB that really ran full; systemctl is the lab's supervisor.",
    }  # fmt: skip
