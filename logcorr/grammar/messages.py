"""What programs write when something happens to them: the phrases that give an event its kind.

A phrase is tried only on messages that hold one of its needles, and then as a pattern that is anchored or specific enough
that the same words inside data (a chat message that quotes a log, a search for `SIGTERM`) do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial

from msgspec.structs import replace

from logcorr.grammar import answers
from logcorr.grammar.failures import FAILURES as FAILURES
from logcorr.grammar.outside import CLOSED, LOOKERS
from logcorr.grammar.outside import CONSOLE as CONSOLE
from logcorr.grammar.outside import MONITOR as MONITOR
from logcorr.grammar.patterns import ascii_only
from logcorr.grammar.phrase import Phrase as Phrase
from logcorr.grammar.phrase import at_start
from logcorr.grammar.script_phrases import SCRIPT as SCRIPT
from logcorr.grammar.tongues import SERVICES
from logcorr.grammar.tools import TOOLS
from logcorr.lazily import pl

_WHO = r"(?:(?:the |http |web |api )?(?:process|server|service|api|app|application|backend|worker|gateway|bot) )?"

_ADDRESS = (
    r"(?:https?://\S+|(?:[\w.-]+|\[[\da-f:]+\]|\*)?:\d{2,5}\b|port(?:\(s\)|s)?:? ?\d{2,5}\b"
    r"|(?:unix socket )?/\S+\.sock|unix:/\S+)"
)
_PORT = r"\d{2,5}(?:[ .,!)]*$|[,.!)] | \()"
"""Where something listens; a bare number only after a preposition, at the end or before punctuation."""

THINGS = ("server", "service", "api", "app", "application", "backend", "worker", "daemon", "bot", "gateway", "proxy", "tracker")
"""Long-running things, as their authors call them."""

_THING = f"(?:{'|'.join(THINGS)})"

_DETAIL = (
    r"(?:\W*$| ?[:,;.!(\[{=|–—-]| (?:from|after|due|because|unexpectedly|with|by|at|in)\b"
    r"| \S*[\d_=-]\S*| [\w-]{16,}|(?-i: [A-Za-z]*[a-z][A-Z][A-Za-z]*\b))"
)
"""What may follow a whole sentence: its end, punctuation, a reason, an identifier."""


_ENGINES = (
    *("Java Runtime Environment", "Terminating due to", "APPLICATION FAILED", "Application run failed", "Process terminated. "),
    *("terminate called ", "libc++abi: ", "Exception in worker process", "Kernel pid terminated", "DAMN ! worker"),
)

APPLICATION = (
    *LOOKERS,
    Phrase(
        "process.crashed",
        ("heap out of memory", "FATAL ERROR", "ncaught", "nhandled", "Segmentation fault", "panic:", "app crashed", "dumped"),
        r"^(?:FATAL ERROR: "
        r"|(?:\[.+\] )?(?:Error: )?(?:[uU]ncaught ?[eE]xception\b|[uU]nhandled ?(?:[pP]romise ?)?[rR]ejection\b)"
        r"|Segmentation fault|panic: |\[nodemon\] app crashed|.*JavaScript heap out of memory$|.*\(core dumped\)$)",
    ),
    Phrase(
        "process.crashed",
        ("on signal", "terminated unexpectedly"),
        at_start(r"child \d+ exited on signal \d+ \(SIG(?:SEGV|ABRT|BUS|ILL|FPE)\b|host terminated unexpectedly"),
    ),
    Phrase(  # .NET, Java, Rust, Deno, Python, Go
        "process.crashed",
        ("Unhandled exception", 'in thread "main"', "panicked at ", "error: Uncaught", "Fatal Python error", "fatal error: "),
        r"^(?:Unhandled exception[.:] |Exception in thread \"main\" |thread 'main' (?:\(\d+\) )?panicked at |error: Uncaught "
        r"|Fatal Python error: |fatal error: (?:all goroutines|concurrent map|runtime: |unexpected signal|stack overflow))",
    ),
    Phrase(  # the JVM, Spring, .NET, C++, gunicorn, uWSGI, Erlang
        "process.crashed",
        _ENGINES,
        r"^(?:# A fatal error has been detected by the Java Runtime Environment|Terminating due to java\.lang\.OutOfMemoryError\b"
        r"|APPLICATION FAILED TO START$|Application run failed$|Process terminated\. |terminate called (?:after|without)\b"
        r"|libc\+\+abi: terminating |Exception in worker process$|Kernel pid terminated \("
        r"|DAMN ! worker \d+ \(pid: \d+\) died(?:, killed by signal (?:[^9]|9\d))?[ ,]*:\()",
    ),
    Phrase("process.killed", ("DAMN ! worker",), r"^DAMN ! worker \d"),
    Phrase(
        "process.terminating",
        (
            *("SIGTERM", "SIGINT", "SIGQUIT", "hutting down", "hutdown", "ermination requested", "正在關閉", "正在关闭"),
            *("Handling signal", "Terminating ...", "erminating"),
        ),
        at_start(
            rf"{_WHO}(?:received|got|caught|handling|on)(?: a| the)?[: ]+(?:signal[: ]+)?(?:\d+ \()?SIG(?:TERM|INT|QUIT)\b"
            r"|(?:收到|接收到|捕捉到|捕获到?)(?: ?[信訊讯][號号])? ?SIG(?:TERM|INT|QUIT)\b"
            r"|(?:服務|服务|系統|系统|伺服器)?正在[關关][閉闭]"
            r"|(?:graceful )?termination requested\b"
            r"|SIG(?:TERM|INT|QUIT)\b(?: signal)?(?: (?:was )?(?:received|caught|detected)|[:;.,] | \w+=|$)"
            rf"|{_WHO}(?:is )?(?:gracefully )?shutting down\b"
            r"|(?:starting |initiating )?graceful shutdown(?: (?:started|initiated|requested|begins?|in progress)|\.\.\.|$)"
            r"|handling signal: (?:term|int|quit)$|received (?:fast|smart|immediate) shutdown request$|user requested shutdown\b"
            r"|(?:[\w./-]+ )?\(initiated by: [^)]*\): normal shutdown|terminating \.\.\.$"
            r"|(?:gracefully )?(?:closing|stopping|exiting|quitting|leaving|draining|going down|ending)"
            r" (?:on|after|due to|because of|for|upon) (?:a )?(?:signal )?SIG(?:TERM|INT|QUIT)\b"
            r"|(?:gracefully )?terminating(?: now| gracefully)?(?: ?[.!…]+)?$"
        ),
    ),
    Phrase("process.killed", ("exited with code 137",), at_start(r"exited with code 137$")),
    Phrase(
        "process.exited",
        ("exited", "xiting", "exit code", "closed", "hutdown complete", "erminated", "is shut down", "ready to exit"),
        at_start(
            r"(?:[\w./-]+: |graceful )?shutdown complete|database system is shut down$|redis is now ready to exit"
            r"|(?:process|worker|application|app|server)(?: \S+)? exited\b"
            r"|(?:process )?exiting(?: with| now|\.|$|, bye)|(?:http:? )?server closed(?:$|[.!])|exited with code \d+"
            rf"|(?:[\w.-]+: |{_THING} )?terminated(?: by (?:signal )?(?:SIG[A-Z]+|\d+))?[.!]?$"
        ),
    ),
    Phrase(
        "client.limited",
        ("ate limit", "ate-limit", "oo many requests", "oo Many Requests", "hrottl", "RateLimit", "uota exceeded"),
        at_start(
            r"(?:[\w'-]+ ){0,3}rate[- ]?limit(?:er|s)?(?: \S+){0,3} (?:exceeded|reached|hit)\b|(?:[\w'-]+ ){0,3}rate[- ]limited\b"
            r"|too many requests\b|(?:[\w.]+\.)?(?:RateLimit|Throttl)\w*(?:Error|Exception)\b|(?:[\w-]+ ){0,2}quota exceeded\b"
            r"|(?:requests?|clients?|key|user|ip)(?: \S+)? (?:was |is |are )?throttled\b"
        ),
    ),
    *FAILURES,
    Phrase(
        "process.started",
        (
            *("istening", "istens on", "on air"),
            "tarted",
            "running",
            " ready",
            " start",
            " booting",
            " booted",
            ", Version",
            ", version",
            " up",
            "open ",
            "live ",
            "erving ",
            "啟動",
            "启动",
            "connections",
            "fpm is running",
            "tarting ",
            *(f"{word} on " for word in THINGS),
            *(f" on {start}" for start in ("127.", "0.0.0.0", "10.", "172.", "192.168.", "[::", "http", ":")),
        ),
        at_start(
            rf"(?:(?:[\w@/.-]+ ){{0,4}}|[\w@/.-]+: )(?:is )?(?:now )?(?:listen(?:ing|s)|running|started|ready|up|open|live"
            rf"|serving|on air)(?: and (?:listening|ready|running))?"
            rf",? (?:(?:on|at|in)?:? ?(?:address |http |https )?{_ADDRESS}|(?:on|at) {_PORT})"
            rf"|(?:[\w.-]+ )?{_THING} on (?:port )?:?\d{{2,5}}\.?$|[\w@/.-]+ v?\d+\.\d+[\w.+-]* on {_ADDRESS}"
            r"|\S*(?:服務|服务|伺服器|服务器)\S*(?:啟動|启动)\S{0,2} ?:?\d{2,5}\b"
            rf"|(?:[\w.-]+ )?{_THING}(?: has| is)?(?: successfully)? (?:started|up|ready)[.! ]*"
            r"(?:\+\d+ms|Press Ctrl\+C to shut down\.)?$"
            r"|[\w.-]+ (?:(?:is now )?listening|is up and running|is now (?:up|running))(?: again)?[.!]?$"
            r"|[\w.-]+ is (?:up|running|listening) again[.!]?$"
            r"|(?:[\w./-]+: |database system is )?ready (?:for|to accept|to handle) connections\b|waiting for connections$"
            r"|fpm is running, pid \d+|starting [\w-]+ v?\d+\.\d+|\S+ \([\w.-]+ \d[\w.-]*\) starting as process \d"
            r"|celery@\S+ ready\b|started [\w.]+ in [\d.]+ seconds"
            r"|(?:[\w.-]+: )?(?:[\w-]+ )?[\w-]+ (?:v\d+\.\d+|\d+\.\d+\.\d+)[\w.+-]* (?:start(?:s|ing|ed|up)?"
            r"|ready|listening|boot(?:ing|ed))(?:$|[,.!;: ]\D)"
            r"|(?:[\w.-]+: )?[\w-]+ \d+\.\d+ (?:start|starting|ready)(?:$|[,.!;: ]\D)"
            r"|(?:\[[\w-]+\] )?(?:start(?:ing|et|e)?|démarrage|inicio|início|avvio)[,:]? (?:v(?:ers\w+)?[.: ]*)\d+\.\d+"
        ),
    ),
    Phrase("client.connect_failed", ("connect_error",), at_start(r"connect_error\b")),
    CLOSED,
    Phrase(
        "client.disconnected",
        (
            "isconnect",
            "transport close",
            "transport error",
            "ping timeout",
            "server shutting down",
            "離線",
            "離開",
            "离线",
            "斷線",
            "断线",
            "斷開",
            "断开",
        ),
        at_start(
            r"(?:使用者|用戶|用户|客戶端|客户端|用戶端|連線|连接)(?: ?\S+ )?(?:已)?(?:離線|離開|离线|斷線|断线|斷開|断开)"
            rf"|(?:client|socket|user|peer|player|websocket|ws|connection) ?(?:[\w-]+ )?(?:has )?disconnect(?:ed|ion)?{_DETAIL}"
            r"|disconnect(?:ed)?:? [\w-]+\b"
            r"|[^\"'“]{0,80}(?:[:=(\[,;–—-]|\b(?:due to|because of|by|reason|on)) ?"
            r"(?:transport (?:close|error)|ping timeout|server shutting down)\W*(?:$|[(\[]|after \d)"
        ),
    ),
    Phrase(
        "client.connected",
        ("onnected", "onnection", " transport=", "連線", "连接", "上線", "上线"),
        at_start(
            r"(?:使用者|用戶|用户|客戶端|客户端|用戶端)(?: ?\S+ )?(?:已)?(?:連線|连接|上線|上线)"
            r"|(?:(?:new )?(?:client|socket|user|peer|player|websocket|ws)) ?(?:[\w-]+ )?(?:has )?connect(?:ed|ion)?\b"
            r"|connect(?:ed)?:? [\w-]+ transport="
        ),
    ),
    *SERVICES,
    *TOOLS,
    *answers.IN_WORDS,
    *answers.IN_MEMBERS,
)
"""Phrases of servers, the Node.js world's first."""

