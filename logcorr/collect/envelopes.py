"""Envelopes: what another program wrapped around each line. Peeled, so that the inner lines are recognised as what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

_TEXT = pl.col("text")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One kind of wrapping: `inner` takes it off one line (None: not wrapped), `peel` off a frame of lines.

    A frame may gain the columns `logged_at`, the wrapping's own stamp, and `writer`, who wrote the line.
    """

    name: str
    inner: Callable[[str], str | None]
    peel: Callable[[pl.LazyFrame], pl.LazyFrame]


def around(lines: Sequence[str]) -> Envelope | None:
    """The envelope that nine in ten of these lines wear, if there is one."""
    written = [line for line in lines if line]
    found = (envelope for envelope in ENVELOPES if written and _share(envelope, written) >= 0.9)
    return next(found, NGINX_STREAMS if _takes_turns(written) else None)


def _share(envelope: Envelope, lines: Sequence[str]) -> float:
    if envelope.inner(lines[0]) is None and envelope.inner(lines[-1]) is None:
        return 0.0
    return sum(envelope.inner(line) is not None for line in lines) / len(lines)


def _docker_inner(line: str) -> str | None:
    if not line.startswith('{"log":"'):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return str(record["log"]).rstrip("\n") if "time" in record else None


_JSON_STRING = r'^(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|u[dD][0-7][0-9a-fA-F]{2}))*$'
"""The inside of a JSON string without surrogate pairs; anything else is left as it is written."""


def _docker_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`{"log":"text\\n","stream":"stdout","time":"2026-01-31T12:00:00.123456789Z"}` (Docker's json-file driver).

    What is written otherwise stays as it is.
    """
    wrapped = _TEXT.str.starts_with('{"log":"')
    log = pl.when(wrapped).then(_TEXT).str.extract(r'^\{"log":"((?:[^"\\]|\\.)*)"', 1).str.strip_suffix("\\n")
    escaped = log.str.contains("\\", literal=True)
    decodable = pl.when(escaped & log.str.contains(_JSON_STRING)).then(log)
    decoded = (pl.lit('"') + decodable + pl.lit('"')).str.json_decode(pl.String)
    stamp = pl.when(wrapped).then(_TEXT).str.extract(r'"time":"([^"]*)"\}$', 1)
    logged_at = stamp.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", strict=False)
    return lines.with_columns(
        pl.coalesce(decoded, log, _TEXT).alias("text"),
        logged_at.dt.replace_time_zone("UTC").alias("logged_at"),
    )


_CRI = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (?:stdout|stderr) [FP] (.*)$"


def _cri_inner(line: str) -> str | None:
    match = re.match(_CRI, line)
    return match[2] if match else None


def _cri_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`2026-01-31T12:00:00.123456789+00:00 stdout F text` (Kubernetes' container runtime interface)."""
    groups = _TEXT.str.extract_groups(_CRI).struct
    return _stamped(lines, groups[0], pl.coalesce(groups[1], _TEXT))


def _stamped(lines: pl.LazyFrame, stamp: pl.Expr, text: pl.Expr) -> pl.LazyFrame:
    logged_at = stamp.str.replace("Z$", "+00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)
    return lines.with_columns(text.alias("text"), logged_at.dt.convert_time_zone("UTC").alias("logged_at"))


_DOCKER_TIME = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z) (.*)$"


def _docker_time_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`2026-01-31T12:00:00.123456789Z text` (`docker logs -t`: always nine digits)."""
    groups = _TEXT.str.extract_groups(_DOCKER_TIME).struct
    return _stamped(lines, groups[0], pl.coalesce(groups[1], _TEXT))


_COMPOSE = r"^([A-Za-z0-9][A-Za-z0-9_.-]*?)(?:[-_.][0-9]+)? +\| ?(.*)$"
_PM2 = r"^[0-9]+\|([A-Za-z0-9_.-]+) +\| ?(.*)$"
_PM2_TIME = r"^()[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}: (\[?[0-9]{2}.*)$"


def _second(pattern: str) -> Callable[[str], str | None]:
    compiled = re.compile(pattern)

    def inner(line: str) -> str | None:
        match = compiled.match(line)
        return match[2] if match else None

    return inner


def _named(pattern: str) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    """`backend-1  | text` (`docker compose logs`), `0|api  | text` (`pm2 logs`): a line without a name has the one before."""

    def peel(lines: pl.LazyFrame) -> pl.LazyFrame:
        groups = _TEXT.str.extract_groups(pattern).struct
        return lines.with_columns(pl.coalesce(groups[1], _TEXT).alias("text"), groups[0].forward_fill().alias("writer"))

    return peel


def _pm2_time_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`2026-01-31T12:00:00: [12:00:00] text` (`pm2 --time` before a line with its own time; the first says no zone either)."""
    return lines.with_columns(pl.coalesce(_TEXT.str.extract(_PM2_TIME, 2), _TEXT).alias("text"))


_ACCESS = r'^[^ ]+ [^ ]+ [^\[]*\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}\] "'
_ERROR = r"^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8} \[[a-z]+\] [0-9]+#[0-9]+: "


def _takes_turns(lines: Sequence[str]) -> bool:
    return any(re.match(_ACCESS, line) for line in lines) and any(re.match(_ERROR, line) for line in lines)


def _streams_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """nginx's access and error lines in one stream, as `docker logs` shows its container's."""
    stream = pl.when(_TEXT.str.contains(_ACCESS)).then(pl.lit("access")).otherwise(pl.lit("error"))
    return lines.with_columns(stream.alias("writer"))


NGINX_STREAMS = Envelope("nginx-streams", lambda line: line, _streams_peel)

ENVELOPES = (
    Envelope("docker-json", _docker_inner, _docker_peel),
    Envelope("cri", _cri_inner, _cri_peel),
    Envelope("compose", _second(_COMPOSE), _named(_COMPOSE)),
    Envelope("pm2", _second(_PM2), _named(_PM2)),
    Envelope("docker-times", _second(_DOCKER_TIME), _docker_time_peel),
    Envelope("pm2-times", _second(_PM2_TIME), _pm2_time_peel),
)
