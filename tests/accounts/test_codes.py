"""One-time codes: few tries, a short life, and answers that say nothing of who has an account."""

import asyncio
from hashlib import sha256
from typing import Any

import pytest

from tests.accounts.conftest import CHALLENGE, PASSWORD, REFUSAL, SESSION, Desk, add_person

REQUESTS = ("requestLogInCode", "requestPasswordReset")


@pytest.mark.parametrize("mutation", REQUESTS)
async def test_asking_for_a_code_answers_and_does_the_same_with_and_without_an_account(
    desk: Desk, database_url: str, mutation: str
) -> None:
    await add_person(database_url)
    known = await desk.call(mutation, CHALLENGE, email="ann@example.org")
    unknown = await desk.call(mutation, CHALLENGE, email="abe@example.org")
    assert len(known["challenge"].pop("id")) == len(unknown["challenge"].pop("id"))
    assert known == unknown
    assert [to for _, to, _ in desk.written()] == ["ann@example.org"]
    rows = desk.database.execute(
        "SELECT (SELECT count(*) FROM one_time_code), (SELECT count(*) FROM account_message)"
    ).fetchone()
    assert rows == (2, 2)


async def test_a_code_signs_in(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    payload = await desk.call("logInWithCode", SESSION, challengeId=challenge["id"], code=desk.last_code())
    assert payload["session"]["viewer"]["name"] == "Ann"
    newest = desk.database.execute("SELECT kind FROM session ORDER BY created_at DESC LIMIT 1").fetchone()
    assert newest == ("CODE",)


async def test_five_wrong_codes_end_a_challenge_also_when_they_come_at_once(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    right = desk.last_code()
    wrong = [f"{(int(right) + number) % 10**6:06d}" for number in range(1, 9)]
    codes = await asyncio.gather(
        *(desk.code_of("logInWithCode", challengeId=challenge["id"], code=code) for code in wrong)
    )
    assert set(codes) == {"CODE_NOT_VALID"}
    assert await desk.code_of("logInWithCode", challengeId=challenge["id"], code=right) == "CODE_NOT_VALID"


async def test_a_right_code_that_is_sent_many_times_at_once_signs_in_once(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    given = {"challengeId": challenge["id"], "code": desk.last_code()}
    payloads = await asyncio.gather(*(desk.call("logInWithCode", f"{SESSION} {REFUSAL}", **given) for _ in range(4)))
    assert sum(payload["session"] is not None for payload in payloads) == 1


async def test_a_code_is_over_after_ten_minutes_and_looks_like_one_that_never_was(
    desk: Desk, database_url: str
) -> None:
    await add_person(database_url)
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    desk.clock.pass_by(minutes=10)
    over = await desk.call("logInWithCode", REFUSAL, challengeId=challenge["id"], code=desk.last_code())
    never = await desk.call("logInWithCode", REFUSAL, challengeId="never", code="123456")
    assert over == never
    assert await desk.code_of("resendCode", challengeId=challenge["id"]) == "CODE_NOT_VALID"


async def test_a_code_that_is_sent_once_more_takes_the_place_of_the_one_before(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    first = desk.last_code()
    assert await desk.code_of("resendCode", challengeId=challenge["id"]) == "TOO_MANY_ATTEMPTS"
    desk.clock.pass_by(minutes=1)
    again = await desk.asked("resendCode", challengeId=challenge["id"])
    assert again["id"] == challenge["id"]
    second = desk.last_code()
    if first != second:
        assert await desk.code_of("logInWithCode", challengeId=challenge["id"], code=first) == "CODE_NOT_VALID"
    payload = await desk.call("logInWithCode", SESSION, challengeId=challenge["id"], code=second)
    assert payload["session"] is not None


async def refused_after(desk: Desk, *, minutes: int, **given: Any) -> int:
    """How many codes are sent to a contact before one is refused, asked for every so many minutes."""
    for count in range(30):
        payload = await desk.call("requestLogInCode", REFUSAL, **given)
        if payload["refusal"]:
            assert payload["refusal"]["code"] == "TOO_MANY_ATTEMPTS"
            return count
        desk.clock.pass_by(minutes=minutes)
    raise AssertionError("never")


async def test_an_address_gets_one_code_a_minute_and_five_an_hour_with_and_without_an_account(
    desk: Desk, database_url: str
) -> None:
    await add_person(database_url)
    for email in ("ann@example.org", "abe@example.org"):
        assert await refused_after(desk, minutes=0, email=email) == 1
        desk.clock.pass_by(hours=2)
        assert await refused_after(desk, minutes=1, email=email) == 5
        desk.clock.pass_by(hours=2)


async def test_a_network_gets_twenty_codes_an_hour(desk: Desk) -> None:
    codes = [await desk.call("requestLogInCode", REFUSAL, email=f"a{number}@x.org") for number in range(21)]
    assert [bool(payload["refusal"]) for payload in codes] == [False] * 20 + [True]


async def test_codes_and_challenges_are_kept_as_hashes_alone(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    ((kept, length, details),) = desk.database.execute(
        "SELECT challenge, length(code_hash), details FROM one_time_code"
    ).fetchall()
    assert (kept, length, details) == (sha256(challenge["id"].encode()).digest(), 32, {})


async def test_a_disabled_account_gets_no_code_and_answers_alike(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    desk.database.execute("UPDATE account SET disabled_at = now()")
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    assert challenge["sentTo"] == "a•••@example.org"
    assert desk.written() == []
    assert await desk.code_of("logIn", email="ann@example.org", password=PASSWORD) == "BAD_CREDENTIALS"
