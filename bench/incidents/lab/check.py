"""Checks every truth against its final files, by grep and plain reading; knows nothing of logcorr and not of truth.py.

    check.py [NAME ...]      prints each fault; exit status 1 if there is one

Checked: every named place exists and its line holds the stated text; chain words are from the closed list; counts, first and
last moments are found again by grep; the measured spacing agrees with the stated period; sizes; nothing of the lab's own
shows in the input.
"""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CASES = Path(__file__).resolve().parents[3] / "tests" / "fixtures" / "cases"
MECHANISMS = {
    "job_runs_script",
    "script_calls_script",
    "probe_gets_answer",
    "answer_takes_branch",
    "effect_hits_service",
    "effect_terminates_process",
    "process_terminates",
    "termination_closes_connections",
    "termination_refuses_connections",
    "failure_reaches_clients",
    "timeout_closes_connection",
    "crash_ends_process",
    "supervisor_restarts_process",
    "deploy_changes_configuration",
    "configuration_mismatch",
    "resource_exhausted",
    "request_crashes_process",
    "limit_rejects_requests",
    "certificate_fails",
    "job_stalls_service",
}
VERDICTS = {"root-cause", "suspected", "undetermined", "healthy"}
LEAKS = r"supervisor\.py|/usr/lib/lab|clock\.so|CLOCK_SKEW|/etc/services\.json"


def places(truth: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if truth["culprit"]["file"]:
        yield truth["culprit"]
    for key in ("culprit_alternatives", "culprit_related", "contributing", "innocent", "chain"):
        for place in truth.get(key, []):
            yield place
            yield from place.get("or", [])
    for cause in truth.get("other_causes", []):
        yield from places(cause)


def place_fault(root: Path, place: dict[str, Any]) -> str | None:
    path = root / place["file"]
    if not path.is_file():
        return f"{place['file']} does not exist"
    if place["line"] is None:
        return None
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).split(b"\n")
    if place["line"] > len(lines) or place["text"].encode() not in lines[place["line"] - 1]:
        return f"{place['file']}:{place['line']} does not hold {place['text']!r}"
    return None


def clock(line: str) -> set[str]:
    """Every H:M:S in a line, and those of millisecond epochs."""
    epochs = [int(number) // 1000 % 86400 for number in re.findall(r'"(?:time|ts)":(\d{13})', line)]
    return set(re.findall(r"(?<!\d)\d\d:\d\d:\d\d", line)) | {f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in epochs}


def measured_faults(root: Path, measured: dict[str, Any]) -> Iterator[str]:
    command = ["zgrep", "-aP", measured["pattern"], str(root / measured["where"])]
    found = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout.splitlines()
    if len(found) != measured["lines"]:
        yield f"{measured['where']}: grep finds {len(found)} of {measured['pattern']!r}, truth says {measured['lines']}"
    if not found and measured["lines"]:
        return
    for key in ("first", "last"):
        if key in measured and not any(measured[key][11:19] in clock(line) for line in (found[:40] + found[-40:])):
            yield f"{measured['where']}: no line of {measured['pattern']!r} is stamped {measured[key]}"


def period_fault(truth: dict[str, Any]) -> str | None:
    period = truth["period_s"]
    medians = [m["spacing_s"]["median"] for m in truth["measured"] if "spacing_s" in m]
    if period and medians and not any(abs(median - period) <= max(2, 0.02 * period) for median in medians):
        return f"period {period} s, but the measured medians are {medians}"
    return None


def faults(name: str) -> Iterator[str]:
    root, truth = CASES / name / "input", json.loads((CASES / name / "truth.json").read_text())
    yield from (fault for place in places(truth) if (fault := place_fault(root, place)))
    yield from (f"mechanism {hop['mechanism']}?" for hop in truth["chain"] if hop["mechanism"] not in MECHANISMS)
    yield from (f"verdict {word}?" for word in {truth["verdict"], *truth["verdict_accepted"]} - VERDICTS)
    yield from (fault for measured in truth["measured"] for fault in measured_faults(root, measured))
    if fault := period_fault(truth):
        yield fault
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    if size != truth["input_size"]["bytes"] or size > 620_000:
        yield f"input has {size} bytes"
    leaks = subprocess.run(["grep", "-raElI", LEAKS, str(root)], capture_output=True, text=True, check=False).stdout.split()
    yield from (f"{Path(leak).relative_to(root)} speaks of the lab" for leak in leaks)


def main() -> None:
    names = sys.argv[1:] or sorted(p.parent.name for p in CASES.glob("*/truth.json") if "verdict" in json.loads(p.read_text()))
    failed = False
    for name in names:
        for fault in faults(name):
            print(f"{name}: {fault}")
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
