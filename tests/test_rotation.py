"""Parts of one log, in the order in which they were written."""

import pytest

from logcorr.model.rotation import part_of

SETS = [
    ("logs/app.log", ["logs/app.log.10.gz", "logs/app.log.2.gz", "logs/app.log.1", "logs/app.log"]),
    ("app.log", ["app.log-20261121.gz", "app.log-20261122", "app.log"]),
    ("app.log", ["app.log-20261122-064500.gz", "app.log-20261122-071002", "app.log"]),
    ("app.log", ["app.log-1771234567.gz", "app.log-1771238167", "app.log"]),
    ("app.log", ["app-2026-11-21.log", "app-2026-11-22.log", "app-2026-11-22.log.1", "app-2026-11-22.log.2", "app.log"]),
    ("app.log", ["app-2026-11-22-09.log", "app-2026-11-22-10.log"]),
    ("combined.log", ["combined.log", "combined1.log", "combined2.log", "combined10.log"]),
    ("syslog", ["syslog.2.gz", "syslog.1", "syslog"]),
    ("a/access.log", ["a/access.log.1.bz2", "a/access.log"]),
]


@pytest.mark.parametrize(("base", "names"), SETS)
def test_parts_are_ranked_from_the_oldest(base, names):
    assert {part_of(name)[0] for name in names} == {base}
    assert sorted(names, key=lambda name: part_of(name)[1]) == names


@pytest.mark.parametrize("name", ["app.log", "error.log", "10.0.0.1", "2026.log", "a/b", "x.tar.gz!a.log"])
def test_a_file_of_its_own_is_its_own_live_file(name):
    base, rank = part_of(name)
    assert rank == (1,) or base != name
