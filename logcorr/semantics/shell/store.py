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
        if key in self and self[key] is value:
            return self
        other = self.without(key)
        other = other if other is not self else self._copy()
        other[key] = value
        other._hash ^= hash((key, value))
        return other

    def without(self, *keys: K) -> Store[K, V]:
        """The same items but for some that are not there any more."""
        gone = [key for key in keys if key in self]
        if not gone:
            return self
        other = self._copy()
        for key in gone:
            other._hash ^= hash((key, other.pop(key)))
        return other

    def _copy(self) -> Store[K, V]:
        other: Store[K, V] = Store.__new__(Store)
        other.update(self)
        other._hash = self._hash
        return other

    def __hash__(self) -> int:  # type: ignore[override]  # a dictionary, which can be written to, has none
        return self._hash
