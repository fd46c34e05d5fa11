"""Describes messages that could not be read: looking at them, reading them again, throwing them away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import pages, rejected
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.rejected import Asked, ReplayState
from schema.pages import Connection
from schema.refusals import Refusal, RefusedAsData
from store import rejections
from store.rejections import KeptRejection


@strawberry.type(description="A message from a meter that could not be read, kept as it came.")
class RejectedMessage:
    """See `store.rejections.KeptRejection`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    topic: str = strawberry.field(description="The MQTT topic that it came on.")
    payload_text: str = strawberry.field(description="Its body as text; bytes that are no UTF-8 show as \ufffd.")
    is_cut: bool = strawberry.field(
        description="Whether only the first 256 KiB of the body were kept; it cannot be read again then."
    )
    code: str = strawberry.field(description="Stable, for programs: what kind of fault it was.")
    reason: str = strawberry.field(description="For people: what was wrong and what is accepted.")
    received_at: datetime = strawberry.field(description="When it first arrived (UTC).")
    last_received_at: datetime = strawberry.field(
        description="When the same body last arrived on the same topic (UTC): within a day it is only counted."
    )
    times: int = strawberry.field(description="How often it came, 1 or more.")
    replayed_at: datetime | None = strawberry.field(
        description="When it was read again and could be stored (UTC); null while it is only kept."
    )
    tried_at: datetime | None = strawberry.field(
        description="When it was last read again in vain (UTC); `code` and `reason` are those of that time."
    )
    is_waiting: bool = strawberry.field(
        description="Whether somebody asked for it to be read again, see replayRejected."
    )


@strawberry.type(description="The rejected messages of one topic that have one code: which device needs a look.")
class RejectedMessageGroup:
    """See `store.rejections.RejectionGroup`."""

    code: str = strawberry.field(description="Their code.")
    topic: str = strawberry.field(description="Their MQTT topic.")
    message_count: int = strawberry.field(description="How many messages are kept.")
    times: int = strawberry.field(description="How often they came, all together.")
    oldest_at: datetime = strawberry.field(description="When the oldest of them arrived (UTC).")
    newest_at: datetime = strawberry.field(description="When one of them last arrived (UTC).")
    newest_id: strawberry.ID = strawberry.field(description="The number of the newest.")
    newest_reason: str = strawberry.field(description="The reason of the newest.")


@strawberry.type(description="How far it is that rejected messages are read again. Ingest does it while it runs.")
class RejectedReplay:
    """See `resolvers.rejected.ReplayState`."""

    id: strawberry.ID = strawberry.field(description="Its number: ask rejectedReplay with it.")
    asked_at: datetime = strawberry.field(description="When somebody asked (UTC).")
    message_count: int = strawberry.field(description="How many messages it is about, 100000 at the most.")
    stored_count: int = strawberry.field(description="How many of them could be read and are stored.")
    still_rejected_count: int = strawberry.field(description="How many could not be read this time either.")
    waiting_count: int = strawberry.field(description="How many were not tried yet.")
    is_finished: bool = strawberry.field(description="Whether none waits any more.")


@strawberry.input(description="Which rejected messages are meant; what is left out is left open.")
class RejectedMessageFilter:
    """See `resolvers.rejected.Asked`."""

    codes: list[str] | None = strawberry.field(default=None, description="Any of these codes, at most 50.")
    topic_starts_with: str | None = strawberry.field(
        default=None, description="The beginning of their topic, with its case, at most 1000 characters."
    )
    since: datetime | None = strawberry.field(
        name="from", default=None, description="First arrived at or after this instant."
    )
    until: datetime | None = strawberry.field(name="to", default=None, description="First arrived before this instant.")
    is_replayed: bool | None = strawberry.field(
        default=None, description="True: only those that could be stored since; false: only the others."
    )

    def asked(self) -> Asked:
        """As the resolvers take it."""
        return Asked(self.codes, self.topic_starts_with, self.since, self.until, self.is_replayed)


