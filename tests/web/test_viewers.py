"""A token's signature is checked once, its time and its account again and again."""

from datetime import UTC, datetime, timedelta
from unittest.mock import create_autospec

import pytest

from kilowatch.web.tokens import Claim, InvalidTokenError, Tokens
from kilowatch.web.viewers import Viewers
from store.connections import open_pool
from tests.fixtures.server import KEY, add_account


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


async def test_a_token_that_was_read_before_still_expires(database_url: str) -> None:
    clock = Clock()
    tokens = Tokens(KEY, timedelta(minutes=5), clock)
    account_id = await add_account(database_url)
    token = tokens.issue(account_id).token
    async with open_pool(database_url, size=1) as pool:
        viewers = Viewers(pool, tokens, clock)
        for _ in range(2):
            assert (await viewers.of_token(token))[0].account_id == account_id
        clock.at += timedelta(minutes=5)
        with pytest.raises(InvalidTokenError, match="expired"):
            await viewers.of_token(token)


async def test_a_token_is_verified_once(database_url: str) -> None:
    clock = Clock()
    tokens = create_autospec(Tokens, instance=True)
    tokens.read.return_value = Claim(await add_account(database_url), clock.at + timedelta(minutes=5))
    async with open_pool(database_url, size=1) as pool:
        viewers = Viewers(pool, tokens, clock)
        for _ in range(3):
            await viewers.of_token("token")
    tokens.read.assert_called_once_with("token")
