# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A podcast directory resumes an episode where it left off; since the episode was replaced by a shorter one that is past its end: createReadStream throws, the process ends."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""// Radio Ooievaar: de afleveringen, met Range voor de spelers
const http = require('http');
const fs = require('fs');
const path = require('path');

const DIR = '/srv/radio/audio';
const note = (level, text) => console.log(`${new Date().toISOString()} ${level.padEnd(5)} ${text}`);

function sendEpisode(req, res, file) {
  const { size } = fs.statSync(file);
  const range = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range || '');
  const headers = { 'Content-Type': 'audio/mpeg', 'Accept-Ranges': 'bytes' };
  if (!range) {
    res.writeHead(200, { ...headers, 'Content-Length': size });
    return fs.createReadStream(file).pipe(res);
  }
  const start = Number(range[1]);
  const end = range[2] ? Number(range[2]) : size - 1;
  res.writeHead(206, { ...headers, 'Content-Range': `bytes ${start}-${end}/${size}`, 'Content-Length': end - start + 1 });
  return fs.createReadStream(file, { start, end }).pipe(res);
}

const plays = new Map();
http.createServer((req, res) => {
  if (req.url === '/ping') return res.end('pong');
  const found = /^\/audio\/(\d+)\.mp3$/.exec(req.url);
  const file = found && path.join(DIR, `${found[1]}.mp3`);
  if (file && fs.existsSync(file)) {
    plays.set(found[1], (plays.get(found[1]) || 0) + 1);
    return sendEpisode(req, res, file);
  }
  if (/^\/(aflevering\/\d+)?$/.test(req.url)) return setTimeout(() => res.end('<h1>Radio Ooievaar</h1>'), 300);
  res.statusCode = 404;
  return res.end('niet gevonden');
}).listen(8050, '127.0.0.1', () => note('INFO', 'radio luistert op 8050'));
setInterval(() => { note('INFO', `gespeeld: ${[...plays].map(([n, count]) => `${n}:${count}`).join(' ')}`); plays.clear(); }, 300000);
process.on('SIGTERM', () => { note('INFO', 'SIGTERM'); process.exit(0); });
"""

PUBLISH = r"""#!/bin/bash
# publish.sh NUMMER BESTAND: aflevering (opnieuw) online zetten
set -euo pipefail
doel=/srv/radio/audio/$1.mp3
oud=$(stat -c %s "$doel" 2> /dev/null || echo 0)
cp "$2" "$doel.new" && mv "$doel.new" "$doel"
echo "$(date '+%d-%m-%Y %H:%M:%S') $1.mp3: $oud -> $(stat -c %s "$doel") bytes (${3:-nieuw})" >> /srv/radio/publish.log
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    log_format radio '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" range="$http_range" rt=$request_time';
    access_log /var/log/nginx/radio.access.log radio;
    server {
        listen 80;
        server_name radio-ooievaar.example.be;
        location / {
            proxy_pass http://127.0.0.1:8050;
            proxy_set_header Host $host;
        }
    }
}
"""

COMPOSE = """name: radio
services:
  radio:
    image: radio-ooievaar:3.8
    network_mode: host
    restart: unless-stopped
    volumes:
      - ./audio:/srv/radio/audio:ro
    command: ["node", "audio.js"]
"""

PLAYER = {"path": "/audio/209.mp3", "agent": "AppleCoreMedia/1.0.0.22F76 (iPhone; U; CPU OS 18_5 like Mac OS X; nl_be)"}
GRID = {"agent": "PodGrid/2.1 (+https://podgrid.example/bot)", "address": "198.51.100.77", "every": 640, "jitter": 50}

INCIDENT = Incident(
    host="ooievaar", start="2026-09-30T12:46:00+02:00", minutes=96, factor=32, zone="Europe/Brussels", project={"project": "radio", "config_files": "/srv/radio/compose.yml", "working_dir": "/srv/radio"},
    files={"/srv/radio/audio.js": SERVER, "/srv/radio/publish.sh": PUBLISH, "/srv/radio/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/radio/feed.sh": "#!/bin/sh\n# feed.xml voor de podcast-apps\nsleep 5\ndate '+%d-%m-%Y %H:%M:%S feed.xml klaar' >> /srv/radio/feed.log\n",
           "/srv/radio/publish.log": "22-09-2026 09:15:02 213.mp3: 0 -> 118784 bytes (nieuw)\n29-09-2026 09:14:47 214.mp3: 0 -> 120832 bytes (nieuw)\n"},
    crontabs={"root": "# m u d m w\n*/11 * * * * /srv/radio/feed.sh\n30 3 * * * tar czf /srv/backup/audio.tgz /srv/radio/audio\n*/2 * * * * curl -fsS -m 20 -o /dev/null http://127.0.0.1:8050/ping || echo \"$(date '+\\%F \\%T') ping mislukt\" >> /var/log/ping.log\n"},
    prepare="mkdir -p /srv/radio/audio; for n in 207 208 209 210 211 212; do head -c $((90000 + n * 101)) /dev/urandom > /srv/radio/audio/$n.mp3; done; head -c 118784 /dev/urandom > /srv/radio/audio/213.mp3; head -c 120832 /dev/urandom > /srv/radio/audio/214.mp3; head -c 86016 /dev/urandom > /root/214-kort.mp3; head -c 99328 /dev/urandom > /root/215.mp3; touch /var/log/ping.log",
    services={"radio": {"image": "radio-ooievaar:3.8", "command": ["node", "audio.js"], "directory": "/srv/radio", "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/radio-json.log"}, "wait": 12}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "radio-ooievaar.example.be", "delay": 70,
              "visits": [{"perSecond": 0.3, "bots": 0.06, "aborts": 0.06, "abortAfter": 0.5, "paths": [[4, "GET", "/"], [4, "GET", "/aflevering/{n}"], [2, "GET", "/audio/212.mp3"], [2, "GET", "/audio/213.mp3"], [3, "GET", "/audio/214.mp3"], [1, "GET", "/audio/19.mp3"]]}],
              "monitors": [{**GRID, "path": "/audio/214.mp3", "offset": 100, "headers": {"Range": "bytes=98304-"}}, {**GRID, "path": "/audio/213.mp3", "offset": 60, "headers": {"Range": "bytes=65536-"}}, {**GRID, "path": "/audio/211.mp3", "offset": 330, "headers": {"Range": "bytes=16384-"}},
                           {**PLAYER, "every": 130, "jitter": 90, "address": "203.0.113.18", "headers": {"Range": "bytes=0-"}}, {**PLAYER, "every": 190, "jitter": 120, "address": "192.0.2.41", "headers": {"Range": "bytes=40000-60000"}},
                           {"path": "/", "every": 300, "address": "192.0.2.9", "agent": "Uptimer/3.2", "log": "/var/log/uptimer.log", "name": "radio"}]},
    during=[(20, "/srv/radio/publish.sh 215 /root/215.mp3"), (36.4, "/srv/radio/publish.sh 214 /root/214-kort.mp3 'intro weggeknipt'")],
    collect="""mkdir -p docker nginx radio; cp /var/log/radio-json.log docker/radio-json.log; docker ps | grep -v ' nginx$' > docker/ps.txt; docker inspect radio > docker/inspect.json; docker events | grep -v name=nginx > docker/events.txt; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/
