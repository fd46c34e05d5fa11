"""The real firebase-admin library, over HTTP, against the stand-in of FCM's far end."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import firebase_admin
import httpx
import pytest

from kilowatch.demo.push_stand_in import PROJECT, PushStandIn
from notifications.fcm import FcmSender
from notifications.outcomes import Failed, Gone, Retry, Sent
from store.outbox import Push

RAISED_AT = datetime(2025, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[PushStandIn]:
    with PushStandIn(tmp_path) as running:
        yield running


@pytest.fixture
async def sender(stand_in: PushStandIn) -> AsyncIterator[FcmSender]:
    async with FcmSender(stand_in.credentials, fcm_url=stand_in.url) as opened:
        yield opened


def push(token: str, *, days_left: float | None = 1.5) -> Push:
    return Push(
        id=1,
        attempts=1,
        push_device_id=7,
        token=token,
        alert_id=42,
        panel_code="FLAT_3A",
        panel_name="Flat 3A",
        message="Flat 3A has 4.8 kWh left, enough for about 36 hours.",
        balance_kwh=Decimal("4.812"),
        days_left=days_left,
        raised_at=RAISED_AT,
    )


async def test_a_push_arrives_with_what_a_phone_needs(stand_in: PushStandIn, sender: FcmSender) -> None:
    outcome = await sender.send(push("phone:1"))
    (arrived,) = stand_in.messages
    assert outcome == Sent(arrived.name)
    assert arrived.name.startswith(f"projects/{PROJECT}/messages/")
    assert arrived.target == "phone:1"
    assert (arrived.title, arrived.body) == (
        "Low units",
        "Flat 3A has 4.8 kWh left, enough for about 36 hours.",
    )
    assert arrived.collapse_key == "low-units-FLAT_3A"
    assert arrived.data == {
        "alertId": "42",
        "panelCode": "FLAT_3A",
        "balanceKwh": "4.812",
        "raisedAt": "2025-03-04T12:00:00+00:00",
        "depletesAt": "2025-03-06T00:00:00+00:00",
    }


async def test_an_unknown_end_is_sent_as_empty(stand_in: PushStandIn, sender: FcmSender) -> None:
    await sender.send(push("phone:1", days_left=None))
    assert stand_in.messages[0].data["depletesAt"] == ""


async def test_an_installation_id_is_addressed_as_one(stand_in: PushStandIn, sender: FcmSender) -> None:
    assert isinstance(await sender.send(push("cAbCdEfGhIjKlMnOpQrStU")), Sent)
    assert stand_in.messages[0].target == "cAbCdEfGhIjKlMnOpQrStU"


@pytest.mark.parametrize("token", ["gone-1", "bad-1"])
async def test_a_dead_token_is_gone(stand_in: PushStandIn, sender: FcmSender, token: str) -> None:
    assert isinstance(await sender.send(push(token)), Gone)
    assert stand_in.messages == []


async def test_a_busy_service_says_when_to_come_back_and_is_asked_once(
    stand_in: PushStandIn, sender: FcmSender
) -> None:
    first = await sender.send(push("flaky-1"))
    assert isinstance(first, Retry)
    assert first.after_s == 1
    assert stand_in.messages == []
    assert isinstance(await sender.send(push("flaky-1")), Sent)


async def test_too_many_messages_wait_as_long_as_asked(sender: FcmSender) -> None:
    outcome = await sender.send(push("quota-1"))
    assert isinstance(outcome, Retry)
    assert outcome.after_s == 60


async def test_another_senders_token_fails_and_is_kept(sender: FcmSender) -> None:
    assert isinstance(await sender.send(push("denied-1")), Failed)


async def test_an_unreachable_service_is_tried_again(stand_in: PushStandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    async with FcmSender(stand_in.credentials, fcm_url=closed_url) as sender:
        outcome = await sender.send(push("phone:1"))
    assert isinstance(outcome, Retry)
    assert outcome.after_s is None


async def test_an_account_whose_key_is_refused_is_tried_again(stand_in: PushStandIn, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with PushStandIn(tmp_path / "other") as other:
        account = json.loads(other.credentials.read_text())
        foreign = tmp_path / "foreign.json"
        foreign.write_text(json.dumps(account | {"token_uri": f"{stand_in.url}/token"}))
    async with FcmSender(foreign, fcm_url=stand_in.url) as sender:
        outcome = await sender.send(push("phone:1"))
    assert isinstance(outcome, Retry)
    assert "access token" in outcome.reason
    assert stand_in.messages == []


async def test_without_an_address_the_real_service_is_meant(stand_in: PushStandIn) -> None:
    async with FcmSender(stand_in.credentials) as sender:
        service = firebase_admin.messaging._get_messaging_service(sender._app)
        assert service._fcm_url == f"https://fcm.googleapis.com/v1/projects/{PROJECT}/messages:send"


async def test_with_an_address_of_its_own_it_asks_nobody_else(
    stand_in: PushStandIn, sender: FcmSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()
    look_up = socket.getaddrinfo

    def recorded(host: str, *others: object, **named: object) -> object:
        asked.add(host)
        return look_up(host, *others, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", recorded)
    threads = set(threading.enumerate())
    assert isinstance(await sender.send(push("phone:1")), Sent)
    for started in set(threading.enumerate()) - threads:
        if not started.name.startswith("asyncio"):
            await asyncio.to_thread(started.join, 20)
    assert asked == {"127.0.0.1"}


async def test_a_sender_leaves_no_app_behind(stand_in: PushStandIn) -> None:
    before = dict(firebase_admin._apps)
    async with FcmSender(stand_in.credentials, fcm_url=stand_in.url):
        assert len(firebase_admin._apps) == len(before) + 1
    assert firebase_admin._apps == before


async def test_a_request_without_our_token_is_refused(stand_in: PushStandIn) -> None:
    async with httpx.AsyncClient(base_url=stand_in.url) as client:
        path = f"/v1/projects/{PROJECT}/messages:send"
        answer = await client.post(path, json={"message": {"token": "phone:1"}})
    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


async def test_the_stand_in_names_the_field_that_is_wrong(stand_in: PushStandIn, sender: FcmSender) -> None:
    await sender.send(push("phone:1"))
    (access_token,) = stand_in._access_tokens
    headers = {"Authorization": f"Bearer {access_token}"}
    async with httpx.AsyncClient(base_url=stand_in.url, headers=headers) as client:
        path = f"/v1/projects/{PROJECT}/messages:send"
        answer = await client.post(path, json={"message": {"token": "phone:1", "data": {"a": 1}}})
        both = await client.post(path, json={"message": {"token": "phone:1", "topic": "all"}})
    violation = answer.json()["error"]["details"][1]["fieldViolations"][0]
    assert answer.status_code == 400
    assert violation["field"] == "message.data[...]"
    assert both.status_code == 400


async def test_the_page_shows_what_arrived_and_escapes_it(stand_in: PushStandIn, sender: FcmSender) -> None:
    async with httpx.AsyncClient(base_url=stand_in.url) as client:
        assert "No notification yet" in (await client.get("/")).text
        await sender.send(push("<b>phone"))
        page = (await client.get("/")).text
        listed = (await client.get("/messages")).json()["messages"]
    assert "Flat 3A has 4.8 kWh left" in page
    assert "&lt;b&gt;phone" in page
    assert "<b>" not in page
    assert listed[0]["data"]["alertId"] == "42"


async def test_the_key_file_is_for_its_owner_alone_and_goes_with_the_service(tmp_path: Path) -> None:
    with PushStandIn(tmp_path) as running:
        assert running.credentials.stat().st_mode & 0o777 == 0o600
    assert not running.credentials.exists()
