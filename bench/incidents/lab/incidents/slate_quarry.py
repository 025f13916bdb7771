# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A static site: the publishing script narrows its umask for a password file and never widens it again, so the new release cannot be read."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

PUBLISH = """#!/bin/bash
# Veröffentlicht einen gebauten Stand: veroeffentlichen.sh STAND
# Die gebauten Stände liegen als Archiv unter /srv/schiefer/gebaut
set -euo pipefail
stand=$1
ziel=/srv/schiefer/staende/$stand
sag() { printf '%s %s\\n' "$(date '+%d.%m.%Y %H:%M:%S')" "$*" >> /srv/schiefer/veroeffentlichen.log; }

sag "Stand $stand: Beginn"
if [ -f "/srv/schiefer/gebaut/$stand.htpasswd" ]; then
    # Kennwörter gehen niemanden etwas an
    umask 077
    install -m 640 -g www-data "/srv/schiefer/gebaut/$stand.htpasswd" /srv/schiefer/intern.htpasswd
    sag "Stand $stand: geschützter Bereich aktualisiert"
fi
mkdir -p "$ziel"
tar -xzf "/srv/schiefer/gebaut/$stand.tar.gz" -C "$ziel" --no-same-permissions --no-same-owner
sag "Stand $stand: $(find "$ziel" -type f | wc -l) Dateien entpackt"
ln -sfn "$ziel" /srv/schiefer/aktuell
sag "Stand $stand: live"
"""

NGINX = """user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 768; }
http {
    include mime.types;
    sendfile on;
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name www.schieferbruch.example.de schieferbruch.example.de;
        root /srv/schiefer/aktuell;
        index index.html;
        error_page 404 /404.html;
        location / { try_files $uri $uri/ =404; }
        location /intern/ {
            auth_basic "Intern";
            auth_basic_user_file /srv/schiefer/intern.htpasswd;
        }
    }
}
"""

BUILD = """mkdir -p /srv/schiefer/gebaut /srv/schiefer/staende; cd /tmp
for stand in 2026-02-20 2026-03-02 2026-03-04; do
  mkdir -p b/besuch b/fossilien b/intern b/css; cp /etc/nginx/mime.types . 2>/dev/null
  for seite in index.html 404.html besuch/index.html fossilien/index.html intern/index.html; do echo "<!doctype html><title>Schieferbruch</title><p>Stand $stand" > b/$seite; done
  for n in $(seq 1 40); do echo "<p>Fossil $n" > b/fossilien/$n.html; done; echo 'body{color:#333}' > b/css/haupt.css
  tar -czf /srv/schiefer/gebaut/$stand.tar.gz -C b .; rm -r b
done
echo 'leitung:$apr1$Q2vF3n0t$0Zb9c8mZ6r8q0c6Jw3cT1/' > /srv/schiefer/gebaut/2026-03-04.htpasswd; cp /srv/schiefer/gebaut/2026-03-04.htpasswd /srv/schiefer/intern.htpasswd
umask 022; /srv/schiefer/veroeffentlichen.sh 2026-02-20"""

