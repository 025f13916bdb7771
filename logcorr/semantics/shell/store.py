"""A mapping for the state of a path: cheap to copy, and cheap to compare with another."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, MutableMapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Store(MutableMapping[K, V]):
    """A dictionary whose copies share what they hold until one of them is written to.

    Its hash is that of its items and is kept up to date; as a key in a mapping it must not be written to, so use a copy there.
    """

    __slots__ = ("_hash", "_held", "_shared")

    def __init__(self, held: Mapping[K, V] | None = None) -> None:
        self._held: dict[K, V] = dict(held or {})
        self._hash = 0
        self._shared = False
        for item in self._held.items():
            self._hash ^= hash(item)

    def copy(self) -> Store[K, V]:
        """The same items, to be changed on their own."""
        other = _new(Store)
        other._held, other._hash = self._held, self._hash
        self._shared = other._shared = True
        return other

    def _own(self) -> None:
        if self._shared:
            self._held, self._shared = dict(self._held), False

    def __getitem__(self, key: K) -> V:
        return self._held[key]

    def __setitem__(self, key: K, value: V) -> None:
        if key in self._held:
            old = self._held[key]
            if old is value:
                return
            self._hash ^= hash((key, old))
        self._own()
        self._held[key] = value
        self._hash ^= hash((key, value))

    def __delitem__(self, key: K) -> None:
        self._hash ^= hash((key, self._held[key]))
        self._own()
        del self._held[key]

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[K]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Store) and (self._held is other._held or self._held == other._held)

    def clear(self) -> None:
        """Drop all items."""
        self._held, self._hash, self._shared = {}, 0, False


_new = object.__new__