CRASHES, STARTS = (
    tuple(phrase for phrase in APPLICATION if phrase.kind == kind) for kind in ("process.crashed", "process.started")
)
"""How a process says that it dies, and that it begins."""

_MEMBER = r"""(?:code|error|err|stack|cause)"?\]?: """
_CLASS = r"(?:[\w.]+: )?[\w.$]*(?:Error|Exception)(?: \[\w+\])?: "
_ERROR = rf"""^[\s\[{{"]*(?:Caused by: )?(?:(?:{_MEMBER}|{_CLASS}).*)?"""
"""How a line that describes an error opens: with its class, or with a member that holds it."""

CONTINUED = tuple(replace(phrase, pattern=f"{_ERROR}(?:{phrase.pattern})") for phrase in FAILURES)
"""Failures as the lines after an event tell them."""

_IN_MEMBERS = (
    *answers.IN_MEMBERS,
    Phrase(
        "client.disconnected",
        ('"transport close"', '"transport error"', '"ping timeout"'),
        r"[=:] ?\"(?:transport (?:close|error)|ping timeout)\"",
    ),
)
"""What a record's members tell: an answer, or that a client's lasting connection ended (Socket.IO's reason is a whole value).

https://socket.io/docs/v4/server-socket-instance/#disconnect.
"""


