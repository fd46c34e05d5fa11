"""A token's signature is checked once, its time and its session again and again."""

from datetime import UTC, datetime, timedelta
from unittest.mock import create_autospec
from uuid import UUID

import pytest

from kilowatch.web.signing_keys import Signing
from kilowatch.web.tokens import Claim, InvalidTokenError, Tokens
from kilowatch.web.viewers import Viewers, name_of_session
from store.connections import Pool, connect_async
from tests.fixtures.server import add_account, keys


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


async def test_a_token_that_was_read_before_still_expires(pool: Pool, database_url: str) -> None:
    clock = Clock()
    tokens = Tokens(Signing(keys(), clock), timedelta(minutes=5), clock)
    account_id = await add_account(database_url)
    token = tokens.issue(account_id, UUID(int=account_id)).token
    viewers = Viewers(pool, tokens, clock)
    for _ in range(2):
        assert (await viewers.of_token(token)).viewer.account_id == account_id
    clock.at += timedelta(minutes=5)
    with pytest.raises(InvalidTokenError, match="expired"):
        await viewers.of_token(token)


async def test_a_token_is_verified_once(pool: Pool, database_url: str) -> None:
    clock = Clock()
    tokens = create_autospec(Tokens, instance=True)
    account_id = await add_account(database_url)
    tokens.read.return_value = Claim(account_id, UUID(int=account_id), clock.at + timedelta(minutes=5))
    viewers = Viewers(pool, tokens, clock)
    for _ in range(3):
        await viewers.of_token("token")
    tokens.read.assert_called_once_with("token")


async def test_what_was_read_of_a_session_is_read_again_after_two_seconds(pool: Pool, database_url: str) -> None:
    clock = Clock()
    viewers = Viewers(pool, create_autospec(Tokens, instance=True), clock)
    session_id = UUID(int=await add_account(database_url))
    await viewers.of_session(session_id)
    async with await connect_async(database_url) as connection:
        await connection.execute("UPDATE session SET ended_at = now(), end_reason = 'ENDED'")
    await viewers.of_session(session_id)
    clock.at += timedelta(seconds=2)
    with pytest.raises(InvalidTokenError, match="session has ended"):
        await viewers.of_session(session_id)


async def test_a_session_whose_end_is_announced_is_over_at_once_and_for_ever(pool: Pool, database_url: str) -> None:
    viewers = Viewers(pool, create_autospec(Tokens, instance=True), Clock())
    session_id = UUID(int=await add_account(database_url))
    await viewers.of_session(session_id)
    viewers.end(name_of_session(session_id))
    with pytest.raises(InvalidTokenError, match="session has ended"):
        await viewers.of_session(session_id)
