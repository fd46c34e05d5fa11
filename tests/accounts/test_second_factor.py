"""The second factor: asked for at every way in, each code once, and ten codes for a lost phone."""

import asyncio
import base64
from datetime import timedelta

from pyotp.totp import TOTP

from resolvers.second_factor import step_of
from tests.accounts.conftest import PASSWORD, REFUSAL, SESSION, Clock, Desk, add_person, open_desk

RIGHT = {"password": PASSWORD}


async def set_up(desk: Desk, token: str) -> tuple[TOTP, list[str]]:
    """Sets up an authenticator app, and waits for its next code."""
    answer = "setup { secret uri qrCode }"
    setup = (await desk.call("startSecondFactor", answer, bearer=token, proof=RIGHT))["setup"]
    app = TOTP(setup["secret"])
    assert setup["uri"] == app.provisioning_uri(name="ann@example.org", issuer_name="Kilowatch")
    assert setup["qrCode"].startswith("data:image/svg+xml")
    payload = await desk.call(
        "confirmSecondFactor", f"recoveryCodes {REFUSAL}", bearer=token, code=app.at(desk.clock.at)
    )
    assert payload["refusal"] is None
    desk.clock.pass_by(seconds=30)
    return app, payload["recoveryCodes"]


async def waiting(desk: Desk) -> str:
    """The token of a sign-in that lacks the second factor."""
    payload = await desk.log_in(email="ann@example.org", password=PASSWORD)
    assert payload["session"] is None
    return payload["secondFactor"]["token"]


async def test_a_sign_in_by_password_ends_with_a_code_of_the_app(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    app, _ = await set_up(desk, await desk.token_of())
    token = await waiting(desk)
    payload = await desk.call("finishLogIn", f"{SESSION} {REFUSAL}", token=token, code=app.at(desk.clock.at))
    assert payload["session"]["viewer"]["name"] == "Ann"
    ((has,),) = desk.database.execute(
        "SELECT has_second_factor FROM session ORDER BY created_at DESC LIMIT 1"
    ).fetchall()
    assert has
    desk.clock.pass_by(seconds=30)
    assert await desk.code_of("finishLogIn", token=token, code=app.at(desk.clock.at)) == "CODE_NOT_VALID"


async def test_a_code_of_the_app_counts_once_also_in_two_servers_at_once(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    app, _ = await set_up(desk, await desk.token_of())
    code, tokens = app.at(desk.clock.at), [await waiting(desk), await waiting(desk)]
    async with open_desk(database_url, now=desk.clock) as other:
        payloads = await asyncio.gather(
            desk.call("finishLogIn", f"{SESSION} {REFUSAL}", token=tokens[0], code=code),
            other.call("finishLogIn", f"{SESSION} {REFUSAL}", token=tokens[1], code=code),
        )
    assert sum(payload["session"] is not None for payload in payloads) == 1


def test_codes_of_the_step_before_and_after_count_and_no_others() -> None:
    clock, app = Clock(), TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    now_step = int(clock.at.timestamp()) // 30
    found = {
        seconds: step_of(app.secret, app.at(clock.at + timedelta(seconds=seconds)), at=clock.at)
        for seconds in (-60, -30, 0, 30, 60)
    }
    assert found == {-60: None, -30: now_step - 1, 0: now_step, 30: now_step + 1, 60: None}
    assert step_of(app.secret, "é" * 6, at=clock.at) is None


async def test_it_is_asked_for_after_codes_and_resets_too(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    await set_up(desk, await desk.token_of())
    challenge = await desk.asked("requestLogInCode", email="ann@example.org")
    given = {"challengeId": challenge["id"], "code": desk.last_code()}
    by_code = await desk.call("logInWithCode", SESSION, **given)
    desk.clock.pass_by(minutes=1)
    challenge = await desk.asked("requestPasswordReset", email="ann@example.org")
    given = {"challengeId": challenge["id"], "code": desk.last_code(), "newPassword": "another good password"}
    by_reset = await desk.call("resetPassword", SESSION, **given)
    for payload in (by_code, by_reset):
        assert payload["session"] is None
        assert payload["secondFactor"]["token"]


async def test_a_recovery_code_signs_in_once_and_its_owner_is_told(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    _, recovery_codes = await set_up(desk, await desk.token_of())
    assert len(set(recovery_codes)) == 10
    typed = recovery_codes[3].lower().replace("-", " ")
    payload = await desk.call("finishLogIn", SESSION, token=await waiting(desk), recoveryCode=typed)
    assert payload["session"] is not None
    assert desk.written()[-1] == ("RECOVERY_CODE_USED", "ann@example.org", {"left": "9"})
    state = await desk.client.ask_with(
        payload["session"]["accessToken"], "{ viewer { secondFactor { isOn recoveryCodesLeft } } }"
    )
    assert state["data"]["viewer"]["secondFactor"] == {"isOn": True, "recoveryCodesLeft": 9}
    again = {"token": await waiting(desk), "recoveryCode": recovery_codes[3]}
    assert await desk.code_of("finishLogIn", **again) == "CODE_NOT_VALID"


async def test_tries_are_limited_for_an_account_whatever_the_token(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    app, _ = await set_up(desk, await desk.token_of())
    wrong = f"{(int(app.at(desk.clock.at)) + 1) % 10**6:06d}"
    codes: list[str] = []
    while len(codes) < 10:
        token = await waiting(desk)
        codes += [await desk.code_of("finishLogIn", token=token, code=wrong) for _ in range(3)]
    assert codes[:9] == ["CODE_NOT_VALID"] * 9
    assert codes[-1] == "TOO_MANY_ATTEMPTS"
    right = {"token": await waiting(desk), "code": app.at(desk.clock.at)}
    assert await desk.code_of("finishLogIn", **right) == "TOO_MANY_ATTEMPTS"


async def test_it_is_set_up_and_taken_away_by_its_owner_alone(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    own = await desk.token_of()
    assert await desk.code_of("startSecondFactor", bearer=own, proof={"password": "wrong horse"}) == "BAD_CREDENTIALS"
    assert await desk.code_of("confirmSecondFactor", bearer=own, code="123456") == "SECOND_FACTOR_OFF"
    app, recovery_codes = await set_up(desk, own)
    assert await desk.code_of("startSecondFactor", bearer=own, proof=RIGHT) == "SECOND_FACTOR_ON"
    assert await desk.code_of("disableSecondFactor", bearer=own, proof=RIGHT) == "BAD_INPUT"
    given = {"proof": RIGHT, "recoveryCode": "KW-0000-0000-0000-0000"}
    assert await desk.code_of("disableSecondFactor", bearer=own, **given) == "CODE_NOT_VALID"
    given = {"proof": RIGHT, "code": app.at(desk.clock.at)}
    assert await desk.call("disableSecondFactor", "isDone", bearer=own, **given) == {"isDone": True}
    assert (await desk.log_in(email="ann@example.org", password=PASSWORD))["session"] is not None
    assert [kind for kind, *_ in desk.written()] == ["SECOND_FACTOR_ON", "SECOND_FACTOR_OFF"]
    assert recovery_codes


async def test_secrets_lie_sealed_in_the_database(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    app, recovery_codes = await set_up(desk, await desk.token_of())
    ((sealed,),) = desk.database.execute("SELECT sealed_secret FROM second_factor").fetchall()
    assert app.secret.encode() not in sealed
    assert base64.b32decode(app.secret) not in sealed
    hashes = desk.database.execute("SELECT code_hash FROM recovery_code").fetchall()
    assert {len(code_hash) for (code_hash,) in hashes} == {32}
    assert len(hashes) == len(recovery_codes)