@strawberry.input(description="Rejected messages, by their ids or by a filter: exactly one of them.")
class RejectedMessagesInput:
    """What replayRejected and discardRejected take."""

    ids: list[strawberry.ID] | None = strawberry.field(default=None, description="1 to 1000 ids.")
    filter: RejectedMessageFilter | None = strawberry.field(
        default=None, description="All messages that match; a filter with nothing in it means every one."
    )


@dataclass(frozen=True, slots=True)
class ReplayAsked:
    """What became of a wish to read messages again."""

    replay: ReplayState | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Discarded:
    """What became of a wish to throw messages away."""

    discarded_count: int | None = None
    refusal: Refusal | None = None


@strawberry.type(description="The wish as it was taken down, or why it was not.")
class ReplayRejectedPayload:
    """Exactly one of the two is set."""

    replay: RejectedReplay | None = strawberry.field(description="How far it is; null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, BAD_INPUT or BAD_RANGE; null when it was done."
    )


@strawberry.type(description="How many messages were thrown away, or why none was.")
class DiscardRejectedPayload:
    """Exactly one of the two is set."""

    discarded_count: int | None = strawberry.field(description="How many; null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, BAD_INPUT or BAD_RANGE; null when it was done."
    )


First = Annotated[int, strawberry.argument(description="How many at the most, 1 to 500.")]
Messages = Annotated[RejectedMessagesInput, strawberry.argument(name="input", description="Which messages.")]


@strawberry.type
class RejectedQueries:
    """The queries about rejected messages."""

    @strawberry.field(
        description="Messages that could not be read, newest first.",
        graphql_type=Connection[RejectedMessage],
    )
    async def rejected_messages(
        self,
        info: Info,
        which: Annotated[
            RejectedMessageFilter | None, strawberry.argument(name="filter", description="Which; all without it.")
        ] = None,
        first: First = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only messages after this cursor.")] = None,
    ) -> pages.Page[KeptRejection]:
        """A page of rejected messages."""
        asked = which.asked() if which else None
        return await rejected.rejected_messages(info, asked=asked, first=first, after=after)

    @strawberry.field(
        description="Rejected messages counted by code and topic, the newest first: which devices need a mapping or a"
        " look.",
        graphql_type=Connection[RejectedMessageGroup],
    )
    async def rejected_message_groups(
        self,
        info: Info,
        which: Annotated[
            RejectedMessageFilter | None,
            strawberry.argument(name="filter", description="Which; without it those that were not replayed."),
        ] = None,
        first: First = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only groups after this cursor.")] = None,
    ) -> pages.Page[rejections.RejectionGroup]:
        """A page of groups."""
        asked = which.asked() if which else None
        return await rejected.rejected_groups(info, asked=asked, first=first, after=after)

    @strawberry.field(
        description="How far a replay of rejected messages is; null when there is none of that id.",
        graphql_type=RejectedReplay | None,
    )
    async def rejected_replay(
        self, info: Info, number: Annotated[strawberry.ID, strawberry.argument(name="id", description="Its id.")]
    ) -> ReplayState | None:
        """The state of a replay."""
        return await rejected.replay_state(info, number=number)


@strawberry.type
class RejectedMutations:
    """What can be done with rejected messages."""

    @strawberry.mutation(
        description="Asks ingest to read rejected messages again, as after a mapping or a setting was changed. What is"
        " readable now is stored; the rest is kept with the new reason.",
        graphql_type=ReplayRejectedPayload,
        extensions=[RefusedAsData(ReplayAsked)],
    )
    async def replay_rejected(self, info: Info, given: Messages) -> ReplayAsked:
        """The wish, or why it was refused."""
        asked = given.filter.asked() if given.filter else None
        return ReplayAsked(await rejected.ask_for_replay(info.context, ids=given.ids, asked=asked))

    @strawberry.mutation(
        description="Throws rejected messages away for good.",
        graphql_type=DiscardRejectedPayload,
        extensions=[RefusedAsData(Discarded)],
    )
    async def discard_rejected(self, info: Info, given: Messages) -> Discarded:
        """How many are gone, or why none is."""
        asked = given.filter.asked() if given.filter else None
        return Discarded(await rejected.discard(info.context, ids=given.ids, asked=asked))
