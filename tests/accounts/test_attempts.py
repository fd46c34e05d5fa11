"""Limits on trying: the same in all servers, whether or not there is an account, and never a stranger's weapon."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.access import Role
from metering.code_limits import CODES_PER_HOUR
from metering.refusals import Refused
from resolvers import attempts
from resolvers.attempts import (
    MAX_A_DAY,
    MAX_ENTRIES_AN_HOUR,
    MAX_PER_ACCOUNT,
    MAX_PER_ADDRESS,
    MAX_RIGHT_AN_HOUR,
    WINDOW,
)
from resolvers.context import Context
from resolvers.enrolment import Enrolment
from store.accounts import Account
from store.connections import Pool, open_pool
from store.sealing import SealBrokenError, Sealing
from store.sign_in_limits import SLOT_BITS, remove_old, slot_of
from tests.accounts.conftest import add_person

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SEALING = Sealing(b"a key of thirty-two bytes or more")
ANN = "ann@example.org"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url, size=20) as opened:
        yield opened


def at(pool: Pool, address: str, now: datetime = NOON, *, codes: int = CODES_PER_HOUR) -> Context:
    """A request from an address, to a server that sends so many codes an hour to one network."""
    return Context(pool, None, address, now=lambda: now, enrolment=Enrolment(SEALING, codes_per_hour=codes))


async def let_through(pool: Pool, address: str, *, times: int, now: datetime = NOON, contact: str = ANN) -> int:
    """How many of so many tries were not refused."""
    context = at(pool, address, now)

    async def tried() -> bool:
        try:
            await attempts.begin(context, contact=contact)
        except Refused:
            return False
        return True

    return sum([await tried() for _ in range(times)])


async def test_an_account_is_tried_ten_times_from_one_network_also_at_once(pool: Pool) -> None:
    counts = await asyncio.gather(*(let_through(pool, "192.0.2.1", times=4) for _ in range(5)))
    assert sum(counts) == MAX_PER_ACCOUNT
    assert await let_through(pool, "192.0.2.2", times=1) == 1
    assert await let_through(pool, "192.0.2.1", times=1, contact="abe@example.org") == 1
    assert await let_through(pool, "192.0.2.1", times=1, now=NOON + WINDOW) == 1


@pytest.mark.parametrize(("contact", "field"), [(ANN, "email"), ("+2348012345678", "phone")])
async def test_a_refusal_names_the_field_by_which_somebody_tried(pool: Pool, contact: str, field: str) -> None:
    await let_through(pool, "192.0.2.1", times=MAX_PER_ACCOUNT, contact=contact)
    with pytest.raises(Refused) as refused:
        await attempts.begin(at(pool, "192.0.2.1"), contact=contact)
    assert refused.value.field == field


async def test_a_code_that_is_tried_too_often_is_refused_as_a_code(pool: Pool) -> None:
    for _ in range(MAX_ENTRIES_AN_HOUR):
        await attempts.begin_entry(at(pool, "192.0.2.1"), kind="CLAIM", account_id=1)
    with pytest.raises(Refused) as refused:
        await attempts.begin_entry(at(pool, "192.0.2.1"), kind="CLAIM", account_id=1)
    assert refused.value.field == "code"


async def test_one_network_cannot_try_many_accounts(pool: Pool) -> None:
    for number in range(MAX_PER_ADDRESS):
        assert await let_through(pool, f"2001:db8::{number:x}", times=1, contact=f"a{number}@x.org") == 1
    assert await let_through(pool, "2001:db8::ffff", times=1, contact="b@x.org") == 0


async def test_ipv4_clients_of_a_socket_for_both_are_networks_of_their_own(pool: Pool) -> None:
    for number in range(MAX_PER_ADDRESS):
        assert await let_through(pool, "::ffff:192.0.2.1", times=1, contact=f"a{number}@x.org") == 1
    assert await let_through(pool, "::ffff:192.0.2.1", times=1, contact="b@x.org") == 0
    assert await let_through(pool, "192.0.2.1", times=1, contact="b@x.org") == 0
    assert await let_through(pool, "::ffff:192.0.2.2", times=1, contact="b@x.org") == 1


async def test_who_has_thousands_of_networks_is_one_for_all_of_them(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MAX_PER_WIDE_ADDRESS", 5)
    monkeypatch.setattr(attempts, "WIDE_ADDRESS_CODES", 5)
    for number in range(5):
        here = f"2001:db8:7:{number:x}::1"
        assert await let_through(pool, here, times=1, contact=f"a{number}@x.org") == 1
        await attempts.begin_code(at(pool, here, codes=1), contact=f"a{number}@x.org")
    assert await let_through(pool, "2001:db8:7:ffff::1", times=1, contact="b@x.org") == 0
    assert await let_through(pool, "2001:db8:8::1", times=1, contact="b@x.org") == 1
    with pytest.raises(Refused, match="TOO_MANY_ATTEMPTS"):
        await attempts.begin_code(at(pool, "2001:db8:7:ffff::1", codes=1), contact="b@x.org")
    await attempts.begin_code(at(pool, "2001:db8:8::1", codes=1), contact="b@x.org")


async def test_as_many_behind_one_address_get_codes_as_the_server_says(pool: Pool) -> None:
    for number in range(7):
        await attempts.begin_code(at(pool, "192.0.2.1", codes=7), contact=f"a{number}@x.org")
    with pytest.raises(Refused, match="TOO_MANY_ATTEMPTS"):
        await attempts.begin_code(at(pool, "192.0.2.1", codes=7), contact="b@x.org")
    await attempts.begin_code(at(pool, "192.0.2.1", codes=8), contact="b@x.org")
    await attempts.begin_code(at(pool, "192.0.2.2", codes=7), contact="c@x.org")


async def test_right_passwords_are_not_tried_without_end_either(pool: Pool) -> None:
    passed = 0
    for _ in range(MAX_RIGHT_AN_HOUR + 5):
        passed += await let_through(pool, "192.0.2.1", times=1)
        await attempts.forgive(at(pool, "192.0.2.1"), contact=ANN)
    assert passed == MAX_RIGHT_AN_HOUR
    assert await let_through(pool, "192.0.2.2", times=1) == 1


async def test_many_networks_together_get_pauses_that_grow(pool: Pool) -> None:
    for number in range(MAX_A_DAY // 10):
        assert await let_through(pool, f"192.0.2.{number}", times=10) == 10
    passed = [
        minute
        for minute in range(200)
        if await let_through(pool, f"198.51.100.{minute}", times=1, now=NOON + timedelta(minutes=minute))
    ]
    assert passed == [1, 3, 7, 15, 31, 63, 123, 183]


async def test_the_owner_comes_in_from_a_known_network_meanwhile(pool: Pool, database_url: str) -> None:
    account = await add_person(database_url)
    async with pool.connection() as connection:
        await attempts.know_network(at(pool, "203.0.113.9"), connection, account)
    for number in range(MAX_A_DAY // 10):
        await let_through(pool, f"192.0.2.{number}", times=10)
    assert await let_through(pool, "198.51.100.1", times=1) == 0
    assert await let_through(pool, "203.0.113.9", times=20) == MAX_PER_ACCOUNT
    later = NOON + timedelta(days=91)
    for number in range(MAX_A_DAY // 10):
        await let_through(pool, f"192.0.2.{number}", times=10, now=later)
    assert await let_through(pool, "203.0.113.9", times=1, now=later) == 0


async def test_what_was_mistyped_is_forgiven_by_the_right_password(pool: Pool) -> None:
    for _ in range(MAX_PER_ADDRESS // MAX_PER_ACCOUNT + 2):
        assert await let_through(pool, "192.0.2.1", times=MAX_PER_ACCOUNT) == MAX_PER_ACCOUNT
        await attempts.forgive(at(pool, "192.0.2.1"), contact=ANN)


async def test_a_flood_leaves_no_more_rows_than_there_are_slots_and_they_go_in_time(pool: Pool) -> None:
    assert max(slot_of(bytes([255] * 32)), slot_of(bytes(32))) == 2**SLOT_BITS - 1
    await let_through(pool, "192.0.2.1", times=70)
    async with pool.connection() as connection:
        assert await count_of(connection) == 4
        await remove_old(connection, now=NOON + timedelta(days=1))
        assert await count_of(connection) == 0


async def count_of(connection: Any) -> int:
    row = await (await connection.execute("SELECT count(*) FROM attempt_count")).fetchone()
    return row[0]


def test_what_is_sealed_opens_for_its_own_account_and_key_alone() -> None:
    sealed = SEALING.seal(b"secret", purpose="second factor", bound_to="7")
    assert SEALING.opened(sealed, purpose="second factor", bound_to="7") == b"secret"
    assert b"secret" not in sealed
    assert "thirty" not in repr(SEALING)
    others = [(SEALING, "second factor", "8"), (SEALING, "other", "7"), (Sealing(bytes(32)), "second factor", "7")]
    for sealing, purpose, bound_to in others:
        with pytest.raises(SealBrokenError):
            sealing.opened(sealed, purpose=purpose, bound_to=bound_to)


def test_an_account_has_its_contacts_e_mail_first() -> None:
    account = Account(1, ANN, "Ann", Role.TENANT, "+2348012345678")
    assert [contact.masked for contact in account.contacts] == ["a•••@example.org", "+234•••••78"]
