"""Each refusal names an input that the mutation has."""

from typing import Any

from tests.accounts.conftest import PASSWORD, REFUSAL, Desk, add_person
from tests.accounts.test_second_factor import set_up, waiting

NEW = "another good password"


async def refused(desk: Desk, mutation: str, **given: Any) -> tuple[str, str | None]:
    """Code and field of a refusal."""
    refusal = (await desk.call(mutation, REFUSAL, **given))["refusal"]
    return refusal["code"], refusal["field"]


async def test_passwords_are_named_as_the_mutation_does(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    own = await desk.token_of()
    challenge = await desk.asked("requestPasswordReset", email="ann@example.org")
    given = {"challengeId": challenge["id"], "code": desk.last_code()}
    for bad in ("short", "ann@example.org"):
        assert await refused(desk, "resetPassword", **given, newPassword=bad) == ("BAD_PASSWORD", "newPassword")
    both = {"bearer": own, "currentPassword": PASSWORD, "newPassword": NEW}
    assert await refused(desk, "changePassword", **{**both, "newPassword": "short"}) == ("BAD_PASSWORD", "newPassword")
    wrong = {**both, "currentPassword": "wrong horse"}
    assert await refused(desk, "changePassword", **wrong) == ("BAD_CREDENTIALS", "currentPassword")
    proof = {"password": "wrong horse"}
    assert await refused(desk, "deleteAccount", bearer=own, proof=proof) == ("BAD_CREDENTIALS", "proof")


async def test_the_password_that_one_has_is_no_new_one(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    given = {"bearer": await desk.token_of(), "newPassword": PASSWORD}
    assert await refused(desk, "changePassword", currentPassword=PASSWORD, **given) == ("BAD_PASSWORD", "newPassword")
    wrong = await refused(desk, "changePassword", currentPassword="wrong horse", **given)
    assert wrong == ("BAD_CREDENTIALS", "currentPassword")


async def test_codes_that_come_too_fast_are_named_as_the_mutation_does(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    own = await desk.token_of()
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    again = await refused(desk, "resendCode", challengeId=challenge["id"])
    assert again == ("TOO_MANY_ATTEMPTS", "challengeId")
    assert await refused(desk, "requestConfirmation", bearer=own) == ("TOO_MANY_ATTEMPTS", None)


async def test_a_second_factor_says_what_was_wrong_and_what_to_do(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    app, _ = await set_up(desk, await desk.token_of())
    token = await waiting(desk)

    async def said(**given: str) -> tuple[str, str]:
        refusal = (await desk.call("finishLogIn", REFUSAL, token=token, **given))["refusal"]
        assert refusal["code"] == "CODE_NOT_VALID"
        return refusal["field"], refusal["message"].rpartition(": ")[2]

    assert await said(code="000000") == ("code", "wait for the app's next one.")
    assert await said(recoveryCode="KW-AAAA-AAAA-AAAA-AAAA") == ("recoveryCode", "each counts once.")
    done = await desk.call("finishLogIn", REFUSAL, token=token, code=app.at(desk.clock.at))
    assert done["refusal"] is None
    assert await said(code="000000") == ("token", "sign in again.")


async def test_a_lock_out_is_kept_once_an_hour_whether_or_not_there_is_an_account(
    desk: Desk, database_url: str
) -> None:
    account = await add_person(database_url)
    kept = (
        "SELECT subject_account_id, details::jsonb ? 'contactHash' FROM audit_entry"
        " WHERE action = 'LOG_IN' AND outcome = 'TOO_MANY_ATTEMPTS' ORDER BY id"
    )
    for email in ("ann@example.org", "abe@example.org"):
        for _ in range(13):
            await desk.log_in(email=email, password="wrong horse")
    assert desk.database.execute(kept).fetchall() == [(account.id, False), (None, True)]
    desk.clock.pass_by(minutes=61)
    for _ in range(12):
        await desk.log_in(email="ann@example.org", password="wrong horse")
    assert len(desk.database.execute(kept).fetchall()) == 3
