# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: five SIGKILLs in syslog, no kernel line and no memory figure, so nothing tells who sent them."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import REAL

SERVER = """const http = require('http');
http.createServer((req, res) => { console.log('GET', req.url); res.end('r'); }).listen(5151, '127.0.0.1', () => console.log('runes up'));
"""
KILL = "pkill -9 -f /srv/runes/runes.js"

INCIDENT = Incident(
    host="uppsala", start="2026-10-19T07:00:40+02:00", minutes=96, factor=45, kind="systemd", zone="Europe/Stockholm",
    files={"/srv/runes/runes.js": SERVER,
           "/etc/systemd/system/runes.service": "[Unit]\nDescription=Rune stones\n\n[Service]\nExecStart=/usr/bin/node /srv/runes/runes.js\nRestart=always\nRestartSec=3\nMemoryMax=512M\n"},
    services={"runes": {"description": "Rune stones", "command": ["/usr/bin/node", "/srv/runes/runes.js"], "restart": "always", "restart_seconds": 3, "log": {"kind": "syslog", "tag": "node"}}},
    during=[(11.7, KILL), (30.2, KILL), (36.9, KILL), (71.4, KILL), (88, KILL)],
    visitors={"base": "http://127.0.0.1:5151", "host": "runes", "visits": [{"perSecond": 0.15, "bots": 0.02, "paths": [[1, "GET", "/stones/{n}"]]}]},
    collect="cp /var/log/syslog .; cp /etc/systemd/system/runes.service .",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-kill",
        "root_cause": "Not to be known: five times the process was killed with SIGKILL at irregular moments (in truth by hand). MemoryMax=512M alone does not make it an out-of-memory kill: "
        "no kernel line, no 'oom-kill' result of the unit, no figure of memory.",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [case.at("runes.service", "MemoryMax=512M", why="nothing shows that it was reached; systemd would say Failed with result 'oom-kill'"),
                     case.at("runes.service", "Restart=always", why="mends")],
        "ask_for": ["kernel log (out of memory?)", "who ran kill: auth log, shell history, audit log", "crontabs and timers", "memory figures"],
        "measured": [case.measure("syslog", "code=killed, status=9/KILL"), case.measure("syslog", "runes up")],
        "how_made": REAL + "; systemd[1]'s lines are the lab's supervisor; the limit was not really set.",
    }  # fmt: skip
