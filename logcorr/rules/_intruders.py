"""Clients who try what is refused to them: scanners, attackers, crawlers, and security tests that somebody announced.

What they are refused is nobody's loss: a limit, a rule or a check that turns them away does what it is for.
"""

from __future__ import annotations

from datetime import timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.events import REQUEST_LOGS
from logcorr.rules._askers import MOST_OF, SHARED
from logcorr.rules._requests import asked, endpoint_of
from logcorr.rules._settings import PROSE

TRIED = (
    r"(?i)/\.(?:env|git|svn|hg|aws|ssh|ht\w+|ds_store|vscode|docker)\b|/wp-(?:login|config|includes)|xmlrpc\.php|phpmyadmin|phpunit"
    r"|/(?:pma|adminer|cgi-bin|server-status|actuator/(?:env|heapdump)|boaform|hnap1|_ignition|owa|manager/html)\b|eval-stdin"
    r"|\.(?:sql|bak|old|swp)$|\.\.(?:/|%2f|\\)|%2e%2e|etc/passwd|/etc/shadow|/proc/self|win\.ini|<script|%3cscript|onerror=|jndi:"
    r"|(?:%27|')(?:[ +]|%20)*(?:;|--|(?:or|and)(?:[ +]|%20))|union(?:[ +]|%20|/\*)+(?:all(?:[ +]|%20)+)?select"
    r"|drop(?:[ +]|%20)+table\b|(?:sleep|benchmark|pg_sleep)\(|;(?:cat|id|ls|wget|curl)\b"
)
"""Addresses that are asked for to see whether they give something away."""

SCANNERS = (
    r"(?i)sqlmap|nikto|nuclei|nessus|openvas|acunetix|netsparker|invicti|\bburp|\bzap\b|owasp|wpscan|gobuster|\bdirb|feroxbuster|\bffuf"
    r"|wfuzz|masscan|zgrab|\bnmap\b|arachni|w3af|qualys|rapid7|detectify|pen-?test|penetration|vulnerab|security.?(?:scan|test|audit)"
    r"|\bhydra\b|l9explore|censys|expanse|\bxray\b"
    r"|GPTBot|ClaudeBot|CCBot|Bytespider|Amazonbot|PerplexityBot|meta-externalagent|AhrefsBot|SemrushBot|MJ12bot|DotBot|PetalBot"
    r"|DataForSeoBot|BLEXBot|Barkrowler|\bScrapy\b"
)
"""Names that such programs give themselves, and those that read whole sites for others, whom limits are mostly set against."""

ANNOUNCED = (
    r"(?i)pen[- ]?test|penetra(?:tion|ci[oó]n|ç[aã]o|zion|čn|cyjn)|pénétration|security (?:test|scan|audit|check)"
    r"|sicherheits(?:test|prüfung|scan|audit|überprüfung)|schwachstellen|test d['’]intrusion|(?:audit|test) de s[eé]curit"
    r"|(?:prueba|test|teste|auditor[ií]a|escaneo) de (?:seguridad|segurança|intrus[aãi]\w+|vulnerab\w+)"
    r"|vulnerabilit\w+ (?:test|scan|assess)\w*|biztons[aá]gi (?:vizsg|teszt|audit|ellen)\w*|sikkerheds?test"
    r"|penetratietest|güvenlik testi|sızma testi|пентест|проникновени|渗透|滲透|弱點掃描|漏洞扫描|脆弱性診断|侵入テスト"
)
"""How a note speaks of such a test."""

ADDRESS = regex(r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-f]{1,4}:){2,7}:?[0-9a-f]{0,4})(?![\w:]|\.\d)")
NOT_REFUSED, UNAVAILABLE = (408, 499), 503
DENIED, NEAR = (401, 403, 404, 429), 3
"""What guesses are answered with; so near to the line of a note that speaks of such a test stands where it comes from."""

