"""What is written by who looks at a service from outside: pages in browsers, monitors, health checks."""

from __future__ import annotations

from logcorr.grammar.phrase import Phrase, at_start

CLOSED = Phrase(
    "client.disconnected",
    ("1006", "ocket connection closed", "lient connection closed"),
    at_start(
        r"(?:\[[\w.-]+\]:? |[\w.-]+: ){0,2}(?:[\w.#-]+ ){0,3}?(?:web)?(?:socket|ws|connection|conn|client|peer)\b[^\"'“]{0,60}"
        r"\b(?:closed?|disconnected|close event)\b[^\"'“]{0,40}\b1006(?:[,;:)\]\s]|\.\s|\.?$)"
        r"|(?:[\w.#-]+ ){0,2}?(?:(?:web)?socket|client) connection closed\b"
    ),
)
"""A WebSocket that ended; with 1006 without a word from the other side (RFC 6455, 7.4.1: a code that is never sent)."""

CONSOLE = (
    Phrase("client.reconnecting", ("econnecting", "econnect attempt"), at_start(r"(?:\w+ ){0,3}reconnect(?:ing\b| attempt)")),
    Phrase(
        "client.connect_failed",
        (" 5", "onnection error", "onnect_error", "connect error", "net::ERR_", "WebSocket connection to", "to load resource"),
        at_start(
            r"(?:GET|POST|PUT|PATCH|DELETE|HEAD) (?:https?|wss?)://\S+(?:.*?) (?:net::ERR_\w+ )?5\d\d\b(?: \([A-Za-z ]+\))?"
            r"|(?:GET|POST|PUT|PATCH|DELETE|HEAD) (?:https?|wss?)://\S+ .*"
            r"net::ERR_(?:CONNECTION|TIMED_OUT|NAME|ADDRESS|EMPTY|SSL|INTERNET)"
            r"|(?:\w+ ){0,2}connect(?:ion)?[ _]error\b|websocket connection to .*failed"
            r"|failed to load resource: (?:net::ERR_CONNECTION|the server responded with a status of 5\d\d)"
        ),
    ),
    Phrase(
        "client.disconnected",
        ("isconnected", "connection closed", "is closed"),
        at_start(r"(?:\w+ ){0,3}disconnected\b|(?:websocket |socket )?connection closed\b|websocket is closed"),
    ),
    Phrase("client.connected", ("onnected",), at_start(r"(?:\w+ ){0,3}(?:re)?connected\b")),
    CLOSED,
)
"""Phrases of a page in a browser."""

AUTOHEAL = Phrase("probe.failed", ("found to be unhealthy",), r"^Container \S+ (?:\(\S+\) )?found to be unhealthy\b")

_APART = r"[\s:=,;|\"]"
"""What stands around the words of a monitor: it may write a table."""

MONITOR = (
    Phrase(
        "client.connect_failed",
        ("DOWN", "down", "FAIL"),
        rf"(?:^|{_APART})(?:DOWN|down|FAIL(?:ED)?)\b.*\b"
        r"(?:ECONNREFUSED|ETIMEDOUT|ECONNRESET|EHOSTUNREACH|ECONNABORTED|refused|timed out|timeout|5\d\d)\b",
    ),
    Phrase(
        "client.connect_failed",
        (",0,",),
        r"^[^,]*,0,\d*,\"?(?:timeout of \d+ms exceeded|Request failed with status code 5\d\d|socket hang up"
        r"|.*\b(?:ECONNREFUSED|ECONNRESET|ECONNABORTED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)\b)",
    ),
    AUTOHEAL,
    Phrase("probe.passed", ("up", "UP", "OK"), rf"(?:^|{_APART})(?:up|UP|OK)(?:$|[\s:=,;|\"(]+(?:HTTP[ /\d.]*)?[23]\d\d\b)"),
)
"""Phrases of something outside that asks again and again; what it may ask about stands before them.

The second are rows of Uptime Kuma's table: the monitor's name, 0 for down, the milliseconds, and what was the matter."""

UPTIME_KUMA = Phrase(
    "client.connect_failed",
    ("Monitor #",),
    r"^Monitor #\d+ '.*': (?:Pending|Failing): (?:"
    r".*\b(?:ECONNREFUSED|ECONNRESET|ECONNABORTED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|status code 5\d\d)\b"
    r"|timeout of \d+ms exceeded|timeout by AbortSignal|socket hang up|Client network socket disconnected)",
)
"""`Monitor #3 'Shop': Pending: connect ECONNREFUSED ...`: a monitor asked as any client does. A 404, a missing word and a
certificate soon to end are answers."""

_KLOG = r"^(?:[IWEF]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] )?"
"""What stands before the words of Kubernetes' programs where the journal, or a server that holds them all (k3s), keeps them."""

KUBELET = (
    Phrase(
        "probe.failed",
        ('Probe failed" probeType="', " probe for "),
        rf'{_KLOG}(?:"Probe failed" probeType="\w+" |(?:Liveness|Readiness|Startup) probe for ".*" failed \()',
    ),
    Phrase(
        "probe.failed",
        ('"Event occurred"',),
        rf'{_KLOG}"Event occurred" .*reason="Unhealthy" message="\w+ probe (?:failed|errored): ',
    ),
    Phrase("service.restarting", (" probe, will be restarted",), r"\bfailed (?:liveness|startup) probe, will be restarted\b"),
)
"""`"Probe failed" probeType="Liveness" pod="shop/api-…"`, and what follows from it: pkg/kubelet/prober/prober.go,
kuberuntime_manager.go; until 1.21 `Liveness probe for "api-…_shop(…):api" failed (failure): Get …`."""

LOOKERS = (UPTIME_KUMA, *KUBELET)
