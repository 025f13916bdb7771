"""What `logcorr facts` prints: a line a fact, with its place; or what nginx answers to one request, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.text import Text

from logcorr.cli.console import console, hang
from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.escape import line


def show(document: Document) -> None:
    """Print the document of what was understood; of one with a request, its answers alone."""
    out = console()
    if document["request"]:
        _request(out, document["request"])
        return
    for name, describe in SECTIONS.items():
        if document[name]:
            out.print(Text(name, "bold"))
        for fact in document[name]:
            first, *more = describe(fact)
            hang(out, Text("  "), Text.assemble(line(first), ("  " + line(write.place(fact)), "cyan")))
            for text in more:
                hang(out, Text("      "), Text(line(text), "dim"))


def _request(out: Console, request: Document) -> None:
    if not request["answers"]:
        out.print(Text("nothing that was collected answers there"), soft_wrap=True)
    for step in request["way"]:
        _step(out, step)
    for answer in request["answers"]:
        out.print(Text(_answer(answer), "bold"), soft_wrap=True)
        for step in answer["trace"]:
            _step(out, step)
        for sentence in answer["assumes"]:
            hang(out, Text("    if "), Text(line(sentence), "dim"))


def _step(out: Console, step: Document) -> None:
    hang(out, Text("  "), Text.assemble(line(step["text"]), ("  " + line(write.place(step)), "cyan")))


def _answer(answer: Document) -> str:
    """An answer in a few words."""
    if answer["unknown"]:
        return f"not known: {answer['unknown']}"
    status = "the upstream's own" if answer["status"] is None and answer["upstream"] else str(answer["status"] or "no answer")
    closed = ", the connection is closed" if answer["closed"] else ""
    location = f" to {answer['location']}" if answer["location"] is not None else ""
    upstream = f" from {answer['upstream']}" if answer["upstream"] else ""
    upstream += f", asked for {answer['upstream_uri']}" if answer["upstream_uri"] else ""
    return line(status + location + upstream + closed)


def _probe(fact: Document) -> Iterator[str]:
    what = fact["url"] or fact["asks"] or f"what is not known: {fact['unknown']}"
    options = [
        *(["follows redirects"] if fact["follows_redirects"] else []),
        *(["fails on errors"] if fact["fails_on_error"] else []),
        *([f"gives up after {_number(fact['timeout_s'])} s"] if fact["timeout_s"] is not None else []),
    ]
    expects = f", looks at the {fact['yields']}" + (f" for {', '.join(fact['expects'])}" if fact["expects"] else "")
    yield f"{fact['tool']} {fact['method']} {what}{expects}" + "".join(f", {option}" for option in options)
    yield from (f"gets {_answer(answer)} ({write.place(answer['at'])})" for answer in fact["answers"])


def _effect(fact: Document) -> Iterator[str]:
    files = f" through {', '.join(fact['compose_files'])}" if fact["compose_files"] else ""
    yield f"{fact['reach']}: {fact['manager']} {fact['action']} {', '.join(fact['targets']) or 'everything'}{files}"
    yield from (f"guarded by {guard['text']} ({write.place(guard)})" for guard in fact["guard"])
    if fact["reach"] == "never" and not fact["cases"]:
        yield "no way through the script leads here"
    yield from (f"{_runs(case['runs'])} when {case['when']}" for case in fact["cases"])
    yield from (f"provided that {text}" for text in fact["assumes"])
    yield from (f"not known: {text}" for text in fact["unknown"])


def _runs(runs: bool | None) -> str:
    return {True: "runs", False: "does not run", None: "may run"}[runs]


def _job(fact: Document) -> Iterator[str]:
    yield f"{fact['scheduler']} {fact['schedule']}: {fact['command']}"
    if fact["next"]:
        yield "next " + ", ".join(write.when(time) for time in fact["next"])
    if fact["repeat_s"]:
        yield "starts " + _span(*fact["repeat_s"]) + " apart"


def _service(fact: Document) -> Iterator[str]:
    name = fact["name"] + (f" ({fact['container_name']})" if fact["container_name"] else "")
    ports = ", ".join(f"{port['published']} → {port['target']}" for port in fact["ports"])
    yield (
        f"{name}: {fact['image'] or 'built here'}"
        + (f", ports {ports}" if ports else "")
        + f", restart {fact['restart'] or 'no'}"
    )
    check = fact["healthcheck"]
    if check:
        yield f"checked every {_number(check['interval_s'])} s by {' '.join(check['test'])}"
        yield "unhealthy after failing for " + _span(*fact["unhealthy_after_s"])


def _healthcheck(fact: Document) -> Iterator[str]:
    yield f"every {_number(fact['interval_s'])} s: {' '.join(fact['test'])}"


def _upstream(fact: Document) -> Iterator[str]:
    yield f"{fact['name']}: " + ", ".join(" ".join([one["address"], *one["parameters"]]) for one in fact["servers"])


def _proxied(fact: Document) -> Iterator[str]:
    limits = ", ".join(f"{limit['name']} {_number(limit['seconds'])} s" for limit in fact["limits"])
    yield f"{fact['matches'] or 'server'}: {fact['target']}" + (", upgrades" if fact["upgrades"] else "") + f", {limits}"


def _container(fact: Document) -> Iterator[str]:
    yield f"{fact['name']}: {fact['image'] or 'image not known'}, {fact['status'] or 'status not known'}"


def _unit(fact: Document) -> Iterator[str]:
    yield f"{fact['name']}: {fact['command'] or fact['description']}, restart {fact['restart'] or 'no'}"
    if fact["memory_limit"]:
        yield f"restarted above {fact['memory_limit']} bytes"


def _problem(fact: Document) -> Iterator[str]:
    yield fact["message"]


def _span(shortest: float, longest: float | None) -> str:
    if longest is None:
        return f"{_number(shortest)} s or more"
    return f"{_number(shortest)} s" if shortest == longest else f"{_number(shortest)} to {_number(longest)} s"


def _number(value: float) -> str:
    return f"{value:g}"


SECTIONS: dict[str, Callable[[Document], Iterator[str]]] = {
    "probes": _probe,
    "other_requests": _probe,
    "effects": _effect,
    "jobs": _job,
    "services": _service,
    "upstreams": _upstream,
    "proxied": _proxied,
    "containers": _container,
    "units": _unit,
    "healthchecks": _healthcheck,
    "unknown": _problem,
}