FEWEST_TRIES, FEWEST_REFUSED, FEWEST_WAYS, LEAST_UNSERVED, FEWEST_VISITORS = 3, 10, 5, 0.3, 3
"""Who gets none of so many different such addresses tries something, or who is refused so much in so many ways, if it gets
nothing of so large a part of all it asks for: others may come from the same address. A proxy's bears so many names."""

AT_ONCE, NEARLY_ALL = timedelta(seconds=2), 0.9
"""An application tells of a request that it refuses when the proxy does."""


def intruders(case: Case) -> tuple[str, ...]:
    """Their addresses, as logs of requests have them; one that makes nearly all traffic, under many names, is a proxy's."""
    requests = _asked(case)
    if requests is None:
        return ()
    tried, scans = pl.col("path").str.contains(TRIED), pl.col("agent").str.contains(SCANNERS)
    unserved = (
        requests.filter(pl.col("status") >= 400)
        .group_by("client")
        .agg(
            refused=pl.col("refused").sum(),
            denied=pl.col("status").is_in(DENIED).sum(),
            unserved=pl.len(),
            ways=pl.col("status").filter("refused").n_unique(),
            tries=pl.col("path").filter(tried).n_unique(),
            scans=scans.sum(),
        )
        .collect(engine="streaming")
    )
    whole = requests.group_by("client").agg(all=pl.len()).collect(engine="streaming")  # joined lazily, all is read twice
    clients = whole.join(unserved, on="client", how="left").fill_null(0)
    tries = pl.max_horizontal("tries", "scans") >= FEWEST_TRIES
    tries |= (pl.col("refused") >= FEWEST_REFUSED) & (pl.col("ways") >= FEWEST_WAYS)
    tries &= pl.col("unserved") >= LEAST_UNSERVED * pl.col("all")
    announced = pl.col("client").is_in(_announced(case)) & (pl.col("refused") > 0)
    busy = clients.filter(pl.col("all") >= SHARED * pl.col("all").sum())["client"]
    alone = ~pl.col("client").is_in(_of_many(requests, busy))
    never = clients.filter((pl.col("denied") >= FEWEST_REFUSED) & (pl.col("denied") >= NEARLY_ALL * pl.col("all")))["client"]
    guessing = set(_served_to_others(requests, never)) if len(never) else set()
    return tuple(sorted({*clients.filter(alone & (tries | announced))["client"], *guessing}))


def _of_many(requests: pl.LazyFrame, clients: pl.Series) -> list[str]:
    """Those of these clients that bear several visitors' names."""
    theirs = requests.filter(pl.col("client").is_in(clients.implode())).group_by("client").agg(pl.col("agent").n_unique())
    return (
        theirs.filter(pl.col("agent") >= FEWEST_VISITORS).collect(engine="streaming")["client"].to_list() if len(clients) else []
    )


def _served_to_others(requests: pl.LazyFrame, never: pl.Series) -> list[str]:
    """Those of these clients, who get nothing, that ask for what others get before and after: they guess."""
    theirs, well = pl.col("client").is_in(never.implode()), pl.col("status") < 400
    asked_for = requests.with_columns(endpoint=endpoint_of(pl.col("path")))
    others = (
        asked_for.filter(~theirs)
        .group_by("endpoint")
        .agg(well=well.sum(), others=pl.len(), last=pl.col("time").filter(well).max())
    )
    served = others.filter((pl.col("well") >= FEWEST_REFUSED) & (pl.col("well") >= MOST_OF * pl.col("others")))
    shares = (
        asked_for.filter(theirs)
        .join(served, on="endpoint", how="left")
        .group_by("client")
        .agg(served=(pl.col("last") >= pl.col("time")).fill_null(False).mean())
    )
    found = shares.filter(pl.col("served") >= MOST_OF).collect(engine="streaming")["client"]
    return found.to_list()


