"""Who asks too much: a line of a script with its job, visitors, or something on the host itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case, Schedule
from logcorr.model.facts import ScheduledJob, Script
from logcorr.model.source import Span
from logcorr.rules._jobs import programs_of, scripts_of
from logcorr.rules._settings import COMMENT
from logcorr.timeline.scripts import code_of
from logcorr.timeline.select import seconds

NUMBERED = regex(r"/(?:\d+|[0-9a-f-]{16,})(?:[/.]|$)")
"""Where a path begins to name one thing of many."""

LOOPBACK = ("127.", "::1")
LOCAL = regex(r"https?://(?:127\.[\d.]+|localhost|\[::1\])(?=[:/\s\"']|$)")
TOOL = regex(r"\b(?:curl|[wW]get)\b")
AGENT = regex(r"(?:-A|--user-agent)[ =]*(?P<quote>[\"']?)(?P<agent>[^\"'\s]+)")

REPEATS = regex(
    r"\b(?:for|while|until|xargs|parallel|seq|repeat|watch|ab|hey|wrk)\b|\[\d+-\d+|\{[^}\s]*(?:,|\.\.)[^}\s]*\}"
    r"| (?:-i|-K|--input-file|--config|-r|--recursive)\b"
)
"""How a script in the shell asks for many: loops, ranges and lists in an address, and lists that it reads."""

RUN_S, TRIES = 600, 4
"""A run may still ask so long after its start; curl and wget are often told to try three times more."""

DENIED, LIMITED, MOST_GUESSES = (401, 403), (429, 503), 0.8
"""What guesses of passwords are answered with, and what a limit answers."""

MOST_OF = 0.5
CROWD = 5
"""So many clients, none with most of it, are visitors and no scanner."""

CODE = (
    r"\b(?:fetch|axios|got|ky|undici|superagent|requests?|https?|httpx|urlopen|session|client|Net::HTTP)\b(?:\.\w+)*(?:<\w+>)?\("
)
"""The calls by which programs in other languages than the shell ask."""

SHELL = r"\b(?:curl|wget|http|https|xh|aria2c)\b .*(?:https?://|\$)"

SCRIPTED, JVM = ("node", "undici", "axios", "got"), ("java", "okhttp")
RUNTIMES = {
    **dict.fromkeys(("js", "mjs", "cjs", "ts", "mts"), SCRIPTED),
    **dict.fromkeys(("java", "kt", "jar"), JVM),
    "py": ("python", "aiohttp", "httpx"),
    "rb": ("ruby",),
    "go": ("go-http",),
    "php": ("php",),
    "pl": ("perl", "libwww-perl"),
}
"""Names by which programs ask that give none, by how files of their language end."""

DISTINCT = 5
"""A shorter name before a version may be anybody's."""

SHARED = 0.8
"""One address that makes so much of all traffic is a proxy or a gateway in front of this one."""

SERVED = 0.5
"""Who gets so much of what is asked for is served otherwise."""

PATH = r"^\S+ ([^ ?]+)"
PAGE, BROWSER, AGAIN = r"^(?:GET|HEAD) ([^ ?]+)", r"^Mozilla/5\.0 \([^)]*(?:Windows|Macintosh|X11|iPhone|iPad|Android)", 20
"""A page that one address asks for so often is shown somewhere, and not read by a scraper."""


class Maker(Struct, frozen=True, kw_only=True):
    """Who asks too much: a line of a script with its job, or visitors (`client` is the address they all come from, if one).

    `here`: an unknown program of the proxy's own host.
    """

    here: bool = False
    line: Span | None = None
    job: ScheduledJob | None = None
    client: str = ""


def maker(case: Case, rejected: pl.DataFrame) -> Maker | None:
    """A script that asks for what was rejected, a crowd, everybody behind one address, or something on the host itself.

    None for a stranger.
    """
    clients = Counter(rejected["client"].to_list())
    (client, count), *_ = clients.most_common(1)
    if count < MOST_OF * rejected.height:
        return Maker() if len(clients) >= CROWD and not _guessed(case, rejected) else None
    of_client = rejected.filter(pl.col("client") == client)
    line = _line(case, of_client)
    if line:
        return Maker(line=line, job=_job(case, line), client=client)
    if (_share(case, client) >= SHARED and _visitors(case, client)) or _looks_again(case, client):
        return Maker(client=client)
    return Maker(client=client, here=True) if client.startswith(LOOPBACK) else None


