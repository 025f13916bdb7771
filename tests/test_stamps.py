"""Every way of writing a time is read as what it says; figures were worked out by hand."""

from datetime import UTC, datetime, time

import polars as pl
import pytest

from logcorr.grammar import stamps

LOCAL = datetime(2026, 3, 4, 21, 55, 1)
MINUTE = datetime(2026, 3, 4, 21, 55)

STAMPS = {
    "2026.03.04 21:55:01": LOCAL,
    "2026/03/04-21:55:01": LOCAL,
    "2026/03/04 - 21:55:01": LOCAL,
    "20260304 21:55:01": LOCAL,
    "20260304-21:55:01": LOCAL,
    "20260304215501": LOCAL,
    "20260304T215501": LOCAL,
    "20260304T215501Z": LOCAL.replace(tzinfo=UTC),
    "26/03/04 21:55:01": LOCAL,
    "03/04/26 21:55:01": LOCAL,
    "2026/3/4 21:55:01": LOCAL,
    "2026-3-4, 21:55:01": LOCAL,
    "2026年3月4日 21:55:01": LOCAL,
    "2026/3/4 下午9:55:01": LOCAL,
    "2026/3/4 上午9:55:01": LOCAL.replace(hour=9),
    "2026-03-04 21:55": MINUTE,
    "2026-03-04T21:55": MINUTE,
    "2026-03-04T21:55Z": MINUTE.replace(tzinfo=UTC),
    "04/Mar/2026:21:55:01": LOCAL,
    "Wed Mar 4 21:55:01 2026": LOCAL,
    "Wed, 04 Mar 2026 22:55:01 +0100": LOCAL.replace(tzinfo=UTC),
    "Wed Mar 4 21:55:01": LOCAL.replace(year=int(stamps.YEARLESS)),
    "Mar 4 21:55:01": LOCAL.replace(year=int(stamps.YEARLESS)),
    "2026-03-04 21:55:01:250": LOCAL.replace(microsecond=250_000),
    "2026-03-04 21:55:01:5501": LOCAL,  # what moment's `ms` gives: minutes and seconds
    "Wed, 04 Mar 2026 21:55:01": LOCAL,
    "26-03-04 21:55:01": LOCAL,
    "Mar 4th 2026, 9:55:01 pm": LOCAL,
    "04.03.2026, 21:55:01": LOCAL,
    "04.03.2026 21:55:01": LOCAL,
    "4.3.2026, 21:55:01": LOCAL,  # what German browsers make of a date
    "04.03 21:55:01": LOCAL.replace(year=int(stamps.YEARLESS)),
    "04.03. 21:55:01": LOCAL.replace(year=int(stamps.YEARLESS)),
    "9:55PM": time(21, 55),
}


@pytest.mark.parametrize("text", STAMPS)
def test_a_stamp_is_read_as_what_it_says(text):
    shape = stamps.shape_of((f"[{text}] started",))
    assert shape
    assert pl.select(shape.time(pl.lit(pl.Series([text])))).item() == STAMPS[text]


@pytest.mark.parametrize(
    "line",
    ["20260304215501_create_users.rb", "20260304215501123 x", "26/13/04 21:55:01 x", "2026-03-04 21:550 x", "31.15 21:55:01 x"],
)
def test_other_figures_are_no_time(line):
    assert stamps.at_head(line) is None
