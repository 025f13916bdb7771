"""YAML with the line of every value, read by PyYAML's C parser; anchors followed, merge keys (`<<`) merged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import yaml
from msgspec import Struct

from logcorr.lazily import regex

_MAXIMUM_VALUES = 500_000
_MAXIMUM_DEPTH = 100
# YAML counts lines at these too; everyone else's line numbers do not.
_OTHER_LINE_ENDS = regex("[\r\x85\u2028\u2029]")


class NotYaml(ValueError):
    """Text that is no YAML; `line` is where the parser gave up."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Node(Struct, frozen=True):
    """One value: a text with the tag YAML gives it (`str`, `int`, `bool`, `null`), a list, or a mapping.

    `line` to `end_line` are its lines in `path`, an entry's key included. An application's own tag (`!reset`) is kept.
    """

    path: str
    line: int
    end_line: int
    tag: str
    text: str = ""
    items: tuple[Node, ...] = ()
    entries: tuple[tuple[str, Node], ...] = ()

    def get(self, key: str) -> Node | None:
        """The value of a mapping's key; None for other nodes, missing keys and null values."""
        return next((value for name, value in self.entries if name == key and value.tag != "null"), None)

    @property
    def is_scalar(self) -> bool:
        """Whether the node is a single text, number or truth value."""
        return not self.items and not self.entries and self.tag not in {"seq", "map", "null"}

    def each(self) -> Iterator[Node]:
        """The items of a list, or the node itself where a single value stands for a list of one."""
        if self.tag == "seq":
            yield from self.items
        elif self.tag != "null":
            yield self


@lru_cache(maxsize=16)
def load(text: str, path: str) -> Node:
    """The first document of a YAML text; a null node when it is empty. Raises NotYaml."""
    text = _OTHER_LINE_ENDS.sub(" ", text.replace("\r\n", "\n"))
    try:
        _refuse_depth(text)
        root = next(yaml.compose_all(text, Loader=yaml.CSafeLoader), None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = min(mark.line, text.count("\n")) + 1 if mark else 0
        raise NotYaml(f"no YAML: {error.problem}", line) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise NotYaml("no YAML: characters or depth that YAML does not allow", 0) from error
    return _Tree(path).node(root, 1) if root is not None else Node(path, 1, 1, "null")


@lru_cache(maxsize=16)
def repeated(text: str) -> tuple[tuple[str, int, int], ...]:
    """The keys that a mapping of the first document has twice, with their lines: the first one's, and that of the one again."""
    text = _OTHER_LINE_ENDS.sub(" ", text.replace("\r\n", "\n"))
    try:
        _refuse_depth(text)
        root = next(yaml.compose_all(text, Loader=yaml.CSafeLoader), None)
    except (yaml.YAMLError, RecursionError, NotYaml):
        return ()
    return tuple(_repeated_in(root, set())) if root is not None else ()


def _repeated_in(node: yaml.Node, seen: set[int]) -> Iterator[tuple[str, int, int]]:
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    first: dict[str, int] = {}
    for entry in node.value:
        if isinstance(node, yaml.MappingNode):
            key, value = entry
            line = key.start_mark.line + 1
            if str(key.value) in first and not key.tag.endswith(":merge"):
                yield str(key.value), first[str(key.value)], line
            first.setdefault(str(key.value), line)
            yield from _repeated_in(value, seen)
        else:
            yield from _repeated_in(entry, seen)


def _refuse_depth(text: str) -> None:
    """Raise NotYaml for what is nested too deep: PyYAML's composer goes down on the C stack, and would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAXIMUM_DEPTH:
            raise NotYaml("no YAML tree: nested too deep", event.start_mark.line + 1 if event.start_mark else 0)


class _Tree:
    """Turns PyYAML's nodes into ours, each alias's target once; refuses loops and trees that aliases blow up."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._done: dict[int, tuple[Node, int]] = {}
        self._open: set[int] = set()

    def node(self, found: yaml.Node, line: int) -> Node:
        return self._sized(found, line)[0]

    def _sized(self, found: yaml.Node, line: int) -> tuple[Node, int]:
        """A node and how many values it holds, aliases counted each time."""
        known = self._done.get(id(found))
        if known:
            return known
        if id(found) in self._open:
            raise NotYaml("no YAML tree: a value holds itself", found.start_mark.line + 1)
        self._open.add(id(found))
        made = self._scalar(found) if isinstance(found, yaml.ScalarNode) else self._collection(found, line)
        if made[1] > _MAXIMUM_VALUES:
            raise NotYaml("no YAML tree: its aliases repeat too much", found.start_mark.line + 1)
        self._open.discard(id(found))
        self._done[id(found)] = made
        return made

    def _scalar(self, found: yaml.ScalarNode) -> tuple[Node, int]:
        line, end = found.start_mark.line + 1, found.end_mark
        end_line = max(line, end.line if end.column == 0 else end.line + 1)
        return Node(self._path, line, end_line, _tag(found), text=found.value), 1

    def _collection(self, found: yaml.Node, line: int) -> tuple[Node, int]:
        if isinstance(found, yaml.SequenceNode):
            items = [self._sized(item, item.start_mark.line + 1) for item in found.value]
            start = found.start_mark.line + 1
            end = max([start, *(item.end_line for item, _ in items)])
            return Node(self._path, start, end, _tag(found), items=tuple(item for item, _ in items)), 1 + sum(
                size for _, size in items
            )
        return self._mapping(found)

    def _mapping(self, found: yaml.Node) -> tuple[Node, int]:
        entries: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        size, line = 1, found.start_mark.line + 1
        end_line = line
        for key, value in found.value:
            node, values = self._sized(value, key.start_mark.line + 1)
            size += values
            own_lines = value.start_mark.line >= key.start_mark.line
            end_line = max(end_line, key.start_mark.line + 1, node.end_line if own_lines else 0)
            if key.tag.endswith(":merge"):
                for source in node.each():
                    merged = {**dict(source.entries), **merged}
            else:
                entries[str(key.value)] = _from_key(node, key.start_mark.line + 1, own_lines)
        return Node(self._path, line, end_line, _tag(found), entries=tuple({**merged, **entries}.items())), size


def _from_key(node: Node, key_line: int, own_lines: bool) -> Node:
    """An entry's value with its key's line; the value of an alias stands at the key alone."""
    end_line = node.end_line if own_lines else key_line
    return Node(node.path, key_line, end_line, node.tag, node.text, node.items, node.entries)


def _tag(found: yaml.Node) -> str:
    return str(found.tag).rpartition(":")[2] if found.tag.startswith("tag:") else str(found.tag)
