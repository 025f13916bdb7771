"""What compose calls a project and its containers."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from logcorr.model.facts import Service


def project_name(
    *, argument: str | None, environment: Mapping[str, str], written: str | None, directory: str | None
) -> str | None:
    """The project's name: `-p`, then COMPOSE_PROJECT_NAME, then the file's own `name`, then the directory's.

    None where only the directory could tell and is not known.
    """
    chosen = argument or environment.get("COMPOSE_PROJECT_NAME") or written
    if not chosen and directory:
        chosen = posixpath.basename(directory.rstrip("/"))
    return _normalised(chosen) if chosen else None


def _normalised(name: str) -> str:
    """Lower case, nothing but letters, digits, `-` and `_`, and no sign in front."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def container_names(project: str | None, service: Service, *, number: int = 1) -> tuple[str, ...]:
    """The names that a service's container can have: its own, or those that compose v1 and v2 make up."""
    if service.container_name:
        return (service.container_name,)
    if project is None:
        return ()
    return f"{project}_{service.name}_{number}", f"{project}-{service.name}-{number}"
