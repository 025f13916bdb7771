"""What is asked of a case: events by kind, and work that is done once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

import logcorr
from logcorr.model import case as model_case
from logcorr.model.case import Case
from logcorr.model.events import TIMELINE_SCHEMA
from logcorr.model.times import Times
from logcorr.timeline import blocks, store


def case(*kinds):
    """A case with one event a minute, of these kinds."""
    rows = [
        {"time": datetime(2026, 1, 31, 12, minute, tzinfo=UTC), "kind": kind, "line": minute + 1}
        for minute, kind in enumerate(kinds)
    ]
    events = pl.DataFrame(rows, schema=TIMELINE_SCHEMA)
    return Case(facts=(), files=frozenset(), sources=(), events=events.lazy(), timeline=events.lazy())


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
        assert told.happened("job.started").schema == TIMELINE_SCHEMA
        assert told.happened().is_empty()


def test_work_on_a_case_is_done_once_and_anew_for_another():
    worked = []

    def count(told):
        worked.append(told)
        return told.happened("http.5xx").height

    told = case(*KINDS)
    assert (told.once(count), told.once(count), len(worked)) == (2, 2, 1)
    moved = replace(told, events=told.events.head(1))
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
