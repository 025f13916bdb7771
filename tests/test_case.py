"""What is asked of a case: events by kind, and work that is done once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

import logcorr
from logcorr import reading, timeline
from logcorr.casework import case_of
from logcorr.model import case as model_case
from logcorr.model.case import Case
from logcorr.model.events import timeline_schema
from logcorr.model.times import Times
from logcorr.semantics.understanding import understand
from logcorr.timeline import blocks, store


def case(*kinds):
    """A case with one event a minute, of these kinds."""
    rows = [
        {"time": datetime(2026, 1, 31, 12, minute, tzinfo=UTC), "kind": kind, "line": minute + 1}
        for minute, kind in enumerate(kinds)
    ]
    events = pl.DataFrame(rows, schema=timeline_schema())
    return Case(facts=(), files=frozenset(), sources=(), logged=events.lazy())


KINDS = ("http.5xx", "process.started", "http.5xx", "disk.full")


@pytest.mark.parametrize("few", [0, 100])
def test_events_of_some_kinds_keep_their_order(few, monkeypatch):
    monkeypatch.setattr(model_case, "FEW_EVENTS", few)
    told = case(*KINDS)
    assert told.happened("http.5xx")["line"].to_list() == [1, 3]
    assert told.happened("disk.full", "http.5xx")["line"].to_list() == [1, 3, 4]
    assert told.happened("disk.full", "job.started")["line"].to_list() == [4]


def test_of_kinds_that_are_not_there_none_are_given():
    for told in (case(), case(*KINDS)):
        assert told.happened("job.started").is_empty()
        assert told.happened("job.started").schema == timeline_schema()
        assert told.happened().is_empty()


def test_work_on_a_case_is_done_once_and_anew_for_another():
    worked = []

    def count(told):
        worked.append(told)
        return told.happened("http.5xx").height

    told = case(*KINDS)
    assert (told.once(count), told.once(count), len(worked)) == (2, 2, 1)
    moved = replace(told, logged=told.logged.head(1))
    assert (moved.once(count), moved.happened("http.5xx").height, len(worked)) == (1, 1, 2)


def test_times_are_a_sequence_of_instants():
    told = tuple(datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(microseconds=step) for step in (3, 1, 1_000_001))
    times = Times(told)
    assert (times, len(times), times[1], times[-1], times[1:]) == (told, 3, told[1], told[2], told[1:])
    assert times.ends == (told[1], told[2])
    assert times.seconds.tolist() == [time.timestamp() for time in told]
    assert (Times(), Times().ends, bool(Times())) == ((), None, False)


@pytest.mark.parametrize("name", ["heart-whisper-town", "ice-rink", "telemetry-skew"])
def test_a_case_too_large_for_memory_is_judged_alike(name, monkeypatch):
    folder = Path(__file__).parent / "fixtures" / "cases" / name / "input"
    whole = logcorr.analyze(folder).to_json()
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(store, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(model_case, "FEW_EVENTS", 0)
    assert logcorr.analyze(folder).to_json() == whole


def test_requests_are_at_one_clock_whether_their_stamps_bear_an_offset_or_not(tmp_path):
    line = '192.0.2.{} - - [04/May/2026:{}] "GET /fares HTTP/1.1" 200 9 "-" "x"\n'
    (tmp_path / "access.log").write_text("".join(line.format(n, f"10:00:{n:02} +0200") for n in range(60)))
    (tmp_path / "bare.log").write_text("".join(line.format(n, f"08:00:{n:02}") for n in range(60)))
    given = reading.read(tmp_path)
    told = timeline.build(given.artifacts, given.logs)
    case = case_of(given, understand(given.facts, given.files), told, "UTC")
    times = case.records("nginx_access").group_by("file").agg(pl.col("time").min(), pl.col("time").max().alias("last")).collect()
    assert times.drop("file").unique().rows() == [(at, at.replace(second=59)) for at in [datetime(2026, 5, 4, 8, tzinfo=UTC)]]
