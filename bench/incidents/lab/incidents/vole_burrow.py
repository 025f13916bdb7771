# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A new site listens on [::]:80 as well; the watchdog asks "localhost", which is ::1 first, and meets the new site alone there: 404, restart."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'DD/MM/YYYY HH:mm:ss' }), winston.format.printf((i) => `${i.timestamp} ${i.level} - ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/toca/toca.log' })],
});
const app = express();
let carts = 0;
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/', (req, res) => res.send('<h1>Toca</h1>'));
app.get('/livro/:n', (req, res) => setTimeout(() => res.send(`<p>livro ${req.params.n}</p>`), 100 + Math.random() * 900));
app.post('/carrinho/:n', (req, res) => { carts += 1; log.info(`carrinho: livro ${req.params.n}`); setTimeout(() => res.status(201).end(), 250); });
log.info('carregando o catalogo');
setTimeout(() => app.listen(5020, '127.0.0.1', () => log.info('toca na porta 5020')), 9000);
process.on('SIGTERM', () => { log.warn(`SIGTERM, ${carts} carrinhos perdidos`); log.on('finish', () => process.exit(0)); log.end(); });
"""

WATCH = r"""#!/bin/bash
# vigia: duas respostas ruins seguidas e a toca reinicia
contador=/run/vigia.n
codigo=$(wget -q -S -T 20 -t 1 -O /dev/null http://localhost/healthz 2>&1 | awk '/HTTP\// { print $2 }')
if [ "$codigo" = 200 ]; then
    echo 0 > $contador
    exit 0
fi
n=$(( $(cat $contador 2> /dev/null || echo 0) + 1 ))
echo "$(date '+%d/%m/%Y %H:%M:%S') healthz respondeu $codigo ($n/2)"
if [ $n -ge 2 ]; then
    echo "$(date '+%d/%m/%Y %H:%M:%S') reiniciando a toca"
    systemctl restart toca
    n=0
fi
echo $n > $contador
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    types { text/html html; image/jpeg jpg; }
    log_format combinado '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
    include /etc/nginx/conf.d/*.conf;
}
"""

TOCA = """server {
    listen 80 default_server;
    server_name toca.example.com.br;
    access_log /var/log/nginx/toca.access.log combinado;
    location / {
        proxy_pass http://127.0.0.1:5020;
        proxy_set_header Host $host;
    }
}
"""

GALLERY = """# galeria das feiras (Bia, 19/08)
server {
    listen 80;
    listen [::]:80;
    server_name fotos.toca.example.com.br;
    access_log /var/log/nginx/fotos.access.log combinado;
    root /srv/fotos;
    location / { try_files $uri $uri/ =404; }
}
"""

NOTES = """19/08 15:02 site novo das fotos no ar, nginx -t e reload ok (Bia)
19/08 15:20 toca caindo, carrinhos somem; toca.log mostra SIGTERM. Memoria e disco normais. Ninguem mexeu na toca. (Caio)
19/08 15:41 de fora http://toca.example.com.br/healthz sempre 200 (Caio)
"""

PICTURE = {"host": "fotos.toca.example.com.br"}
INCIDENT = Incident(
    host="livraria", start="2026-08-19T14:33:00-03:00", minutes=86, factor=29, kind="systemd", zone="America/Sao_Paulo", users=["toca"], apps=["/srv/toca"],
    files={"/srv/toca/server.js": SERVER, "/usr/local/bin/vigia": WATCH, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/toca.conf": TOCA, "/root/fotos.conf": GALLERY, "/srv/fotos/index.html": "<h1>Fotos</h1>\n", "/srv/fotos/feira.html": "<p>Paraty</p>\n",
           "/srv/toca/anotacoes.txt": NOTES, "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 livraria\n::1 localhost ip6-localhost ip6-loopback\n",
           "/usr/local/bin/fotos-sync": "#!/bin/sh\n# fotos novas do escritorio\nsleep 6\nlogger -t fotos-sync '0 arquivos'\n",
           "/etc/systemd/system/toca.service": "[Unit]\nDescription=Toca livraria\nAfter=network.target\n\n[Service]\nUser=toca\nWorkingDirectory=/srv/toca\nExecStart=/usr/bin/node server.js\nRestart=on-failure\nRestartSec=3\n",
           "/etc/cron.d/toca": "SHELL=/bin/bash\n*/3 * * * * root /usr/local/bin/vigia >> /var/log/vigia.log 2>&1\n*/6 * * * * root /usr/local/bin/fotos-sync\n25 2 * * * root /usr/local/bin/backup-toca\n"},
    prepare="mkdir -p /var/log/toca; chown toca: /var/log/toca; touch /var/log/vigia.log",
    services={"toca": {"description": "Toca livraria", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/toca", "user": "toca", "restart": "on-failure", "restart_seconds": 3, "wait": 24}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "toca.example.com.br", "delay": 80,
              "visits": [{"perSecond": 0.34, "bots": 0.06, "aborts": 0.04, "abortAfter": 0.5, "paths": [[6, "GET", "/livro/{n}"], [2, "POST", "/carrinho/{n}", "{}"], [2, "GET", "/"]]}],
              "monitors": [{"path": "/healthz", "every": 240, "address": "192.0.2.14", "agent": "UptimeBot/1.0"}, *({**PICTURE, "path": path, "every": every, "jitter": 80, "offset": 1850, "address": f"203.0.113.{every}"} for path, every in (("/", 47), ("/feira.html", 61), ("/ouro-preto.html", 133)))]},
    during=[(29.6, "cp /root/fotos.conf /etc/nginx/conf.d/fotos.conf; nginx -t -q && systemctl reload nginx")],
    collect="""mkdir -p nginx/conf.d bin; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /etc/nginx/conf.d/*.conf nginx/conf.d/; rm -f nginx/access.log; cp /usr/local/bin/vigia /usr/local/bin/fotos-sync bin/; cp /etc/cron.d/toca cron.d-toca; cp /etc/hosts etc-hosts; cp /etc/systemd/system/toca.service /srv/toca/server.js /srv/toca/anotacoes.txt .
cp /var/log/vigia.log /var/log/toca/toca.log /var/log/syslog .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    told, log, system, strange, access = "vigia.log", "toca.log", "syslog", "nginx/fotos.access.log", "nginx/toca.access.log"
    probe, listen, hosts = (
        case.at("bin/vigia", "http://localhost/healthz"),
        case.at("nginx/conf.d/fotos.conf", "listen [::]:80;"),
        case.at("etc-hosts", "::1 localhost"),
    )
    answered, said = case.at(strange, '"GET /healthz HTTP/1.1" 404'), case.at(told, "healthz respondeu 404")
    job, restart, ordered = (
        case.at("cron.d-toca", "/usr/local/bin/vigia"),
        case.at("bin/vigia", "systemctl restart toca"),
        case.at(told, "reiniciando a toca"),
    )
    ended, stopping = case.at(log, "SIGTERM"), case.at(system, "Stopping toca.service")
    refused, failed = case.at("nginx/error.log", "111: Connection refused"), case.at(access, '" 502 ')
    reload = case.at("nginx/error.log", "signal 1 (SIGHUP) received")
    return {
        "root_cause_kind": "probe-meets-other-server-ipv6",
        "root_cause": "vigia asks http://localhost/healthz. localhost is ::1 first; until 15:02 nobody listened on [::]:80 and wget fell back to 127.0.0.1, the toca. The new photo site brought listen [::]:80: since then it alone answers the probe, with 404, "
        "and every second failure (each six minutes) restarts a bookshop that is well.",
        "verdict": "root-cause", "culprit": probe, "culprit_alternatives": [listen, case.at("nginx/conf.d/toca.conf", "listen 80 default_server;"), hosts], "culprit_related": [job, restart, answered, case.at("anotacoes.txt", "site novo das fotos")],
        "chain": [
            hop("deploy_changes_configuration", listen, reload, case.at("anotacoes.txt", "site novo das fotos")),
            hop("job_runs_script", job, case.at(system, "CMD (/usr/local/bin/vigia")),
            hop("probe_gets_answer", answered, probe, said, hosts),
            hop("answer_takes_branch", said, case.at("bin/vigia", '[ "$codigo" = 200 ]'), case.at("bin/vigia", "[ $n -ge 2 ]")),
            hop("effect_hits_service", restart, ordered, stopping),
            hop("process_terminates", ended, case.at(system, "Stopped toca.service")),
            hop("termination_refuses_connections", refused, ended),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["15:02 fotos.conf with listen [::]:80, nginx reloaded", "cron runs vigia every three minutes: wget http://localhost/healthz goes to ::1", "the photo site's log: ::1 GET /healthz 404", "healthz respondeu 404 (1/2), (2/2), systemctl restart toca", "SIGTERM, nine seconds and more of loading: connect() failed (111), 502"],
        "innocent": [case.at("cron.d-toca", "fotos-sync", why="every six minutes, as the restarts; only a line"), case.whole("bin/fotos-sync", "touches nothing"), case.at("server.js", "app.get('/healthz'", why="answers 200 whenever it is asked"), case.at(access, "UptimeBot/1.0", why="outside monitor, 200 throughout"),
                     case.at("toca.service", "Restart=on-failure", why="never acts"), case.at(access, '" 499 ', why="people who left")],
        "period_s": 360, "lag_s": case.lag(case.times(system, r"CMD \(/usr/local/bin/vigia"), case.times(log, "SIGTERM"), 30), "step_change_at": str(case.times(told, "respondeu 404")[0]),
        "lags": {"SIGTERM -> listening": case.lag(case.times(log, "SIGTERM"), case.times(log, "toca na porta"))},
        "measured": [case.measure(told, "reiniciando a toca"), case.measure(told, "respondeu 404"), case.measure(log, "SIGTERM"), case.measure(strange, "^::1 .*GET /healthz HTTP/1.1. 404"), case.measure(access, "^127.0.0.1 .*GET /healthz HTTP/1.1. 200"), case.measure("nginx/error.log", "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60)],
        "timezones": {"all": "America/Sao_Paulo (-03:00)"},
        "how_made": REAL.replace("curl", "wget") + " with express and winston; systemctl is the lab's supervisor.",
    }  # fmt: skip
