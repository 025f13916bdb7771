"""Comparing what the interpreter lists with what a person wrote down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from logcorr.model.behaviour import Effect, Outcome, Probe
from logcorr.semantics.shell import Interpretation, outcomes

Label = dict[str, Any]
HTTP = ("curl", "wget")


def score(labels: Label, read: Interpretation) -> tuple[Counter[str], list[str]]:
    """Counts of what is right, of all there is, and a line for each mistake.

    `labels` holds `probes` and `effects` (see the README). Labels marked `optional` count neither if found nor if missed.
    """
    counts: Counter[str] = Counter()
    mistakes: list[str] = []
    answers = [*_probes(labels["probes"], read.probes), *_effects(labels["effects"], read.effects), *_reaches(labels, read)]
    for name, right, mistake in answers:
        counts[name] += 1
        counts[f"{name} right"] += right
        if not right:
            mistakes.append(f"{name}: {mistake}")
    return counts, mistakes


def _probes(labels: Sequence[Label], probes: Sequence[Probe]) -> Iterator[tuple[str, bool, object]]:
    for label in labels:
        if not label.get("optional"):
            yield from _probe(label, probes)
    for probe in probes:
        if probe.tool in HTTP and probe.purpose == "asks":
            yield "http precision", any(_asks(label, probe) for label in labels), probe


def _probe(label: Label, probes: Sequence[Probe]) -> Iterator[tuple[str, bool, object]]:
    there = [probe for probe in probes if _at(label, probe)]
    if label["tool"] not in HTTP:
        yield "other probe", bool(there), label
        return
    same = [probe for probe in there if probe.url == label["url"]]
    yield "http probe", bool(there), label
    yield ("url" if label["url"] else "url not known"), bool(same), (label, [probe.url or probe.asks for probe in there])
    if label["expects"]:
        found = set().union(*(_codes(probe) for probe in same))
        yield "expected code", found == set(label["expects"]), (label, found)
    yield "redirects", any(probe.follows_redirects == label["follows_redirects"] for probe in same), label
    yield "timeout", any(probe.timeout_s == label["timeout_s"] for probe in same), (label, [one.timeout_s for one in same])


def _codes(probe: Probe) -> set[str]:
    """The statuses a probe is compared with; `000` is what curl prints without an answer."""
    return {text for text in probe.expects if text.isdigit() and text != "000"}


def _at(label: Label, probe: Probe) -> bool:
    return probe.span.line <= label["line"] <= probe.span.end_line and f"{probe.tool} ".startswith(f"{label['tool']} ")


def _asks(label: Label, probe: Probe) -> bool:
    return _at(label, probe) and label.get("url") == probe.url


def _effects(labels: Sequence[Label], effects: Sequence[Effect]) -> Iterator[tuple[str, bool, object]]:
    for label in labels:
        if not label.get("optional"):
            there = [effect for effect in effects if effect.span.line <= label["line"] <= effect.span.end_line]
            yield "effect recall", any(_does(label, effect) for effect in there), (label, there)
    for effect in effects:
        yield "effect precision", any(_does(label, effect) for label in labels), effect


def _reaches(labels: Label, read: Interpretation) -> Iterator[tuple[str, bool, object]]:
    """Whether what is clear is proved, and whether anything is proved of what is not so."""
    asked = [label for label in labels["probes"] if label["tool"] in HTTP]
    for line, given, expected in labels.get("reach", []):
        allowed = {
            probe.id: [_outcome(probe, answer) for answer in answers]
            for number, answers in given.items()
            for probe in read.probes
            if _asks(asked[int(number) - 1], probe)
        }
        there = [effect for effect in read.effects if effect.span.line <= line <= effect.span.end_line]
        found = {read.reach(effect, allowed).reach.value for effect in there}
        proved = {"must": "must" in found, "never": found <= {"never"}}
        if expected in proved:
            yield f"reach {expected}", proved[expected], (line, given, found)
        others = found - {expected, "may", "conditional"}
        if len(there) == 1 or expected not in proved:
            yield "no other proof", not others, (line, given, expected, found)


def _outcome(probe: Probe, answer: int | str) -> Outcome:
    return outcomes(probe, answer if isinstance(answer, int) else None, refused=answer == "refused")


def _does(label: Label, effect: Effect) -> bool:
    return (
        effect.span.line <= label["line"] <= effect.span.end_line
        and (effect.action, effect.manager) == (label["action"], label["manager"])
        and (label["targets"] is None or list(effect.targets) == label["targets"])
        and list(effect.compose_files) == label.get("compose_files", [])
    )
