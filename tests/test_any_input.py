"""Whatever was collected is read: nothing fails, and every line is counted once."""

import random
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logcorr import plugins
from logcorr.collect import collect
from logcorr.model.source import Problem
from logcorr.parsers import ConfigurationParser, LogParser

FIXTURES = Path(__file__).parent / "fixtures"
PARSERS = plugins.parsers()
LOGS = sorted((FIXTURES / "parsers").rglob("*.log"))


def read(file):
    """All that is in a file, read to the end; the lines of its logs must be those that there are."""
    collection = collect([file], {name: parser.recognise for name, parser in PARSERS.items()})
    for artifact in collection.artifacts:
        parser = PARSERS.get(artifact.format or "")
        if isinstance(parser, ConfigurationParser):
            assert all(isinstance(item, Problem) or item.span.path == artifact.path for item in parser.read(artifact))
        elif isinstance(parser, LogParser):
            events = parser.events(artifact).collect()
            assert events["lines"].sum() == artifact.line_count
            assert set(events["kind"].drop_nulls()) <= parser.emits.keys()
    return collection


def damaged(data, seed):
    """The bytes with some of them lost, changed, doubled, or mixed with another log's."""
    rng = random.Random(seed)
    data = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                del data[at : at + rng.randrange(200)]
            case 1:
                data[at:at] = rng.randbytes(rng.randrange(8))
            case 2:
                data[at:at] = data[at : at + rng.randrange(300)]
            case 3:
                data[at:at] = rng.choice(LOGS).read_bytes()[: rng.randrange(2000)]
            case 4:
                data[at:at] = rng.choice([b"\n", b"\r\n", b"\0", b"\x1b[31m", b'"', b"\\", b"{", b"\xff", "\u3000".encode()])
    return bytes(data)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_damaged_logs(tmp_path, seed):
    file = tmp_path / "x.log"
    file.write_bytes(damaged(random.Random(seed).choice(LOGS).read_bytes(), seed))
    read(file)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=2000), st.sampled_from(["x.log", "x.json", "crontab", "docker-compose.yml", "nginx.conf", "a.sh"]))
def test_any_bytes(tmp_path, data, name):
    file = tmp_path / name
    file.write_bytes(data)
    read(file)


def test_a_document_whose_bytes_were_partly_lost():
    """Mis-decoded Chinese prose around excerpts of logs: what is told in ASCII is read, what is lost stays as it is."""
    (artifact,) = read(FIXTURES / "collect/as-received/postmortem.txt").artifacts
    events = PARSERS[artifact.format].events(artifact).collect()
    told = events.filter(events["kind"] == "process.terminating")
    assert (artifact.line_count, artifact.problems) == (327, ())
    assert told["line"].to_list() == [53, 55]
    assert [str(time) for time in told["time"]] == ["2025-10-16 09:55:03", "2025-10-16 10:00:02"]
