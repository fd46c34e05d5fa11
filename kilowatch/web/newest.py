"""Keeps values by their keys, at the most so many: where one more comes, the one that was used longest ago goes."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True, eq=False)
class Newest(Generic[K, V]):
    """The `most` values that were kept or looked up last; None is no value."""

    most: int
    _kept: OrderedDict[K, V] = field(default_factory=lambda: cast("OrderedDict[Any, Any]", OrderedDict()))

    def get(self, key: K) -> V | None:
        """The value, which is now the newest; None without."""
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def keep(self, key: K, value: V) -> V | None:
        """Keeps a value in the place of the key's last one; what had to go for it, or None."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        return self.drop_oldest() if len(self._kept) > self.most else None

    def drop(self, key: K) -> None:
        """Forgets the key's value, if there is one."""
        self._kept.pop(key, None)

    def drop_oldest(self) -> V:
        """Forgets the value that was used longest ago, and returns it."""
        return self._kept.popitem(last=False)[1]
