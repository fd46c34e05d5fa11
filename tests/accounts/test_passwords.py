"""Passwords that are forgotten or changed: sessions that the old one began end, and the owner is told."""

import pytest

from resolvers.sessions import Doorkeeper
from tests.accounts.conftest import PASSWORD, REFUSAL, SESSION, Desk, add_person
from tests.fixtures.passwords import REAL

NEW = "another good password"


async def test_a_reset_sets_the_password_ends_all_sessions_and_begins_one(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    old = await desk.token_of()
    challenge = await desk.asked("requestPasswordReset", email="ann@example.org")
    given = {"challengeId": challenge["id"], "code": desk.last_code()}
    assert await desk.code_of("resetPassword", **given, newPassword="password1") == "BAD_PASSWORD"
    assert await desk.code_of("resetPassword", **given, newPassword="ann@example.org") == "BAD_PASSWORD"
    payload = await desk.call("resetPassword", SESSION, **given, newPassword=NEW)
    fresh = await desk.client.ask_with(payload["session"]["accessToken"], "{ viewer { email } }")
    assert fresh["data"]["viewer"]["email"] == "ann@example.org"
    ((ended,),) = desk.database.execute("SELECT count(*) FROM session WHERE end_reason = 'PASSWORD_CHANGED'").fetchall()
    assert ended == 2  # and the one that every account of the tests has
    assert "errors" in await desk.client.ask_with(old, "{ viewer { email } }")
    assert await desk.code_of("logIn", email="ann@example.org", password=PASSWORD) == "BAD_CREDENTIALS"
    assert (await desk.log_in(email="ann@example.org", password=NEW))["session"] is not None
    assert desk.written()[-1][:2] == ("PASSWORD_CHANGED", "ann@example.org")
    assert await desk.code_of("resetPassword", **given, newPassword=NEW) == "CODE_NOT_VALID"


async def test_a_change_ends_the_other_sessions_and_needs_the_old_password(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    other, own = await desk.token_of(), await desk.token_of()
    given = {"currentPassword": PASSWORD, "newPassword": NEW}
    wrong = {**given, "currentPassword": "wrong horse"}
    assert await desk.code_of("changePassword", bearer=own, **wrong) == "BAD_CREDENTIALS"
    assert await desk.code_of("changePassword", bearer=own, **{**given, "newPassword": "short"}) == "BAD_PASSWORD"
    assert await desk.code_of("changePassword", **given) == "UNAUTHENTICATED"
    assert await desk.call("changePassword", f"isDone {REFUSAL}", bearer=own, **given) == {
        "isDone": True,
        "refusal": None,
    }
    assert "errors" in await desk.client.ask_with(other, "{ viewer { email } }")
    assert "errors" not in await desk.client.ask_with(own, "{ viewer { email } }")


def changes_meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each password is right, and another one is set before whoever asked is told so."""

    async def is_right(_keeper: Doorkeeper, password: str, *, password_hash: str | None) -> bool:
        desk.database.execute("UPDATE account SET password_hash = 'another'")
        return bool(password and password_hash)

    monkeypatch.setattr(Doorkeeper, "is_right", is_right)


async def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_person(database_url)
    before = desk.database.execute("SELECT count(*) FROM session").fetchall()
    changes_meanwhile(desk, monkeypatch)
    assert await desk.code_of("logIn", email="ann@example.org", password=PASSWORD) == "BAD_CREDENTIALS"
    assert desk.database.execute("SELECT count(*) FROM session").fetchall() == before


async def test_a_change_that_comes_after_another_one_changes_nothing(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_person(database_url)
    own = await desk.token_of()
    changes_meanwhile(desk, monkeypatch)
    given = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert await desk.code_of("changePassword", bearer=own, **given) == "BAD_CREDENTIALS"
    assert desk.database.execute("SELECT password_hash FROM account").fetchall() == [("another",)]


async def test_letters_written_in_another_way_are_the_same_password(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    own = await desk.token_of()
    composed, decomposed = "Ångström's café", "A\u030angstro\u0308m's cafe\u0301"
    await desk.call("changePassword", "isDone", bearer=own, currentPassword=PASSWORD, newPassword=composed)
    assert (await desk.log_in(email="ann@example.org", password=decomposed))["session"] is not None


async def test_a_stolen_session_cannot_try_passwords_without_end(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    own = await desk.token_of()
    codes = [
        await desk.code_of("deleteAccount", bearer=own, proof={"password": f"wrong horse {number}"})
        for number in range(11)
    ]
    assert codes == ["BAD_CREDENTIALS"] * 10 + ["TOO_MANY_ATTEMPTS"]


async def test_a_new_address_is_used_once_it_was_shown_to_be_ones_own(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    own = await desk.token_of()
    given = {"email": "ann@new.org", "proof": {"password": PASSWORD}}
    challenge = await desk.asked("requestContactChange", bearer=own, **given)
    assert desk.written()[-1][1] == "ann@new.org"
    shown = {"challengeId": challenge["id"], "code": desk.last_code()}
    assert (await desk.call("confirmContactChange", "isDone", bearer=own, **shown)) == {"isDone": True}
    assert desk.written()[-1] == ("CONTACT_CHANGED", "ann@example.org", {"masked": "a•••@new.org"})
    assert await desk.code_of("logIn", email="ann@example.org", password=PASSWORD) == "BAD_CREDENTIALS"
    assert (await desk.log_in(email="ann@new.org", password=PASSWORD))["session"] is not None


async def test_an_address_of_somebody_else_is_not_taken_over_and_answers_alike(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    await add_person(database_url, "abe@example.org", phone="+2348012345678")
    own = await desk.token_of()
    proof = {"password": PASSWORD}
    challenge = await desk.asked("requestContactChange", bearer=own, phone="+2348012345678", proof=proof)
    assert challenge["sentTo"] == "+234•••••78"
    assert desk.written()[-1][0] == "ALREADY_SIGNED_UP"
    given = {"challengeId": challenge["id"], "code": "123456"}
    assert await desk.code_of("confirmContactChange", bearer=own, **given) == "CODE_NOT_VALID"


async def test_the_code_of_one_account_confirms_nothing_for_another(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    await add_person(database_url, "abe@example.org")
    ann, abe = await desk.token_of(), await desk.token_of("abe@example.org")
    challenge = await desk.asked("requestContactChange", bearer=ann, email="x@new.org", proof={"password": PASSWORD})
    given = {"challengeId": challenge["id"], "code": desk.last_code()}
    assert await desk.code_of("confirmContactChange", bearer=abe, **given) == "CODE_NOT_VALID"
    confirmation = await desk.asked("requestConfirmation", bearer=ann)
    proof = {"challengeId": confirmation["id"], "code": desk.last_code()}
    assert await desk.code_of("deleteAccount", bearer=abe, proof=proof) == "CODE_NOT_VALID"


async def test_who_has_no_password_confirms_by_a_code(desk: Desk) -> None:
    challenge = await desk.asked("signUp", phone="+2348012345678", name="Bayo")
    given = {"challengeId": challenge["id"], "code": desk.last_code()}
    own = (await desk.call("confirmSignUp", SESSION, **given))["session"]["accessToken"]
    assert await desk.code_of("deleteAccount", bearer=own, proof={"password": "anything at all"}) == "BAD_CREDENTIALS"
    desk.clock.pass_by(minutes=1)
    confirmation = await desk.asked("requestConfirmation", bearer=own)
    proof = {"challengeId": confirmation["id"], "code": desk.last_code()}
    assert await desk.call("deleteAccount", "isDone", bearer=own, proof=proof) == {"isDone": True}


def test_a_hash_of_the_server_costs_an_attacker_memory_and_time() -> None:
    assert REAL.hash(NEW).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
