# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A deep health check takes longer than the probe waits: 000 counts as dead, the container is restarted every five minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const http = require('http');
const log = (level, text) => console.log(`${new Date().toISOString().replace('Z', '+00:00')} ${level} ${text}`);
let streams = 0;

const server = http.createServer((req, res) => {
  if (req.url === '/health/live') return res.end('{"live":true}\n');
  if (req.url === '/health/deep') { // walks all 4100 instruments, see FEED-812
    const begin = Date.now();
    const steps = 10;
    let done = 0;
    const walk = () => {
      if ((done += 1) < steps) return setTimeout(walk, 560);
      log('INFO', `deep check finished in ${Date.now() - begin} ms, 4100 instruments`);
      res.end('{"deep":"ok"}\n');
    };
    return setTimeout(walk, 560);
  }
  if (req.url.startsWith('/quotes/')) return setTimeout(() => res.end('{"bid":101.2,"ask":101.4}\n'), 90 + Math.random() * 300);
  if (req.url.startsWith('/stream')) {
    streams += 1;
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    const tick = setInterval(() => res.write(`data: ${Math.random()}\n\n`), 4000);
    return res.on('close', () => { clearInterval(tick); streams -= 1; });
  }
  res.statusCode = 404;
  res.end();
});
server.listen(7100, '127.0.0.1', () => log('INFO', 'price-feed 5.0.3 accepting connections on 7100'));
process.on('SIGTERM', () => {
  log('WARN', `termination requested, ${streams} streams open`);
  server.close(() => { log('INFO', 'all connections ended'); process.exit(0); });
  setTimeout(() => { log('WARN', 'closing the remaining streams'); server.closeAllConnections(); }, 6000);
});
"""

PROBE = r"""#!/bin/bash
# feed-probe.sh: called by cron. Restart price-feed if its deep check fails twice in a row.
set -u
URL="http://127.0.0.1:7100/health/deep"
MAX=3
CONTAINER=price-feed

check() {
  local code
  code=$(curl -s -o /dev/null -w '%{http_code}' --max-time "$MAX" "$URL")
  case "$code" in
    200) return 0 ;;
    000|5??) echo "$(date -Iseconds) check: HTTP $code"; return 1 ;;
    *) echo "$(date -Iseconds) check: unexpected HTTP $code, ignored"; return 0 ;;
  esac
}

