"""certbot's renewal configuration, `/etc/letsencrypt/renewal/*.conf`, for the hooks that a renewal runs.

    [renewalparams]
    pre_hook = docker stop shop-web
    renew_hook = systemctl reload nginx

Format: certbot's user guide, "Renewing certificates"; `renew_hook` is the deploy hook.
"""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Script
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_HOOK = regex(r"\s*(?P<name>(?:pre|post|renew|deploy)_hook)\s*=\s*(?P<command>\S.*)")
_NAME = regex(r"(^|/)renewal/[^/]+\.conf$")


def _recognise(sample: Sample) -> float:
    section = any(line.strip() == "[renewalparams]" for line in sample.lines)
    return 0.98 if section else 0.5 if _NAME.search(sample.path) else 0.0


@configuration_parser(title="certbot renewal configuration", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """Each hook as a script."""
    certificate = artifact.sample.name.removesuffix(".conf")
    for number, line in enumerate(artifact.text().split("\n"), 1):
        hook = _HOOK.fullmatch(line.rstrip())
        if hook:
            yield Script(
                span=artifact.span(number),
                name=f"{hook['name']} of {certificate}",
                text=hook["command"],
                column=hook.start("command"),
            )
