"""Who stopped a host's clock from being kept: commands, as sudo and histories of shells tell them, and the daemon's own end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.timeline.select import cite, lines_like

DAEMON = r"(?:chronyd?|ntpd?|ntpsec|openntpd|ntpdate|systemd-timesyncd|timesyncd|w32time|ptp4l|phc2sys)(?:\.service)?\b"
STOPS = (
    rf"\bsystemctl (?:--\S+ )*(?:stop|disable|mask|kill)\b(?: --?\S+)* {DAEMON}"
    rf"|\b(?:service|rc-service|invoke-rc\.d) {DAEMON} stop\b|\b(?:pkill|killall)\b.* {DAEMON}"
    r"|\btimedatectl set-ntp (?:false|no|0|off)\b"
    rf"|\b(?:apt(?:-get)?|dnf|yum|apk|zypper) (?:-\S+ )*(?:remove|purge|erase|del|rm)\b.* {DAEMON}"
    r"|\btimesync disable\b|\bvboxservice\b.*--disable-timesync\b|\bw32tm /unregister\b|\b(?i:Stop-Service)\b.*\bw32time\b"
)
STARTS = (
    rf"\bsystemctl (?:--\S+ )*(?:start|restart|enable|unmask)\b(?: --?\S+)* {DAEMON}|\bservice {DAEMON} (?:re)?start\b"
    r"|\btimedatectl set-ntp (?:true|yes|1|on)\b"
)
"""Commands after which nobody keeps the clock, or somebody does again."""

ENDED = rf"^Stopped {DAEMON}|^(?:chronyd|ntpd\[?\d*\]?:?) exiting\b|^{DAEMON} exiting\b"
BEGUN = rf"^Started {DAEMON}|^{DAEMON} (?:version \S+ )?starting\b|^ntpd \S+ starting\b"
"""What systemd and the daemons say."""

MOST_LINES = 10_000
BY = r"\((?:by |ahead by |offset )?(\d+(?:\.\d+)?) ?(?:s|sec|seconds)\b"
"""How a line tells by how much a stamp lies ahead."""

FEWEST, STRAIGHT = 10, 0.9
SHOWS = "deploy_changes_configuration"
HISTORY = regex(r"(?i)history|\.sh_hist|commands")
STARTED, DATED = regex(STARTS), regex(r"^#(?P<at>\d{9,10})\s*$")
"""When the next command of a history was typed, where the shell keeps that."""


def stopped(case: Case, since: datetime, *, off: bool) -> tuple[Evidence, ...]:
    """The last command that stopped it, if none started it again before then, and what told of the end; the command first.

    One in a history without times counts only where something else shows that the clock is `off`.
    """
    told = (
        case.timeline.filter(pl.col("message").str.contains(f"{STOPS}|{STARTS}|{ENDED}|{BEGUN}") & (pl.col("time") < since))
        .collect()
        .sort("time", "file", "line")
    )
    starts = pl.col("message").str.contains(f"{STARTS}|{BEGUN}")
    began, ends = told.filter(starts)["time"].max(), told.filter(~starts)
    ends = ends.filter(pl.col("time") > began) if began is not None else ends
    commands = ends.filter(pl.col("message").str.contains(STOPS))
    words = ends.filter(~pl.col("message").str.contains(STOPS))
    typed = tuple(Evidence(span, "nobody keeps the clock from then on", SHOWS) for span in _typed(case, since, undated=off))
    ran = cite(commands.tail(1), "nobody keeps the clock from then on", shows=SHOWS)
    return (*ran, *typed, *cite(words, "it ended", most=2, shows=SHOWS)) if ran or typed or words.height else ()


def _typed(case: Case, since: datetime, *, undated: bool) -> Iterator[Span]:
    """The last such command before then in a shell's history, if none that starts it comes later."""
    for path in sorted(case.files - {source.path for source in case.sources}):
        if HISTORY.search(path.rpartition("/")[2]):
            last, time = None, None
            for span, text in lines_like(case, Span(path, 1, MOST_LINES), f"{STOPS}|{STARTS}|{DATED.pattern}"):
                if dated := DATED.match(text):
                    time = float(dated["at"])
                elif time < since.timestamp() if time is not None else undated:
                    last = None if STARTED.search(text) else span
            yield from [last] if last else []


def drift(early: pl.DataFrame) -> float | None:
    """How many seconds a day a clock goes off, if by the lines' own numbers it does so steadily."""
    ahead = early["message"].str.extract(BY, 1).cast(pl.Float64, strict=False)
    known = early.with_columns(ahead=ahead).drop_nulls(["ahead", "time"])
    if known.height < FEWEST:
        return None
    at: npt.NDArray[np.float64] = known["time"].dt.epoch("us").to_numpy() / 1e6
    by: npt.NDArray[np.float64] = known["ahead"].to_numpy()
    if not at.std() or not by.std() or float(np.corrcoef(at, by)[0, 1]) < STRAIGHT:
        return None
    slope, _ = np.polyfit(at - at[0], by, 1)
    return float(slope * 86400)
