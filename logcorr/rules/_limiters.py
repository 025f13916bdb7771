"""Limits that an application or gateway keeps by itself: who was turned away, by which setting, and in which words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.rules._settings import settings
from logcorr.timeline.select import texts

_NAME = (
    r"(?:\w*per_?(?:second|sec|minute|min|hour|day)|\w*rate_?limit\w*|window_?ms|\w*max_?requests\w*|throttle\w*"
    r"|replenish_?rate|\w*_rp[ms]|burst\w*)"
)
SETS = (
    rf"(?i)\b{_NAME}['\"]?\s*[:=(,]\s*[^;\d]{{0,30}}\d"
    r"|(?i)['\"`]\d+\s?(?:/|per) ?(?:s|sec|second|m|min|minute|h|hour|d|day)s?['\"`]|^\s*(?:second|minute|hour): \d+\s*$"
    r"|(?i)^\s*[\"']?rate[-_]?limit\w*[\"']?\s*:\s*\{?\s*$"
)
"""How limits of a rate are set: Express, slowapi, Django, Rails, Laravel, Spring, Kong, Traefik, and in words of one's own."""

REQUEST = r"^[A-Z]+ (\S+)"
URI = r"(?:[A-Z]{3,7} |[\"'=: ])(/[\w.~%/-]*\w)"
OWNER = r"^\s*[\"']?([\w.-]+)[\"']?\s*:\s*(?:\{|$)"
"""A member whose value is a group of settings: those of one client, or of all others."""

ANY = r"(?i)default|\ball\b|\*|global|anonymous"


def turned_away(case: Case, limited: pl.DataFrame) -> pl.DataFrame:
    """The requests that a log of them shows to be answered with 429, with `client`, `uri` and, where it is told, `user_agent`.

    Of several logs those of one format: each sees the same requests.
    """
    formats = {source.path: source.format for source in case.sources if source.format in REQUEST_LOGS}
    rows = limited.filter(pl.col("file").is_in(list(formats))).with_columns(uri=pl.col("message").str.extract(REQUEST, 1))
    counts = {name: rows.filter(pl.col("file").is_in(_files(formats, name))).height for name in REQUEST_LOGS}
    chosen = max(counts, key=lambda name: counts[name])
    rows = rows.filter(pl.col("file").is_in(_files(formats, chosen)))
    told = case.records(chosen) if rows.height else pl.LazyFrame()
    there = [name for name in ("client", "user_agent") if name in told.collect_schema()]
    if "client" not in there:
        return rows.clear().with_columns(client=pl.lit(""))
    return rows.join(told.select("file", "line", *there).collect(), on=["file", "line"], maintain_order="left").drop_nulls(
        "client"
    )


def unavailable(case: Case, said: pl.DataFrame) -> pl.DataFrame:
    """What was answered with 503 in the seconds in which an application tells that it limits."""
    second = pl.col("time").dt.truncate("1s")
    near = said.select(second.alias("second").unique())
    failed = case.happened("http.5xx").filter(pl.col("message").str.ends_with(" 503")).with_columns(second=second)
    return failed.join(near, on="second", how="semi", maintain_order="left").drop("second")


def told_alone(case: Case, said: pl.DataFrame) -> pl.DataFrame:
    """What an application says of requests, where no log of them tells: their `uri`, of an unknown `client`."""
    uris = [found[1] if (found := re.search(URI, text)) else None for text in texts(case, said)]
    return said.with_columns(client=pl.lit(""), uri=pl.Series(uris, dtype=pl.String)).drop_nulls("uri")


def _files(formats: dict[str, str], name: str) -> list[str]:
    return [path for path, one in formats.items() if one == name]


def words(case: Case, limited: pl.DataFrame) -> pl.DataFrame:
    """What applications say of it."""
    logs = [source.path for source in case.sources if source.source == "app" and source.format not in REQUEST_LOGS]
    return limited.filter(pl.col("file").is_in(logs))


def places(case: Case, said: pl.DataFrame, asker: Span | None) -> Sequence[Span]:
    """Where the limit is set that holds for who is turned away: under its name, else the one for all others, else the first."""
    apart = {file.span.path for file in case.of(NginxFile)} | ({asker.path} if asker else set())
    found = [(span, text) for span, text in settings(case, SETS) if span.path not in apart]
    if not found:
        return ()
    named = set(re.findall(r"[\w.-]{3,}", texts(case, said.head(1))[0])) if said.height else set()
    owners = [_owner(case, span) for span, _ in found]
    own = [span for (span, _), owner in zip(found, owners, strict=True) if owner in named]
    of_all = [span for (span, _), owner in zip(found, owners, strict=True) if owner and re.search(ANY, owner)]
    return (*own, *of_all, *(span for span, _ in found))[:1]


def _owner(case: Case, span: Span) -> str:
    """The name above or on the line of a setting, of the group that it belongs to."""
    above = case.lines(span.path).filter(pl.col("line").is_between(span.line - 6, span.line)).select("text").collect()["text"]
    texts_above = list(reversed(above.to_list()))
    indents = [len(text) - len(text.lstrip()) for text in texts_above]
    for text, indent in zip(texts_above, indents, strict=True):
        owner = re.match(OWNER, text)
        if owner and (text is texts_above[0] or indent < indents[0]):
            return owner[1]
    return ""


def answering(case: Case) -> Iterator[Span]:
    """Where code answers so."""
    yield from (span for span, _ in settings(case, r"(?:status|code|Status)\w*[(=: ]+429\b|TOO_MANY_REQUESTS|TooManyRequests"))
