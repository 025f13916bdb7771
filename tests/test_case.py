"""What is asked of a case: events by kind, and work that is done once."""

from datetime import UTC, datetime

import polars as pl
from msgspec.structs import replace

from logcorr.model.case import Case
from logcorr.model.events import timeline_schema


def case(*kinds):
    """A case with one event a minute, of these kinds."""
    rows = [
        {"time": datetime(2026, 1, 31, 12, minute, tzinfo=UTC), "kind": kind, "line": minute + 1}
        for minute, kind in enumerate(kinds)
    ]
    events = pl.DataFrame(rows, schema=timeline_schema())
    return Case(facts=(), files=frozenset(), sources=(), events=events, timeline=events.lazy())


KINDS = ("http.5xx", "process.started", "http.5xx", "disk.full")


def test_events_of_some_kinds_keep_their_order():
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
    moved = replace(told, events=told.events.head(1))
    assert (moved.once(count), moved.happened("http.5xx").height, len(worked)) == (1, 1, 2)