check && exit 0
sleep 2
check && exit 0
echo "$(date -Iseconds) two failures, restarting $CONTAINER"
docker restart -t 20 "$CONTAINER"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    upstream feed { server 127.0.0.1:7100; keepalive 8; }
    server {
        listen 8443;
        server_name quotes.example.co;
        location = /healthz { proxy_pass http://feed/health/live; access_log off; }
        location /stream { proxy_pass http://feed; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 1h; }
        location / { proxy_pass http://feed; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
"""

CRONTAB = """*/5 * * * * /home/feed/bin/feed-probe.sh >> /home/feed/probe.log 2>&1
*/5 9-17 * * * /home/feed/bin/import-symbols.sh >> /home/feed/import.log 2>&1
*/20 * * * * /home/feed/bin/compact.sh
"""

INCIDENT = Incident(
    host="feed-tk-02", start="2026-06-23T10:03:20+09:00", minutes=53, factor=20, zone="Asia/Tokyo", users=["feed"],
    files={"/home/feed/app/server.js": SERVER, "/home/feed/bin/feed-probe.sh": PROBE, "/etc/nginx/nginx.conf": NGINX,
           "/home/feed/bin/import-symbols.sh": "#!/bin/bash\nsleep 12\necho \"$(date -Iseconds) imported 4100 symbols\"\n",
           "/home/feed/bin/compact.sh": "#!/bin/bash\nsleep 3\n"},
    owners={"/home/feed": "feed"}, crontabs={"feed": CRONTAB},
    services={"price-feed": {"image": "price-feed:5.0.3", "command": ["node", "server.js"], "directory": "/home/feed/app", "restart": "always",
                             "log": {"kind": "plain", "path": "/var/log/price-feed.log"}},
              "edge": {**NGINX_CONTAINER}},
    visitors={"base": "http://127.0.0.1:8443", "host": "quotes.example.co",
              "visits": [{"perSecond": 0.8, "bots": 0.02, "paths": [[1, "GET", "/quotes/{n}"]]}], "streams": [{"path": "/stream?all", "count": 6}],
              "monitors": [{"every": 60, "path": "/quotes/1", "agent": "Pingdom.com_bot_version_1.4", "address": "198.51.100.77"}]},
    collect="""mkdir -p logs conf bin
cp /var/log/price-feed.log logs/; cp /var/log/nginx/access.log logs/nginx-access.log; cp /var/log/nginx/error.log logs/nginx-error.log
cp /home/feed/*.log logs/; cp /home/feed/bin/* bin/; cp /etc/nginx/nginx.conf conf/; cp /home/feed/app/server.js .
crontab -u feed -l > crontab-feed.txt; docker ps -a > docker-ps.txt; docker events --since 2h --until 0s > docker-events.txt; rotate logs/nginx-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, app = "bin/feed-probe.sh", "logs/price-feed.log"
    limit = case.at(script, "MAX=3")
    probe = case.at(script, "code=$(curl -s -o /dev/null")
    branch, restart = case.at(script, "000|5??)"), case.at(script, 'docker restart -t 20 "$CONTAINER"')
    job, slow = case.at("crontab-feed.txt", "feed-probe.sh"), case.at(app, "deep check finished in")
    told = case.at("logs/probe.log", "two failures, restarting")
    signals, refused = (
        case.times(app, "termination requested", hours=9),
        case.times("logs/nginx-error.log", "111: Connection refused"),
    )
    return {
        "root_cause_kind": "health-check-timeout-too-short",
        "root_cause": "feed-probe.sh gives /health/deep 3 s (MAX=3, curl --max-time), but a healthy deep check takes about 6 s; both tries end in "
        "HTTP 000 and the */5 cron job restarts the healthy container.",
        "verdict": "root-cause", "culprit": limit, "culprit_alternatives": [probe],
        "culprit_related": [branch, restart, job, case.at("server.js", "setTimeout(walk, 560)"), slow],
        "chain": [
            hop("job_runs_script", job),
            hop("probe_gets_answer", probe, limit, slow, case.at("logs/probe.log", "check: HTTP 000")),
            hop("answer_takes_branch", branch, case.at("logs/probe.log", "check: HTTP 000"), told),
            hop("effect_hits_service", restart, told),
            hop("process_terminates", case.at(app, "termination requested")),
            hop("termination_closes_connections", case.at(app, "closing the remaining streams"),
                case.at("logs/nginx-error.log", "111: Connection refused")),
            hop("failure_reaches_clients", case.at("logs/nginx-access.log", '" 502 '), case.at("logs/nginx-error.log", "111: Connection refused")),
        ],
        "mechanism": [
            "cron runs feed-probe.sh every 5 minutes",
            "curl waits 3 s for /health/deep, which answers after about 6 s (the app logs each finished check with its duration)",
            "HTTP 000 twice, 2 s apart: the script runs docker restart",
            "the app gets SIGTERM 14-21 s after the cron minute, stops accepting, cuts its streams 6 s later",
            "nginx logs connect() failed (111) until the new process listens; visitors get 502",
        ],
        "innocent": [
            case.at("crontab-feed.txt", "import-symbols.sh", why="same 5-minute schedule; sleeps 12 s and logs"),
            case.at("crontab-feed.txt", "compact.sh", why="every 20 minutes"),
            case.at("conf/nginx.conf", "location = /healthz", why="the light check, not used by the script"),
        ],
        "period_s": 300, "lag_s": 17,
        "lags": {"two failures -> SIGTERM": case.lag(case.times("logs/probe.log", "two failures"), signals, 30), "SIGTERM -> first refused": case.lag(signals, refused, 60)},
        "measured": [case.measure(app, "termination requested"), case.measure(app, "deep check finished"),
                     case.measure("logs/probe.log", "two failures"), case.measure("logs/nginx-error.log", "111: Connection refused", join=60)],
        "timezones": {app: "UTC (+00:00)", "nginx, probe.log": "Asia/Tokyo (+09:00)"},
        "how_made": REAL + "; docker is the lab's supervisor. Node here is plain http, no framework.",
    }  # fmt: skip