cp /srv/radio/audio.js /srv/radio/*.sh /srv/radio/compose.yml /srv/radio/*.log radio/; cp /var/log/ping.log /var/log/uptimer.log .; crontab -l > crontab; (cd /srv/radio/audio; stat -c '%s %n' *.mp3) > radio/audio-bestanden.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, access, errors, events = "docker/radio-json.log", "nginx/radio.access.log", "nginx/error.log", "docker/events.txt"
    stream, replaced = (
        case.at("radio/audio.js", "createReadStream(file, { start, end })"),
        case.at("radio/publish.log", "120832 -> 86016"),
    )
    error, died = case.at(log, "RangeError [ERR_OUT_OF_RANGE]"), case.at(events, "exitCode=1")
    asked, cut = case.at(access, '"GET /audio/214.mp3 HTTP/1.1" 502'), case.at(errors, "upstream prematurely closed connection")
    return {
        "root_cause_kind": "request-crashes-process",
        "root_cause": "PodGrid, a podcast directory, resumes episode 214 with Range: bytes=98304- about every eleven minutes. At 13:22 the episode was replaced by one of 86016 bytes: start is then past end, fs.createReadStream throws ERR_OUT_OF_RANGE "
        "in the request handler, nobody catches it and node ends with status 1; docker starts it again.",
        "verdict": "root-cause", "culprit": stream, "culprit_alternatives": [asked, error, case.at("radio/audio.js", "const start = Number(range[1])"), case.at("radio/audio.js", "const end = range[2]")],
        "culprit_related": [replaced, case.at("radio/audio-bestanden.txt", "86016 214.mp3")],
        "chain": [
            hop("request_crashes_process", asked, stream, error, replaced),
            hop("crash_ends_process", error, died),
            hop("supervisor_restarts_process", case.at("radio/compose.yml", "restart: unless-stopped"), case.at(log, "radio luistert op 8050", nth=2), case.at(events, "container start", nth=2), case.at("docker/inspect.json", '"RestartCount"')),
            hop("termination_closes_connections", cut, error),
            hop("failure_reaches_clients", case.at(access, '" 502 '), cut, case.at(errors, "111: Connection refused")),
        ],
        "mechanism": ["13:22 publish.sh replaces 214.mp3: 120832 -> 86016 bytes", "PodGrid asks for bytes=98304- of it, as it did before (206)", "createReadStream: start must be <= end, thrown in the handler, uncaught", "node ends with status 1, nginx: upstream prematurely closed connection, 502",
                      "docker starts it again, until then connect() failed (111), 502"],
        "contributing": [replaced],
        "innocent": [case.at("crontab", "/srv/radio/feed.sh", why="every eleven minutes as well, but not at the moments of the crashes; touches no service"), case.whole("radio/feed.sh", "writes a line"), case.at("crontab", "ping", why="only asks and notes"),
                     case.at("radio/publish.log", "215.mp3", why="a new episode, nothing follows"), case.at(access, 'range="bytes=40000-60000"', why="other ranges are answered"), case.at("radio/compose.yml", "restart: unless-stopped", why="mends")],
        "period_s": None, "lag_s": case.lag(case.times(access, r'214\.mp3 HTTP/1.1" 502'), case.times(errors, "prematurely closed"), 60),
        "lags": {"died -> listening": case.lag(case.times(events, "exitCode=1"), case.times(log, "radio luistert"))}, "step_change_at": str(case.times("radio/publish.log", "86016 bytes")[0]),
        "measured": [case.measure(log, "RangeError"), case.measure(events, "exitCode=1"), case.measure(access, r'214\.mp3 HTTP/1\.1" 502 .*bytes=98304-'), case.measure(access, r'214\.mp3 HTTP/1\.1" 206 .*bytes=98304-'), case.measure(errors, "prematurely closed"),
                     case.measure(errors, "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60)],
        "timezones": {"docker/": "UTC", "others": "Europe/Brussels (+02:00)"},
        "how_made": REAL + "; docker is the lab's supervisor.",
    }  # fmt: skip
