# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release puts a user's permissions into the session cookie; for people with many workshops the answer's header outgrows nginx's 4k buffer: 502 though the application logged them in."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const session = require('./session');
const { version } = require('./package.json');

const app = express();
app.use(express.json());
app.post('/login', (req, res) => {
  const n = Number(req.body.user) || 0;
  if (n % 29 === 0) { console.log(`warn login uzytkownik=${n} zle haslo`); return res.status(401).end(); }
  const workshops = Array.from({ length: 1 + (n % 58) }, (_, i) => 100 + ((n * 7 + i * 13) % 900));
  session.open(res, n, workshops);
  console.log(`info login uzytkownik=${n} warsztaty=${workshops.length} ok`);
  setTimeout(() => res.json({ user: n }), 250);
});
app.get('/warsztaty/:n', (req, res) => setTimeout(() => res.json({ id: req.params.n, wolne: req.params.n % 9 }), 150));
app.get('/raport/:n', (req, res) => setTimeout(() => res.json({ id: req.params.n }), 4000 + Math.random() * 9000));
app.get('/', (req, res) => res.send('<h1>Krosno</h1>'));
const server = app.listen(4100, '127.0.0.1', () => console.log(`info krosno ${version} slucha na 4100`));
setInterval(() => console.log(`info pamiec rss=${Math.round(process.memoryUsage().rss / 1048576)}MB`), 180000);
process.on('SIGTERM', () => { console.log('info SIGTERM, koniec'); server.close(); setTimeout(() => process.exit(0), 1500); });
"""
OLD = r"""const crypto = require('crypto');

// sid in the cookie, the rest in memory
const sessions = new Map();
exports.open = (res, user, workshops) => {
  const sid = crypto.randomBytes(18).toString('base64url');
  sessions.set(sid, { user, workshops });
  res.set('Set-Cookie', `sid=${sid}; Path=/; HttpOnly; SameSite=Lax`);
};
"""
NEW = r"""const crypto = require('crypto');

