"""Splits what a subscription tells into what each subscriber gets alone and what all who ask alike get together."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Self

from metering.tenures import Tenure


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a stream, and what decides who is told of it.

    `place` is where the stream stands after it: the places of one stream can be compared, and only rise. `panel_id`
    is the panel that it is about: whoever reads too slowly gets the newest event of each panel, and everything that is
    about none. A beat says only that the stream is alive: nobody has to get it. A gap says that something is missing
    before its place, what stands at that place still comes. An aside says what may be seen from now on: everybody is
    told of it, wherever they stand, and stands there afterwards. An event of None is told to nobody.
    """

    event: Any
    place: Any
    panel_id: int | None = None
    is_beat: bool = False
    is_gap: bool = False
    is_aside: bool = False

    def is_news(self, since: Any) -> bool:
        """Whether somebody who was told everything up to a place (None: nothing yet) has to be told of it."""
        is_always = since is None or self.is_aside
        return is_always or self.place > since or (self.is_beat and self.place == since)

    @property
    def moves(self) -> bool:
        """Whether whoever was told of it stands at its place."""
        return not (self.is_gap or self.is_aside)


@dataclass(frozen=True, slots=True)
class Scope:
    """The panels that a group of subscribers may see of those it asks for; None: every panel, later ones too.

    `tenures` are those that they rent and see by nothing else, each with the span of which its readings are theirs.
    """

    panel_ids: frozenset[int] | None
    tenures: frozenset[tuple[int, Tenure]] = frozenset()

    def __contains__(self, panel_id: int) -> bool:
        """Whether a panel is one of them."""
        return self.panel_ids is None or panel_id in self.panel_ids


@dataclass(frozen=True, slots=True)
class Resumption:
    """From where somebody goes on whose scope has changed: what was told, of which panels, and when that changed.

    Of what came after `place`, up to `until` only that of the panels in `scope` is of interest: the others came into
    sight later.
    """

    place: Any
    scope: Scope
    until: Any


class LiveStream(ABC):
    """The source of a subscription's events, made by its resolver for each subscriber.

    Many subscribers who ask alike are told alike: `opening` runs once for each of them, `following` once for all,
    on the stream of one of them. Whoever begins is noted first and then gets its opening, so that nothing falls between
    the two; what `following` tells meanwhile waits, and is told only where its place is beyond the opening's last one.

    A stream is also an iterator of plain events, opening and all, for one subscriber alone.
    """

    is_alike_for_all: bool = False
    """Whether the events of `following` are the same for everybody who may see the same panels, whoever asks."""

    codes: frozenset[str] | None = None
    """The panels that are asked for; None for all that may be seen."""

    scope: Scope | None = None
    """Where it is set, `following` tells of these panels, not of the account's; for streams alike for all."""

    _alone: AsyncGenerator[Any] | None = None

    @abstractmethod
    def opening(self, *, since: Resumption | None = None) -> AsyncGenerator[Told]:
        """What one subscriber is told first: the state, or what it missed since its own `after`.

        The last one told stands where the opening ends; where there is nothing to tell, it is an event of None. It
        begins to read after the subscriber was noted: everything that was told to others before is in it. With
        `since` it is what came after that; only streams that are alike for all ever get it.

        Raises:
            Refused: the subscriber may not have the stream, or its `after` cannot be read.
        """

    @abstractmethod
    def following(self) -> AbstractAsyncContextManager[AsyncIterator[Told]]:
        """What comes after the openings, without an end, for as long as the account may see it.

        Once the context is entered, nothing that happens is missed: an opening may begin.

        Raises:
            Refused: UNAUTHENTICATED, also later on when the account was removed; DATABASE_UNAVAILABLE.
        """

    @abstractmethod
    def gap(self, place: Any, *, missed: int) -> Any:
        """The event which says that a slow client did not get so many events after a place."""

    def __aiter__(self) -> Self:
        """Itself: plain events for one subscriber alone."""
        return self

    async def __anext__(self) -> Any:
        """The next plain event."""
        if self._alone is None:
            self._alone = self._events()
        return await anext(self._alone)

    async def aclose(self) -> None:
        """Ends the iteration and gives back what it held."""
        if self._alone is not None:
            await self._alone.aclose()

    async def _events(self) -> AsyncGenerator[Any]:
        since = None
        async with self.following() as changes:
            async for told in self.opening():
                since = told.place
                if told.event is not None:
                    yield told.event
            async for told in changes:
                if told.is_news(since):
                    since = told.place if told.moves else since
                    yield told.event
