"""Mail and text messages about accounts: handed over at least once, erased then, and never seen in a log."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kilowatch.demo.push_stand_in import PushStandIn
from kilowatch.settings import SettingError, read
from kilowatch.work import run
from kilowatch.writing_to_people import message_sender
from metering.contacts import Channel, Contact
from notifications.apprise_sender import AppriseSender
from notifications.message_wording import Words, worded
from notifications.messages import LEASE, send_due
from store import account_messages
from store.account_messages import Message, MessageKind
from store.connections import Pool, open_pool
from tests.notifications.message_stand_ins import FarEnd, json_server, mail_server

NOW = datetime(2026, 3, 10, 5, tzinfo=UTC)
ANN = Contact(Channel.MAIL, "ann@example.org")
BAYO = Contact(Channel.SMS, "+2348012345678")
CODE = {"code": "048151"}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url) as opened:
        yield opened


async def leave(pool: Pool, to: Contact, kind: MessageKind = MessageKind.LOG_IN_CODE, *, now: datetime = NOW) -> None:
    async with pool.connection() as connection:
        expires_at = now + timedelta(minutes=10)
        await account_messages.add(connection, to=to, kind=kind, now=now, expires_at=expires_at, details=CODE)


async def states(pool: Pool) -> list[tuple[str, Any, Any]]:
    """State, recipient and words of each message, oldest first."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT state, sent_to, details FROM account_message ORDER BY id")
        return await cursor.fetchall()


def by(mail: FarEnd, texts: FarEnd) -> AppriseSender:
    return AppriseSender({Channel.MAIL: mail_url(mail), Channel.SMS: text_url(texts)})


def mail_url(mail: FarEnd) -> str:
    return f"mailto://127.0.0.1:{mail.port}?from=power@example.org&to={{to}}&mode=insecure&format=text"


def text_url(texts: FarEnd) -> str:
    return f"json://user:hush@127.0.0.1:{texts.port}/?:to={{to}}"


async def test_mail_and_text_messages_arrive_and_what_they_said_is_erased(pool: Pool) -> None:
    async with mail_server() as mail, json_server() as texts:
        await leave(pool, ANN)
        await leave(pool, BAYO)
        assert await send_due(pool, sender=by(mail, texts), now=NOW) == 2
    (message,) = mail.arrived
    assert (message["To"], message["Subject"]) == ("ann@example.org", "048151 is your code")
    assert (
        message.get_body()
        .get_content()
        .startswith("048151 is your code to sign in to Kilowatch. It holds for 10 minutes. If it was not you")
    )
    (text,) = texts.arrived
    assert text["to"] == "+2348012345678"
    assert text["message"].startswith("048151 is your code to sign in")
    assert await states(pool) == [("SENT", None, None)] * 2


@pytest.mark.parametrize("address", ["o'neil@example.org", "'ann@example.org", "a'b'c@example.org", "+ann@example.org"])
async def test_a_mail_goes_to_its_address_and_not_to_a_part_of_it(address: str) -> None:
    async with mail_server() as mail:
        sender = AppriseSender({Channel.MAIL: mail_url(mail)})
        assert await sender.send(Contact(Channel.MAIL, address), Words("a code", "048151"))
    assert [(message["X-Recipients"], message["To"]) for message in mail.arrived] == [(address, address)]


@pytest.mark.parametrize(
    "place", ["mailgun://power@example.org/key-0123456789", "ses://power@example.org/A/s/us-east-1"]
)
async def test_a_service_that_would_write_to_somebody_else_writes_to_nobody(place: str) -> None:
    sender = AppriseSender({Channel.MAIL: f"{place}/{{to}}"})
    assert not await sender.send(Contact(Channel.MAIL, "o'neil@example.org"), Words("a code", "048151"))


