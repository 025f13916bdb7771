"""The steps of a release: what starts and stops services, and what fetches or builds."""

from __future__ import annotations

from logcorr.rules._idioms import compose_verb
from logcorr.semantics.written import Written

RISKY = {
    "git": {"pull", "fetch", "clone", "checkout"},
    "npm": {"ci", "install", "i", "run"},
    "yarn": {"install", "build"},
    "pnpm": {"install", "i", "build"},
    "docker": {"pull", "build"},
    "apt-get": {"update", "install", "upgrade"},
    "pip": {"install"},
    "pip3": {"install"},
    "composer": {"install", "update"},
    "bundle": {"install"},
    "certbot": {"certonly", "renew"},
    "go": {"build"},
    "cargo": {"build"},
    "dotnet": {"build", "publish"},
    "npx": {"build"},
}
"""Steps that need the network or compile: they fail on other days than today."""


def acts(command: Written, *verbs: str) -> bool:
    """Whether it stops (or starts) a service or a stack."""
    composed = compose_verb(command)
    if composed:
        return composed[0] in verbs
    if command.name in ("systemctl", "service", "supervisorctl", "pm2", "docker"):
        words = [word for word in command.words if not word.startswith("-")]
        return bool(words) and (words[1:2] if command.name == "service" else words[:1])[0:1] in [[verb] for verb in verbs]
    return False


def is_risky(command: Written) -> bool:
    """Whether it is such a step."""
    composed = compose_verb(command)
    if composed:
        return composed[0] in ("pull", "build")
    return bool(RISKY.get(command.name, set()) & set(command.words[:2]))
