"""What is said of what cannot be reached, and why."""

from __future__ import annotations

from logcorr.model.claim import Claim, claim


def said(service: str, target: str, count: int, state: str) -> Claim:
    """What is said of a service that cannot reach or use something, by why that is (`state`)."""
    numbers: dict[str, str | int] = {"service": service, "target": target or "what it needs", "count": count}
    claims = {
        "stopped": claim(
            "dependency_unreachable.stopped", "{service} cannot reach {target} while that is stopped ({count}×)", **numbers
        ),
        "gone": claim(
            "dependency_unreachable.gone",
            "{service} still asks for {target}, though what answered there was stopped for good ({count}×)",
            **numbers,
        ),
        "taken": claim(
            "dependency_unreachable.taken", "{service} still asks for {target}, a name that was taken away ({count}×)", **numbers
        ),
        "denied": claim(
            "dependency_unreachable.denied",
            "{service} is refused as {target}: its credentials are not right ({count}×)",
            **numbers,
        ),
        "wrong": claim("dependency_unreachable.wrong", "{service} asks for {target}, which is not there ({count}×)", **numbers),
        "blank": claim(
            "dependency_unreachable.blank",
            "{service} cannot reach or use {target} since its variable for it is not set ({count}×)",
            **numbers,
        ),
        "cut": claim(
            "dependency_unreachable.cut",
            "compose cuts a value at its $: {service} cannot reach or use {target} since then ({count}×)",
            **numbers,
        ),
        "found": claim("dependency_unreachable.found", "{service} cannot reach or use {target} ({count}×)", **numbers),
    }
    return claims[state]
