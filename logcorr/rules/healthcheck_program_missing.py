"""A health check calls a program that is not in the image."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Healthcheck, Image
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._images import built_by

BARE = (
    (regex(r"(?:python|node|ruby|rust|debian|ubuntu|openjdk)(?::\S*slim\S*)|(?:debian|ubuntu)(?::\S+)?"), ("curl", "wget")),
    (regex(r"(?:gcr\.io/distroless/\S+|scratch)"), ("curl", "wget")),
    (regex(r"(?:python|node|ruby|rust|golang|oven/bun)(?::\S*alpine\S*)|alpine(?::\S+)?"), ("curl",)),
)
"""Official images, and which of the programs that fetch pages they do not have; Alpine's busybox has a wget."""

CALLED = regex(r"(?:^|[|&;(]|\bif\b|!)\s*(?:/usr/bin/)?(curl|wget)\b")
OPEN = regex(r"(?:^|&&|;)\s*(?:RUN\s+)?(?:\./|sh |bash |/)\S*\.sh\b|xargs|with-deps|install-deps|\bansible|\bchef|\bnix\b")
"""A step of which nobody sees what it installs."""


@rule(code="COMP012", title="A health check calls what its image does not have", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `curl` and `wget` in the health checks of images built on a slim base that install neither."""
    images = {image.span.path: image for image in case.of(Image)}
    own = ((check, images.get(check.span.path)) for check in case.of(Healthcheck))
    composed = [(file, service) for file in case.of(ComposeFile) for service in file.services]
    built = ((service.healthcheck, built_by(case, file, service)) for file, service in composed if service.healthcheck)
    for test, image in (*own, *built):
        missing = _missing(test, image) if image else None
        if image and missing:
            yield _finding(test, image, missing)


def _missing(test: Healthcheck, image: Image) -> str | None:
    """The program it calls, if it is not there and nothing the check could do instead is."""
    words = " ".join(test.test[1:] if test.test[:1] in (("CMD",), ("CMD-SHELL",)) else test.test)
    called = dict.fromkeys(CALLED.findall(words))
    lacking = next((programs for base, programs in BARE if base.fullmatch(image.base)), ())
    steps = "\n".join(image.steps)
    known = bool(called) and not any(OPEN.search(step) for step in image.steps)
    return next(iter(called)) if known and all(one in lacking and one not in steps for one in called) else None


def _finding(test: Healthcheck, image: Image, program: str) -> Finding:
    return Finding(
        confidence=0.92,
        claim=claim(
            "healthcheck_program_missing.found",
            "{program} is not in the image, which is built on {base} and installs none: this check fails always, "
            "and who waits for it never starts",
            program=program,
            base=image.base,
        ),
        evidence=(Evidence(test.span, f"calls {program}"), Evidence(image.span, f"built on {image.base}")),
        would_refute=claim(
            "healthcheck_program_missing.refute",
            "docker run --rm --entrypoint {program} IMAGE --version, which answers",
            program=program,
        ),
        subject=test.span.path,
        measured={"program": program, "base": image.base},
        fix=claim(
            "healthcheck_program_missing.fix", "install {program} in the image, or check with what it has", program=program
        ),
    )
