# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A blue-green switch stops the old instance though nginx refused to load its configuration: somebody's limit, written half an hour before, has a rate nginx does not know."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const bunyan = require('bunyan');
const express = require('express');
const { COLOR, PORT, RELEASE } = process.env;
const log = bunyan.createLogger({ name: `cal-${COLOR}`, streams: [{ path: `/var/log/cal/${COLOR}.log` }] });
const app = express();
app.get('/salud', (req, res) => res.json({ ok: true, color: COLOR, release: RELEASE }));
app.get('/api/hornadas/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, grados: 880 + (req.params.n % 70) }), 80 + Math.random() * 200));
app.post('/api/cotizaciones', (req, res) => {
  log.info({ ip: req.get('x-real-ip') }, 'cotización pedida');
  setTimeout(() => res.status(201).json({ total: 1200 }), 500);
});
const server = app.listen(Number(PORT), '127.0.0.1', () => log.info({ release: RELEASE, port: PORT }, 'escuchando'));
setInterval(() => log.info({ rss: process.memoryUsage().rss }, 'memoria'), 240000);
process.on('SIGTERM', () => { log.warn('SIGTERM: termino lo que queda y salgo'); server.close(() => process.exit(0)); setTimeout(() => process.exit(0), 5000).unref(); });
"""
SWITCH = r"""#!/bin/bash
# cambiar.sh COLOR: pasa el tráfico a la otra instancia (azul: 5101, verde: 5102)
set -u
nuevo=$1
case $nuevo in azul) puerto=5101 viejo=verde ;; verde) puerto=5102 viejo=azul ;; *) exit 2 ;; esac
decir() { echo "[$(date '+%d/%m/%Y %H:%M:%S')] $*" >> /var/log/cal/cambios.log; }

decir "cambio a $nuevo ($puerto)"
systemctl start "cal-$nuevo"
for _ in $(seq 1 30); do
    curl -fs -o /dev/null "http://127.0.0.1:$puerto/salud" && break
    sleep 2
