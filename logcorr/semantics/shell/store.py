"""A mapping for the state of a path: shared by all copies of the path, and cheap to compare with another."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Store(dict[K, V]):
    """A dictionary that nobody writes to: `put` and `without` give another. Its hash is kept up to date by these two."""

    __slots__ = ("_hash",)

    def __init__(self, held: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        super().__init__(held)
        self._hash = 0
        for item in self.items():
            self._hash ^= hash(item)

    def put(self, key: K, value: V) -> Store[K, V]:
        """The same items but for one."""
        changed = self._hash ^ hash((key, value))
        if key in self:
            old = self[key]
            if old is value:
                return self
            changed ^= hash((key, old))
        other: Store[K, V] = Store.__new__(Store)
        other.update(self)
        other[key] = value
        other._hash = changed
        return other

    def without(self, key: object) -> Store[K, V]:
        """The same items but for one that is not there any more."""
        return Store((name, value) for name, value in self.items() if name != key) if key in self else self

    def __hash__(self) -> int:  # type: ignore[override]  # a dictionary has none, since it can be written to
        return self._hash
