"""The interpreter against a real nginx: random configurations from a seed, and realistic ones written by hand.

`LOGCORR_SEED` and `LOGCORR_SECONDS` choose another seed and a longer run.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import oracle_nginx
import pytest
from oracle_nginx import Asked, Oracle, Tally, agrees, ask, collected, predicted
from oracle_nginx_random import configuration, placed, request

from logcorr.semantics.nginx import Nginx

pytestmark = pytest.mark.skipif(oracle_nginx.MISSING is not None, reason=oracle_nginx.MISSING or "")

SEED = int(os.environ.get("LOGCORR_SEED", "20261122"))
SECONDS = float(os.environ.get("LOGCORR_SECONDS", "15"))
REQUESTS = 40
FIXTURES = Path(__file__).parent / "fixtures" / "nginx" / "real"


@pytest.fixture
def oracle(tmp_path):
    made = Oracle(tmp_path)
    with made.stubs_running():
        yield made


def tally(oracle: Oracle, seed: int, seconds: float, fewest: int, *, informed: bool) -> Tally:
    """Random configurations, each asked a number of random requests, for as long as there is time; on a slow machine `fewest`."""
    r, out, path = Random(seed), Tally(), oracle.folder / "nginx.conf"
    until = time.monotonic() + seconds
    while time.monotonic() < until or out.configurations < fewest:
        text, addresses = configuration(r, oracle)
        path.write_text(text)
        if oracle.refuses(path):
            continue
        out.configurations += 1
        nginx = Nginx.of(collected(oracle.folder, ["nginx.conf"]))
        with oracle.running(path, addresses) as process:
            for asked in [request(r, oracle, addresses) for _ in range(REQUESTS)]:
                seen = ask(asked)
                if process.poll() is not None:  # a directive in an unlucky place can crash nginx itself
                    break
                answers = predicted(nginx, asked, oracle, informed=informed)
                out.add(asked, seen, answers if informed else tuple(a for a in answers if could_be(a, seen))[:1], text)
    return out


def could_be(answer, seen) -> bool:
    """Whether what was seen is this answer, where the upstream's own status was not known."""
    return agrees(answer, seen) if answer.status is not None else seen.port is not None and answer.upstream_uri == seen.asked


def test_random_configurations_get_the_answers_of_a_real_nginx(oracle):
    out = tally(oracle, SEED, SECONDS, 10, informed=True)

    assert len(out.missed) <= 0.001 * out.asked, out.report()
    assert out.unknown <= 0.03 * out.asked, out.report()


def test_what_happens_is_among_the_answers_where_files_and_upstreams_are_not_known(oracle):
    out = tally(oracle, SEED + 1, SECONDS / 3, 5, informed=False)

    assert out.right == out.asked, out.report()


@pytest.mark.parametrize("case", sorted(path.name for path in FIXTURES.iterdir()))
def test_written_configurations_get_the_answers_of_a_real_nginx(case, oracle):
    """Every path that a case lists, for every host, by plain HTTP and TLS; nginx itself resolves the includes."""
    names = sorted(path.relative_to(FIXTURES / case).as_posix() for path in (FIXTURES / case).rglob("*.conf"))
    for name in names:
        path = oracle.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(placed((FIXTURES / case / name).read_text().replace("PREAMBLE", oracle.preamble()), oracle))
    assert oracle.refuses(oracle.folder / "nginx.conf") == ""
    nginx = Nginx.of(collected(oracle.folder, names))
    plain, _, secure = oracle.ports[:3]
    hosts, _, targets = (FIXTURES / case / "requests.txt").read_text().partition("\n")
    out = Tally()
    with oracle.running(oracle.folder / "nginx.conf", [("127.0.0.1", plain), ("127.0.0.1", secure)]):
        for host in hosts.split():
            for line in targets.split("\n"):
                for port, tls in ((plain, False), (secure, True), (secure, False)) if line else ():
                    method, target = line.split()
                    asked = Asked("127.0.0.1", port, host, target, method, tls)
                    out.add(asked, ask(asked), predicted(nginx, asked, oracle), case)

    assert out.right == out.asked >= 50, out.report()
