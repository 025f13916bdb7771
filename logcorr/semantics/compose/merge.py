"""How compose lays one stanza over another: `-f a.yml -f b.yml`, `extends`.

Rules: the Compose specification, "Merge" and "Extend".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from logcorr.grammar.compose import mount_target
from logcorr.grammar.yaml_tree import Node

_REPLACED = frozenset({"command", "entrypoint", "test"})
_BY_NAME = frozenset({"environment", "labels", "build_args", "args", "sysctls", "extra_hosts", "annotations"})
_BY_REFERENCE = frozenset({"depends_on", "networks", "links"})
_BY_TARGET = frozenset({"volumes", "devices"})


def merged_entries(base: Node, over: Node) -> Node:
    """A mapping of stanzas with another one's laid over it, stanza by stanza."""
    entries = dict(base.entries)
    for name, node in over.entries:
        entries[name] = merged(entries[name], node) if name in entries else node
    return replace(base, tag="map", entries=tuple(entries.items()))


def merged(base: Node, over: Node) -> Node:
    """A service's stanza with another one laid over it."""
    entries = dict(base.entries)
    for key, node in over.entries:
        if node.tag == "!reset":
            entries.pop(key, None)
        elif key not in entries or node.tag == "!override":
            entries[key] = _plain(node)
        else:
            entries[key] = _merged_value(key, entries[key], node)
    return replace(base, tag="map", entries=tuple(entries.items()))


def without_tags(stanza: Node) -> Node:
    """A stanza that lies over nothing: what it resets is gone, what it overrides is its own."""
    kept = ((key, _plain(node)) for key, node in stanza.entries if node.tag != "!reset")
    return replace(stanza, entries=tuple(kept))


def _plain(node: Node) -> Node:
    if node.tag != "!override":
        return node
    return replace(node, tag="map" if node.entries else "seq" if node.items else "str")


def _merged_value(key: str, base: Node, over: Node) -> Node:
    if over.tag == "null" and not over.entries:
        return base
    if key in _REPLACED or base.tag == "null":
        return over
    if key in _BY_NAME:
        return _merged_mapping(over, _named(base), _named(over))
    if key in _BY_REFERENCE:
        return _merged_mapping(over, _referred(base), _referred(over))
    if key in _BY_TARGET:
        return _merged_list(base, over, mount_target)
    if base.entries and over.entries:
        return merged(base, over)
    if base.tag == "seq" or over.tag == "seq":
        return _merged_list(base, over, _identity)
    return over


def _named(node: Node) -> Mapping[str, Node]:
    """Entries of a mapping, or of a list of `NAME=value` (`host:address` for extra hosts)."""
    if node.entries:
        return dict(node.entries)
    written = [(item, item.text.partition("=" if "=" in item.text else ":")) for item in node.each()]
    return {name: replace(item, text=value, tag="str" if separator else "null") for item, (name, separator, value) in written}


def _referred(node: Node) -> Mapping[str, Node]:
    if node.entries:
        return dict(node.entries)
    return {item.text: replace(item, tag="null", text="") for item in node.each()}


def _merged_mapping(over: Node, entries: Mapping[str, Node], more: Mapping[str, Node]) -> Node:
    return replace(over, tag="map", items=(), text="", entries=tuple({**entries, **more}.items()))


def _merged_list(base: Node, over: Node, key: Callable[[Node], object]) -> Node:
    items = {key(item): item for item in base.each()}
    items.update({key(item): item for item in over.each()})
    return replace(over, tag="seq", text="", entries=(), items=tuple(items.values()))


def _identity(item: Node) -> object:
    """What makes two items the same: their text, or their fields."""
    return tuple((key, value.text) for key, value in item.entries) or item.text