// KR-311: bez stanu na serwerze, zeby mozna bylo postawic druga instancje
const key = process.env.SESSION_KEY ?? 'dev';
const may = (id) => ({ w: id, read: true, book: true, invoice: id % 2 === 0, admin: id % 17 === 0 });
exports.open = (res, user, workshops) => {
  const body = Buffer.from(JSON.stringify({ user, at: Date.now(), perms: workshops.map(may) })).toString('base64url');
  const signature = crypto.createHmac('sha256', key).update(body).digest('base64url');
  res.set('Set-Cookie', `session=${body}.${signature}; Path=/; HttpOnly; SameSite=Lax`);
};
"""
RELEASE = r"""#!/bin/bash
# wydanie.sh WERSJA: przelacz link i uruchom ponownie
set -e
cd /srv/krosno
ln -sfn "releases/$1" current
systemctl restart krosno
printf '%s  %s  %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$1" "${2:-ola}" >> wydania.log
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format krosno '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" req=$request_length rt=$request_time ust=$upstream_status';
    access_log /var/log/nginx/access.log krosno;
    limit_req_zone $binary_remote_addr zone=login:1m rate=60r/m;
    server {
        listen 80 default_server;
        server_name krosno.example.pl;
        client_max_body_size 4m;
        location = /login {
            limit_req zone=login burst=8 nodelay;
            proxy_pass http://127.0.0.1:4100;
        }
        location / {
            proxy_pass http://127.0.0.1:4100;
            proxy_read_timeout 40s;
        }
    }
}
"""
UNIT = "[Unit]\nDescription=Krosno, rezerwacje warsztatów\nAfter=network.target\n\n[Service]\nUser=krosno\nWorkingDirectory=/srv/krosno/current\nExecStart=/usr/bin/node server.js\nEnvironment=SESSION_KEY=***\nRestart=always\nRestartSec=2\nMemoryMax=400M\n\n[Install]\nWantedBy=multi-user.target\n"
CRON = """SHELL=/bin/sh
*/10 * * * *  root    /usr/local/bin/licznik
*/20 * * * *  krosno  /srv/krosno/bin/przypomnienia
0 * * * *     root    /usr/local/bin/kopia
"""
INCIDENT = Incident(
    host="krosno1", start="2026-07-02T08:36:00+02:00", minutes=95, factor=34, kind="systemd", zone="Europe/Warsaw", users=["krosno"], apps=["/srv/krosno"], owners={"/srv/krosno/releases": "krosno"},
    files={"/srv/krosno/releases/6.4.2/server.js": SERVER, "/srv/krosno/releases/6.4.2/session.js": OLD, "/srv/krosno/releases/6.4.2/package.json": '{"name":"krosno","version":"6.4.2"}\n',
           "/srv/krosno/releases/7.0.0/server.js": SERVER, "/srv/krosno/releases/7.0.0/session.js": NEW, "/srv/krosno/releases/7.0.0/package.json": '{"name":"krosno","version":"7.0.0"}\n',
           "/srv/krosno/wydanie.sh": RELEASE, "/srv/krosno/wydania.log": "2026-05-28 11:02:40  6.4.1  ola\n2026-06-11 10:18:09  6.4.2  marek\n", "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/krosno": CRON, "/etc/systemd/system/krosno.service": UNIT,
           "/usr/local/bin/licznik": "#!/bin/sh\n# ile osób na stronie\nsleep 3\nlogger -t licznik \"$(tail -n 200 /var/log/nginx/access.log | cut -d' ' -f1 | sort -u | wc -l) adresow\"\n",
           "/srv/krosno/bin/przypomnienia": "#!/bin/sh\n# listy do tych, ktorzy jutro maja warsztat\nsleep 11\nlogger -t przypomnienia 'wyslano 14'\n", "/usr/local/bin/kopia": "#!/bin/sh\nsleep 30\nlogger -t kopia 'pg_dump ok'\n"},
    prepare="ln -s releases/6.4.2 /srv/krosno/current",
    services={"krosno": {"description": "Krosno, rezerwacje warsztatów", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/krosno/current", "user": "krosno", "restart": "always", "restart_seconds": 2, "log": {"kind": "syslog", "tag": "krosno"}, "wait": 6}, "nginx": NGINX_UNIT},
    during=[(38.2, "/srv/krosno/wydanie.sh 7.0.0 marek")],
    visitors={"base": "http://127.0.0.1", "host": "krosno.example.pl", "delay": 70,
              "visits": [{"perSecond": 0.27, "bots": 0.06, "aborts": 0.03, "abortAfter": 3, "paths": [[5, "GET", "/warsztaty/{n}"], [3, "POST", "/login", '{"user":{n}}'], [1, "GET", "/raport/{n}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p releases/6.4.2 releases/7.0.0 etc log; cp /srv/krosno/releases/6.4.2/*.js releases/6.4.2/; cp /srv/krosno/releases/7.0.0/*.js releases/7.0.0/; cp /srv/krosno/wydanie.sh /srv/krosno/wydania.log .; cp /etc/nginx/nginx.conf /etc/cron.d/krosno /etc/systemd/system/krosno.service etc/
cp /var/log/nginx/access.log log/access.log; cp /var/log/nginx/error.log log/; cp /var/log/syslog log/syslog; rotate log/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    errors, access, syslog, new = "log/error.log", "log/access.log", "log/syslog", "releases/7.0.0/session.js"
    body, cookie, perms = (
        case.at(new, "perms: workshops.map(may)"),
        case.at(new, "res.set('Set-Cookie'"),
        case.at(new, "const may ="),
    )
    big, failed = case.at(errors, "upstream sent too big header"), case.at(access, '"POST /login HTTP/1.1" 502')
    login, release, up = (
        case.at("etc/nginx.conf", "location = /login"),
        case.at("wydania.log", "7.0.0"),
        case.at(syslog, "krosno 7.0.0 slucha"),
    )
    return {
        "root_cause_kind": "upstream-header-over-buffer",
        "root_cause": "Release 7.0.0 (09:14) keeps the session in the cookie, with one object of permissions a workshop. For people with many workshops the Set-Cookie alone is over 4 kB; nginx reads an upstream's header into proxy_buffer_size, which is not set (4k): "
        "'upstream sent too big header', 502 for about a third of the logins, though the application logs them as ok. With 6.4.2 the cookie held a sid only.",
        "verdict": "root-cause", "culprit": body, "culprit_alternatives": [cookie, perms, big, login, case.at("etc/nginx.conf", "proxy_pass http://127.0.0.1:4100")], "culprit_related": [release, up, case.at("releases/6.4.2/session.js", "sid=${sid}")],
        "chain": [
            hop("deploy_changes_configuration", release, up, case.at("wydanie.sh", 'ln -sfn "releases/$1" current'), case.at(syslog, "Stopping krosno.service"), body),
            hop("configuration_mismatch", body, cookie, login, perms),
            hop("limit_rejects_requests", big, cookie),
            hop("failure_reaches_clients", failed, big),
        ],
        "mechanism": ["09:14 release 7.0.0: session.js puts perms of every workshop into the cookie", "POST /login of somebody with many workshops: the app logs 'ok'", "nginx: upstream sent too big header while reading response header from upstream; 502, ust=502", "small accounts go on logging in; all other paths are well"],
        "innocent": [
            case.at(errors, "111: Connection refused", why="three requests in the seconds of the release's restart"), case.at("etc/krosno.service", "Restart=always", why="nothing crashed"),
            case.at(syslog, "zle haslo", why="wrong passwords, 401, before and after"), case.at("releases/7.0.0/server.js", "app.get('/raport/:n'", why="slow, before and after, and within its 40 s"),
            case.at("etc/nginx.conf", "limit_req zone=login", why="refuses nobody"), case.at("etc/krosno.service", "MemoryMax=400M", why="rss stays far below"), case.at("etc/nginx.conf", "client_max_body_size 4m", why="bodies are small"),
            case.at("etc/krosno", "licznik", why="only reads"), case.at("etc/krosno", "przypomnienia", why="only logs"), case.at("etc/krosno", "kopia", why="only logs"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(errors, "too big header")[0]), "lags": {"release -> first too big header": case.lag(case.times("wydania.log", "7.0.0"), case.times(errors, "too big header"), 600)},
        "measured": [case.measure(errors, "upstream sent too big header"), case.measure(access, '"POST /login HTTP/1.1" 502'), case.measure(access, '"POST /login HTTP/1.1" 200'), case.measure(syslog, "login uzytkownik=\\d+ warsztaty=\\d+ ok")],
        "timezones": {"all": "Europe/Warsaw (+02:00)"},
        "how_made": REAL.replace(" and curl", "") + " (with express); systemctl is the lab's supervisor.",
    }  # fmt: skip
