# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""An intake works on all pages of a box at once; a big box takes more memory than the host has, and the kernel kills the largest process: the reading room."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SERVER = r"""const fs = require('fs');
const express = require('express');
const winston = require('winston');
const { combine, timestamp, json } = winston.format;
const log = winston.createLogger({ format: combine(timestamp(), json()), transports: [new winston.transports.File({ filename: '/var/log/vault/reading-room.log' })] });
const index = fs.readFileSync('/srv/vault/data/index.bin'); // the whole index is kept in memory
const app = express();
app.get('/ping', (req, res) => res.send('pong'));
app.get('/records/:n', (req, res) => setTimeout(() => res.json({ record: Number(req.params.n), folio: index[Number(req.params.n) * 977 % index.length] }), 50));
app.get('/search', (req, res) => {
  const started = Date.now();
  setTimeout(() => { const ms = Date.now() - started; if (ms > 1500) log.warn('slow search', { q: req.query.q, ms }); res.json([]); }, 200 + Math.random() * 1500);
});
app.post('/requests', express.json(), (req, res) => { log.info('box requested', { box: req.body.box }); res.status(201).end(); });
app.get('/', (req, res) => res.send('<h1>Reading room / Salle de lecture</h1>'));
app.listen(4600, '127.0.0.1', () => log.info('reading room open', { port: 4600, version: fs.readFileSync('VERSION', 'utf8').trim(), index_mb: Math.round(index.length / 1048576) }));
setInterval(() => log.info('stats', { rss_mb: Math.round(process.memoryUsage().rss / 1048576), heap_mb: Math.round(process.memoryUsage().heapUsed / 1048576) }), 60000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

INTAKE = r"""#!/bin/bash
# intake - watches the upload folder of the scanning company, one folder per box, finished when .done is there
cd /srv/vault/inbox || exit 1
while true; do
    for done in */.done; do
        [ -e "$done" ] || continue
        box=${done%/.done}
        pages=$(ls "$box"/*.tif | wc -l)
        echo "box $box: $pages pages"
        # all pages at once, the server has nothing else to do
        ls "$box"/*.tif | xargs -P 0 -n 1 python3 /srv/vault/bin/ocr.py
        mv "$box" /srv/vault/done/
        echo "box $box: finished"
    done
    sleep 20
done
"""

OCR = r"""# one page: read, straighten, recognise
import sys
import time

page = sys.argv[1]
raster = bytearray(88_000_000)  # 600 dpi, grey, uncompressed
for start in range(0, len(raster), 4096):
    raster[start] = 1
time.sleep(75)  # recognition
print(f"  {page}: 1 page, {len(raster) // 1_000_000} MB raster", flush=True)
"""

# Stands for the kernel of a host with 1 GB: when all processes together hold more, the largest is killed, in the kernel's words.
KERNEL = r"""#!/usr/bin/python3
import os, signal, socket, time
from pathlib import Path

LIMIT = 985_000  # kB for processes
MASK = "gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0"


def say(text, tag="kernel", priority=4):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.connect("/dev/log")
        log.send(f"<{priority}>{tag}: {text}".encode())


def tasks():
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if "VmRSS" not in words or b"/usr/lib/lab" in command and b"init.sh" not in command or b"infinity" in command:
            continue
        kb = {key: int(words[key].split()[0]) for key in ("VmRSS", "VmSize", "RssAnon", "RssFile", "RssShmem", "VmPTE")}
        name = "systemd" if folder.name == "1" else words["Name"].strip()
        yield {"pid": int(folder.name), "uid": int(words["Uid"].split()[0]), "name": name, **kb}


while True:
    time.sleep(2)
    found = sorted(tasks(), key=lambda task: task["pid"])
    if sum(task["RssAnon"] for task in found) < LIMIT:
        continue
    worst, last = max(found, key=lambda task: task["VmRSS"]), found[-1]
    say(f"{last['name']} invoked oom-killer: {MASK}")
    say(f"CPU: 0 PID: {last['pid']} Comm: {last['name']} Not tainted 6.1.0-37-amd64 #1  Debian 6.1.140-1")
    say("Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014")
    say("Call Trace:")
    for line in ("<TASK>", "dump_stack_lvl+0x44/0x5c", "dump_header+0x4a/0x211", "oom_kill_process.cold+0xb/0x10", "out_of_memory+0x1fd/0x4c0", "__alloc_pages_slowpath.constprop.0+0xc5c/0xde0", "__alloc_pages+0x305/0x330", "do_anonymous_page+0x9e/0x3f0", "__handle_mm_fault+0x9b2/0xb80", "exc_page_fault+0x70/0x170", "asm_exc_page_fault+0x22/0x30", "</TASK>"):
        say(f" {line}")
    say("Mem-Info:")
    say(f"active_anon:{sum(task['RssAnon'] for task in found) // 4} inactive_anon:1480 isolated_anon:0")
    say("0 pages in swap cache")
    say("Free swap  = 0kB")
    say("Total swap = 0kB")
    say("262006 pages RAM")
    say("Tasks state (memory values in pages):")
    say("[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name")
    for task in found:
        say(f"[{task['pid']:7d}] {task['uid']:5d} {task['pid']:5d} {task['VmSize'] // 4:8d} {task['VmRSS'] // 4:8d} {task['VmPTE'] * 1024:8d}        0             0 {task['name']}")
    unit = "reading-room.service" if worst["name"] == "node" else "intake.service"
    say(f"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/{unit},task={worst['name']},pid={worst['pid']},uid={worst['uid']}")
    say(f"Out of memory: Killed process {worst['pid']} ({worst['name']}) total-vm:{worst['VmSize']}kB, anon-rss:{worst['RssAnon']}kB, file-rss:{worst['RssFile']}kB, shmem-rss:{worst['RssShmem']}kB, UID:{worst['uid']} pgtables:{worst['VmPTE']}kB oom_score_adj:0", priority=3)
    os.kill(worst["pid"], signal.SIGKILL)
    say(f"{unit}: A process of this unit has been killed by the OOM killer.", "systemd[1]", 28)
    time.sleep(4)
"""

UNIT = """[Unit]
Description=Reading room
After=network-online.target

[Service]
User=vault
WorkingDirectory=/srv/vault/app
ExecStart=/usr/bin/node server.js
Restart=always
RestartSec=15

[Install]
WantedBy=multi-user.target
"""
INTAKE_UNIT = """[Unit]
Description=Intake of scanned boxes

[Service]
User=vault
ExecStart=/srv/vault/bin/intake
Restart=always

[Install]
WantedBy=multi-user.target
"""
NGINX = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
events { worker_connections 768; }
http {
    log_format main '$remote_addr - [$time_iso8601] "$request" $status $body_bytes_sent rt=$request_time "$http_user_agent"';
    access_log /var/log/nginx/access.log main;
    error_log /var/log/nginx/error.log;
    server {
        listen 80 default_server;
        server_name archives.example.ca;
        location / {
            proxy_pass http://127.0.0.1:4600;
            proxy_read_timeout 30s;
        }
    }
}
"""
CRON = """# m h dom mon dow  command
*/15 * * * *  /srv/vault/bin/checksums
*/10 * * * *  /srv/vault/bin/thumbs >> /var/log/vault/thumbs.log 2>&1
"""
SUMS = """#!/bin/sh
# fixity: some random folders, at low priority
nice -n 15 sha256sum /srv/vault/data/index.bin > /dev/null
sleep 40
logger -t checksums "ok, 0 mismatches"
"""
THUMBS = """#!/bin/bash
# previews, memory hungry, hence one after the other
n=$((1 + RANDOM % 6))
for i in $(seq $n); do sleep 8; done
echo "$(date -Is) $n previews"
"""
UPLOADS = "mkdir -p /srv/vault/inbox/{0}; for p in $(seq -w {1}); do echo II > /srv/vault/inbox/{0}/p$p.tif; done; touch /srv/vault/inbox/{0}/.done; chown -R vault: /srv/vault/inbox"
BOXES = [
    (4.3, "F12-0031", 3),
    (12.2, "F12-0032", 5),
    (17.6, "F12-0040", 10),
    (27.1, "F12-0033", 2),
    (31.8, "F13-0001", 4),
    (38.4, "F13-0002", 9),
    (44.9, "F13-0004", 11),
    (52.3, "F12-0034", 1),
    (59.7, "F13-0003", 6),
    (67.2, "F13-0007", 10),
    (72.6, "F13-0008", 2),
]
RELEASE = 'echo 5.4.0 > /srv/vault/app/VERSION; systemctl restart reading-room; logger -t deploy "reading-room 5.4.0 (accents in search)"'

INCIDENT = Incident(
    host="cedar", start="2026-03-18T13:04:30-03:00", minutes=78, factor=26, kind="systemd", zone="America/Halifax", apps=["/srv/vault/app"], users=["vault"],
    files={"/etc/rsyslog.conf": JOURNAL_ISO, "/usr/lib/lab/kernel.py": KERNEL, "/srv/vault/app/server.js": SERVER, "/srv/vault/app/VERSION": "5.3.2\n", "/srv/vault/bin/intake": INTAKE, "/srv/vault/bin/ocr.py": OCR, "/srv/vault/bin/checksums": SUMS, "/srv/vault/bin/thumbs": THUMBS, "/etc/nginx/nginx.conf": NGINX,
           "/etc/systemd/system/reading-room.service": UNIT, "/etc/systemd/system/intake.service": INTAKE_UNIT},
    owners={"/srv/vault": "vault", "/var/log/vault": "vault"}, crontabs={"vault": CRON, "root": "30 2 * * * systemctl restart reading-room\n"},
    prepare="mkdir -p /var/log/vault /srv/vault/inbox /srv/vault/done /srv/vault/data; head -c 290000000 /dev/zero | tr '\\0' 'x' > /srv/vault/data/index.bin; setsid /usr/lib/lab/kernel.py > /run/kernel.out 2>&1 &",
    services={"reading-room": {"description": "Reading room", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/vault/app", "user": "vault", "restart": "always", "restart_seconds": 15, "wait": 20}, "nginx": NGINX_UNIT,
              "intake": {"description": "Intake of scanned boxes", "command": ["/srv/vault/bin/intake"], "user": "vault", "restart": "always", "log": {"kind": "syslog", "tag": "intake"}}},
    during=sorted([*((minute, UPLOADS.format(box, pages)) for minute, box, pages in BOXES), (29, RELEASE)]),
    visitors={"base": "http://127.0.0.1", "host": "archives.example.ca", "delay": 60,
              "visits": [{"perSecond": 0.4, "bots": 0.08, "aborts": 0.01, "abortAfter": 1, "paths": [[5, "GET", "/records/{n}"], [2, "GET", "/search?q=fonds+{n}"], [1, "POST", "/requests", '{"box":{n}}'], [1, "GET", "/"]]}],
              "monitors": [{"every": 60, "path": "/ping", "address": "192.0.2.14", "agent": "check_http/v2.3.1"}]},
    collect="""mkdir -p app bin nginx systemd; cp /srv/vault/app/server.js app/; cp /srv/vault/bin/* bin/; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /etc/systemd/system/reading-room.service /etc/systemd/system/intake.service systemd/; cp /var/log/vault/*.log app/; cp /var/log/syslog journal.txt
(echo '# vault'; crontab -u vault -l; echo '# root'; crontab -l) > crontabs.txt; systemctl status reading-room intake nginx > status.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    intake, journal, room, errors = "bin/intake", "journal.txt", "app/reading-room.log", "nginx/error.log"
    parallel, raster = case.at(intake, "xargs -P 0"), case.at("bin/ocr.py", "bytearray(88_000_000)")
    killed, oom, invoked = (
        case.at(journal, "Out of memory: Killed process"),
        case.at(journal, "oom-kill:constraint=CONSTRAINT_NONE"),
        case.at(journal, "python3 invoked oom-killer"),
    )
    ended, again, box = (
        case.at(journal, "reading-room.service: Main process exited, code=killed, status=9/KILL"),
        case.at(journal, "reading-room.service: Scheduled restart job"),
        case.at(journal, "box F12-0040: 10 pages"),
    )
    refused, failed, opened = (
        case.at(errors, "111: Connection refused"),
        case.at("nginx/access.log", '" 502 '),
        case.at(room, "reading room open", nth=2),
    )
    kills = case.times(journal, "Out of memory: Killed process")
    return {
        "root_cause_kind": "host-out-of-memory-by-parallel-job",
        "root_cause": "intake works on all pages of an uploaded box at once (xargs -P 0), 88 MB a page. A box of nine pages or more, beside the reading room's constant 330 MB, is more than the host's 1 GB without swap: the kernel's OOM killer ends the largest process, "
        "which is the reading room's node (once a page's python3) and not the cause; systemd starts it again, and while the box is being worked on the next node is killed while it reads its index.",
        "verdict": "root-cause", "culprit": parallel, "culprit_alternatives": [oom, killed, invoked], "culprit_related": [raster, box, case.at("systemd/intake.service", "ExecStart=/srv/vault/bin/intake"), case.at(journal, "262006 pages RAM"), case.at(journal, "Total swap")],
        "chain": [
            hop("resource_exhausted", invoked, parallel, oom, box, raster),
            hop("crash_ends_process", killed, oom, ended),
            hop("supervisor_restarts_process", again, case.at("systemd/reading-room.service", "Restart=always"), opened),
            hop("termination_refuses_connections", refused, killed, ended),
            hop("failure_reaches_clients", failed, refused, case.at("nginx/access.log.1.gz", '" 502 ')),
        ],
        "mechanism": ["the scanning company uploads boxes of 1 to 11 pages at odd moments", "intake runs one python3 per page, all at once", "python3 invoked oom-killer; the task list shows nine and more python3 with some 23000 pages each beside node",
                      "Killed process (node), code=killed, status=9/KILL", "Scheduled restart job; connect() failed (111), 502 until the index is read again", "boxes of up to six pages pass without harm"],
        "contributing": [case.at("app/server.js", "index = fs.readFileSync", why="makes node the largest process, hence the victim; it does not grow (rss_mb is the same all day)"), case.at(journal, "Total swap", why="no swap")],
        "innocent": [case.at("crontabs.txt", "systemctl restart reading-room", why="at 02:30, not in these hours"), case.at("crontabs.txt", "thumbs", why="every ten minutes, also without kills"), case.at("crontabs.txt", "checksums", why="reads a file at low priority"), case.whole("bin/thumbs", "one after the other, no memory"), case.whole("bin/checksums", "reads a file"),
                     case.at(journal, "reading-room 5.4.0", why="release: one ordered restart; a kill came before it too")],
        "period_s": None, "lag_s": case.lag(case.times(journal, r"box F\S+: (9|10|11) pages"), kills, 120), "lags": {"Killed -> first refused": case.lag(kills, case.times(errors, "111: Connection refused"), 60)},
        "measured": [case.measure(journal, "Out of memory: Killed process", join=120), case.measure(journal, r"intake\[\d+\]: box \S+: \d+ pages"), case.measure(journal, "reading-room.service: Main process exited"), case.measure(room, "reading room open"), case.measure(errors, "111: Connection refused", join=120)],
        "timezones": {room: "UTC (Z)", "others": "America/Halifax (-03:00), error.log without zone"},
        "how_made": REAL.replace(" and curl", "") + " (with express, winston), and the Python jobs; systemctl and systemd[1]'s lines are the lab's supervisor. The host's own kernel was not asked: a stand-in adds up the anonymous memory of all processes and, above 985 MB, writes the kernel's report from /proc and sends SIGKILL to the largest.",
    }  # fmt: skip
