"""How certificates are renewed here, and why that failed: which lines renew, what they say, how the challenge was answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.behaviour import Answer
from logcorr.model.case import Case
from logcorr.model.facts import Directive, NginxFile, ScheduledJob, Script
from logcorr.model.source import Span
from logcorr.rules._failed_runs import failed_runs
from logcorr.rules._jobs import scripts_of
from logcorr.semantics.nginx import Nginx
from logcorr.timeline.scripts import code_of
from logcorr.timeline.select import spans

RENEWS = regex(
    r"\b(?:certbot\b.*\brenew|acme\.sh\b.*--(?:cron|renew)|dehydrated\b.*(?:-c|--cron)|lego\b.*\brenew|step ca renew"
    r"|getssl\b.*-\w*[au]|uacme\b.*\bissue|vault write \S*pki\S*/issue)\b"
)
NAMED = regex(
    r"certbot|acme(?:\.sh|-client|-?renew|tool)|letsencrypt|dehydrated|(?:^|/)lego\b"
    r"|certs?[-_.]?renew|renew[-_.]?(?:certs?|tls|ssl)"
)
RELOADS = regex(
    r"--(?:deploy|post|renew)-hook|--reloadcmd|\bnginx\b.*-s\s+reload|(?:reload|restart)\s+nginx\b|nginx\s+(?:reload|restart)\b"
    r"|\b(?:HUP|SIGHUP)\b.*\bnginx\b"
)
CHALLENGE = "/.well-known/acme-challenge/"
ANSWERED = rf"^(?:GET|HEAD) (\S*{re.escape(CHALLENGE)}(\S*)) HTTP/[\d.]+\"? (\d{{3}})\b"
TOKEN = r"^[\w-]{20,}$"
"""What an authority asks for (RFC 8555, 8.3: at least 128 bits in base64url); scanners ask for names of files."""

SAYS_WHY = (
    r"urn:(?:ietf:params:)?acme:error:\w+|(?i:verify error:|challenge is invalid|challenge failed for|expected TXT record)"
    r"|Failed to renew cert|Some challenges have failed|All renewal(?:s| attempts) (?:have )?failed"
    r"|[Cc]hallenge validation has failed|[Cc]ould not (?:obtain|renew|get) certificate"
    r"|[Uu]nable to obtain ACME certificate|Error renew \S|[Ee]rror add(?:ing)? txt\b"
)
"""Words of certbot, acme.sh, dehydrated, lego, Caddy, Traefik, and of authorities, for a renewal that fails."""

RENEWED = regex(r"(?:^|/)renewal/(?P<name>[^/]+)\.conf$")
LINEAGE = regex(r"/live/(?P<name>[^/]+)/")
FAILED_FOR = r"(?:Failed to renew certificate |/live/)([\w.*-]+)"
SECOND = regex(r"-\d{4}$")
"""certbot's file for a certificate that it renews, the folder it keeps it in, whose renewal it says fails, and what it adds to a
name that it has already."""

NEAR = timedelta(minutes=15)
"""An authority asks while the renewal waits for it."""

BY_HTTP, BY_TLS = ("http", 80), ("https", 443)


class Trouble(Struct, frozen=True, kw_only=True):
    """A renewal that fails to this day: the rows that tell of it, in time order, and who runs it.

    `refused` are the authority's requests that were answered badly, `status` what the last of them got, `told` what else tells
    of it; `why` is the first line in words. `taken` are the places in nginx's configuration that answer such a request.
    """

    refused: pl.DataFrame
    told: pl.DataFrame
    status: int | None
    why: Span | None
    taken: tuple[Span, ...] = ()
    line: Span | None = None
    job: ScheduledJob | None = None


def certificates(case: Case) -> list[Directive]:
    """The lines with which nginx loads its certificates."""
    return [one for one in _directives(case) if one.name == "ssl_certificate" and one.args]


def stray(case: Case) -> tuple[Directive, Span] | None:
    """A certificate of certbot's that nginx loads and nothing renews any more, and where another of that name is renewed instead.

    certbot keeps a file a certificate below `renewal/`, and calls the second of a name `NAME-0001`
    (https://eff-certbot.readthedocs.io/en/stable/using.html#managing-certificates).
    """
    renewed = {found["name"]: Span(path, 1) for path in sorted(case.files) if (found := RENEWED.search(path))}
    for one in certificates(case):
        loaded = LINEAGE.search(one.args[0])
        others = [name for name in renewed if loaded and SECOND.sub("", name) == SECOND.sub("", loaded["name"])]
        if loaded and others and loaded["name"] not in renewed:
            return one, renewed[others[0]]
    return None


def names(case: Case) -> set[str]:
    """The names of nginx's servers."""
    return {name for one in _directives(case) if one.name == "server_name" for name in one.args}


def renewed_names(case: Case) -> set[str]:
    """The names that certbot gave the certificates that it renews: each its first domain's, mostly."""
    return {SECOND.sub("", found["name"]) for path in case.files if (found := RENEWED.search(path))}


def _directives(case: Case) -> Iterator[Directive]:
    return (one for file in case.of(NginxFile) for top in file.directives for one in top.walk())


def renewals(case: Case) -> Iterator[tuple[Span, bool]]:
    """Where certificates are renewed, and whether that script reloads what uses them."""
    texts = [(script.span, script.text) for script in case.of(Script)]
    texts += [(job.span, job.command) for job in case.of(ScheduledJob)]
    seen = set()
    for span, text in texts:
        for number, line in enumerate(text.split("\n")):
            place = Span(span.path, span.line + number)
            if RENEWS.search(line) and not line.lstrip().startswith("#") and place not in seen:
                seen.add(place)
                yield place, bool(RELOADS.search(text))


def reloads(case: Case) -> Iterator[Span]:
    """The lines of scripts by which nginx is told to load anew what was renewed."""
    return (place for script in case.of(Script) for place, line in code_of(script) if RELOADS.search(line))


def replaced(case: Case) -> Iterator[tuple[Span, bool]]:
    """Where a script writes a file that nginx serves as its certificate, and whether that script reloads nginx."""
    served = {one.args[0].rpartition("/")[2] for one in certificates(case)}
    for script in case.of(Script):
        for number, line in enumerate(script.text.split("\n")):
            moved = re.search(r"^\s*(?:mv|cp|install|ln)\b.*?([^\s/]+)\s*$", line) or re.search(r">\s*\S*?([^\s/]+)\s*$", line)
            if moved and moved[1].strip("\"'") in served:
                yield Span(script.span.path, script.span.line + number), bool(RELOADS.search(script.text))


def trouble(case: Case) -> Trouble | None:
    """What shows that the renewal fails, if anything does; None where a later challenge was answered well, or a later run was."""
    runs = [one for one in case.once(failed_runs) if _renews(case, one.command, one.name)]
    if any(one.well for one in runs):
        return None
    logged = pl.col("message").str.contains(rf"{re.escape(CHALLENGE)}|{SAYS_WHY}") & pl.col("time").is_not_null()
    rows = case.timeline.filter(logged).collect(engine="streaming")
    asked, said = _asked(rows), rows.filter(pl.col("message").str.contains(SAYS_WHY) & (pl.col("source") != "nginx"))
    if _is_for_others(case, said):
        return None
    told = (
        pl.concat([said, *(one.rows.select(said.columns) for one in runs)]).unique(["file", "line"]).sort("time", "file", "line")
    )
    refused = _refused(asked, told)
    if refused is None or (refused.is_empty() and told.is_empty()):
        return None
    words = [span for one in runs for span in one.words] or list(spans(said))
    line, job = _run_by(case)
    status = int(refused["status"][-1]) if refused.height else None
    return Trouble(
        refused=refused,
        told=told,
        status=status,
        why=words[0] if words else None,
        taken=tuple(_taken(case, rows, refused, status)) if status else (),
        line=line,
        job=next((one.job for one in runs if one.job), job),
    )


def _is_for_others(case: Case, said: pl.DataFrame) -> bool:
    """Whether every certificate that is said not to be renewed is another one than nginx loads, and for other names."""
    failed = {SECOND.sub("", name) for name in said["message"].str.extract(FAILED_FOR, 1).drop_nulls()}
    loaded = {SECOND.sub("", found["name"]) for one in certificates(case) if (found := LINEAGE.search(one.args[0]))}
    ours = loaded | {part for name in names(case) for part in (name, name.partition(".")[2])}
    return bool(failed and ours) and not failed & ours


def _asked(rows: pl.DataFrame) -> pl.DataFrame:
    """The requests for challenges, with `path`, `token` and `status`."""
    groups = pl.col("message").str.extract_groups(ANSWERED).struct
    parts = (groups.field("1").alias("path"), groups.field("2").alias("token"), groups.field("3").cast(pl.Int32).alias("status"))
    return rows.with_columns(*parts).drop_nulls("status")


def _refused(asked: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame | None:
    """The authority's requests that were refused; None where the last of its requests was answered well."""
    near = pl.any_horizontal(
        pl.lit(False), *(pl.col("time").is_between(time - NEAR, time + NEAR) for time in told["time"].unique())
    )
    own = asked.filter(pl.col("token").str.contains(TOKEN) | near)
    if own.height and own["status"][-1] < 300:
        return None
    return own.filter(pl.col("status") >= 400)


def _renews(case: Case, command: str, name: str) -> bool:
    """Whether a job renews certificates: by its command, by its name, or by what its scripts do."""
    if RENEWS.search(command) or NAMED.search(name):
        return True
    own = [schedule for schedule in case.schedules if schedule.job.command.strip() == command]
    writing = {span.path for span, _ in replaced(case)}
    scripts = [script for schedule in own for script in scripts_of(case, schedule)]
    return any(_is_renewal(script.text) or script.span.path in writing for script in scripts)


def _is_renewal(text: str) -> bool:
    return bool(RENEWS.search(text) or CHALLENGE.strip("/") in text)


def _run_by(case: Case) -> tuple[Span | None, ScheduledJob | None]:
    """The line that renews, and the job that it belongs to."""
    writes = {span for span, _ in replaced(case)}
    for schedule in case.schedules:
        for script in scripts_of(case, schedule):
            for number, line in enumerate(script.text.split("\n")):
                place = Span(script.span.path, script.span.line + number)
                if place in writes or (_is_renewal(line) and not line.lstrip().startswith("#")):
                    return place, schedule.job
    return next((span for span, _ in renewals(case)), None), None


def _taken(case: Case, rows: pl.DataFrame, refused: pl.DataFrame, status: int) -> Iterator[Span]:
    """The location that takes the authority's request, what in it decides, and the location that was meant for it."""
    files = tuple(case.of(NginxFile))
    path = str(refused["path"][-1])
    hosts = [*rows["message"].str.extract(r'host: "([\w.-]+)').drop_nulls().unique(maintain_order=True), *sorted(names(case))]
    nginx = Nginx.of(files) if files else None
    for host in dict.fromkeys(hosts) if nginx else ():
        for scheme, port in (BY_HTTP, BY_TLS):
            for answer in nginx.request(host, port, path, scheme=scheme, client="198.51.100.1") if nginx else ():
                if answer.status in (status, None) and not answer.unknown:
                    yield from dict.fromkeys((*_location(answer), answer.at, *_meant(case, answer)))
                    return


def _location(answer: Answer) -> Iterator[Span]:
    steps = [span for text, span in answer.trace if text.startswith("location ")]
    yield from steps[-1:]


def _meant(case: Case, answer: Answer) -> Iterator[Span]:
    """Another location of that path: it is there, and does not take the request."""
    passed = {span for _, span in answer.trace}
    named = (one for one in _directives(case) if one.name == "location" and any("acme-challenge" in arg for arg in one.args))
    yield from (one.span for one in named if one.span not in passed)
