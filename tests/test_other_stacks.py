"""Logs of programs that no parser of ours is made for: time, level, kind and message are right all the same.

`NAME.tsv` says what each event of `NAME.log` must be; an empty cell, that there is none. Messages without their trailing blanks.
"""

import csv
from pathlib import Path

import pytest

import logcorr

STACKS = Path(__file__).parent / "fixtures/stacks"


def told(file):
    """What is read, as the table says it."""
    events = logcorr.scan(file).select("line", "end_line", "time", "level", "kind", "message").collect()
    for line, end, time, level, kind, message in events.iter_rows():
        when = time.replace(tzinfo=None).isoformat() if time else ""
        lines = str(line) if line == end else f"{line}-{end}"
        yield (lines, when, level or "", kind or "", (message or "").rstrip().replace("\t", "\\t"))


def expected(file):
    """The rows of the table; fractions of a second as Python writes them."""
    with file.open(newline="") as rows:
        for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
            whole, _, fraction = row["time"].partition(".")
            time = f"{whole}.{fraction:0<6}" if fraction else whole
            yield (row["line"], time, row["level"] or "", row["kind"] or "", (row["message"] or "").rstrip())


@pytest.mark.parametrize("file", sorted(STACKS.glob("*.log")), ids=lambda file: file.stem)
def test_a_log_of_another_stack_is_read_right(file):
    assert list(told(file)) == list(expected(file.with_suffix(".tsv")))