def by_members(text: pl.Expr) -> pl.Expr:
    """The kind that a record's members tell of, whatever its message says; else null."""
    return kind_of(text, _IN_MEMBERS)


def kind_of(message: pl.Expr, phrases: tuple[Phrase, ...]) -> pl.Expr:
    """The kind of the first phrase that each message is, or null.

    Only messages that hold a needle meet a pattern; they are taken out for it, for polars would pay for the others too.
    """
    return message.map_batches(partial(_kinds, phrases), return_dtype=pl.String, is_elementwise=True)


def _kinds(phrases: tuple[Phrase, ...], messages: pl.Series) -> pl.Series:
    kinds = pl.repeat(None, len(messages), dtype=pl.String, eager=True)
    near = messages.str.contains_any(list(needles_of(phrases))).fill_null(False).arg_true()
    if near.is_empty():
        return kinds
    texts = messages.gather(near)
    said = kinds.head(len(texts))
    for (at,), holding in _holding(phrases, texts).group_by("phrase", maintain_order=True):
        rows = holding["row"]
        fit = rows.filter(texts.gather(rows).str.contains(ascii_only(phrases[int(at)].pattern)))
        said = said.scatter(fit, phrases[int(at)].kind)
    return kinds.scatter(near, said)


def _holding(phrases: tuple[Phrase, ...], texts: pl.Series) -> pl.DataFrame:
    """Which texts (`row`) hold a needle of which phrase, the last phrase first, so that the first has the last word.

    One search finds the needles of all.
    """
    found = texts.str.extract_many(list(needles_of(phrases)), overlapping=True)
    held = pl.DataFrame({"needle": found}).with_row_index("row").explode("needle").join(_phrases_by_needle(phrases), on="needle")
    return held.select("phrase", "row").unique().sort("phrase", "row", descending=[True, False])