def _line(case: Case, rows: pl.DataFrame) -> Span | None:
    """The line of a collected script that asks for most of these paths."""
    paths = [uri.partition("?")[0] for uri in rows["uri"].to_list()]
    (prefix, count), *_ = Counter(NUMBERED.split(path)[0] for path in paths).most_common(1)
    if len(prefix) < 4 or count < MOST_OF * len(paths):
        return None
    asks = re.compile(rf"\b(?:curl|wget|http|xh|ab|hey|wrk)\b.*{re.escape(prefix)}|https?://\S*{re.escape(prefix)}")
    client, agents = str(rows["client"][0]), _agents(case, rows)
    for script in case.of(Script):
        for place, line in code_of(script):
            if asks.search(line) and _may_be(line, client, agents) and _so_many(case, script, place, rows):
                return place
    return _line_of_code(case, prefix, agents)


def _so_many(case: Case, script: Script, line: Span, rows: pl.DataFrame) -> bool:
    """Whether the runs of its job in that time can ask for so much: a script that repeats nothing asks a few times a run."""
    job, times = _job(case, line), seconds(rows)
    ticks = next((one.ticks for one in case.schedules if job and one.job.span == job.span), None)
    code = [text for _, text in code_of(script)]
    if (
        ticks is None
        or not ticks.size
        or not times.size
        or any(REPEATS.search(text) for text in (*code, job.command if job else ""))
    ):
        return True
    runs = int(((ticks >= times.min() - RUN_S) & (ticks <= times.max())).sum())
    return rows.height <= TRIES * len(code) * runs


def _line_of_code(case: Case, prefix: str, agents: set[str]) -> Span | None:
    """The line of a program that asks for such paths: a job's, under one of those names, or any that gives itself such a name."""
    jobs = sorted(_programs(case))
    for path in (*jobs, *sorted(path for path in case.files if path.rpartition(".")[2] in RUNTIMES and path not in jobs)):
        lines = case.lines(path).filter(~pl.col("text").str.contains(COMMENT)).select("line", "text").collect()
        whole = "\n".join(lines["text"])
        runtimes = RUNTIMES.get(path.rpartition(".")[2], ())
        by_default = path in jobs and (not agents or any(agent.lower().startswith(runtimes) for agent in agents))
        if by_default or any(_gives(whole, agent) for agent in agents):
            asking = next((found for pattern in _asking(prefix, whole) if (found := _first(lines, pattern))), None)
            if asking:
                return Span(path, asking)
    return None


def _gives(whole: str, agent: str) -> bool:
    """Whether a program holds the name by which it asks, or the name before a version that it computes."""
    product, _, version = agent.partition("/")
    computed = len(product) >= DISTINCT and bool(version) and re.search(rf"[\"'`]{re.escape(product)}/", whole)
    return agent in whole or bool(computed)


def _asking(prefix: str, whole: str) -> Iterator[str]:
    """What the line looks like that asks: a call with the path's last part, with the name of a constant that holds the path, or
    with a path of its own in a program that asks elsewhere."""
    last, inside = (
        re.escape(prefix.strip("/").rpartition("/")[2]),
        rf"[\"'`](?:https?://[^\"'`]*|\$?\{{[^}}]*\}})?{re.escape(prefix)}",
    )
    yield rf"{CODE}.*/{last}(?:[^\w-]|$)"
    for name in re.findall(rf"(\w+)\s*[:=]\s*\w?{inside}", whole):
        yield rf"{CODE}.*\b{name}\b"
    if re.search(CODE, whole):
        yield rf"{inside}[/?\"'`$]"


def asking_line(case: Case, schedule: Schedule) -> Span | None:
    """The first line by which the program or script of a job asks for anything."""
    own = list(programs_of(case, schedule))
    for path in (*own, *(script.span.path for script in scripts_of(case, schedule) if script.span != schedule.job.span)):
        lines = case.lines(path).filter(~pl.col("text").str.contains(COMMENT)).select("line", "text").collect()
        asking = _first(lines, CODE if path in own else SHELL)
        if asking:
            return Span(path, asking)
    return None