done
decir "$nuevo responde: $(curl -fs "http://127.0.0.1:$puerto/salud")"
printf 'upstream cal { server 127.0.0.1:%s; }\n' "$puerto" > /etc/nginx/conf.d/upstream.conf
nginx -s reload >> /var/log/cal/recarga.log 2>&1
decir "nginx recargado"
sleep 15 # que terminen las peticiones viejas
systemctl stop "cal-$viejo"
decir "$viejo parado, listo"
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format cal escape=json '{"t":"$time_iso8601","ip":"$remote_addr","req":"$request","st":$status,"up":"$upstream_addr","ust":"$upstream_status","rt":$request_time,"ua":"$http_user_agent"}';
    access_log /var/log/nginx/access.json cal;
    include /etc/nginx/conf.d/*.conf;
    server {
        listen 80;
        server_name cal.example.co;
        proxy_set_header X-Real-IP $remote_addr;
        location /api/ { proxy_pass http://cal; proxy_read_timeout 25s; }
        location / { return 200 "Cal y Horno\\n"; }
    }
}
"""
LIMITS = """# límites por dirección
limit_conn_zone $binary_remote_addr zone=por_ip:1m;
limit_conn por_ip 40;
"""
WRONG = (
    LIMITS
    + """# un cliente pide cotizaciones sin parar (ticket 418)
limit_req_zone $binary_remote_addr zone=cotiza:1m rate=2r/sec;
"""
)
CHANGES = """# Cambios en cal1, lo último abajo
2026-05-04 10:20 jorge   node 20.19
2026-05-11 16:02 luisa   paso a azul, versión 9.1
"""
UNIT = "[Unit]\nDescription=Cal y Horno ({0})\n\n[Service]\nWorkingDirectory=/srv/cal\nEnvironment=COLOR={0} PORT={1} RELEASE={2}\nExecStart=/usr/bin/node server.js\nRestart=always\nRestartSec=3\n"
CRON = """*/10 * * * * root /usr/local/bin/temperaturas
*/30 * * * * root /usr/local/bin/precios
"""
EDIT = f"""cat > /etc/nginx/conf.d/limites.conf <<'FIN'
{WRONG}FIN
echo "$(date '+%F %H:%M') jorge   límite para cotizaciones en conf.d/limites.conf (ticket 418), se aplica con la próxima recarga" >> /root/CAMBIOS"""


def unit(color: str, port: str, release: str) -> dict[str, Any]:
    return {
        "description": f"Cal y Horno ({color})",
        "command": ["/usr/bin/node", "server.js"],
        "directory": "/srv/cal",
        "environment": {"COLOR": color, "PORT": port, "RELEASE": release},
        "restart": "always",
        "restart_seconds": 3,
    }


INCIDENT = Incident(
    host="cal1", start="2026-05-19T14:02:00-05:00", minutes=92, factor=34, kind="systemd", zone="America/Bogota", apps=["/srv/cal"],
    files={"/srv/cal/server.js": SERVER, "/usr/local/sbin/cambiar.sh": SWITCH, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/limites.conf": LIMITS, "/etc/nginx/conf.d/upstream.conf": "upstream cal { server 127.0.0.1:5101; }\n", "/root/CAMBIOS": CHANGES,
           "/etc/systemd/system/cal-azul.service": UNIT.format("azul", 5101, "9.1.0"), "/etc/systemd/system/cal-verde.service": UNIT.format("verde", 5102, "9.2.0"), "/etc/cron.d/cal": CRON,
           "/usr/local/bin/temperaturas": "#!/bin/sh\nsleep 2\nlogger -t temperaturas \"horno 1: $(shuf -i 870-930 -n 1)\"\n", "/usr/local/bin/precios": "#!/bin/sh\nsleep 12\nlogger -t precios 'lista al día'\n"},
    prepare="mkdir -p /var/log/cal",
    services={"cal-azul": unit("azul", "5101", "9.1.0"), "cal-verde": unit("verde", "5102", "9.2.0"), "nginx": NGINX_UNIT},
    during=[(2.0, "systemctl stop cal-verde; rm /var/log/cal/verde.log"), (18.4, EDIT), (49.3, "echo \"$(date '+%F %H:%M') luisa   paso a verde, versión 9.2\" >> /root/CAMBIOS; /usr/local/sbin/cambiar.sh verde")],
    visitors={"base": "http://127.0.0.1", "host": "cal.example.co", "delay": 240,
              "visits": [{"perSecond": 0.28, "bots": 0.06, "aborts": 0.02, "paths": [[6, "GET", "/api/hornadas/{n}"], [2, "POST", "/api/cotizaciones", "{}"], [1, "GET", "/"]]}],
              "monitors": [{"every": 120, "path": "/", "address": "192.0.2.9", "agent": "uptime/4", "log": "/var/log/cal/monitor.txt", "name": "portada"}]},
    collect="""mkdir -p etc/nginx/conf.d etc/systemd var/log; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/conf.d/* etc/nginx/conf.d/; cp /etc/systemd/system/cal-*.service etc/systemd/; cp /etc/cron.d/cal etc/crond-cal; cp /usr/local/sbin/cambiar.sh .; cp /root/CAMBIOS CAMBIOS.txt
cp /var/log/nginx/error.log /var/log/nginx/access.json var/log/; cp /var/log/cal/* var/log/; sed -n '/ 14:1[0-9]:/,$p' /var/log/syslog > var/log/syslog; rotate var/log/access.json""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    errors, access, told = "var/log/error.log", "var/log/access.json", "var/log/cambios.log"
    rate, emerg, reload = (
        case.at("etc/nginx/conf.d/limites.conf", "rate=2r/sec"),
        case.at("var/log/recarga.log", "[emerg]"),
        case.at("cambiar.sh", "nginx -s reload >> /var/log/cal/recarga.log"),
    )
    stop, stopped, term = (
        case.at("cambiar.sh", 'systemctl stop "cal-$viejo"'),
        case.at(told, "azul parado, listo"),
        case.at("var/log/azul.log", "SIGTERM: termino"),
    )
    refused, failed, upstream = (
        case.at(errors, "111: Connection refused"),
        case.at(access, '"st":502'),
        case.at("etc/nginx/conf.d/upstream.conf", "127.0.0.1:5102"),
    )
    return {
        "root_cause_kind": "failed-reload-then-old-instance-stopped",
        "root_cause": "At 14:20 a limit with rate=2r/sec was written into conf.d/limites.conf and not tested (nginx knows r/s and r/m). At 14:51 cambiar.sh switched to verde: nginx -s reload failed with [emerg] invalid rate, the script does not look at its status (the message went to recarga.log), logs 'nginx recargado' and stops azul. "
        "nginx goes on with its old configuration, whose upstream is 127.0.0.1:5101: connect() failed (111) and 502 for /api/ until the end, while verde (5102) is well and asked by nobody.",
        "verdict": "root-cause", "culprit": rate, "culprit_alternatives": [reload, emerg, stop], "culprit_related": [upstream, stopped, case.at(told, "nginx recargado"), case.at("CAMBIOS.txt", "ticket 418"), case.at("CAMBIOS.txt", "paso a verde")],
        "chain": [
            hop("deploy_changes_configuration", case.at(told, "cambio a verde"), upstream, case.at("CAMBIOS.txt", "paso a verde"), case.at("CAMBIOS.txt", "ticket 418"), rate),
            hop("configuration_mismatch", rate, emerg, reload, upstream, case.at(told, "nginx recargado")),
            hop("effect_terminates_process", stop, stopped, case.at("var/log/syslog", "Stopping cal-azul.service")),
            hop("process_terminates", term, case.at("var/log/syslog", "Stopped cal-azul.service")),
            hop("termination_refuses_connections", refused, term, stopped),
            hop("failure_reaches_clients", failed, refused, case.at(access, '"ust":"502"')),
        ],
        "mechanism": ["14:20 limites.conf: rate=2r/sec, no test, no reload", "14:51 cambiar.sh verde: verde answers, upstream.conf says 5102", "nginx -s reload: [emerg] invalid rate, nginx keeps its old configuration", "'nginx recargado'; 15 s later systemctl stop cal-azul", "every request for /api/ goes to 5101, where nobody listens: 111, 502"],
        "contributing": [reload | {"why": "goes on whatever came of it"}],
        "innocent": [
            case.at("etc/systemd/cal-verde.service", "RELEASE=9.2.0", why="the new release is well"), case.at("etc/crond-cal", "temperaturas", why="only logs"), case.at("etc/crond-cal", "precios", why="only logs"),
            case.at("etc/nginx/conf.d/limites.conf", "limit_conn por_ip 40", why="refuses nobody"), case.at("etc/nginx/nginx.conf", "proxy_read_timeout 25s", why="nothing waits that long"), case.at("etc/systemd/cal-azul.service", "Restart=always", why="azul was stopped on order"),
            case.whole("var/log/monitor.txt", "asks only the front page, which nginx answers itself"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(errors, "111: Connection refused")[0]),
        "lags": {"azul's SIGTERM -> first 111": case.lag(case.times("var/log/azul.log", "SIGTERM", hours=-5), case.times(errors, "111: Conn"), 300)},
        "measured": [case.measure("var/log/recarga.log", "\\[emerg\\]"), case.measure(errors, "111: Connection refused"), case.measure(access, '"st":502'), case.measure(told, "listo")],
        "timezones": {"var/log/azul.log, verde.log, monitor.txt": "UTC (Z)", "others": "America/Bogota (-05:00)"},
        "how_made": REAL + " (with express, bunyan); systemctl is the lab's supervisor. The syslog was cut at 14:10.",
    }  # fmt: skip