@cache
def _phrases_by_needle(phrases: tuple[Phrase, ...]) -> pl.DataFrame:
    pairs = [(needle, at) for at, phrase in enumerate(phrases) for needle in phrase.needles]
    return pl.DataFrame(pairs, schema={"needle": pl.String, "phrase": pl.UInt32}, orient="row")


@cache
def needles_of(phrases: tuple[Phrase, ...]) -> tuple[str, ...]:
    """All needles of these phrases."""
    return tuple(sorted({needle for phrase in phrases for needle in phrase.needles}))


def emitted(*tables: Iterable[Phrase]) -> Mapping[str, Sequence[str]]:
    """For a parser's declaration: the needles of each kind."""
    return {phrase.kind: phrase.needles for table in tables for phrase in table}


@cache
def bare(phrases: tuple[Phrase, ...]) -> tuple[Phrase, ...]:
    """The phrases that make an event of a line even where no stamp does: how processes and jobs begin, fail and end."""
    return tuple(phrase for phrase in phrases if phrase.kind.startswith(("process.", "job.", "probe.", "service.")))


def says(text: str, phrases: Iterable[Phrase]) -> bool:
    """Whether one text is one of the phrases, as `kind_of` would find."""
    near = (phrase for phrase in phrases if any(needle in text for needle in phrase.needles))
    return any(re.search(phrase.pattern, text, re.ASCII) for phrase in near)
