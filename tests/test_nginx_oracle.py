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
from oracle_nginx import Oracle, Tally, agrees, ask, collected, predicted
from oracle_nginx_random import configuration, request

from logcorr.semantics.nginx import Nginx

pytestmark = pytest.mark.skipif(oracle_nginx.MISSING is not None, reason=oracle_nginx.MISSING or "")

SEED = int(os.environ.get("LOGCORR_SEED", "20261122"))
SECONDS = float(os.environ.get("LOGCORR_SECONDS", "15"))
REQUESTS = 40
FIXTURES = Path(__file__).parent / "fixtures" / "nginx"


@pytest.fixture
def oracle(tmp_path):
    made = Oracle(tmp_path)
    with made.stubs_running():
        yield made


def tally(oracle: Oracle, seed: int, seconds: float, *, informed: bool) -> Tally:
    """Random configurations, each asked a number of random requests, for as long as there is time."""
    r, out, path = Random(seed), Tally(), oracle.folder / "nginx.conf"
    until = time.monotonic() + seconds
    while time.monotonic() < until:
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
    out = tally(oracle, SEED, SECONDS, informed=True)

    assert out.configurations >= 10, out.report()
    assert len(out.missed) <= 0.001 * out.asked, out.report()
    assert out.unknown <= 0.03 * out.asked, out.report()


def test_what_happens_is_among_the_answers_where_files_and_upstreams_are_not_known(oracle):
    out = tally(oracle, SEED + 1, SECONDS / 3, informed=False)

    assert out.configurations >= 5, out.report()
    assert out.right == out.asked, out.report()