async def test_the_most_talkative_log_has_no_recipient(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with json_server() as texts:
        sender = AppriseSender({Channel.SMS: f"json://127.0.0.1:{texts.port}/sms/{{to}}"})
        assert await sender.send(BAYO, Words("", "048151 is your code"))
    assert texts.arrived
    assert "2348012345678" not in caplog.text
    assert "048151" not in caplog.text


async def test_a_message_that_is_not_taken_is_sent_again_until_it_is_of_no_use(pool: Pool) -> None:
    async with mail_server() as mail, json_server() as texts:
        mail.turned_away, texts.turned_away = 1, 99
        await leave(pool, ANN)
        await leave(pool, BAYO)
        sender = by(mail, texts)
        await send_due(pool, sender=sender, now=NOW, jitter=lambda: 1.0)
        assert await send_due(pool, sender=sender, now=NOW + timedelta(seconds=1), jitter=lambda: 1.0) == 0
        await send_due(pool, sender=sender, now=NOW + timedelta(seconds=2), jitter=lambda: 1.0)
        assert len(mail.arrived) == 1
        await send_due(pool, sender=sender, now=NOW + timedelta(minutes=10))
    assert await states(pool) == [("SENT", None, None), ("FAILED", None, None)]
    assert texts.arrived == []


class Dying:
    """A sender whose worker is killed once the far end has taken the message."""

    channels = frozenset({Channel.MAIL})

    def __init__(self) -> None:
        self.taken = 0

    async def send(self, contact: Contact, words: Words) -> bool:
        assert contact == ANN
        assert words.subject
        self.taken += 1
        raise asyncio.CancelledError


async def test_a_worker_that_dies_before_it_records_leaves_the_message_to_another_after_its_lease(pool: Pool) -> None:
    await leave(pool, ANN)
    dying = Dying()
    with pytest.raises(asyncio.CancelledError):
        await send_due(pool, sender=dying, now=NOW)
    async with mail_server() as mail:
        sender = AppriseSender({Channel.MAIL: mail_url(mail)})
        assert await send_due(pool, sender=sender, now=NOW + LEASE - timedelta(seconds=1)) == 0
        assert await send_due(pool, sender=sender, now=NOW + LEASE) == 1
        assert (dying.taken, len(mail.arrived)) == (1, 1)


async def test_a_message_that_is_claimed_is_not_claimed_by_another_worker(pool: Pool) -> None:
    async with mail_server() as mail:
        for _ in range(5):
            await leave(pool, ANN)
        sender = AppriseSender({Channel.MAIL: mail_url(mail)})
        counts = await asyncio.gather(*(send_due(pool, sender=sender, now=NOW) for _ in range(3)))
        assert (sum(counts), len(mail.arrived)) == (5, 5)


async def test_the_worker_sends_at_once_and_logs_neither_codes_nor_addresses(
    database_url: str, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mail_server() as mail, json_server() as texts:
        texts.turned_away = 1
        task = asyncio.create_task(run(database_url=database_url, message_sender=by(mail, texts)))
        try:
            await leave(pool, ANN, now=datetime.now(UTC))
            await leave(pool, BAYO, now=datetime.now(UTC))
            await mail.wait_for(1)
            await texts.wait_for(1)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    for secret in ("048151", "hush", "ann@example.org", "8012345678"):
        assert secret not in caplog.text


@pytest.mark.parametrize("url", ["rubbish://x/{to}", "mailto://127.0.0.1:1?to={to}x y", "twilio://hush/{to}"])
def test_an_address_that_apprise_does_not_take_is_named_without_its_secrets(url: str) -> None:
    settings = read({"KILOWATCH_SMS_URL": url})
    with pytest.raises(SettingError, match="KILOWATCH_SMS_URL cannot be used") as refused:
        message_sender(settings)
    assert "hush" not in str(refused.value)


def test_an_address_without_a_place_for_the_recipient_is_refused() -> None:
    with pytest.raises(SettingError, match=r"KILOWATCH_MAIL_URL cannot be used: .*\{to\}"):
        read({"KILOWATCH_MAIL_URL": "mailto://user:hush@example.org"})
    assert message_sender(read({})) is None


@pytest.mark.parametrize("kind", MessageKind)
def test_every_kind_of_message_has_words_and_a_short_form_for_phones(kind: MessageKind) -> None:
    details = {"code": "048151", "masked": "a•••@x.org", "left": "9", "inviter": "Funmi", "place": "Marina Court"}
    details |= {"expires_on": "24 March 2026", "prefix": "Ab3dEf7h"}
    message = Message(1, 1, ANN, kind, details, NOW, NOW + timedelta(minutes=10))
    words = worded(message)
    assert words.subject
    assert "{" not in words.body
    assert "not you" in words.body or "do nothing" in words.body
    if kind.value.endswith("_CODE"):
        assert words.body.startswith("048151 ")
    text = worded(Message(1, 1, BAYO, kind, details, NOW, NOW + timedelta(minutes=10)))
    assert text == Words("", words.body)
    assert "048151" not in repr(message) + repr(text)


async def test_the_demos_page_takes_mail_and_text_messages_and_shows_them(tmp_path: Path) -> None:
    with PushStandIn(tmp_path) as page:
        templates = {Channel.MAIL: page.written_to("mail"), Channel.SMS: page.written_to("text message")}
        sender = AppriseSender(templates)
        assert await sender.send(ANN, Words("048151 is your code", "048151 is your code."))
        assert await sender.send(BAYO, Words("", "048151 is your code."))
        shown = [(one.target, one.title, one.body) for one in page.messages]
    assert shown == [
        ("ann@example.org", "048151 is your code", "048151 is your code."),
        ("+2348012345678", "Text message", "048151 is your code."),
    ]
