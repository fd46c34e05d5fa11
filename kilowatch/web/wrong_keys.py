"""Turns keys that are not ours into a pause for the network that tries them out."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kilowatch.web.newest import Newest
from resolvers.attempts import network_of

MOST: Final = 20
WINDOW: Final = timedelta(minutes=1)
_MAX_NETWORKS: Final = 10_000

Times = deque[datetime]


@dataclass(slots=True, eq=False)
class WrongKeys:
    """The wrong keys of the last minute by networks, in this process: after 20, nothing more is looked up for one."""

    _by_network: Newest[str, Times] = field(default_factory=lambda: Newest[str, Times](_MAX_NETWORKS))

    def are_too_many(self, address: str, *, at: datetime) -> bool:
        """Whether a client's network has to wait."""
        times = self._by_network.get(network_of(address))
        while times and times[0] <= at - WINDOW:
            times.popleft()
        return times is not None and len(times) >= MOST

    def note(self, address: str, *, at: datetime) -> None:
        """Counts one more."""
        network = network_of(address)
        times = self._by_network.get(network) or Times(maxlen=MOST)
        times.append(at)
        self._by_network.keep(network, times)