def _first(lines: pl.DataFrame, pattern: str) -> int | None:
    return next(iter(lines.filter(pl.col("text").str.contains(pattern))["line"]), None)


def _programs(case: Case) -> dict[str, ScheduledJob]:
    """The programs of jobs, each with the first that runs it."""
    return {path: schedule.job for schedule in reversed(case.schedules) for path in programs_of(case, schedule)}


def _may_be(line: str, client: str, agents: set[str]) -> bool:
    """Whether requests of this line can come from that address (any, if it is empty), under one of those names.

    What asks the own machine by its loopback address comes from there; a tool goes by its own name, or by the one it is given.
    """
    local = LOCAL.search(line) is not None
    if local and client and not client.startswith(LOOPBACK):
        return False
    tool, given = TOOL.search(line), AGENT.search(line)
    named = given["agent"] if given else tool[0] if tool else ""
    return not agents or "$" in named or any(named.lower() in agent.lower() for agent in agents)


def _job(case: Case, line: Span) -> ScheduledJob | None:
    name = line.path.rpartition("/")[2]
    named = (one.job for one in case.schedules if name in one.job.command or one.job.span == line)
    return next(named, None) or _programs(case).get(line.path)


def access(case: Case) -> pl.LazyFrame:
    told = case.records("nginx_access")
    return told if "client" in told.collect_schema() else pl.LazyFrame(schema={"client": pl.String(), "user_agent": pl.String()})


def _agents(case: Case, rows: pl.DataFrame) -> set[str]:
    """By which names they ask; empty where no log tells. Where the rows do not tell, it is by which their address asks."""
    if "user_agent" in rows.columns:
        return set(rows["user_agent"].drop_nulls())
    told = access(case)
    if "user_agent" not in told.collect_schema():
        return set()
    return set(
        told.filter(pl.col("client") == rows["client"][0]).select("user_agent").unique().collect()["user_agent"].drop_nulls()
    )


def _share(case: Case, client: str) -> float:
    """How much of all requests this address makes."""
    shares = access(case).select((pl.col("client") == client).mean()).collect(engine="streaming")
    return float(shares.item() or 0.0)


def _looks_again(case: Case, client: str) -> bool:
    """Whether browsers at this address look at the same few pages again and again, and mostly get them: boards in an office."""
    told = access(case)
    if not {"user_agent", "request", "status"} <= set(told.collect_schema()):
        return False
    own = told.filter(pl.col("client") == client)
    shares = own.select(
        pl.col("user_agent").str.contains(BROWSER).mean().alias("browsers"),
        (pl.col("status") < 400).mean().alias("served"),
        (pl.len().over(pl.col("request").str.extract(PAGE, 1)) >= AGAIN).mean().alias("again"),
    )
    browsers, served, again = (float(share or 0.0) for share in shares.collect(engine="streaming").row(0))
    return browsers >= MOST_OF and again >= MOST_OF and served >= SERVED


def _guessed(case: Case, rejected: pl.DataFrame) -> bool:
    """Whether what was let through of the same requests in that time was nearly all denied: many addresses guess passwords."""
    told = access(case)
    if not {"request", "status", "time"} <= set(told.collect_schema()):
        return False
    (path, _), *_ = Counter(uri.partition("?")[0] for uri in rejected["uri"].to_list()).most_common(1)
    same = pl.col("request").str.extract(PATH, 1) == path
    then = pl.col("time").is_between(rejected["time"].min(), rejected["time"].max())
    through = told.filter(same & then & ~pl.col("status").is_in(LIMITED)).select(pl.col("status").is_in(DENIED).mean())
    return float(through.collect(engine="streaming").item() or 0.0) >= MOST_GUESSES


def _visitors(case: Case, client: str) -> bool:
    """Whether several sorts of browsers come from this address."""
    told = access(case)
    if "user_agent" not in told.collect_schema():
        return False
    return int(told.filter(pl.col("client") == client).select(pl.col("user_agent").n_unique()).collect().item()) >= 3
