"""How a check ended, in its script's own words: the status with which curl or wget says what went wrong."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from logcorr.causes.observed import CURL, RUN_S, after_runs, by_tools
from logcorr.causes.suspects import Suspect
from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.timeline.scripts import said
from logcorr.timeline.select import cite

ENDED = r"(?i)\b(?:curl|wget|exit|rc|ret|status|statut|code|kode?|c[oó]digo|codice|код)\b\D{0,4}\b(\d{1,2})\b"
FEWEST, NEARLY_ALL = 4, 0.9

UNTRUSTED: Mapping[str, tuple[int, ...]] = {"curl": (51, 60, 77, 83), "wget": (5,)}
"""By what these tell that they do not accept the certificate that they are shown (https://curl.se/libcurl/c/libcurl-errors.html,
https://www.gnu.org/software/wget/manual/html_node/Exit-Status.html)."""


class WhyFails(Struct, frozen=True, kw_only=True):
    """Why a check fails: the kind of cause that this is, what it says, what shows it, and how sure one may be at most."""

    kind: str
    claim: Claim
    evidence: tuple[Evidence, ...]
    most: float = 1.0


def exits(case: Case, suspect: Suspect) -> pl.DataFrame:
    """The lines in which the suspect's script, or curl in its runs, tells how its check ended, with the status (`exit`)."""
    rows = said(case, (suspect.behaviour,)) if suspect.behaviour else case.happened()
    own = after_runs(case.once(by_tools), suspect.ticks, RUN_S)
    told = pl.coalesce(pl.col("message").str.extract(pattern, 1) for pattern in (CURL, ENDED)).cast(pl.Int64, strict=False)
    return pl.concat([rows, own]).with_columns(exit=told).drop_nulls("exit")


def distrusting(case: Case, suspect: Suspect) -> WhyFails | None:
    """Whether it is the certificate that the check does not accept, nearly each time it fails: then somebody does answer."""
    effect = suspect.effect
    probe = next((one.probe for one in effect.probes if one.probe.tool in UNTRUSTED), None) if effect else None
    rows = exits(case, suspect) if probe else case.happened()
    if not effect or not probe or rows.height < FEWEST:
        return None
    distrusted = rows.filter(pl.col("exit").is_in(UNTRUSTED[probe.tool]))
    if distrusted.height < NEARLY_ALL * rows.height:
        return None
    return WhyFails(
        kind="probe_never_satisfied",
        claim=claim(
            "cause.probe_distrusts",
            "{script}, run on {schedule}, asks {url}, does not accept the certificate that it is shown "
            "({tool} ends with {exit}), and {action}s {hits}",
            script=probe.span.path,
            schedule=suspect.runs,
            url=str(probe.url),
            tool=probe.tool,
            exit=int(distrusted["exit"][0]),
            action=effect.effect.action,
            hits=", ".join(effect.hits),
        ),
        evidence=cite(distrusted.drop("exit"), "how it ended", most=4, shows="probe_gets_answer"),
    )
