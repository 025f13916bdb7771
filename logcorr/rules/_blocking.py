"""By what others are kept waiting: commands of jobs, or what a job asks a service for, whose program answers with one thread."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from urllib.parse import SplitResult, urlsplit

from logcorr.lazily import pl, regex
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case, Schedule
from logcorr.model.facts import Directive, NginxFile
from logcorr.model.source import Span
from logcorr.rules._jobs import programs_of

CODE = (".js", ".mjs", ".cjs", ".ts", ".mts", ".py", ".rb")
"""Files of languages whose programs mostly answer with one thread."""

COMMENT = regex(r"^\s*(?:#|//|\*|/\*)")

BLOCKS = regex(
    r"\b(?:exec|execFile|spawn|pbkdf2|scrypt|gzip|gunzip|deflate|brotliCompress|readFile|writeFile|copyFile|cp|rm|readdir)Sync\("
    r"|\bAtomics\.wait\(|\bwhile\s*\(\s*Date\.now\(|\bsubprocess\.(?:run|call|check_call|check_output|getoutput)\("
    r"|\bos\.system\(|(?<![\w.])time\.sleep\(|\brequests\.(?:get|post|put|request)\(|\bshutil\.(?:copytree|make_archive|rmtree)\("
    r"|\bKernel\.system\b|^\s*system[( ][\"'(]|\b(?:exec|execute|query|run)\(\s*[\"'`](?i:vacuum|reindex|lock table|create index)"
)
"""Calls that return only when all is done, and let nobody else be served meanwhile."""

LOCKS = regex(
    r"\bflock\b(?!.* (?:-\w*[nu]|--nonblock|--unlock))|\block(?:file)?-?create\b|\bfsfreeze\b|\bdocker pause\b|-(?:SIG)?STOP\b"
    r"|\bbegin (?:immediate|exclusive)\b|\b(?:un)?lock tables\b|--lock-(?:all-)?tables|\bread lock\b|\baccess exclusive\b"
    r"|\bvacuum full\b|\breindex\b|\bgit gc\b"
    r"|\bredis-cli\b.*\b(?:save|keys|flush(?:all|db)|sort|debug)\b|\bfsyncLock\b|\bxfs_freeze\b|\balter table\b"
    r"|\b(?:create (?:unique )?index|refresh materialized view) (?!concurrently)|\bcluster \w+ using\b"
    r"|^[^'\"]*\b(?:mysqldump|mariadb-dump)\b(?!.*--(?:single-transaction|skip-lock-tables|skip-opt|no-data|lock-tables=(?:0|false)))",
    re.IGNORECASE,
)
"""Commands that make others wait; a lock that is only tried (`flock -n`) makes nobody wait but its own next run.

