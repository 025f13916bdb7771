"""python -m bench.shell FOLDER [--labels FILE] [-v]: score the interpreter on real scripts, and time it."""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections import Counter
from pathlib import Path

from bench.shell.scores import HTTP, Label, score
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.semantics.shell import Interpretation, interpret

LABELS = Path(__file__).parent


def main() -> None:
    """Print the tables for a folder of scripts."""
    parser = argparse.ArgumentParser(prog="python -m bench.shell", description="Score the interpreter on real scripts.")
    parser.add_argument("folder", type=Path, help="holds the scripts, under any names: labels find them by their sha256")
    parser.add_argument("--labels", type=Path, action="append", help="JSON lines (default: those beside this file)")
    parser.add_argument("-v", "--verbose", action="store_true", help="list every mistake")
    asked = parser.parse_args()
    scripts = {path: path.read_bytes() for path in sorted(asked.folder.rglob("*")) if path.is_file()}
    _all(scripts)
    for file in asked.labels or sorted(LABELS.glob("labels-*.jsonl")):
        _labelled(file, {hashlib.sha256(data).hexdigest(): path for path, data in scripts.items()}, asked.verbose)


def _read(path: Path) -> Interpretation:
    text = path.read_text(errors="replace")
    first = text.partition("\n")[0]
    script = Script(span=Span(path.name, 1), name=path.name, text=text, interpreter="bash" if "bash" in first else "sh")
    return interpret(script, arguments=None)


def _all(scripts: dict[Path, bytes]) -> None:
    times, counts = [], Counter[str]()
    for path in scripts:
        begun = time.process_time()
        read = _read(path)
        times.append((time.process_time() - begun, path.name))
        counts["not followed"] += any("too many ways" in problem.message for problem in read.problems)
        for probe in read.probes:
            if probe.tool in HTTP and probe.purpose == "asks":
                counts["http"] += 1
                counts["url"] += probe.url is not None
    seconds = [one for one, _ in times]
    print(f"{len(scripts)} scripts: {statistics.median(seconds) * 1e3:.1f} ms median, {sum(seconds):.1f} s in all")
    print("slowest:", ", ".join(f"{one:.2f} s {name}" for one, name in sorted(times, reverse=True)[:3]))
    print(f"URL known of {counts['url']} of {counts['http']} probes; not followed: {counts['not followed']} scripts\n")


def _labelled(file: Path, paths: dict[str, Path], verbose: bool) -> None:
    labels: list[Label] = [json.loads(line) for line in file.read_text().splitlines()]
    total: Counter[str] = Counter()
    for label in labels:
        path = paths.get(label["sha256"])
        if path is None:
            print(f"not in the folder: {label['repository']} {label['path']}")
            continue
        counts, mistakes = score(label, _read(path))
        total += counts
        if verbose:
            print(*(f"{path.name}\n    {mistake}" for mistake in mistakes), sep="\n")
    print(f"{file.name}: {len(labels)} scripts")
    for name in sorted(total):
        if not name.endswith(" right"):
            print(f"  {name:<20}{total[f'{name} right']:>5} of {total[name]:>4}  {total[f'{name} right'] / total[name]:.1%}")
    print()


if __name__ == "__main__":
    main()
