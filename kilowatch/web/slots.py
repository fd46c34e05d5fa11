"""Turns who holds what into whether there is room for one more: each holder may have so many at a time."""

from collections import Counter
from dataclasses import dataclass, field

from resolvers.attempts import network_of

Holder = int | str
"""An account's id, or the network of somebody who has not signed in."""


@dataclass(slots=True, eq=False)
class Slots:
    """What each holder has open of one kind, in this process."""

    most: int
    taken: Counter[Holder] = field(default_factory=Counter[Holder])

    def take(self, holder: Holder) -> bool:
        """Takes one slot more, and says whether there was one."""
        if self.taken[holder] >= self.most:
            return False
        self.taken[holder] += 1
        return True

    def free(self, holder: Holder) -> None:
        """Gives one back."""
        self.taken[holder] -= 1
        if not self.taken[holder]:
            del self.taken[holder]


def holder_of(account_id: int | None, *, address: str) -> Holder:
    """Whose slots count: the account's, from wherever it comes; without one those of the network."""
    return network_of(address) if account_id is None else account_id