INCIDENT = Incident(
    host="schiefer01", start="2026-03-04T14:02:20+01:00", minutes=46, factor=26, kind="systemd", zone="Europe/Berlin",
    files={"/srv/schiefer/veroeffentlichen.sh": PUBLISH, "/etc/nginx/nginx.conf": NGINX,
           "/etc/crontab": "SHELL=/bin/sh\n# m h dom mon dow user command\n*/15 * * * * root /srv/schiefer/fossil-des-tages.sh\n30 * * * * root /srv/schiefer/linkpruefung.sh\n",
           "/srv/schiefer/fossil-des-tages.sh": "#!/bin/sh\n# wählt das Fossil des Tages für die Anzeigetafel am Eingang\nsleep 3\nlogger -t fossil \"Nr. $(date +%M) ausgewählt\"\n",
           "/srv/schiefer/linkpruefung.sh": "#!/bin/sh\n# meldet tote Verweise\nfor s in / /besuch/ /fossilien/ /alt/karte.pdf; do\n  c=$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: schieferbruch.example.de' -A linkpruefung http://127.0.0.1$s)\n"
           "  [ \"$c\" = 200 ] || logger -t linkpruefung \"$s: $c\"\ndone\n"},
    prepare=BUILD,
    services={"nginx": NGINX_UNIT},
    during=[(11.2, "/srv/schiefer/veroeffentlichen.sh 2026-03-02"), (31.6, "/srv/schiefer/veroeffentlichen.sh 2026-03-04")],
    visitors={"base": "http://127.0.0.1", "host": "schieferbruch.example.de", "delay": 60,
              "visits": [{"perSecond": 0.2, "bots": 0.07, "paths": [[4, "GET", "/"], [3, "GET", "/besuch/"], [3, "GET", "/fossilien/7.html"], [2, "GET", "/fossilien/31.html"], [2, "GET", "/css/haupt.css"], [1, "GET", "/intern/"]]}]},
    collect="""cp /srv/schiefer/*.sh /srv/schiefer/veroeffentlichen.log /etc/nginx/nginx.conf /etc/crontab /var/log/syslog .; cp /var/log/nginx/access.log /var/log/nginx/error.log .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    mask, branch = case.at("veroeffentlichen.sh", "umask 077"), case.at("veroeffentlichen.sh", "tar -xzf")
    begin, live = (
        case.at("veroeffentlichen.log", "Stand 2026-03-04: Beginn"),
        case.at("veroeffentlichen.log", "Stand 2026-03-04: live"),
    )
    denied = case.at("error.log", "(13: Permission denied)")
    failed = case.at("access.log", '"GET / HTTP/1.1" 403 ')
    onset = case.times("error.log", "13: Permission denied")[0]
    return {
        "root_cause_kind": "deploy-unreadable-files",
        "root_cause": "veroeffentlichen.sh sets `umask 077` for the password file when a release brings one and unpacks the whole release under it: release 2026-03-04 belongs to root with mode 700/600, "
        "nginx's workers (www-data) get (13: Permission denied), and from then on every visitor gets 403 for / and, through try_files, 404 for every other page.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": mask, "culprit_alternatives": [branch, case.at("veroeffentlichen.sh", 'mkdir -p "$ziel"'), case.at("veroeffentlichen.sh", "if [ -f ")],
        "culprit_related": [begin, denied],
        "chain": [
            hop("deploy_changes_configuration", mask, branch, begin, live, case.at("veroeffentlichen.log", "geschützter Bereich aktualisiert")),
            hop("failure_reaches_clients", denied, failed),
        ],
        "mechanism": ["release 2026-03-04 has a password file, so the script narrows its umask to 077", "mkdir and tar --no-same-permissions then make directories 700 and files 600, owned by root",
                      "nginx's workers run as www-data: stat()/open() failed (13: Permission denied)", "/ is forbidden, 403; the other pages are not found by try_files, 404; until the end of the log"],
        "innocent": [case.at("veroeffentlichen.log", "Stand 2026-03-02: live", why="a release without a password file; nothing failed after it"), case.at("crontab", "fossil-des-tages.sh", why="only logs"),
                     case.at("crontab", "linkpruefung.sh", why="asks four pages each hour; it reports, it breaks nothing"), case.whole("linkpruefung.sh", "reports"), case.whole("fossil-des-tages.sh", "touches nothing"),
                     case.at("nginx.conf", "auth_basic_user_file", why="401 for those without a password is meant")],
        "period_s": None, "lag_s": case.lag(case.times("veroeffentlichen.log", "Stand 2026-03-04: live"), [onset], 600), "step_change_at": str(onset),
        "measured": [case.measure("error.log", "13: Permission denied"), case.measure("access.log", '" 403 '), case.measure("access.log", '" 200 ')],
        "how_made": "nginx 1.22, cron, bash, tar and curl really ran; systemctl is the lab's supervisor.",
    }  # fmt: skip
