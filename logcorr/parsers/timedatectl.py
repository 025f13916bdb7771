"""The host's time zone, as `timedatectl`, /etc/timezone, `ls -l /etc/localtime` or `date` tell it.

                    Time zone: Asia/Taipei (CST, +0800)
    System clock synchronized: yes

Format: systemd's timedatectl.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Setting
from logcorr.model.source import Artifact, Sample
from logcorr.parsers import configuration_parser

_STATUS_ZONE = regex(r"\s*Time ?zone:\s+(?P<zone>[\w+/-]+)(\s+\(.*\))?\s*", re.IGNORECASE)
_SHOWN_ZONE = regex(r"Timezone=(?P<zone>[\w+/-]+)\s*")
_LINKED_ZONE = regex(r".*/etc/localtime -> \S*zoneinfo/(?P<zone>[\w+/-]+)\s*")
_NAMED_ZONE = regex(
    r"(?P<zone>(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[\w+/-]+|UTC|GMT)\s*"
)
_SYNCHRONISED = regex(r"\s*(?:System clock|NTP) synchronized:\s+(?P<word>yes|no)\s*")
_CLOCK = regex(r"\s*(Local|Universal|RTC) time:\s(?:.*?(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d))?")

_DATE = regex(
    r"""
    [A-Z][a-z]{2},?\s+ (?:[A-Z][a-z]{2}\s+\d{1,2}|\d{1,2}\s+[A-Z][a-z]{2}\s+\d{4}) \s+
    \d{1,2}:\d\d:\d\d (?:\ [AP]M)?\s+ (?P<zone>[A-Z]{3,5}|[+-]\d{2}(?:\d{2})?) (?:\s+\d{4})?
    | \d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d (?P<offset>[+-]\d\d:?\d\d)
    | (?:[A-Z][a-z]{2}\ )?\d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d\ (?P<short>[A-Z]{3,5}) (?:\ \((?P<ahead>[+-]\d{4})\))?
    """,
    re.VERBOSE,
)
_COMMAND = regex(r"(?:[^#$>]*[^#$>\s])?[$#>]\s+(?P<command>\S.*)")
_ASKED = regex(r"(?:sudo )?(?:date|timedatectl|hostname|uptime|cat /etc/timezone|ls -l\S* /etc/localtime)\b[^|]*")
_ELSEWHERE = regex(r"(?:sudo )?(?:TZ=\S+ +date\b|date\b[^;&|]*\s(?:-[a-zA-Z]*u|--utc|--universal)\b)")
_ABBREVIATED = {"UTC": "UTC", "GMT": "UTC", "WET": "UTC", "JST": "+09:00", "KST": "+09:00", "HKT": "+08:00", "MSK": "+03:00"} | {
    "WEST": "+01:00",
    "CET": "+01:00",
    "CEST": "+02:00",
    "EET": "+02:00",
    "EEST": "+03:00",
    "SAST": "+02:00",
    "WIB": "+07:00",
    "AWST": "+08:00",
    "AEST": "+10:00",
    "AEDT": "+11:00",
    "NZST": "+12:00",
    "NZDT": "+13:00",
    "EDT": "-04:00",
    "MDT": "-06:00",
    "PDT": "-07:00",
}
"""Abbreviations of one meaning; CST, IST and BST have several."""

_NEAR_S, _QUARTER_S = 120, 900
"""Two clocks of one capture are read within so many seconds; zones are whole quarters of an hour apart."""


def _recognise(sample: Sample) -> float:
    if any(_CLOCK.match(line) for line in sample.lines[:10]) and any(_STATUS_ZONE.fullmatch(line) for line in sample.lines[:20]):
        return 0.97
    lines = [line.strip() for line in sample.lines if line.strip() and not _COMMAND.fullmatch(line)]
    told = [line for line in lines if _DATE.fullmatch(line) or _LINKED_ZONE.fullmatch(line) or _SHOWN_ZONE.fullmatch(line)]
    if told and all(line in told or _NAMED_ZONE.fullmatch(line) for line in lines):
        return 0.97
    named = sample.name in {"timezone", "timezone.txt", "TZ"}
    return 0.9 if named and len(lines) == 1 and _NAMED_ZONE.fullmatch(lines[0]) else 0.0


@configuration_parser(title="time zone", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact]:
    """The zone as the setting `TZ`; whether the clock is synchronised as `NTPSynchronized` (systemd's name for it).

    What `date` prints is the setting `date`; it tells the zone where it ends in an offset, in an abbreviation of one meaning, or
    where `date -u` stands beside it. A zone's name says more than an offset, so it comes first. What a command asked elsewhere
    (`docker exec web date`) tells nothing of the host, nor does `date -u` by itself. Of several outputs of timedatectl the newest
    comes first: the others are of former hosts, or former settings of this one.
    """
    lines = list(_of_the_host(enumerate(artifact.text().split("\n"), 1)))
    dates = [date for _, line in lines if (date := _DATE.fullmatch(line.strip()))]
    commands = [(number, found["command"]) for number, line in lines if (found := _COMMAND.fullmatch(line))]
    elsewhere = {number + 1 for number, command in commands if _ELSEWHERE.match(command)}
    named = any(_named(line) for _, line in lines)
    for _, number, line in sorted(_dated(lines), key=lambda one: (one[0], bool(_named(one[2]))), reverse=True):
        if zone := _named(line):
            yield Setting(span=artifact.span(number), name="TZ", value=zone)
        elif date := _DATE.fullmatch(line.strip()):
            yield Setting(span=artifact.span(number), name="date", value=line.strip())
            ahead = None if named or number in elsewhere else _ahead(date, dates)
            if ahead:
                yield Setting(span=artifact.span(number), name="TZ", value=ahead)
        elif synchronised := _SYNCHRONISED.fullmatch(line):
            yield Setting(span=artifact.span(number), name="NTPSynchronized", value=synchronised["word"])


def _named(line: str) -> str | None:
    """The zone that a line names."""
    forms = (form.fullmatch(line) for form in (_STATUS_ZONE, _SHOWN_ZONE, _LINKED_ZONE, _NAMED_ZONE))
    return next((form["zone"] for form in forms if form), None)


def _of_the_host(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines without those that follow a command which asks something else than this host."""
    asked = True
    for number, line in lines:
        if command := _COMMAND.fullmatch(line):
            asked = bool(_ASKED.match(command["command"]))
        if asked:
            yield number, line


def _dated(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[str, int, str]]:
    """The lines, numbered, each with when the output of timedatectl was made that it belongs to, if it does to one."""
    at = ""
    for number, line in lines:
        clock = _CLOCK.match(line)
        at = (clock["at"] or at) if clock and (not at or line.strip().startswith("Local")) else at
        yield at, number, line


def _ahead(date: re.Match[str], dates: Sequence[re.Match[str]]) -> str | None:
    """The offset that a date tells by itself, or by the one in UTC beside it; None for the one in UTC where another is local."""
    own = _zone(date["zone"] or date["offset"] or date["ahead"] or date["short"])
    others = [other for other in dates if other is not date]
    if own == "UTC" and any(_word(other) != _word(date) for other in others):
        return None
    return own or next(filter(None, (_apart(date, other) for other in others if _word(other) == "UTC")), None)


def _word(date: re.Match[str]) -> str:
    return date["zone"] or date["offset"] or date["short"]


def _apart(local: re.Match[str], utc: re.Match[str]) -> str | None:
    """How far one clock is ahead of another, if by whole quarters of an hour."""
    from dateutil.parser import parse  # two dates side by side are rare, and to import it takes longer than to read most captures

    ahead_s = (parse(local[0], ignoretz=True) - parse(utc[0], ignoretz=True)).total_seconds()
    quarters = round(ahead_s / _QUARTER_S)
    hours, minutes = divmod(abs(quarters) * 15, 60)
    return f"{'-' if quarters < 0 else '+'}{hours:02}:{minutes:02}" if abs(ahead_s - quarters * _QUARTER_S) <= _NEAR_S else None


def _zone(word: str) -> str | None:
    """`+0530` as `+05:30`, `-05` as `-05:00`, an abbreviation as its offset; none for one of several meanings."""
    if word[0] in "+-":
        return f"{word[:3]}:{word[3:].removeprefix(':') or '00'}"
    return _ABBREVIATED.get(word)
