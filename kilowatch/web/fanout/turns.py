"""Turns a burst of events into slices, between which everybody else of the process gets a turn."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

EVENT = 5
"""What executing and encoding an event weighs, about 40 µs; handing it to a member weighs one, about 10 µs."""
AT_ONCE = 200
"""What all groups may do between two looks at the network: about 2 ms."""


@dataclass(slots=True, eq=False)
class Turns:
    """One process's turns, given in the order in which they are asked for."""

    at_once: int = AT_ONCE
    _left: int = field(init=False)
    _waiting: deque[tuple[asyncio.Future[None], int]] = field(default_factory=deque[tuple[asyncio.Future[None], int]])
    _is_ending: bool = False
    """Whether what is left is filled up when the event loop comes round."""

    def __post_init__(self) -> None:
        self._left = self.at_once

    async def take(self, weight: int) -> None:
        """Returns once there is a turn for so much work; at once while little was done since the loop came round."""
        if not self._is_ending:
            self._end_soon()
        if self._left > 0 and not self._waiting:
            self._left -= weight
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, weight))
        await turn

    def _end_soon(self) -> None:
        self._is_ending = True
        asyncio.get_running_loop().call_soon(self._begin_anew)

    def _begin_anew(self) -> None:
        self._left, self._is_ending = self.at_once, False
        while self._waiting and self._left > 0:
            turn, weight = self._waiting.popleft()
            if not turn.done():  # cancelled: its subscription has ended
                turn.set_result(None)
                self._left -= weight
        if self._waiting:
            self._end_soon()