Redis serves everybody from one thread: SAVE, KEYS and their like keep it from all others (https://redis.io/commands/save).
mysqldump locks all tables of a database for reading unless told otherwise (`--opt`, which holds `--lock-tables`).
SQLite has one writer (`BEGIN IMMEDIATE`: https://www.sqlite.org/lang_transaction.html).
"""

HEAVY = regex(
    r"^[^'\"]*(?<![.\w-])(?:pg_dump(?:all)?|pg_basebackup|mysqldump|mariadb-dump|mongodump|mongoexport|vacuumdb|tar|rsync|zip"
    r"|gzip|xz|zstd|bzip2|dd|cp +-\w*[rRa]|restic|borg|duplicity|updatedb|ffmpeg|sort|du)\b"
    r"|\bfind / |\boptimize table\b|\bvacuum\b|\.backup\b"
    r"|(?<![\w-])(?:java|node|python[\d.]*|php|ruby|perl|dotnet)\b.*(?:re-?index|index(?:er|ing)|rebuild|import|export|compact|etl|train|crawl)"
    r"|\bxargs\b.* -P ?(?:0|[2-9]|\d\d)\b|\bparallel\b.*-j|^[^'\"]*\b(?:ab|hey|wrk|siege|vegeta)\b",
    re.IGNORECASE,
)
"""Commands that keep disks, processors, databases or the service itself busy."""

CLEARS = regex(
    r"\b(?:cache|optimize|view|config):(?:clear|flush|clean|forget)\b|\bcache[ -](?:flush|clear|purge)\b|\bclear[_-]?cache\b"
    r"|\bflush(?:all|db)\b|\bflush_all\b|\b(?:cache|caches|redis|memcached?)\.(?:clear|flush(?:all|db)?|reset)\("
    r"|\bdrush (?:-\S+ )*(?:cr|cc|cache[-:]rebuild)\b|\bvarnishadm\b.*\bban\b|\bopcache_reset\b|\bdrop_caches\b"
    r"|\brm -\w*r\w* \S*(?:/cache\b|proxy_cache|_cache/)\S*|\bfind \S*cache\S* .*-delete\b|\bcache:prune\b",
    re.IGNORECASE,
)
"""Commands that empty a cache: what is asked next has to be worked out anew."""

URL = regex(r"https?://[^\s\"'`<>{}]+")

LOOP, WAITS = (
    regex(r"^\s*(?:for|while|until|loop)\b|\.(?:forEach|map|flatMap|reduce|filter|times|each|upto)\b.*(?:=>|\{|\bdo\b)"),
    regex(r"\bawait\b|\byield\b|\basync\b|\bPromise\b|\.then\(|\bsetImmediate\b|\bnextTick\b|\bfetch\(|\bquery\(|\bsleep\("),
)
"""A loop's first line, and by what it lets others in."""

ROUTE = regex(r"""\.(?:get|post|put|delete|patch|all|route|add_url_rule|use)\(|^\s*(?:get|post|put|delete)\s+['"]|^@|\bpath\(""")
"""How a line begins what answers a path."""

LONGEST = 60
"""So many lines a handler or a function is followed."""

LEAST_LETTERS = 3


def ending(schedule: Schedule) -> Span | None:
    """The command of the job that ends something, on which what it keeps waiting may depend."""
    effects = (one for behaviour in schedule.behaviours for one in behaviour.proved)
    return next((one.effect.span for one in effects if one.effect.ends_processes and one.proof.reach is not Reach.NEVER), None)


def asking(case: Case, schedule: Schedule, upstreams: Collection[str]) -> tuple[Span | None, Span | None]:
    """The line by which the job asks one of the upstreams (or the proxy) for something, and the one that blocks for it."""
    served = {name for file in case.of(NginxFile) for top in file.directives for name in _names(top)}
    near = {urlsplit(one).netloc for one in upstreams}
    own = [(span, url) for span, url in _questions(case, schedule) if url.netloc in near or url.hostname in served]
    found = ((span, _blocking(case, url.path)) for span, url in own)
    return next((pair for pair in found if pair[1]), (own[0][0] if own else None, None))


def _questions(case: Case, schedule: Schedule) -> Iterator[tuple[Span, SplitResult]]:
    """What its scripts and its programs in other languages ask for, and where they do."""
    yield from ((probe.span, urlsplit(probe.url)) for one in schedule.behaviours for probe in one.probes if probe.url)
    for path in programs_of(case, schedule):
        for line, text in (
            case.lines(path).filter(pl.col("text").str.contains(URL.pattern)).select("line", "text").collect().iter_rows()
        ):
            yield from ((Span(path, line), urlsplit(found[0])) for found in URL.finditer(text))


def _names(top: Directive) -> Iterator[str]:
    """By which names the proxy is asked."""
    yield from ("localhost", "127.0.0.1", "::1")
    yield from (name for one in top.walk() if one.name == "server_name" for name in one.args)


def _blocking(case: Case, path: str) -> Span | None:
    """The line that blocks in what answers this path, or in a function that it calls; None where no collected code shows any."""
    files = list(_code(case))
    for file, lines in files:
        for at in _routes(lines, path):
            handler = list(_body(lines, at, ROUTE))
            called = [found for name in _called(handler) for found in _functions(files, name)]
            for where, body in ((file, handler), *called):
                line = next((number for number, text in body if BLOCKS.search(text)), None)
                if line:
                    return Span(where, line)
            working = next((number for number, text in handler if _works(files, text)), _loops(handler))
            if working:
                return Span(file, working)
    return None


def _works(files: Sequence[tuple[str, Sequence[str]]], text: str) -> bool:
    """Whether a line calls a function that goes through loops in loops."""
    return any(_loops(body) for name in _called([(0, text)]) for _, body in _functions(files, name))


def _loops(body: Sequence[tuple[int, str]]) -> int | None:
    """The line of a loop around another one, if nothing there lets others in meanwhile."""
    if any(WAITS.search(text) for _, text in body):
        return None
    loops = [(number, _indent(text)) for number, text in body if LOOP.search(text)]
    return next((number for (number, indent), (_, deeper) in pairwise(loops) if deeper > indent), None)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _code(case: Case) -> Iterator[tuple[str, Sequence[str]]]:
    for path in sorted(case.files):
        if path.endswith(CODE):
            yield path, case.lines(path).select(pl.col("text").fill_null("")).collect()["text"].to_list()


def _routes(lines: Sequence[str], path: str) -> Iterator[int]:
    """The lines that hold the path in quotes, or its end, as a router knows it that is mounted below a prefix."""
    parts = path.strip("/").split("/")
    for depth in range(len(parts)):
        tail = re.escape("/".join(parts[depth:]))
        named = re.compile(rf"""['"`]/?{tail}/?['"`]""")
        found = [number for number, text in enumerate(lines) if named.search(text) and ROUTE.search(text)]
        if found and len(tail) >= LEAST_LETTERS:
            yield from found
            return


def _body(lines: Sequence[str], at: int, ends: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """The lines from one on, numbered from 1, up to the next beside it that begins another thing; comments left out."""
    for number in range(at, min(at + LONGEST, len(lines))):
        if number > at + 1 and ends.search(lines[number]) and _indent(lines[number]) <= _indent(lines[at]):
            return
        if not COMMENT.search(lines[number]):
            yield number + 1, lines[number]


def _called(body: Sequence[tuple[int, str]]) -> list[str]:
    """The names of what is called there, or handed on to be called."""
    return list(dict.fromkeys(name for _, text in body for name in re.findall(r"\b([A-Za-z_]\w{2,})\s*(?=[(),])", text)))


def _functions(files: Sequence[tuple[str, Sequence[str]]], name: str) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """The bodies of the functions of this name."""
    defined = re.compile(
        rf"\b(?:function\*?|def)\s+(?:self\.)?{name}\b|\b{name}\s*[:=]\s*(?:async\b|function\b|\()|^\s*(?:async\s+)?{name}\s*\([^)]*\)\s*\{{"
    )
    begins = regex(r"^(?:export |module\.|exports\.|(?:async )?(?:function|def) |const \w+ = (?:async )?\()")
    for file, lines in files:
        for number, text in enumerate(lines):
            if defined.search(text):
                yield file, list(_body(lines, number, begins))
