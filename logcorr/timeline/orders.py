"""What logs tell that somebody ran: certbot its hooks, acme.sh its own, sudo a command."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.behaviour import Effect
from logcorr.model.case import Behaviour, Case
from logcorr.model.facts import Script
from logcorr.timeline.select import seconds

HOOK = r"(?: hook:\s*'?| command: | cmd: )(.+?)'?$"
"""What is run, in the messages of certbot (compat/misc.py) and acme.sh that tell of a hook."""

SUDO = r"; COMMAND=(\S.*)$"
"""And in sudo's (plugins/sudoers/logging.c)."""

RENEWS = r"^Starting [\w.@-]*(?:certbot|letsencrypt)[\w.@-]*\.service\b|^\(root\) CMD \(.*\b(?:certbot|letsencrypt)\b.* renew\b"
"""How systemd and cron tell that certbot is started."""

ROTATES = r"^(?:Starting logrotate\.service|Starting Rotate log files)\b|^\(root\) CMD \(.*(?:/etc/cron\.daily\b|logrotate\b)"
"""How systemd and cron tell that logrotate is started: Debian's cron does it with what else it does each day."""

BY_HAND = r"\bTTY=(?:pts|tty)"
ACTS = regex(r"\b(?:systemctl|service|kill|pkill|killall|supervisorctl|pm2|docker|docker-compose|podman|invoke-rc\.d)\b")
SOON = timedelta(seconds=5)
"""What a command does it does within so long."""

SHELLS = regex(r"^(?:\S*/)?(?:ba|da|k|z)?sh (?:-\w+ )*")


def orders(case: Case) -> pl.DataFrame:
    """The timeline's rows that tell of a command that was run, in time order, with the `command`."""
    by_sudo = (pl.col("source") == "syslog") & pl.col("message").str.contains("; COMMAND=", literal=True)
    rows = pl.concat([case.happened("hook.started"), case.timeline.filter(by_sudo).collect(engine="streaming")])
    command = pl.coalesce(*(pl.col("message").str.extract(pattern) for pattern in (HOOK, SUDO)))
    return rows.with_columns(command=command).drop_nulls(["time", "command"]).sort("time", maintain_order=True)


def renewals(case: Case) -> pl.DataFrame:
    """The rows by which systemd or cron tells that it starts certbot, or what else renews certificates."""
    told = (pl.col("source") == "syslog") & pl.col("message").str.contains(RENEWS) & pl.col("time").is_not_null()
    return case.timeline.filter(told).sort("time", maintain_order=True).collect()


def rotations(case: Case) -> pl.DataFrame:
    """The rows by which systemd or cron tells that it starts logrotate."""
    told = (pl.col("source") == "syslog") & pl.col("message").str.contains(ROTATES) & pl.col("time").is_not_null()
    return case.timeline.filter(told).sort("time", maintain_order=True).collect()


def ordered(case: Case, behaviour: Behaviour, effect: Effect) -> pl.DataFrame:
    """The rows that tell that this script was run, or its command that has this effect."""
    rows = case.once(orders)
    ours = [one for one in rows["command"].unique().sort() if _names(one, behaviour.script) or _is(one, behaviour.script, effect)]
    return rows.filter(pl.col("command").is_in(ours)).drop("command")


def typed(case: Case, service: str, stops: npt.NDArray[np.float64]) -> int:
    """How many of a service's stops (epoch seconds) come at once after somebody at a terminal ended it by name, as sudo tells."""
    named = re.compile(rf"(?<![\w-]){re.escape(service)}(?![\w-])")
    by_hand = case.once(orders).filter(pl.col("message").str.contains(BY_HAND))
    acts = [bool(named.search(one) and ACTS.search(one)) for one in by_hand["command"]]
    given = seconds(by_hand.filter(pl.Series(acts, dtype=pl.Boolean)))
    before = np.searchsorted(given, stops + 1.0, side="right") - 1
    if not len(given):
        return 0
    return int(((before >= 0) & (stops - given[np.maximum(before, 0)] <= SOON.total_seconds())).sum())


def commanded(case: Case, word: str, at: datetime) -> pl.DataFrame:
    """The rows that tell of a command with this word that acts on processes, and was run just before this time."""
    rows = case.once(orders).filter(pl.col("time").is_between(at - SOON, at))
    acts = [one for one in rows["command"] if word in one and ACTS.search(one)]
    return rows.filter(pl.col("command").is_in(acts)).drop("command")


def _names(command: str, script: Script) -> bool:
    """Whether the command is the script: a file of its path (as much of it as was collected), or the text of a hook."""
    path = SHELLS.sub("", command).split(" ")[0]
    whole = script.span.line == 1 and f"/{path.lstrip('/')}".endswith("/" + "/".join(script.span.path.split("/")[-2:]))
    return whole or command == script.text


def _is(command: str, script: Script, effect: Effect) -> bool:
    """Whether the script's line that has the effect runs this command through sudo; paths of programs are left out."""
    at = effect.span.line - script.span.line
    lines = script.text.split("\n") if effect.span.path == script.span.path else []
    program, _, rest = command.partition(" ")
    plain = " ".join((program.rpartition("/")[2], rest))
    return 0 <= at < len(lines) and "sudo" in lines[at] and bool(rest) and plain in lines[at]
