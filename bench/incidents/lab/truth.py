"""Helpers to write a truth: look a place up by the text it must hold, measure a pattern in the final files."""

import gzip
import importlib
import json
import re
import statistics
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from lab import CASES, Incident

Place = dict[str, Any]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
STAMPS = [
    re.compile(r"(?P<Y>\d{4})[-/](?P<m>\d\d)[-/](?P<d>\d\d)[T ](?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:[.,](?P<f>\d{1,6}))?"),
    re.compile(r"(?P<d>\d\d)/(?P<b>[A-Z][a-z]{2})/(?P<Y>\d{4})[: ](?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"),
    re.compile(r"^(?P<m>\d\d)/(?P<d>\d\d)/(?P<Y>\d{4}) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"),
    re.compile(r"(?P<d>\d\d) (?P<b>[A-Z][a-z]{2}) (?P<Y>\d{4}) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:\.(?P<f>\d{3}))?"),
    re.compile(r"(?P<d>\d\d)[.-](?P<m>\d\d)[.-](?P<Y>\d{4}) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"),
    re.compile(r"\b(?P<b>[A-Z][a-z]{2}) +(?P<d>\d{1,2}) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"),
    re.compile(r'"(?:time|ts)":(?P<epoch>\d{13})'),
]


def moment(line: str, year: int) -> datetime | None:
    """The wall-clock time a line carries, without zone; None if it has none."""
    for stamp in STAMPS:
        if found := stamp.search(line):
            part = found.groupdict()
            if part.get("epoch"):
                return datetime.fromtimestamp(int(part["epoch"]) / 1000)  # noqa: DTZ006 (the caller runs with TZ=UTC)
            month = int(part["m"]) if part.get("m") else MONTHS.index(part["b"]) + 1
            if month > 12:  # 30/09/2026: the day was first
                part["d"], month = month, int(part["d"])
            fraction = int((part.get("f") or "0").ljust(6, "0"))
            hour, minute, second = (int(part[key]) for key in "HMS")
            return datetime(int(part.get("Y") or year), month, int(part["d"]), hour, minute, second, fraction)  # noqa: DTZ001
    return None


def contents(path: Path) -> bytes:
    """A file's bytes, unpacked if it is gzipped."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


@dataclass
class Case:
    """The collected input of one incident."""

    root: Path
    year: int

    def lines(self, file: str) -> list[str]:
        return contents(self.root / file).decode(errors="replace").split("\n")

    def at(self, file: str, text: str, nth: int = 1, why: str = "") -> Place:
        """The nth line of a file that holds this text."""
        numbers = [number for number, line in enumerate(self.lines(file), 1) if text in line]
        if len(numbers) < nth:
            raise SystemExit(f"{file}: {len(numbers)} lines hold {text!r}, wanted number {nth}")
        return {"file": file, "line": numbers[nth - 1], "text": text} | ({"why": why} if why else {})

    def whole(self, file: str, why: str) -> Place:
        """A file as a whole."""
        if not (self.root / file).exists():
            raise SystemExit(f"{file}: not collected")
        return {"file": file, "line": None, "why": why}

    def times(self, file: str, pattern: str, hours: float = 0) -> list[datetime]:
        """The times of matching lines, moved by some hours (to bring another zone's stamps to this one)."""
        found = (moment(line, self.year) for line in self.lines(file) if re.search(pattern, line))
        return [time + timedelta(hours=hours) for time in found if time]

    def measure(self, file: str, pattern: str, join: float | None = None) -> dict[str, Any]:
        """Lines that match, their first and last time and spacing; with join, of bursts (lines at most that many s apart)."""
        times = sorted(self.times(file, pattern))
        apart = times[:1] + [b for a, b in pairwise(times) if join is not None and (b - a).total_seconds() > join]
        starts = times if join is None else apart
        gaps = [(b - a).total_seconds() for a, b in pairwise(starts)]
        lines = sum(bool(re.search(pattern, line)) for line in self.lines(file))
        result: dict[str, Any] = {"where": file, "pattern": pattern, "lines": lines}
        if join is not None:
            result |= {"join_s": join, "bursts": len(starts)}
        if times:
            result |= {"first": str(times[0]), "last": str(times[-1])}
        if gaps:
            spread = {"median": statistics.median(gaps), "min": min(gaps), "max": max(gaps)}
            result["spacing_s"] = {name: round(gap, 1) for name, gap in spread.items()}
        return result

    def lag(self, causes: list[datetime], effects: list[datetime], within: float = 120) -> float | None:
        """Median time from each cause to the first effect after it, s."""
        waits = [[(e - c).total_seconds() for e in effects if 0 <= (e - c).total_seconds() <= within] for c in causes]
        firsts = [min(wait) for wait in waits if wait]
        return round(statistics.median(firsts), 1) if firsts else None


def hop(mechanism: str, place: Place, *alternatives: Place) -> Place:
    """One hop of the chain, with the places that ground it as well."""
    return {"mechanism": mechanism, **place, **({"or": list(alternatives)} if alternatives else {})}


def write_truth(name: str) -> None:
    module = importlib.import_module(f"incidents.{name.replace('-', '_')}")
    incident: Incident = module.INCIDENT
    case = Case(CASES / name / "input", int(incident.start[:4]))
    truth: dict[str, Any] = {
        "root_cause_kind": "none", "root_cause": "", "verdict": "healthy", "verdict_accepted": [],
        "culprit": {"file": None, "line": None}, "culprit_alternatives": [], "culprit_related": [], "chain": [], "mechanism": [],
        "contributing": [], "innocent": [], "period_s": None, "lag_s": None, "lags": {}, "expected_no_incident": False,
        "measured": [],
    }  # fmt: skip
    told = module.truth(case)
    clock = f"All processes ran on one scaled clock (bench/incidents/lab/clock.c, factor {incident.factor:g}). "
    files = [path for path in sorted(case.root.rglob("*")) if path.is_file()]
    size = {
        "files": len(files),
        "lines": sum(contents(path).count(b"\n") for path in files),
        "bytes": sum(path.stat().st_size for path in files),
    }
    split = " The older three quarters of the access log were split off into .1.gz." if "; rotate " in incident.collect else ""
    truth |= told | {"how_made": clock + told["how_made"] + split, "input_size": size}
    (CASES / name / "truth.json").write_text(json.dumps(truth, indent=2, ensure_ascii=False) + "\n")
    print(name, truth["verdict"], truth["period_s"], truth["lag_s"], truth["lags"], size)
    for measured in truth["measured"]:
        print("  ", {key: value for key, value in measured.items() if key != "where"}, measured["where"])
