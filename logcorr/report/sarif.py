"""SARIF 2.1.0, for code scanning: findings at lines of scripts and configuration, causes with their chain as a code flow.

Format: OASIS sarif-v2.1.0; the limits are those of GitHub's upload. Findings in logs stay out: a log is no code to annotate.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from logcorr.report.cite import Document
from logcorr.report.escape import line
from logcorr.report.shipped import shipped

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "info": "note"}
CAUSE_LEVELS = {"root-cause": "error", "suspected": "warning"}
MOST_RESULTS = 5000
MOST_PLACES = 100
LONGEST = 1000
"""Characters of a short text."""


def render(document: Document) -> str:
    """A Result document, or that of a check, as SARIF; the same bytes for the same document."""
    logs = {each["path"] for each in document["inputs"] if each["source"]}
    findings = [one for one in document["findings"] if one["evidence"][0]["path"] not in logs]
    findings = sorted(findings, key=lambda one: list(LEVELS).index(one["severity"]))[:MOST_RESULTS]
    causes = document.get("causes", [])
    rules = [*_finding_rules(findings), *_cause_rules(causes)]
    number = {rule["id"]: index for index, rule in enumerate(rules)}
    seen: Counter[str] = Counter()
    results = [_cause(cause, document["verdict"], seen) for cause in causes] + [_finding(one, seen) for one in findings]
    run = {
        "tool": {"driver": {"name": "logcorr", "version": document["tool"]["version"], "rules": rules}},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The folder that was checked, or the repository's root."}}},
        "columnKind": "unicodeCodePoints",
        "results": [{**result, "ruleIndex": number[result["ruleId"]]} for result in results],
    }
    sarif = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(sarif, ensure_ascii=True, sort_keys=True, indent=2) + "\n"


def _finding_rules(findings: Iterable[Document]) -> Iterator[Document]:
    named = {finding["code"]: finding for finding in findings}
    for code, finding in sorted(named.items()):
        page = shipped("docs/rules") / f"{finding['rule']}.md"
        help = page.read_text("utf-8") if page.is_file() else f"# {finding['rule']}\n"
        title = help.splitlines()[0].removeprefix("# ")
        yield {
            "id": code,
            "name": finding["rule"],
            "shortDescription": {"text": title},
            "fullDescription": {"text": title},
            "help": {"text": help, "markdown": help},
            "properties": {"tags": [finding["role"]]},
        }


def _cause_rules(causes: Iterable[Document]) -> Iterator[Document]:
    for kind in sorted({cause["kind"] for cause in causes}):
        title = f"The cause of an incident: {kind.replace('_', ' ').replace('-', ' ')}"
        yield {"id": f"cause/{kind}", "name": kind, "shortDescription": {"text": title}, "properties": {"tags": ["cause"]}}


def _finding(finding: Document, seen: Counter[str]) -> Document:
    first, *others = finding["evidence"]
    fix = f" To mend it: {line(finding['fix']['text'])}." if finding["fix"] else ""
    return {
        "ruleId": finding["code"],
        "level": LEVELS[finding["severity"]],
        "message": {"text": _sentence(finding["claim"]["text"]) + fix},
        "locations": [_place(first)],
        "relatedLocations": [_place(one, one["note"] or one["quote"]) for one in others[:MOST_PLACES]],
        "partialFingerprints": {"logcorr/v1": _fingerprint(finding["code"], first, seen)},
        "properties": {"confidence": finding["confidence"], "measured": finding["measured"]},
    }


def _cause(cause: Document, verdict: str, seen: Counter[str]) -> Document:
    start = cause["trigger"] or cause["culprit"]
    steps = [(start, "it begins here"), *((link["to"], link["claim"]["text"]) for link in cause["chain"])]
    return {
        "ruleId": f"cause/{cause['kind']}",
        "level": CAUSE_LEVELS.get(verdict, "note"),
        "message": {"text": _sentence(cause["claim"]["text"])},
        "locations": [_place(cause["culprit"])],
        "codeFlows": [{"threadFlows": [{"locations": [{"location": _place(where, text)} for where, text in steps]}]}],
        "partialFingerprints": {"logcorr/v1": _fingerprint(cause["kind"], cause["culprit"], seen)},
        "properties": {"confidence": cause["confidence"], "proof": cause["proof"]},
    }


def _place(where: Document, text: str = "") -> Document:
    place: Document = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(where["path"], safe="/!~@+,=:"), "uriBaseId": "SRCROOT"},
            "region": {"startLine": where["line"], "endLine": where["end_line"]},
        }
    }
    return {**place, "message": {"text": line(text)[:LONGEST]}} if text else place


def _fingerprint(kind: str, where: Document, seen: Counter[str]) -> str:
    """Of what is found in which lines, not of their numbers, so that an edit above does not make it another finding."""
    text = "\n".join(" ".join(part.split()) for part in where.get("quote", "").split("\n"))
    key = "\0".join([kind, where["path"], text])
    seen[key] += 1
    return hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()[:32]


def _sentence(text: str) -> str:
    said = line(text)[:LONGEST]
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "…")) else ".")
