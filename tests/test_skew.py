"""Two hosts whose clocks differ: told from outages that both saw, and only where nothing else explains them."""

from __future__ import annotations

import pytest

import logcorr

STOPS = {9: 32, 24: 41, 57: 30}
"""Minutes past ten at which the service ended, and for how many seconds."""

REFUSED = (
    "2026/03/02 10:{minute:02}:{second:02} [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to "
    'upstream, client: 203.0.113.1, server: , request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:3000/"\n'
)
ANSWERED = '203.0.113.1 - - [02/Mar/2026:{hour:02}:{minute:02}:{second:02} +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0"\n'


def stamp(minute, second):
    return divmod(600 + minute + second // 60, 60), second % 60


def service_log():
    told = ["2026-03-02T10:00:00.000Z info: Server listening on port 3000\n"]
    for minute, down in STOPS.items():
        (hour, up), second = stamp(minute, down)
        told.append(f"2026-03-02T10:{minute:02}:00.000Z info: SIGTERM received, closing\n")
        told.append(f"2026-03-02T{hour:02}:{up:02}:{second:02}.000Z info: Server listening on port 3000\n")
    return "".join(told)


def proxy_log(behind, stops):
    """Refusals all through each outage, by a clock that is so many seconds behind."""
    return "".join(
        REFUSED.format(minute=place // 60, second=place % 60)
        for minute, down in stops.items()
        for place in range(minute * 60 + 1 - behind, minute * 60 + down - behind, 4)
    )


def analysed(folder, error_log):
    (folder / "proxy").mkdir()
    (folder / "shop.log").write_text(service_log())
    (folder / "proxy/error.log").write_text(error_log)
    (folder / "proxy/access.log").write_text("".join(ANSWERED.format(hour=10, minute=m, second=7) for m in range(60)))
    return logcorr.analyze(folder)


@pytest.mark.parametrize("behind", [100, -130])
def test_the_distance_of_the_clocks_is_found(tmp_path, behind):
    analysis = analysed(tmp_path, proxy_log(behind, STOPS))
    skews = {source.path: source.skew_s for source in analysis.sources}
    assert skews["shop.log"] == 0.0
    assert skews["proxy/error.log"] == skews["proxy/access.log"] == pytest.approx(-behind, abs=3)
    assert any(
        one["id"] == ("assumption.clock_ahead" if behind < 0 else "assumption.clock_behind")
        for one in analysis.result["assumptions"]
    )


@pytest.mark.parametrize(
    "error_log",
    [
        pytest.param(proxy_log(0, STOPS), id="they agree"),
        pytest.param(proxy_log(100, {9: 32, 30: 41, 50: 30}), id="at no one distance"),
        pytest.param(proxy_log(100, dict.fromkeys(STOPS, 5 * 60)), id="for much longer than it was down"),
        pytest.param(proxy_log(100, {9: 32, 24: 41}), id="too few"),
    ],
)
def test_clocks_are_left_alone(tmp_path, error_log):
    assert not any(source.skew_s for source in analysed(tmp_path, error_log).sources)
