"""Which images of nginx read a file of configuration, and how old these are."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.facts import ComposeFile, Image
from logcorr.rules._images import COPIES, built_by
from logcorr.semantics.paths import below, folder_of, normal

OFFICIAL = regex(r"(?:docker\.io/)?(?:library/)?(?:nginx|nginxinc/nginx-unprivileged)(?::(?P<tag>[\w.-]+))?")
VERSION = regex(r"(?P<numbers>\d+(?:\.\d+){0,2})(?:-[a-z][\w.-]*)?")
KEEPS_SINCE = (1, 29, 7)
"""The first version that speaks HTTP/1.1 to upstreams, and keeps connections to them, by itself."""


def keeps_by_itself(case: Configuration, path: str) -> bool:
    """Whether all images that are seen to read this file keep connections without being told to; no where none is seen."""
    images = list(_images(case, path))
    return bool(images) and all(map(_is_new, images))


def _images(case: Configuration, path: str) -> Iterator[str]:
    """The images of services that mount the file, and the bases of those that it is copied into."""
    for file in case.of(ComposeFile):
        for service in file.services:
            if any(below(path, normal(mount.source, folder_of(file.span.path))) for mount in service.mounts):
                built = built_by(case, file, service)
                yield built.base if built else service.image or ""
    for image in case.of(Image):
        copied = [found["sources"].split() for step in image.steps if (found := COPIES.fullmatch(step))]
        if any(_is_copied(path, source, image) for sources in copied for source in sources):
            yield image.base


def _is_copied(path: str, source: str, image: Image) -> bool:
    """Whether a path that an image is given means the file: seen from the Dockerfile's folder, or from the top."""
    folders = (folder_of(image.span.path), "")
    return normal(source) not in ("", ".") and any(below(path, normal(source.lstrip("/"), folder)) for folder in folders)


def _is_new(image: str) -> bool:
    """Whether it is an official image that was not pinned to an old version: a tag without all numbers moves on."""
    named = OFFICIAL.fullmatch(image)
    if not named:
        return False
    version = VERSION.fullmatch(named["tag"] or "")
    if not version:
        return True
    numbers = tuple(map(int, version["numbers"].split(".")))
    return numbers >= KEEPS_SINCE[: len(numbers)]
