"""A program refuses its configuration, or finds its address taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, counted, rule
from logcorr.rules._deeds import writers
from logcorr.rules._settings import settings
from logcorr.semantics.paths import collected
from logcorr.timeline.select import cite

ADDRESS = r"bind\(\) to (\S+) failed|address already in use ([^\s,;)\"}]+)"
PLACE = regex(r" in (?P<path>/\S+):(?P<line>\d+)\.?$")
ENDED = ("process.crashed", "process.exited")
SOON = timedelta(seconds=5)

IN_PLACE, SHARED, WRITTEN, ONLY_TOLD = 0.92, 0.92, 0.85, 0.6
"""How sure it is what to change: the refused line was collected; two settings name one port; a script wrote what is
refused; only a log tells of it."""


@rule(
    code="NGX010", title="A program did not take its configuration, or its address was taken", role="signal", severity="warning"
)
def check(case: Case) -> Iterator[Finding]:
    """What nginx says of a configuration it cannot use, and whoever says of errno 98, counted by service."""
    for service, events in by_service(case.happened("config.invalid")):
        said = claim(
            "configuration_refused.invalid",
            "{service} refused its configuration ({count}×): what was changed is not in force, and a start would fail",
            service=service,
            count=events.height,
        )
        found = counted(events, service, said, claim("configuration_refused.refute", "a start or reload after it that went well"))
        yield _placed(case, found, events)
    for service, events in by_service(_taken(case)):
        for (address,), rows in sorted(events.group_by("address", maintain_order=True)):
            yield _finding(case, service, str(address), rows)


def _placed(case: Case, found: Finding, events: pl.DataFrame) -> Finding:
    """With the line that the program names, if the file was collected."""
    named = next((match for message in events["message"] if (match := PLACE.search(message))), None)
    file = collected(named["path"], case.files) if named else None
    since = next(iter(found.times), None)
    wrote = list(writers(case, named["path"], since))[:1] if named and since else []
    written = [Evidence(span, "writes it", shows="deploy_changes_configuration") for span in wrote]
    told = tuple(replace(one, shows="deploy_changes_configuration") for one in found.evidence)
    if not named or not file:
        return replace(found, confidence=WRITTEN if written else ONLY_TOLD, evidence=(*written, *found.evidence))
    place = Evidence(Span(file, int(named["line"])), "what it does not take", shows="configuration_mismatch")
    return replace(found, confidence=IN_PLACE, evidence=(place, *written, *told))


def _taken(case: Case) -> pl.DataFrame:
    """Addresses that were taken when something wanted to listen on them."""
    message = pl.col("message")
    address = pl.coalesce(message.str.extract(ADDRESS, 1), message.str.extract(ADDRESS, 2))
    return case.happened("address.in_use").with_columns(address=address).drop_nulls("address")


def _finding(case: Case, service: str, address: str, rows: pl.DataFrame) -> Finding:
    said = claim(
        "configuration_refused.taken",
        "{service} could not listen on {address} ({count}×): something else does",
        service=service,
        address=address,
        count=rows.height,
    )
    refute = claim("configuration_refused.free", "nothing listening on {address} at these times (ss -ltnp)", address=address)
    ended = _ended(case, rows)
    found = counted(rows, service, said, refute, address=address)
    named = _naming(case, address.rpartition(":")[2], list(dict.fromkeys(ended["service"])))
    return replace(
        found,
        confidence=SHARED if len({one.span.path for one in named}) > 1 else ONLY_TOLD,
        subject=", ".join(dict.fromkeys(ended["service"])) or found.subject,
        evidence=(
            *(named if len(named) > 1 else ()),
            *cite(_lately(rows, ended)),
            *cite(_last_first(ended), most=3, shows="crash_ends_process"),
        ),
    )


def _ended(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """The processes that ended for it: at once, or so shortly after that nothing else comes between; it was taken at `since`."""
    ended = case.happened(*ENDED).drop_nulls(["time", "service"]).sort("time", maintain_order=True)
    told = rows.select("time").drop_nulls().sort("time").with_columns(since="time")
    near = ended.join_asof(told, on="time", strategy="backward", tolerance=SOON)
    return near.filter(pl.col("since").is_not_null())


def _last_first(ended: pl.DataFrame) -> pl.DataFrame:
    """The first end of each service, the last of them first."""
    first = ended.unique("service", keep="first", maintain_order=True)
    return first.sort("since", descending=True, maintain_order=True)


def _lately(rows: pl.DataFrame, ended: pl.DataFrame) -> pl.DataFrame:
    """Of several services that find it taken, the lines of the one that began to last: it had the address until then."""
    first = ended.group_by("service", maintain_order=True).agg(pl.col("since").min()).sort("since", maintain_order=True)
    own = ended.filter(pl.col("service") == first["service"][-1]) if first.height > 1 else ended.clear()
    return rows.join(own, left_on="time", right_on="since", how="semi", maintain_order="left") if own.height else rows


def _naming(case: Case, port: str, services: list[str]) -> list[Evidence]:
    """The settings of this port in units, compose and environment files; first those of the service that failed first."""
    found = settings(case, rf"(?i)\b\w*port['\"]?\s*[:=]\s*['\"]?{port}\b") if port.isdigit() else ()
    ordered = sorted(found, key=lambda one: one[0].path.rpartition("/")[2].partition(".")[0] not in services[:1])
    return [Evidence(span, f"sets port {port}", shows="configuration_mismatch") for span, _ in ordered]
