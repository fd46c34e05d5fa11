"""One-time codes: few tries, a short life, and answers that say nothing of who has an account."""

import asyncio
import re
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from tests.accounts.conftest import CHALLENGE, PASSWORD, REFUSAL, SESSION, Desk, add_person, open_desk

OF_ACCOUNTS = re.compile(r"count_attempt|one_time_code|audit_entry|account_message|FROM account\b")
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
    assert desk.database.execute("SELECT count(*) FROM session WHERE kind = 'CODE'").fetchone() == (1,)


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


async def test_a_network_gets_as_many_codes_an_hour_as_the_server_allows(database_url: str) -> None:
    async with open_desk(database_url, codes_per_hour=20) as desk:
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


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements about accounts that the server runs, as each begins."""
    seen: list[str] = []
    execute = psycopg.AsyncConnection.execute

    async def noted(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        task = asyncio.current_task()
        is_own = task is not None and task.get_name().startswith("live ")  # what the hub does by itself meanwhile
        if OF_ACCOUNTS.search(str(query)) and not is_own:
            seen.append(str(query))
        return await execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", noted)
    return seen


async def test_known_and_unknown_accounts_run_the_same_statements_and_answer_the_same_bytes(
    desk: Desk, database_url: str, statements: list[str]
) -> None:
    await add_person(database_url)
    ways: list[tuple[str, dict[str, str]]] = [
        ("logIn", {"password": "wrong horse battery"}),
        ("signUp", {"name": "Eve", "password": "another good one"}),
        ("requestLogInCode", {}),
        ("requestPasswordReset", {}),
    ]
    for mutation, given in ways:
        desk.clock.pass_by(minutes=2)
        found: list[tuple[list[str], Any]] = []
        for email in ("ann@example.org", "abe@example.org"):
            statements.clear()
            refusal = await desk.call(mutation, REFUSAL, email=email, **given)
            found.append((list(statements), refusal))
        assert found[0] == found[1], mutation
        assert len(found[0][0]) > 2


async def test_wrong_codes_are_in_the_audit_of_the_account(desk: Desk, database_url: str) -> None:
    account = await add_person(database_url)
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    wrong = f"{(int(desk.last_code()) + 1) % 10**6:06d}"
    await desk.code_of("logInWithCode", challengeId=challenge["id"], code=wrong)
    rows = desk.database.execute("SELECT action, outcome, subject_account_id FROM audit_entry").fetchall()
    assert rows == [("LOG_IN_WITH_CODE", "CODE_NOT_VALID", account.id)]
