r"""Dockerfiles, for the health check that they give an image, and what is in it to run one.

    HEALTHCHECK --interval=15s --timeout=3s --retries=5 \
        CMD curl -fsS http://localhost:4000/health || exit 1

Format: https://docs.docker.com/reference/dockerfile/#healthcheck.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from logcorr.grammar.duration import compose_seconds
from logcorr.lazily import regex
from logcorr.model.facts import Fact, Healthcheck, Image
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.parsers import configuration_parser

_NAME = regex(r"(^|/)([Dd]ockerfile|Containerfile)(\.[\w.-]+)?$|\.[Dd]ockerfile$")
_INSTRUCTION = regex(
    r"\s*(FROM|RUN|CMD|COPY|ADD|ENTRYPOINT|ENV|ARG|EXPOSE|WORKDIR|USER|HEALTHCHECK|LABEL|VOLUME|STOPSIGNAL)\s", re.IGNORECASE
)
_CHECK = regex(
    r"\s*HEALTHCHECK\s+(?P<options>(?:--[\w-]+=\S+\s+)*)(?:CMD\s+(?P<command>.+)|(?P<none>NONE))\s*", re.IGNORECASE | re.DOTALL
)
_FROM = regex(r"\s*FROM\s", re.IGNORECASE)
_STAGE = regex(r"\s*FROM\s+(?:--\S+\s+)*(?P<base>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
_RUNS = regex(r"\s*(?P<kind>ENTRYPOINT|CMD)\s+(?P<words>.+)", re.IGNORECASE | re.DOTALL)
_FILLS = regex(r"\s*(RUN|COPY|ADD)\s", re.IGNORECASE)
_OPTION = regex(r"--([\w-]+)=(\S+)")
_DEFAULTS = {"interval": 30.0, "timeout": 30.0, "start-period": 0.0}


def _recognise(sample: Sample) -> float:
    lines = [line for line in sample.lines if line.strip() and not line.lstrip().startswith("#")]
    starts = bool(lines) and bool(re.match(r"\s*(FROM|ARG)\s+\S", lines[0], re.IGNORECASE))
    if not starts or not any(map(_FROM.match, lines)):
        return 0.0
    return 0.95 if _NAME.search(sample.path) else 0.7 if sum(_INSTRUCTION.match(line) is not None for line in lines) >= 3 else 0.0


@configuration_parser(title="Dockerfile", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """The image, and the health check of its last stage: the last one in it, none if that is `NONE`."""
    found: Healthcheck | None = None
    yield from _image(artifact)
    for first, last, text in _instructions(artifact.text().split("\n")):
        check = _CHECK.fullmatch(text)
        if _FROM.match(text) or (check and check["none"]):
            found = None
        elif check:
            options = dict(_OPTION.findall(check["options"]))
            yield from _refused(artifact, first, options)
            found = _check(artifact.span(first, last), options, check["command"].strip())
    if found:
        yield found


def _image(artifact: Artifact) -> Iterator[Image]:
    stages: dict[str, Image] = {}
    name, image = "", Image(span=artifact.span(1), base="")
    for line, _, text in _instructions(artifact.text().split("\n")):
        stage, runs = _STAGE.match(text), _RUNS.fullmatch(text)
        if stage:
            name = stage["name"] or ""
            image = stages.get(stage["base"].lower(), Image(span=image.span, base=stage["base"]))
        elif runs:
            image = _started(
                replace(image, started_at=line),
                runs["kind"].upper(),
                _test(runs["words"].strip())[1:],
                shell=not runs["words"].startswith("["),
            )
        elif _FILLS.match(text):
            image = replace(image, steps=(*image.steps, text), steps_at=(*image.steps_at, line))
        stages[name.lower()] = image
    if image.base:
        yield image


def _started(image: Image, kind: str, words: tuple[str, ...], *, shell: bool) -> Image:
    """The image with another entrypoint, which makes its base's command void, or another command."""
    words = ("/bin/sh", "-c", *words) if shell else words
    return replace(image, entrypoint=words, command=()) if kind == "ENTRYPOINT" else replace(image, command=words)


def _instructions(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Each instruction with its first and last line; comments within it are dropped, and line ends are blanks."""
    first, parts = 0, list[str]()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("#"):
            continue
        first = first if parts else number
        parts.append(text.removesuffix("\\").strip())
        if not text.endswith("\\"):
            yield first, number, " ".join(filter(None, parts))
            parts = []


def _refused(artifact: Artifact, line: int, options: Mapping[str, str]) -> Iterator[Problem]:
    for name in sorted(_DEFAULTS.keys() & options.keys()):
        if compose_seconds(options[name]) is None:
            yield Problem(artifact.path, f"no duration: {options[name]}", line)


def _check(span: Span, options: Mapping[str, str], command: str) -> Healthcheck:
    """The check; Docker's defaults stand for what is zero or no number."""
    retries = options.get("retries", "")
    return Healthcheck(
        span=span,
        test=_test(command),
        interval_s=_seconds(options, "interval"),
        timeout_s=_seconds(options, "timeout"),
        start_period_s=_seconds(options, "start-period"),
        retries=int(retries) if re.fullmatch(r"0*[1-9][0-9]{0,8}", retries) else 3,
    )


def _seconds(options: Mapping[str, str], name: str) -> float:
    return compose_seconds(options.get(name, "0")) or _DEFAULTS[name]


def _test(command: str) -> tuple[str, ...]:
    try:
        words = json.loads(command)
    except ValueError:
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return ("CMD", *words)
    return ("CMD-SHELL", command)
