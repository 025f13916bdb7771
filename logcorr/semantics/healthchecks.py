"""What would a container's own health check be answered? It asks from inside the container, where localhost is the container."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from msgspec.structs import replace

from logcorr.model.behaviour import Probe
from logcorr.model.case import ProbeAnswer
from logcorr.model.facts import Healthcheck, Script, Service
from logcorr.model.source import Span
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.probing import LOCAL_HOSTS, World, ask, outcomes
from logcorr.semantics.reader import Reader

URL = re.compile(r"https?://(?P<host>\[[\da-fA-F:]+\]|[\w.-]+)(?::(?P<port>\d+))?(?P<path>/[^\s\"'`;)]*)?")
FIRST_ONLY = re.compile(r"\bbusybox\b|\balpine\b")
"""Where a check is run by busybox: its wget and nc try but the first address of a name."""


def probe_of(check: Healthcheck, at: Span, environment: Sequence[tuple[str, str]] = ()) -> Probe | None:
    """The one request that a check makes, its command standing at `at`; of a program of another language the address in it."""
    text = _command(check.test)
    script = Script(span=at, name="health check", text=text)
    found = [one for one in Reader().read((script, tuple(environment), ()), {}).probes if one.url or one.asks]
    if found:
        return replace(found[0], span=at, url_span=at) if len(found) == 1 else None
    url = URL.search(text)
    tool = shlex.split(text)[0].rpartition("/")[2] if url and text.count("'") % 2 == 0 == text.count('"') % 2 else ""
    return Probe(id=0, span=at, url_span=at, tool=tool, url=url[0]) if url else None


def _command(test: Sequence[str]) -> str:
    """The command as a shell would read it."""
    if test[:1] == ("CMD",):
        return shlex.join(test[1:])
    return test[-1] if test[:1] == ("CMD-SHELL",) else " ".join(test)


def answered(probe: Probe, nginx: Nginx | None) -> ProbeAnswer:
    """What nginx answers to the check of its own container."""
    return ask(probe, World(nginx))


def fails(answer: ProbeAnswer) -> bool:
    """Whether every answer that configuration allows makes the check fail."""
    known = [one for one in answer.answers if one.status is not None and not one.unknown]
    statuses = len(known) == len(answer.answers) > 0 and answer.probe.tool in ("curl", "wget")
    return statuses and all(one.exit_code != 0 for one in outcomes(answer) if one.why.startswith("HTTP"))


def where(probe: Probe) -> tuple[str, int] | None:
    """The host and port of its own container that a check asks, if it asks there."""
    found = URL.match(probe.url or "")
    host, port = (found["host"].strip("[]"), found["port"]) if found else (probe.asks or "").rpartition(":")[::2]
    if host not in LOCAL_HOSTS or not (found or port.isdigit()):
        return None
    return host, int(port) if port else 443 if (probe.url or "").startswith("https") else 80


def tries_first_only(probe: Probe, service: Service) -> bool:
    """Whether the check's program tries but one address of a name: `localhost` is `::1` then.

    curl and GNU wget try one after the other; busybox' applets, which Alpine's images have, do not.
    """
    test = service.healthcheck.test if service.healthcheck else ()
    return probe.tool in ("wget", "nc") and bool(FIRST_ONLY.search(" ".join((*test, service.image or ""))))
