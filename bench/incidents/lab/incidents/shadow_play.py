# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: a viewer's console and a note from the support desk; nothing from the server."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const { createServer } = require('http');
const { Server } = require('socket.io');
const server = createServer((req, res) => res.end('wayang'));
const io = new Server(server);
io.on('connection', (socket) => socket.on('message', () => socket.emit('scene', 1)));
server.listen(7070, '127.0.0.1');
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        location / {
            proxy_pass http://127.0.0.1:7070;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 1h;
        }
    }
}
"""
NOTE = """Tiket #4471  -- layar penonton putus
Dari: loket@wayang.example.id

Sejak kemarin sore beberapa penonton bilang layarnya putus lalu menyambung lagi sendiri.
Tidak ada jam yang tetap. Wifi gedung baru diganti minggu lalu, vendor bilang sudah beres.
Terlampir: console.txt dari tablet di baris depan, dan daftar rilis.

Catatan rilis:
  14 Jul  2.9.0  subtitle bahasa Inggris
  15 Jul  2.9.1  perbaikan warna
"""
STOP = "systemctl restart wayang"

INCIDENT = Incident(
    host="wayang", start="2026-07-16T18:58:00+07:00", minutes=100, factor=40, kind="systemd", zone="Asia/Jakarta", apps=["/srv/wayang"],
    files={"/srv/wayang/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/srv/wayang/tiket-4471.txt": NOTE},
    services={"wayang": {"description": "Wayang", "command": ["node", "server.js"], "directory": "/srv/wayang", "restart": "always", "wait": 8}, "nginx": NGINX_UNIT},
    during=[(14.9, STOP), (33.3, "systemctl restart nginx"), (41.8, STOP), (79.4, STOP), (87.1, "systemctl restart nginx")],
    visitors={"base": "http://127.0.0.1", "host": "wayang.example.id", "delay": 60, "visits": [{"perSecond": 0.02, "bots": 0, "paths": [[1, "GET", "/"]]}],
              "browsers": [{"count": 3, "log": "/srv/wayang/console.txt", "tag": "layar-depan", "emitEvery": 45, "asleep": 900}]},
    collect="cp /srv/wayang/console.txt /srv/wayang/tiket-4471.txt .",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-disconnects",
        "root_cause": "Not to be known: a viewer's socket.io connection closed five times at irregular moments. After three of them the proxy answered 502 for up to half a minute, so the server behind it was gone then "
        "(not the Wi-Fi); after two it was back at once. Who ended server or proxy cannot be told (in truth restarts of both by hand).",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [case.at("tiket-4471.txt", "2.9.1", why="a release on the day before; nothing ties it to a disconnect"), case.at("tiket-4471.txt", "Wifi gedung", why="hearsay; a 502 is the proxy's answer, so the network worked")],
        "ask_for": ["the server's own log", "nginx' access and error log", "the host's journal and crontabs", "how the other viewers' consoles looked at the same moments"],
        "measured": [case.measure("console.txt", "disconnected:"), case.measure("console.txt", "connected ")],
        "how_made": REAL + " (with socket.io); systemctl is the lab's supervisor. Only a browser's console and a note were handed over.",
    }  # fmt: skip
