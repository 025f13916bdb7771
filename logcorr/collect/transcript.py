"""Terminal sessions: what a command shows of a host is read as a file of its own would be, under the lines that it has there."""

from __future__ import annotations

import re
from itertools import pairwise

from logcorr.collect.envelopes import Envelope
from logcorr.lazily import pl, regex
from logcorr.model.source import Sample

_PROMPT = r"^(?:\(\S+\) )?(?:\[?[\w.-]+@[\w.-]+[: ][^$#>]{0,100}[$#]|\$|root#)\s+(\S.*)$"
"""`$ docker ps`, `deploy@web1:/srv/shop$ docker ps`, `[root@web1 ~]# docker ps`."""

_SHOWS = (
    r"(?:^|[;&|]\s*|\bsudo (?:-\S+ )*)(?:(?:docker|podman)(?: compose|-compose)?(?: -\S+(?: [^-\s]\S*)?)* (?:ps|inspect)\b"
    r"|docker-compose(?: -\S+(?: [^-\s]\S*)?)* ps\b|pm2 (?:ls|list|status|l)\b|systemctl(?: --\S+)* status\b|timedatectl\b"
    r"|crontab (?:-u \S+ )?-l|ps (?:-?[a-z]+)|printenv\b|env\s*(?:$|\|)|ls -\S*l|supervisorctl status\b"
    r"|cat (?:\S*/)?(?:cron\S*/\S+|crontab|\S+\.(?:ya?ml|conf|service|timer|env|sh)|\.env|Dockerfile)\b)"
)
"""Commands whose output is a capture, or a file of configuration; of logs they would show what is collected anyway."""

_DATE = (
    r"^[A-Z][a-z]{2},?\s+(?:[A-Z][a-z]{2}\s+\d{1,2}|\d{1,2}\s+[A-Z][a-z]{2}\s+\d{4})\s+\d{1,2}:\d\d:\d\d(?:\s[AP]M)?"
    r"\s+(?:[A-Z]{3,5}|[+-]\d{2}(?:\d{2})?)(?:\s+\d{4})?\s*$"
)
"""What `date` prints, also before what another command shows (`date; docker ps`): it tells the zone of the host."""

_ELSEWHERE = r"^(?:sudo )?(?:TZ=\S+ +date\b|date\b[^;&|]*\s(?:-[a-zA-Z]*u|--utc|--universal)\b)"
"""A command whose first output is the time of another zone (`date -u`): of the host's own that tells nothing."""

_PREFACE = 3
"""So many lines may stand before the first prompt: who ran it, and when."""


def _sections(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Lines that such a command printed, `writer` its number; null for prompts and all others. A date is read by itself."""
    command = pl.col("text").str.extract(_PROMPT, 1)
    prompt = command.is_not_null()
    shown = pl.when(prompt).then(command.str.contains(_SHOWS)).forward_fill().fill_null(value=False) & ~prompt
    dated = prompt.shift(1).fill_null(value=False) & pl.col("text").str.contains(_DATE)
    abroad = command.str.contains(_ELSEWHERE).shift(1).fill_null(value=False)
    number = prompt.cum_sum().cast(pl.String)
    writer = pl.when(dated & abroad).then(None).when(dated).then(number + pl.lit(" date")).when(shown).then(number)
    return lines.with_columns(writer.alias("writer"))


TRANSCRIPT = Envelope("transcript", lambda line: line, _sections)

_IS_PROMPT, _IS_SHOWN, _IS_DATE = regex(_PROMPT), re.compile(_SHOWS), regex(_DATE)


def around(sample: Sample) -> Envelope | None:
    """A session: it begins with a prompt, and some command shows what can be read, be it not the only one, or after a date."""
    begin = [line for line in sample.lines if line and not line.isspace()][: _PREFACE + 1]
    if not any(map(_IS_PROMPT.match, begin)):
        return None
    commands = [found[1] for line in sample.lines if (found := _IS_PROMPT.match(line))]
    dated = any(_IS_PROMPT.match(first) and _IS_DATE.match(then) for first, then in pairwise(sample.lines))
    return TRANSCRIPT if (dated or len(commands) > 1) and any(map(_IS_SHOWN.search, commands)) else None
