"""What an analysis takes for granted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.model.case import Case, Source
from logcorr.model.claim import Claim, claim
from logcorr.model.result import Judgement
from logcorr.suppression import Accepted


def assumptions(case: Case, judgement: Judgement, accepted: Sequence[Accepted]) -> tuple[Claim, ...]:
    """What is taken for granted, once each: zones, what a proof from collected files cannot see, what comments accept."""
    excused = [
        claim(
            "assumption.accepted",
            "{place} accepts {code}: {reason}",
            place=str(one.by.place),
            code=one.finding.code,
            reason=one.by.reason,
        )
        for one in accepted
    ]
    zones = [
        claim("assumption.zone", "{path} carries no time zone; {zone} is assumed", path=source.path, zone=source.zone)
        for source in case.sources
        if source.zone_assumed
    ]
    skews = [_skew(source) for source in case.sources if source.skew_s]
    tables = [
        claim(
            "assumption.table_zone",
            "{path} is read in {zone}, the zone of {service}",
            path=path,
            zone=thing.zone,
            service=thing.name,
        )
        for thing in case.entities
        for path in sorted({one.job.span.path for one in case.schedules} & thing.files)
        if thing.zone
    ]
    return tuple(dict.fromkeys([*zones, *tables, *skews, *_proof_assumptions(case, judgement), *excused]))


def _skew(source: Source) -> Claim:
    if source.skew_s > 0:
        return claim(
            "assumption.clock_ahead",
            "the clock behind {path} is {seconds:g} s ahead of the services': what it tells is moved to theirs",
            path=source.path,
            seconds=source.skew_s,
        )
    return claim(
        "assumption.clock_behind",
        "the clock behind {path} is {seconds:g} s slow, measured by the services': what it tells is moved to theirs",
        path=source.path,
        seconds=-source.skew_s,
    )


def _proof_assumptions(case: Case, judgement: Judgement) -> Iterator[Claim]:
    """What the proofs behind the causes rest on."""
    hops = {link.source for cause in judgement.causes for link in cause.chain}
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            if proved.effect.span not in hops:
                continue
            yield claim("assumption.files_in_force", "the collected scripts and configuration are those that were in force")
            for answered in proved.probes:
                if answered.answers:
                    yield claim(
                        "assumption.request_arrives",
                        "{url} leads to the collected server: no proxy variable, hosts entry or firewall stands in between",
                        url=str(answered.probe.url),
                    )
            for assumption in (
                *proved.proof.assumes,
                *(text for one in proved.probes for a in one.answers for text in a.assumes),
            ):
                yield claim("assumption.proof", "{assumption}", assumption=assumption)
