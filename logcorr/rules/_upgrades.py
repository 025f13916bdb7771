"""What package managers wrote down: when each package was upgraded, and which units were restarted for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import takewhile

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.offsets import zone_of

LOG = regex(
    r"(?:^|/)(?:(?:apt/)?(?:history|term)|dpkg|unattended-upgrades(?:-dpkg)?|dnf(?:\.rpm)?|yum|pacman|needrestart)[\w.-]*$"
)
STAMP = regex(r"(?P<day>\d{4}-\d\d-\d\d)[T ]+(?P<time>\d\d:\d\d:\d\d)")

ONE = regex(
    r"^\S+ \S+ (?:upgrade|configure|status installed) (?P<dpkg>[\w.+-]+)(?::\w+)? "
    r"|\b(?:Upgraded?|Updated): (?P<rpm>[A-Za-z][\w.+-]*?)-(?:\d+:)?\d|\[ALPM\] upgraded (?P<alpm>[\w.+-]+) \("
)
"""A package in the logs of dpkg, dnf or yum, and pacman."""

MANY = regex(r"^Upgrade: (?=.*\()|\bPackages that will be upgraded: ")
NAME = regex(r"(?:^|[ ,])(?P<name>[a-z0-9][\w.+-]+)(?::\w+ \([^)]*\))?")
DONE = regex(r"\bAll upgrades installed\b|\bInstalling the upgrades failed\b")
"""A list of them, in apt's history and in what unattended-upgrades says, and when it says that they are done."""

RESTARTS, DEFERRED = regex(r"^Restarting services\b"), regex(r"^(?:Service restarts being deferred|No \w+ )")
UNITS = regex(r"^\s*systemctl restart (?P<units>\S.*)$")
"""needrestart's words, and the units that it restarts at once."""

RUN = r"^(?:Starting |Finished )?(?:apt-daily-upgrade|dnf-automatic(?:-install)?|packagekit|yum-cron)\.service\b"
"""systemd's own lines of the units that upgrade packages."""

APART = timedelta(minutes=15)
"""A package is mentioned again within so long for the same upgrade."""

NO_SERVICE = regex(r"-(?:docs?|common|data|dev|devel|cli|client|libs|locales|l10n|tools|minimal)(?:-core)?(?:-?\d[\d.]*)?$")
"""How packages are named that hold no service: `postgresql-client-16`, `python3.12-minimal`."""


class Done(Struct, frozen=True):
    """Something that was upgraded, or a unit that was restarted for it (`unit`), and the line that tells of it first."""

    name: str
    span: Span
    start: datetime
    end: datetime
    unit: bool = False


def upgrades(case: Case) -> list[Done]:
    """What all collected logs of package managers tell, in the order of their files."""
    return [one for path in sorted(case.files) if LOG.search(path) for one in _joined(list(_told(case, path)))]


def running(case: Case) -> list[Done]:
    """When systemd ran what upgrades packages by itself: each run from its first line to its last."""
    of_host = (pl.col("source") == "syslog") & pl.col("message").str.contains(RUN)
    rows = case.timeline.filter(of_host & pl.col("time").is_not_null()).sort("time", maintain_order=True).collect()
    runs: list[Done] = []
    for message, time, file, line in rows.select("message", "time", "file", "line").iter_rows():
        if message.startswith("Starting "):
            runs.append(Done(message.split(" ")[1].removesuffix(".service"), Span(file, line), time, time))
        elif runs:
            runs[-1] = replace(runs[-1], end=time)
    return runs


def about(done: Done, service: str) -> bool:
    """Whether it is this service's own package, or the service itself."""
    if done.unit:
        return done.name == service
    return not NO_SERVICE.search(done.name) and len(stem(service)) > 1 and stem(done.name) == stem(service)


def stem(name: str) -> str:
    """`docker` of `docker-ce`, `postgresql` of `postgresql@16-main`."""
    return "".join(takewhile(str.isalpha, name.lower()))


def _joined(told: Sequence[Done]) -> list[Done]:
    """Each once, from its first mention to its last."""
    joined: dict[tuple[str, bool], list[Done]] = {}
    for one in told:
        same = joined.setdefault((one.name, one.unit), [])
        if same and one.start - same[-1].end <= APART:
            same[-1] = replace(same[-1], end=max(one.end, same[-1].end))
        else:
            same.append(one)
    return sorted((one for same in joined.values() for one in same), key=lambda one: one.span.line)


def _told(case: Case, path: str) -> Iterator[Done]:
    """Every mention, from the stamp before it to the next one."""
    lines = [(int(line), str(text)) for line, text in case.lines(path).select("line", "text").collect().iter_rows()]
    zone = zone_of(host_zone(case, path))
    stamps = [_stamp(text, zone) for _, text in lines]
    before, restarting = None, False
    pending: list[str] = []
    for number, (line, text) in enumerate(lines):
        before = stamps[number] or before
        restarting = bool(RESTARTS.search(text)) or (restarting and not DEFERRED.search(text))
        listed = [found["name"] for found in NAME.finditer(MANY.sub("", text, count=1))] if MANY.search(text) else []
        pending = listed if listed else pending
        named = [*_packages(text), *(pending if DONE.search(text) else listed)]
        units = UNITS.search(text) if restarting else None
        if before and (named or units):
            end = min(next((one for one in stamps[number + 1 :] if one and one > before), before), before + APART)
            yield from (Done(name, Span(path, line), before, end) for name in named)
            for unit in units["units"].split() if units else ():
                yield Done(unit.removesuffix(".service"), Span(path, line), before, end, unit=True)


def _packages(text: str) -> Iterator[str]:
    found = ONE.search(text)
    if found:
        yield from (name for name in found.groups() if name)


def _stamp(text: str, zone: tzinfo) -> datetime | None:
    """A stamp without a zone is in the host's."""
    found = STAMP.search(text)
    return datetime.fromisoformat(f"{found['day']}T{found['time']}").replace(tzinfo=zone).astimezone(UTC) if found else None


def host_zone(case: Case, path: str) -> str:
    """That in which the log itself was read, else that of the host's own log."""
    own = [source.zone for source in case.sources if source.path == path]
    hosts = [source.zone for source in case.sources if source.source in ("syslog", "cron")]
    return [*own, *hosts, "UTC"][0]


def felt(case: Case, kinds: Sequence[str], times: Sequence[datetime], within: timedelta) -> bool:
    """Whether events of these kinds follow one of these times."""
    told = case.happened(*kinds)["time"].drop_nulls()
    return any(bool(told.is_between(time - timedelta(seconds=1), time + within).any()) for time in times)
