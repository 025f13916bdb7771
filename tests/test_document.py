"""The document of a hand-made case: what is counted, chosen, quoted and cited."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from logcorr.model.case import Case, Schedule, Source
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.events import timeline_schema
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Action, Cause, Check, Explained, Finding, Judgement, Link, Missing, Rival
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.report.document import build, to_json

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "result.schema.json").read_text("utf-8"))
START = datetime(2025, 10, 16, 9, 0, tzinfo=UTC)
FILES = {
    "app.log": [f"app line {number}" for number in range(1, 401)],
    "check.sh": ["#!/bin/bash", "", "", "curl http://localhost/", "", "", "", "", "", "docker restart web"],
    "crontab.txt": ["*/5 * * * * /srv/check.sh"],
}
HASH = "ab" * 32


@dataclass(frozen=True)
class Quoted:
    text: str
    sha256: str = HASH


class Quotes(dict):
    """Reads spans as the collect stage would, and remembers which."""

    def __missing__(self, span):
        self[span] = Quoted("\n".join(FILES[span.path][span.line - 1 : span.end_line]))
        return self[span]


def event(seconds, kind, line, *, source="app", severity="info", lines=1):
    time = None if seconds is None else START + timedelta(seconds=seconds)
    return (time, source, "web", severity, kind, f"message {line}", "app.log", line, lines)


def case(events, *, jobs=(), window=(0, 3600)):
    frame = pl.DataFrame(events, schema=timeline_schema(), orient="row")
    first, last = (START + timedelta(seconds=second) for second in window)
    source = Source(
        path="app.log", format="winston", source="app", service="web", lines=400, unparsed=2, first=first, last=last,
        zone="UTC", zone_reason="assumed",
    )  # fmt: skip
    return Case(
        facts=(), sources=(source,), logged=frame.lazy(), files=frozenset(FILES), schedules=tuple(jobs),
        window=(first, last),
    )  # fmt: skip


def artifacts():
    return [
        Artifact(path=path, sha256=HASH, size=10, sample=Sample(path, ()), scan=pl.LazyFrame, line_count=len(lines), format="x")
        for path, lines in FILES.items()
    ]


def said(text):
    return Claim("test", text)


def finding(**changes):
    made = Finding(
        rule="stops", code="S1", role="symptom", severity="error", confidence=0.87654321, claim=said("it stops"),
        evidence=(Evidence(Span("app.log", 3), "a stop"),), would_refute=said("it does not"), id="F1",
        times=(START + timedelta(seconds=302), START + timedelta(seconds=602)), measured={"count": 2, "mean": float("nan")},
    )  # fmt: skip
    return replace(made, **changes)


def cause(**changes):
    probe, restart, log, cron = Span("check.sh", 4), Span("check.sh", 10), Span("app.log", 3), Span("crontab.txt", 1)
    made = Cause(
        kind="k", claim=said("the check stops it"), confidence=0.97, proof="must", culprit=probe, trigger=cron, id="C1",
        chain=(
            Link(mechanism="m1", source=cron, target=Span("check.sh", 1), claim=said("cron runs"), evidence=(), proof="must"),
            Link(mechanism="m2", source=probe, target=restart, claim=said("it fails"), evidence=(Evidence(probe),), proof="must"),
            Link(mechanism="m3", source=restart, target=log, claim=said("it ends"), evidence=(), proof="observed", lag_s=2.00004),
        ),
        explains=(Explained(finding="F1", count=2, total=3),), score=(("timing", 1.23456),), period_s=300.0,
        recurrence=(datetime(2025, 10, 16, 12, 5, tzinfo=UTC),),
    )  # fmt: skip
    return replace(made, **changes)


def job(minutes):
    ticks = np.array([(START + timedelta(minutes=minute)).timestamp() for minute in minutes])
    span = Span("crontab.txt", 1)
    return Schedule(job=ScheduledJob(span=span, schedule="*/5 * * * *", scheduler="cron", command="/srv/check.sh"), runs=ticks)


def made(case, findings=(), judgement=None, **changes):
    given = {
        "artifacts": artifacts(), "problems": (), "rules_run": (("stops", "found 1"),), "quote": lambda spans: Quotes(),
        "assumptions": (), "version": "0",
    }  # fmt: skip
    document = build(case, findings, judgement or Judgement(verdict="healthy"), **(given | changes))
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)] == []
    return document


TWO_STOPS = [event(302, "process.terminating", 3), event(602, "process.terminating", 7, lines=2)]


def test_findings_and_causes_are_told_in_full():
    judgement = Judgement(
        verdict="root-cause",
        causes=(cause(contributing=("F2",)),),
        rivals=(
            Rival(
                claim=said("r"), why_rejected=said("w"), evidence=(Evidence(Span("app.log", 5, 6)),), span=Span("check.sh", 10)
            ),
        ),
        missing=(Missing(what=said("a"), why=said("b"), would_decide=said("c")),),
        checks=(Check(when="day", claim=said("look"), command="true", expect=said("ok")),),
        actions=(
            Action(kind="prevent", claim=said("mend"), span=Span("check.sh", 4)),
            Action(kind="detect", claim=said("watch")),
        ),
        withdrawn=(said("not so"),),
    )
    defect = finding(id="F2", role="defect", evidence=(Evidence(Span("check.sh", 10)),), times=(), fix=said("mend"))
    document = made(case(TWO_STOPS, jobs=[job((5, 10))]), [finding(), defect], judgement, problems=[Problem("x", "bad", 3)])
    first = document["findings"][0]
    assert first["confidence"] == 0.8765
    assert first["measured"] == {"count": 2, "mean": None}
    assert first["times"] == {"count": 2, "first": "2025-10-16T09:05:02Z", "last": "2025-10-16T09:10:02Z"}
    assert first["evidence"] == [
        {"path": "app.log", "line": 3, "end_line": 3, "quote": "app line 3", "sha256": HASH, "note": "a stop"}
    ]
    told = document["causes"][0]
    assert told["culprit"] == {"path": "check.sh", "line": 4, "end_line": 4}
    assert [link["lag_s"] for link in told["chain"]] == [None, None, 2.0]
    assert told["explains"] == [{"finding": "F1", "count": 2, "total": 3, "share": 0.6667}]
    assert told["score"] == [{"part": "timing", "log10_bf": 1.2346}]
    assert told["recurrence"] == ["2025-10-16T12:05:00Z"]
    assert document["rivals"][0]["evidence"][0]["quote"] == "app line 5\napp line 6"
    assert document["problems"] == [{"path": "x", "line": 3, "message": "bad"}]
    assert [action["path"] for action in document["actions"]] == ["check.sh", None]
    assert document["related"] == [{"path": "check.sh", "lines": [[4, 4], [10, 10]]}, {"path": "crontab.txt", "lines": [[1, 1]]}]


def test_every_quote_was_asked_for():
    judgement = Judgement(verdict="root-cause", causes=(cause(),))
    told, quotes, asked = case(TWO_STOPS, jobs=[job((5, 10))]), Quotes(), set()
    made(told, [finding()], judgement, quote=lambda spans: asked.update(spans) or quotes)
    assert set(quotes) == asked


def test_the_excerpts_are_the_marked_lines_with_two_around():
    judgement = Judgement(verdict="root-cause", causes=(cause(contributing=("F2",)),))
    defect = finding(id="F2", role="defect", evidence=(Evidence(Span("check.sh", 10)),), claim=said("too much"))
    excerpts = made(case(TWO_STOPS), [finding(), defect], judgement)["excerpts"]
    assert [(excerpt["path"], excerpt["line"], len(excerpt["lines"])) for excerpt in excerpts] == [
        ("check.sh", 2, 5),
        ("check.sh", 8, 3),
        ("crontab.txt", 1, 1),
    ]
    marks = [[(mark["line"], mark["role"], mark["label"]["text"]) for mark in excerpt["marks"]] for excerpt in excerpts]
    assert marks == [
        [(4, "culprit", "it fails")],
        [(10, "step", "it ends"), (10, "contributing", "too much")],
        [(1, "trigger", "cron runs")],
    ]


def test_a_culprit_in_a_log_is_shown_with_its_first_lines():
    crash = cause(culprit=Span("app.log", 3, 20), chain=(), trigger=None)
    (excerpt,) = made(case(TWO_STOPS), [finding()], Judgement(verdict="suspected", causes=(crash,)))["excerpts"]
    assert (excerpt["path"], excerpt["line"], len(excerpt["lines"])) == ("app.log", 1, 10)
    assert [(mark["line"], mark["end_line"]) for mark in excerpt["marks"]] == [(3, 8)]


def test_lines_that_were_not_collected_are_not_shown():
    elsewhere = cause(culprit=Span("not/collected.sh", 4), chain=(), trigger=Span("check.sh", 11))
    assert made(case(TWO_STOPS), [finding()], Judgement(verdict="suspected", causes=(elsewhere,)))["excerpts"] == []


def test_few_events_are_all_on_the_timeline_with_the_runs_before_them():
    document = made(case(TWO_STOPS, jobs=[job((0, 5, 10))]), [finding()], Judgement(verdict="root-cause", causes=(cause(),)))
    assert [(row["time"], row["inferred"], row["path"], row["line"]) for row in document["timeline"]] == [
        ("2025-10-16T09:05:00Z", True, "crontab.txt", 1),
        ("2025-10-16T09:05:02Z", False, "app.log", 3),
        ("2025-10-16T09:10:00Z", True, "crontab.txt", 1),
        ("2025-10-16T09:10:02Z", False, "app.log", 7),
    ]
    assert document["timeline"][-1]["quote"] == "app line 7\napp line 8"
    assert document["timeline_left_out"] == 0
    assert document["kinds"].keys() == {"job.started", "process.terminating"}


def test_of_many_events_the_first_and_last_of_each_kind_and_those_after_runs_are_shown():
    many = [event(second, "http.5xx", 1 + second) for second in range(100)]
    many += [event(302, "process.terminating", 200), event(313, "upstream.refused", 201), event(314, "upstream.refused", 202)]
    document = made(case(many, jobs=[job((5, 10))]), [finding()], Judgement(verdict="root-cause", causes=(cause(),)))
    assert [(row["kind"], row["line"]) for row in document["timeline"]] == [
        ("http.5xx", 1),
        ("http.5xx", 100),
        ("job.started", 1),
        ("process.terminating", 200),
        ("upstream.refused", 201),
        ("upstream.refused", 202),
    ]
    assert document["timeline_left_out"] == 98


def test_impact_counts_harm_by_kind_and_leaves_the_harmless_out():
    told = [*TWO_STOPS, event(700, "process.started", 9), event(None, "http.5xx", 11), event(650, "process.terminating", 12)]
    document = made(case(told))
    assert [(harm["kind"], harm["count"], harm["first"], harm["last"]) for harm in document["impact"]] == [
        ("process.terminating", 3, "2025-10-16T09:05:02Z", "2025-10-16T09:10:50Z")
    ]


DAY = 86400


@pytest.mark.parametrize(
    ("last", "bin_s", "bins"),
    [(0, 1, 1), (59, 1, 60), (60, 2, 31), (3600, 120, 31), (30 * DAY, DAY, 31), (3650 * DAY, 9 * 7 * DAY, 59)],
)
def test_lanes_have_at_most_sixty_bins(last, bin_s, bins):
    told = [event(0, "http.5xx", 1, severity="error"), event(0, "http.5xx", 2), event(last, "http.5xx", 3)]
    (lane,) = made(case(told, window=(0, last)))["lanes"]
    assert lane["bin_s"] == bin_s
    assert abs(len(lane["counts"]) - bins) <= 1
    assert (sum(lane["counts"]), sum(lane["errors"]), lane["total"]) == (3, 1, 3)
    assert lane["counts"][-1] >= 1


@pytest.mark.parametrize(
    ("seconds", "wrong", "cells"),
    [([0], [], "0"), ([3, 13, 302, 312], [], "3 10 289 10"), ([5, 5, 5.9, 7], [5.9], "5*3!1 2"), ([3599.5], [3599.5], "3599!1")],
)
def test_a_lane_tells_the_same_in_detail(seconds, wrong, cells):
    told = [event(at, "http.5xx", line, severity="error" if at in wrong else "info") for line, at in enumerate(seconds, 1)]
    (lane,) = made(case(told))["lanes"]
    assert lane["detail"] == {"cell_s": 1, "cells": cells}


def test_detail_widens_where_too_much_was_logged():
    told = [event(second, "http.5xx", 1) for second in range(0, 10_800)]
    (lane,) = made(case(told, window=(0, 10_799)))["lanes"]
    assert lane["bin_s"] == 300
    assert lane["detail"]["cell_s"] == 2
    assert lane["detail"]["cells"].split() == ["0*2", *["1*2"] * 5399]


def test_overlays_tell_when_the_cause_struck_and_the_symptom_was_felt():
    judgement = Judgement(verdict="suspected", causes=(cause(),))
    document = made(case(TWO_STOPS, jobs=[job((-5, 5, 10))]), [finding()], judgement)
    assert [(one["role"], one["claim"]["text"], one["start"], one["detail"]) for one in document["overlays"]] == [
        ("cause", "the check stops it", "2025-10-16T09:00:00Z", {"cell_s": 1, "cells": "300 300"}),
        ("symptom", "it stops", "2025-10-16T09:00:00Z", {"cell_s": 1, "cells": "302 300"}),
    ]


def test_a_cause_without_schedule_struck_when_its_own_signal_did():
    judgement = Judgement(verdict="suspected", causes=(cause(trigger=Span("app.log", 3)),))
    signal = finding(id="F2", role="signal", times=(START + timedelta(seconds=60),))
    document = made(case(TWO_STOPS), [signal], judgement)
    assert [(one["role"], one["detail"]["cells"]) for one in document["overlays"]] == [("cause", "60")]


FELT = (Explained(finding="F1", count=2, total=3),)


@pytest.mark.parametrize(
    ("findings", "causes", "verdict", "title"),
    [
        ([], (), "healthy", "No incident (files read: 3)"),
        ([finding()], (), "healthy", "No incident (files read: 3)"),
        ([], (), "undetermined", "Nothing to explain was found (files read: 3)"),
        ([finding(role="signal")], (), "undetermined", "Nothing to explain was found (files read: 3)"),
        ([finding(claim=said("few"), times=()), finding(claim=said("many"))], (), "undetermined", "many"),
        ([finding(subject="web")], (cause(explains=FELT),), "suspected", "web disrupted every 5 min"),
        ([finding(subject="web")], (cause(explains=FELT, period_s=7200),), "suspected", "web disrupted every 2 h"),
        ([finding(subject="web")], (cause(explains=FELT, period_s=90),), "suspected", "web disrupted every 90 s"),
        ([finding(subject="web")], (cause(explains=FELT, period_s=None),), "suspected", "it stops"),
        ([finding(subject="")], (cause(explains=FELT),), "suspected", "it stops"),
        ([finding(subject="web")], (cause(explains=(Explained(finding="F1", count=1, total=3),)),), "suspected", "it stops"),
        ([], (cause(),), "suspected", "the check stops it"),
    ],
)
def test_the_title_is_who_was_disrupted_or_what_was_felt_most(findings, causes, verdict, title):
    assert made(case(TWO_STOPS), findings, Judgement(verdict=verdict, causes=causes))["title"]["text"] == title


@pytest.mark.parametrize(
    ("window", "id"), [((0, 700), "report.status.ongoing"), ((0, 3600), "report.status.quiet")]
)  # fmt: skip
def test_the_status_tells_whether_it_went_on(window, id):
    document = made(case(TWO_STOPS, window=window), [finding()], Judgement(verdict="root-cause", causes=(cause(),)))
    assert document["status"]["id"] == id


def test_a_span_is_cited_once_with_all_that_is_noted_of_it():
    evidence = (Evidence(Span("app.log", 3), "a"), Evidence(Span("app.log", 4)), Evidence(Span("app.log", 3), "b"))
    told = made(case([]), [finding(evidence=evidence)])["findings"][0]["evidence"]
    assert [(piece["line"], piece["note"]) for piece in told] == [(3, "a; b"), (4, "")]


def test_long_quotes_are_cut_and_odd_ones_mended():
    quotes = {Span("app.log", 3): Quoted("x" * 1000 + "\n" + "y"), Span("app.log", 4): Quoted("bad \udcff byte")}
    quotes[Span("app.log", 1, 20)] = Quoted("\n".join(map(str, range(20))))
    evidence = tuple(Evidence(span) for span in quotes)
    told = made(case([]), [finding(evidence=evidence)], quote=lambda spans: quotes)["findings"][0]["evidence"]
    assert told[0]["quote"] == "x" * 400 + "…"
    assert told[1]["quote"] == "bad ��� byte"
    assert told[2]["quote"] == "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n…"


def test_json_is_sorted_and_shows_what_cannot_be_seen():
    text = to_json(made(case([]), assumptions=[claim("x", "{what}", what="\x1b \x9b \u202e é")]))
    assert "\\u001b \\u009b \\u202e é" in text
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2, ensure_ascii=False).replace("\x9b", "\\u009b").replace(
        "\u202e", "\\u202e"
    ) + "\n"  # fmt: skip


def test_the_document_is_what_json_gives_back():
    judgement = Judgement(verdict="root-cause", causes=(cause(),))
    document = made(case(TWO_STOPS, jobs=[job((5, 10))]), [finding(measured={"names": ("a", "b")})], judgement)
    assert json.loads(to_json(document)) == document


def test_a_case_without_any_log_has_no_window():
    empty = replace(case([]), window=None, sources=())
    document = made(empty)
    assert (document["window"], document["lanes"], document["timeline"]) == (None, [], [])
    assert document["inputs"][0]["zone"] is None
