"""Which containers of nginx read a file of configuration, by what they mount and by what their images copy."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.facts import ComposeFile, Image, Service
from logcorr.rules._images import COPIES, built_by
from logcorr.semantics.paths import below, folder_of, normal

OFFICIAL = regex(r"(?:docker\.io/)?(?:library/)?(?:nginx|nginxinc/nginx-unprivileged)(?::(?P<tag>[\w.-]+))?")
VERSION = regex(r"(?P<numbers>\d+(?:\.\d+){0,2})(?:-[a-z][\w.-]*)?")
SETTINGS = regex(r"/etc/nginx(?:/|$)|/opt/bitnami/nginx/conf")
KEEPS_SINCE = (1, 29, 7)
"""The first version that speaks HTTP/1.1 to upstreams, and keeps connections to them, by itself."""


class Reader(Struct, frozen=True):
    """What reads the file: a service of a compose file, an image that it is copied into, or both; `base` is an image's name."""

    base: str
    file: ComposeFile | None = None
    service: Service | None = None
    image: Image | None = None


def readers(case: Configuration, path: str) -> Iterator[Reader]:
    """The services that mount the file or are built with it, and the images alone that it is copied into."""
    copied = {image.span.path: image for image in case.of(Image) if _copies(image, path)}
    for file in case.of(ComposeFile):
        for service in file.services:
            built = built_by(case, file, service)
            seen = (mount.source for mount in service.mounts if SETTINGS.match(mount.target))
            mounted = any(below(path, normal(source, folder_of(file.span.path))) for source in seen)
            if mounted or (built and copied.pop(built.span.path, None)):
                yield Reader(built.base if built else service.image or "", file, service, built)
    yield from (Reader(image.base, image=image) for image in copied.values())


def is_official(reader: Reader) -> bool:
    """Whether it is nginx's own image, or built on that."""
    return OFFICIAL.fullmatch(reader.base) is not None


def keeps_by_itself(case: Configuration, path: str) -> bool:
    """Whether all images that are seen to read this file keep connections without being told to; no where none is seen."""
    found = list(readers(case, path))
    return bool(found) and all(_is_new(reader.base) for reader in found)


def _copies(image: Image, path: str) -> bool:
    steps = (found for step in image.steps if (found := COPIES.fullmatch(step)))
    copies = (step["sources"].split() for step in steps if SETTINGS.match(step["target"]))
    return any(_is_copied(path, source, image) for sources in copies for source in sources)


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
