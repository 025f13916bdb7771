"""The host's time zone, as `timedatectl`, /etc/timezone, `ls -l /etc/localtime` or `date` tell it.

                    Time zone: Asia/Taipei (CST, +0800)
    System clock synchronized: yes

Format: systemd's timedatectl.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

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
    """,
    re.VERBOSE,
)
_COMMAND = regex(r"[^#]*[$#>]\s*date\b.*")
_ABBREVIATED = {"UTC": "UTC", "JST": "+09:00", "KST": "+09:00", "HKT": "+08:00", "MSK": "+03:00"} | {
    "CET": "+01:00",
    "CEST": "+02:00",
    "EET": "+02:00",
    "EEST": "+03:00",
    "EDT": "-04:00",
    "MDT": "-06:00",
    "PDT": "-07:00",
}
"""Abbreviations of one meaning; CST, IST and BST have several."""


def _recognise(sample: Sample) -> float:
    if any(_CLOCK.match(line) for line in sample.lines[:10]) and any(_STATUS_ZONE.fullmatch(line) for line in sample.lines[:20]):
        return 0.97
    lines = [line for line in sample.lines if line.strip() and not _COMMAND.fullmatch(line)]
    if len(lines) == 1 and _DATE.fullmatch(lines[0].strip()):
        return 0.97
    if len(lines) == 1 and (_LINKED_ZONE.fullmatch(lines[0]) or _SHOWN_ZONE.fullmatch(lines[0])):
        return 0.97
    named = sample.name in {"timezone", "timezone.txt", "TZ"}
    return 0.9 if named and len(lines) == 1 and _NAMED_ZONE.fullmatch(lines[0]) else 0.0


@configuration_parser(title="time zone", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact]:
    """The zone as the setting `TZ`; whether the clock is synchronised as `NTPSynchronized` (systemd's name for it).

    What `date` prints is the setting `date`; it tells the zone where it ends in an offset, or in an abbreviation of one meaning.
    Of several outputs of timedatectl the newest comes first: the others are of former hosts, or former settings of this one.
    """
    lines = list(enumerate(artifact.text().split("\n"), 1))
    for _, number, line in sorted(_dated(lines), key=lambda one: one[0], reverse=True):
        zone = next(filter(None, (form.fullmatch(line) for form in (_STATUS_ZONE, _SHOWN_ZONE, _LINKED_ZONE, _NAMED_ZONE))), None)
        if zone:
            yield Setting(span=artifact.span(number), name="TZ", value=zone["zone"])
        elif date := _DATE.fullmatch(line.strip()):
            yield Setting(span=artifact.span(number), name="date", value=line.strip())
            zone_name = _zone(date["zone"] or date["offset"])
            if zone_name:
                yield Setting(span=artifact.span(number), name="TZ", value=zone_name)
        elif synchronised := _SYNCHRONISED.fullmatch(line):
            yield Setting(span=artifact.span(number), name="NTPSynchronized", value=synchronised["word"])


def _dated(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[str, int, str]]:
    """The lines, numbered, each with when the output of timedatectl was made that it belongs to, if it does to one."""
    at = ""
    for number, line in lines:
        clock = _CLOCK.match(line)
        at = (clock["at"] or at) if clock and (not at or line.strip().startswith("Local")) else at
        yield at, number, line


def _zone(written: str) -> str | None:
    """`+0530` as `+05:30`, `-05` as `-05:00`, an abbreviation as its offset; none for one of several meanings."""
    if written[0] in "+-":
        return f"{written[:3]}:{written[3:].removeprefix(':') or '00'}"
    return _ABBREVIATED.get(written)
