"""A program refuses its configuration, or finds its address taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from logcorr.lazily import np, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Service, Unit
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, counted, rule
from logcorr.rules._deeds import writers
from logcorr.rules._listeners import listeners
from logcorr.rules._settings import settings
from logcorr.semantics.paths import collected, folder_of, normal
from logcorr.timeline.select import cite, moments, seconds

ADDRESS = r"bind\(\) to (\S+) failed|address already in use ([^\s,;)\"}]+)"
PLACE = regex(r" in (?P<path>/\S+):(?P<line>\d+)\.?$")
ENDED = ("process.crashed", "process.exited")
SOON = timedelta(seconds=5)

ACCEPTED = r"reconfiguring$|start worker processes$|^(?:Reloaded|Started) nginx"
"""What nginx and systemd say of a configuration that is taken, when no refusal follows."""

FAILED = ("http.5xx", "upstream.refused", "client.connect_failed", "process.exited", "process.crashed")
FELT_S = 600.0
"""What is refused shows soon."""

LEFT = r"^\s*KillMode\s*=\s*(?:process|none)\b"
"""A unit that leaves its processes behind may find its address taken by them."""

IN_PLACE, SHARED, WRITTEN, ONLY_TOLD = 0.92, 0.92, 0.85, 0.6
"""How sure it is what to change: the refused line was collected; two settings name one port, or a capture shows who has it; a
script wrote what is refused; only a log tells of it."""


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
        if not _corrected(case, events):
            placed = _placed(case, found, events)
            yield placed if _is_felt(case, events) else replace(placed, confidence=min(placed.confidence, ONLY_TOLD))
    for service, events in by_service(_taken(case)):
        for (address,), rows in sorted(events.group_by("address", maintain_order=True)):
            yield _finding(case, service, str(address), rows)


def _corrected(case: Case, events: pl.DataFrame) -> bool:
    """Whether a configuration was taken after the last refusal, and nothing failed between the first and that."""
    refused = seconds(events)
    own = pl.col("file").is_in(events["file"].unique().implode()) & pl.col("message").str.contains(ACCEPTED)
    taken = seconds(case.timeline.filter(own & pl.col("time").is_not_null()).collect())
    after = taken[taken >= refused[-1]] if len(refused) else taken[:0]
    failed = moments(case, *FAILED)
    return len(after) > 0 and not bool(((failed >= refused[0]) & (failed <= after.min())).any())


def _is_felt(case: Case, events: pl.DataFrame) -> bool:
    """Whether failures come soon after one of the refusals; or none come at all, so that nothing tells."""
    refused, failed = seconds(events), moments(case, *FAILED)
    later = failed[failed >= refused[0]] if len(refused) else failed[:0]
    return not len(later) or bool((later - refused[np.searchsorted(refused, later, side="right") - 1] <= FELT_S).any())


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


def _claim(service: str, address: str, count: int, holder: str) -> Claim:
    numbers: dict[str, str | int] = {"service": service, "address": address, "count": count}
    if holder:
        return claim(
            "configuration_refused.held",
            "{service} could not listen on {address} ({count}×): {holder} does",
            holder=holder,
            **numbers,
        )
    return claim(
        "configuration_refused.taken", "{service} could not listen on {address} ({count}×): something else does", **numbers
    )


def _finding(case: Case, service: str, address: str, rows: pl.DataFrame) -> Finding:
    refute = claim("configuration_refused.free", "nothing listening on {address} at these times (ss -ltnp)", address=address)
    ended, port = _ended(case, rows), address.rpartition(":")[2]
    services = list(dict.fromkeys(ended["service"]))
    own = case.called(service, *services)
    held = [one for one in listeners(case, port) if one[1] not in own] if port.isdigit() else []
    found = counted(rows, service, _claim(service, address, rows.height, held[0][1] if held else ""), refute, address=address)
    named = _naming(case, port, services)
    shared = len({one.span.path for one in named}) > 1 and not _leaves(case, services[:1])
    return replace(
        found,
        confidence=SHARED if shared or held else ONLY_TOLD,
        subject=", ".join(services) or found.subject,
        evidence=(
            *(named if len(named) > 1 or held else ()),
            *(Evidence(span, f"{name} listens there", shows="configuration_mismatch") for span, name in held[:1]),
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
    together = [one for one in found if not _is_apart(case, one[0], int(port))]
    ordered = sorted(together, key=lambda one: one[0].path.rpartition("/")[2].partition(".")[0] not in services[:1])
    return [Evidence(span, f"sets port {port}", shows="configuration_mismatch") for span, _ in ordered]


def _is_apart(case: Case, place: Span, port: int) -> bool:
    """Whether the line is of a container with a network of its own that does not publish the port on the host."""
    services = [one for file in case.of(ComposeFile) for one in file.services]
    own = [one for one in services if _holds(one, place)]
    return bool(own) and all(one.network_mode != "host" and all(public.published != port for public in one.ports) for one in own)


def _holds(service: Service, place: Span) -> bool:
    """Whether the line is in its stanza or in one of its environment files."""
    inside = service.span.path == place.path and service.span.line <= place.line <= service.span.end_line
    return inside or place.path in {normal(file, folder_of(service.span.path)) for file in service.env_files}


def _leaves(case: Case, services: list[str]) -> bool:
    """Whether a unit of one of them leaves processes behind when it is stopped."""
    units = {unit.span.path for unit in case.of(Unit) if unit.name.removesuffix(".service") in services}
    return any(span.path in units for span, _ in settings(case, LEFT))
