"""Turns batches of messages into committed readings and rejected messages, in a thread of its own."""

import logging
from collections.abc import Sequence
from functools import partial

from ingest.decoding import Contents, Message, PanelDecoder
from ingest.routing import Router
from metering.readings import Rejected
from store.balances_shown import keep_balances
from store.devices import keep_reports
from store.discovery import keep_discovered
from store.merge import Also, Arrivals, BatchRefusedError, BatchWriter, DatabaseAwayError
from store.rejected import RejectedMessage, StillRejected, StoredRejection, mark_unreadable

_log = logging.getLogger(__name__)


class UnwrittenError(Exception):
    """The database is away: `messages` are not committed, or not surely; write them, and only them, again."""

    def __init__(self, messages: Sequence[Message], cause: DatabaseAwayError) -> None:
        super().__init__(str(cause))
        self.messages = messages


class MessageWriter:
    """Writes messages over one database connection, which it opens when it needs one; for one thread at a time."""

    def __init__(self, database_url: str, *, default_time_zone: str) -> None:
        """Panels that appear by themselves get `default_time_zone`.

        Raises:
            ValueError: that is no IANA name.
        """
        self._database_url = database_url
        self._decoder = PanelDecoder(default_time_zone=default_time_zone)
        self._writer: BatchWriter | None = None
        self._rejected_count = 0

    @property
    def rejected_count(self) -> int:
        """How many messages were kept as rejected by `write`."""
        return self._rejected_count

    def use(self, router: Router) -> None:
        """Reads the messages of the next batch, and all after it, as `router` says; may be called from any thread."""
        self._decoder.router = router

    def write(self, messages: Sequence[Message]) -> None:
        """Returns when every message is committed, as a reading or as a rejected message.

        A message that the database refuses is rejected by itself; the others of its batch are stored. A refusal may
        come of a panel or a partition that was removed meanwhile, so the batch gets a second try before it is split.

        Raises:
            UnwrittenError: not all of it is committed; it says what is not.
        """
        try:
            self._write(messages)
        except BatchRefusedError:
            self._decoder.forget_panels()
            self._write_in_parts(messages)
        except DatabaseAwayError as error:
            self.close()
            raise UnwrittenError(messages, error) from error

    def replay(self, messages: Sequence[StoredRejection]) -> int:
        """Stores those of the rejected messages that are now readable, and returns how many they were.

        What is not readable is told so, with the reason of now.

        Raises:
            DatabaseAwayError: it is not sure that they are stored; replaying again changes nothing that is there.
        """
        try:
            return self._replay(messages)
        except BatchRefusedError as error:
            if len(messages) == 1:
                refused = StillRejected(messages[0].id, "STORE_ERROR", _refusal(error))
                self._open().write([], also=[partial(mark_unreadable, messages=[refused])])
                return 0
            middle = len(messages) // 2
            return self.replay(messages[:middle]) + self.replay(messages[middle:])

    def close(self) -> None:
        """Gives the connection up; the next write opens another one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def cancel(self) -> None:
        """Makes a write under way end soon, with UnwrittenError; may be called from another thread."""
        if self._writer is not None:
            self._writer.cancel()

    def _open(self) -> BatchWriter:
        if self._writer is None:
            self._writer = BatchWriter.open(self._database_url)
        return self._writer

    def _write(self, messages: Sequence[Message]) -> None:
        writer = self._open()
        found = self._decoder.decode(messages, writer=writer)
        rejected = [_rejected(messages[place], why) for place, why in found.rejected]
        writer.write(found.readings, rejected=rejected, arrivals=_arrivals(messages), also=_beside_readings(found))
        self._rejected_count += len(rejected)

    def _write_in_parts(self, messages: Sequence[Message]) -> None:
        unwritten = [messages]  # the next part is the last one
        try:
            while unwritten:
                unwritten[-1:] = self._written_or_halves(unwritten[-1])
        except DatabaseAwayError as error:
            self.close()
            raise UnwrittenError([message for part in reversed(unwritten) for message in part], error) from error

    def _written_or_halves(self, part: Sequence[Message]) -> list[Sequence[Message]]:
        """Nothing when the part is committed; else its halves, the second one first."""
        try:
            self._write(part)
        except BatchRefusedError as error:
            if len(part) > 1:
                middle = len(part) // 2
                return [part[middle:], part[:middle]]
            self._reject(part[0], error)
        return []

    def _reject(self, message: Message, error: BatchRefusedError) -> None:
        _log.warning("The database refuses a reading of %s: %s", message.topic, error)
        refused = _rejected(message, Rejected("STORE_ERROR", _refusal(error)))
        self._open().write([], rejected=[refused], arrivals=_arrivals([message]))
        self._rejected_count += 1

    def _replay(self, messages: Sequence[StoredRejection]) -> int:
        writer = self._open()
        found = self._decoder.decode(messages, writer=writer)
        why = {messages[place].id: reason for place, reason in found.rejected}
        readable = [message.id for message in messages if message.id not in why]
        unreadable = [StillRejected(number, reason.code, reason.reason) for number, reason in why.items()]
        told = [partial(mark_unreadable, messages=unreadable)] if unreadable else []
        writer.write(found.readings, replayed_ids=readable, also=[*_beside_readings(found), *told])
        return len(readable)


def _refusal(error: BatchRefusedError) -> str:
    return f"the database refuses the reading ({error}); replay the message when the cause is gone"


def _beside_readings(found: Contents) -> list[Also]:
    """What else the transaction of a batch stores; nothing, for most batches."""
    also: list[Also] = []
    if found.reports:
        also.append(partial(keep_reports, reports=found.reports))
    if found.balances:
        also.append(partial(keep_balances, shown=found.balances))
    if found.discovered:
        also.append(partial(keep_discovered, sensors=found.discovered))
    return also


def _rejected(message: Message, why: Rejected) -> RejectedMessage:
    return RejectedMessage(
        message.topic, message.payload, message.received_at, why.code, why.reason, message.is_retained
    )


def _arrivals(messages: Sequence[Message]) -> Arrivals:
    return Arrivals(len(messages), messages[0].received_at, messages[-1].received_at)
