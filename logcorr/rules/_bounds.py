"""What bounds the size of requests and answers in nginx, and the size in force at a place."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.facts import Directive, NginxFile
from logcorr.model.source import Span
from logcorr.rules._diffs import taken_away
from logcorr.semantics.nginx import Nginx, Proxied

SIZE = regex(r"(?i)^(?P<number>\d+)(?P<unit>[kmg]?)$")
POWERS = {"": 0, "k": 10, "m": 20, "g": 30}


class Bound(Struct, frozen=True):
    """What bounds a size: how nginx says that it was passed, the directive with its default, and how clients are answered.

    That of an answer begins with the name of the module that hands the request on.
    """

    told: str
    directive: str
    default: tuple[str, ...]
    statuses: tuple[int, ...] = ()

    @property
    def of_answers(self) -> bool:
        """Whether it is the upstream's answer that is too large."""
        return not self.statuses


BOUNDS = (
    Bound("sent too big header", "buffer_size", ("4k",)),
    Bound("intended to send too large", "client_max_body_size", ("1m",), (413,)),
    Bound(
        r"sent too long (?:URI|header)|sent too large request|exceeded http2_max_",
        "large_client_header_buffers",
        ("4", "8k"),
        (400, 414, 431, 494),
    ),
)
"""http://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffer_size (a page of memory: 4k, or 8k) and
http://nginx.org/en/docs/http/ngx_http_core_module.html."""


class InForce(Struct, frozen=True):
    """The size in force, and the lines to look at: the directive's, or those of the block in which it is not set.

    `is_set`: somebody set it; `agreed`: and nowhere else to anything else.
    """

    name: str
    allowed: str
    places: tuple[Span, ...]
    is_set: bool = False
    agreed: bool = False

    @property
    def size(self) -> dict[str, int]:
        """In bytes, where it is known."""
        found = SIZE.match(self.allowed)
        return {"limit_bytes": int(found["number"]) << POWERS[found["unit"].lower()]} if found else {}


def in_force(case: Case, bound: Bound, place: Proxied | None) -> InForce:
    """What holds there, with its lines, that by which a diff took it away first.

    Of a place that is not known it is the default, if all of nginx's configuration was collected and none of it sets another.
    """
    module = place.limits[0].name.partition("_")[0] if place else "proxy"
    name = f"{module}_{bound.directive}" if bound.of_answers else bound.directive
    taken = tuple(taken_away(case, rf"{name}\s"))
    every = [one for file in case.of(NginxFile) for top in file.directives for one in top.walk()]
    if place is None:
        return _anywhere(name, bound, every, taken)
    found = Nginx.of(tuple(case.of(NginxFile))).in_force(place, name)
    args, span = found or (bound.default, None)
    agreed = {one.args for one in every if one.name == name} == {tuple(args)}
    return InForce(name, args[-1], (span,) if span else (*taken, place.location, place.span), span is not None, agreed)


def _anywhere(name: str, bound: Bound, every: Sequence[Directive], taken: tuple[Span, ...]) -> InForce:
    main = [one.span for one in every if one.name == "http"]
    if not main or any(one.name == name for one in every):
        return InForce(name, "?", ())
    return InForce(name, bound.default[-1], taken or (main[0],))