def _asked(case: Case) -> pl.LazyFrame | None:
    """What clients asked and whether it was refused, of whatever format tells it; None where none does."""
    frames = []
    for records in map(case.records, REQUEST_LOGS):
        there = set(records.collect_schema())
        request = pl.col("request") if "request" in there else pl.concat_str("request_method", "request_uri", separator=" ")
        if {"client", "status"} <= there and ("request" in there or {"request_method", "request_uri"} <= there):
            frames.append(
                records.select(
                    *("file", "line", "time", "client", "status"),
                    path=request.str.extract(r"^\S+ (.*?)(?: HTTP/[\d.]+)?$", 1).fill_null(""),
                    agent=(pl.col("user_agent") if "user_agent" in there else pl.lit("")).fill_null(""),
                    refused=pl.col("status").is_between(400, 499) & ~pl.col("status").is_in(NOT_REFUSED),
                ).drop_nulls(("client", "status"))
            )
    return pl.concat(frames, how="vertical_relaxed") if frames else None


def _announced(case: Case) -> list[str]:
    """The addresses that notes name beside where such a test is spoken of."""
    logs = {source.path for source in case.sources}
    found: set[str] = set()
    for path in sorted(path for path in case.files - logs if path.endswith(PROSE[:4])):
        lines = case.lines(path).select("line", "text", told=pl.col("text").str.contains(ANNOUNCED)).drop_nulls().collect()
        told = lines.filter("told")["line"].to_list()
        for number, text in lines.select("line", "text").iter_rows() if told else ():
            if any(abs(number - line) <= NEAR for line in told):
                found.update(ADDRESS.findall(text))
    return sorted(found)


def of_others(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without those whose `client` is such a one."""
    known = case.once(intruders) if rows.height else ()
    return rows.filter(~pl.col("client").is_in(known).fill_null(False)) if known else rows


def tried(case: Case, rows: pl.DataFrame) -> bool:
    """Whether most of these lines of a log of requests are such a client's."""
    known = case.once(intruders) if rows.height else ()
    requests = _asked(case) if known else None
    if requests is None:
        return False
    theirs = requests.filter(pl.col("client").is_in(known)).select("file", "line").collect(engine="streaming")
    return rows.join(theirs, on=["file", "line"], how="semi").height >= MOST_OF * rows.height


def provoked(case: Case, rows: pl.DataFrame) -> bool:
    """Whether nearly all of these lines of an application stand where such a client is refused something."""
    refusals = case.once(_refusals) if rows.height else None
    if refusals is None:
        return False
    near = rows.select("time").sort("time").join_asof(refusals, on="time", strategy="nearest", tolerance=AT_ONCE)
    return near["there"].is_not_null().sum() >= NEARLY_ALL * rows.height


def _refusals(case: Case) -> pl.DataFrame | None:
    """When they were refused something, as `there`."""
    known, requests = case.once(intruders), _asked(case)
    if not known or requests is None:
        return None
    theirs = requests.filter(pl.col("refused") & pl.col("client").is_in(known) & pl.col("time").is_not_null())
    return theirs.select("time", there="time").collect(engine="streaming").sort("time")


def kept_out(case: Case, failed: pl.DataFrame) -> pl.DataFrame:
    """The failed requests without those of such clients that a limit of the proxy answered: that is 503 by default.

    https://nginx.org/en/docs/http/ngx_http_limit_req_module.html#limit_req_status
    """
    known = case.once(intruders) if failed.height and "client.limited" in case.kinds else ()
    limited = asked(case, case.happened("client.limited").drop_nulls("time")) if known else None
    requests = _asked(case)
    if limited is None or requests is None:
        return failed
    at = limited.filter(pl.col("client").is_in(known)).select("client", "time").sort("time")
    theirs = requests.filter((pl.col("status") == UNAVAILABLE) & pl.col("client").is_in(known) & pl.col("time").is_not_null())
    told = (
        theirs.collect(engine="streaming")
        .sort("time")
        .join_asof(
            at.with_columns(there="time"), on="time", by="client", strategy="nearest", tolerance=AT_ONCE, check_sortedness=False
        )
    )
    return failed.join(told.drop_nulls("there"), on=["file", "line"], how="anti", maintain_order="left")
