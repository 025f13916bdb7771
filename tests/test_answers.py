"""What programs say that they answered, among other lines of their logs; the kinds are given by hand."""

import polars as pl
import pytest

from logcorr.grammar import messages
from logcorr.timeline.requests import FIELDS, SAID

TOLD = {
    'uvicorn.access 192.0.2.7:0 - "GET /stock/7?q=a HTTP/1.1" 500': "http.5xx",
    "GET /stock/7 502 12.5 ms - 31": "http.5xx",
    '[14/Nov/2026 08:00:01] "POST /orders HTTP/1.1" 503 145': "http.5xx",
    "Completed 500 Internal Server Error in 12ms": "http.5xx",
    "method=GET path=/stock/7 format=html status=500 duration=12.1": "http.5xx",
    '{"req":{"id":1,"method":"GET","url":"/stock/7"},"res":{"statusCode":500},"msg":"request errored"}': "http.5xx",
    '{"status":504,"uri":"/stock","request_method":"PUT"}': "http.5xx",
    "GET /health/ready 503 1 ms": "probe.failed",
    '{"method":"GET","path":"/healthz","status":503}': "probe.failed",
    "GET /stock/7 200 500 ms": None,
    "GET /stock/500 200": None,
    "POST /v1/charges -> 503": None,
    'stripe answered {"method":"POST","url":"https://api.example.org/v1/charges","status":503}': None,
    "worker took 500 ms for GET /stock/7": None,
}


@pytest.mark.parametrize(("text", "kind"), TOLD.items())
def test_an_answer_among_other_words(text, kind):
    assert pl.select(messages.kind_of(pl.lit(text), messages.APPLICATION)).item() == kind


@pytest.mark.parametrize(
    ("pattern", "text", "parts"),
    [
        (SAID, 'access 127.0.0.1:5 - "HEAD /up HTTP/1.1" 401', ("HEAD", "/up", "401")),
        (SAID, "<-- GET /stock/7?q=a -> 404", ("GET", "/stock/7", "404")),
        (SAID, "GET /stock/7 with status 200", ("GET", "/stock/7", "200")),
        (SAID, "GET /stock took 200ms", (None, None, None)),
        (FIELDS, "method=GET path=/up host=a status=200", ("GET", "/up", "200")),
        (FIELDS, '{"method":"GET","url":"/up?deep=1","res":{"statusCode":429}}', ("GET", "/up", "429")),
    ],
)
def test_a_request_and_its_answer(pattern, text, parts):
    found = pl.select(pl.lit(text).str.extract_groups(pattern)).item()
    assert (found["method"], found["path"], found["status"]) == parts
