"""One nginx: its tree of configuration, grown from the collected files, and what is known to be missing from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.facts import Directive, NginxFile
from logcorr.model.source import Span
from logcorr.semantics.nginx import maps
from logcorr.semantics.nginx.includes import Includes, is_harmless
from logcorr.semantics.nginx.listen import Listen, listens_of
from logcorr.semantics.nginx.patterns import group_names
from logcorr.semantics.nginx.tree import Node, grow

STOCK_INCLUDES = regex(r"/etc/nginx/(?:conf\.d/[^/]+\.conf|sites-enabled/[^/]+|templates/[^/]+\.template)")
"""What the main files of nginx's own packages and images include."""
ENABLED = regex(r"\.conf(?:\.template)?$|(?:^|/)sites-enabled/[^/]+$")
HTTP_LEVEL = frozenset(("server", "upstream", "map", "geo", "split_clients", "log_format", "limit_req_zone", "limit_conn_zone"))


class Site(Struct, frozen=True):
    """The `http` block and its tables; `notes` are sentences about files left out or taken in,
    `guesses` those of them, by path, that are taken in on a guess."""

    http: Node
    listens: tuple[Listen, ...]
    upstreams: Mapping[str, Node]
    variables: Mapping[str, Node]
    assigned: frozenset[str]
    notes: tuple[tuple[str, Span], ...]
    guesses: Mapping[str, str]


def build(main: NginxFile | None, files: Sequence[NginxFile], mounts: Mapping[str, str]) -> Site:
    """The site of a main file, or of files that some main file, not collected, is taken to include in `http`."""
    notes: list[tuple[str, Span]] = []
    includes = Includes(files, mounts)
    directives = includes.expand(main) if main else ()
    top = next((d for d in directives if d.name == "http"), None)
    inside = list(top.children or ()) if top else []
    guess = main is None or any(d.name == "include" and not is_harmless(" ".join(d.args)) for d in inside)
    guesses = {}
    for file in _orphans(includes, main) if guess else ():
        inside += _http_level(includes.expand(file))
        guesses[file.span.path] = f"{file.span.path} is included in http, though no collected file says so"
        notes.append((guesses[file.span.path], file.span))
    for directive in directives:
        if directive.name in ("stream", "mail"):
            notes.append((f"{directive.name} is not interpreted: its ports answer no HTTP", directive.span))
    span = top.span if top else files[0].span
    root = Node("main", (), span, None)
    others = tuple(d for d in directives if d is not top)
    grow((*others, Directive(span=span, name="http", children=tuple(inside))), root)
    return _site(root.children[-1], notes, guesses)


def _site(http: Node, notes: list[tuple[str, Span]], guesses: Mapping[str, str]) -> Site:
    listens = [listen for server in http.all("server") for listen in listens_of(server)]
    notes += [(f"{node.title()} was not collected", node.span) for node in missing_includes(http.walk())]
    return Site(
        http=http,
        listens=tuple(listens),
        upstreams={node.args[0].lower(): node for node in reversed(http.all("upstream")) if node.args},
        variables={maps.variable_of(node): node for node in http.all(*maps.TABLES) if node.args},
        assigned=frozenset(_assigned(http)),
        notes=tuple(notes),
        guesses=guesses,
    )


def missing_includes(nodes: Iterable[Node]) -> Iterator[Node]:
    """Those that are includes that were not collected and could matter."""
    return (node for node in nodes if node.name == "include" and not is_harmless(" ".join(node.args)))


def _assigned(http: Node) -> Iterator[str]:
    """The variables that `set`, named groups and `auth_request_set` can give a value; empty until then."""
    for node in http.walk():
        if node.name in ("set", "auth_request_set") and node.args:
            yield node.args[0].lstrip("$").lower()
        if node.name in ("location", "rewrite", "if", "server_name") or node.name.startswith("~"):
            for text in (node.name, *node.args):
                yield from group_names(text)


def _http_level(directives: tuple[Directive, ...]) -> tuple[Directive, ...]:
    """What stands in `http`: the block's content if there is one."""
    top = next((d for d in directives if d.name == "http"), None)
    return top.children or () if top else directives


def _orphans(includes: Includes, main: NginxFile | None) -> list[NginxFile]:
    """Files that belong in `http` and that nobody includes: those mounted where a stock main file includes them, if any.

    Disabled copies (`.bak`) are taken only where there is nothing else.
    """
    others = [file for file in includes.files if file is not main]
    for file in others:
        includes.expand(file)
    loose = [file for file in others if not is_main(file) and not includes.has_used(file)]
    loose = [file for file in loose if any(directive.name in HTTP_LEVEL for directive in file.directives)]
    mounted = [file for file in loose if STOCK_INCLUDES.fullmatch(includes.seen_as(file) or "")]
    enabled = [file for file in loose if ENABLED.search(file.span.path)]
    return sorted(mounted or enabled or loose, key=lambda file: file.span.path)


def is_main(file: NginxFile) -> bool:
    """Whether a file is a main one: it opens `http` or `events` itself."""
    return any(d.name in ("http", "events") and d.children is not None for d in file.directives)
