"""Signing up: who shows that an address is theirs gets an account, and nobody learns who has one already."""

from datetime import datetime, timedelta

import pytest

from metering.access import Role
from metering.contacts import Channel, SignUpPolicy
from tests.accounts.conftest import CHALLENGE, PASSWORD, REFUSAL, SESSION, Desk, add_person, open_desk


async def test_a_code_by_mail_makes_an_account_that_signs_in_by_its_password(desk: Desk) -> None:
    challenge = await desk.asked("signUp", email=" Ann@Example.org", name="Ann", password=PASSWORD)
    assert (challenge["sentTo"], challenge["channel"]) == ("a•••@example.org", "MAIL")
    assert datetime.fromisoformat(challenge["expiresAt"]) == desk.clock.at + timedelta(minutes=10)
    assert datetime.fromisoformat(challenge["resendAt"]) == desk.clock.at + timedelta(minutes=1)
    ((kind, to, _),) = desk.written()
    assert (kind, to) == ("SIGN_UP_CODE", "ann@example.org")
    payload = await desk.call(
        "confirmSignUp", f"{SESSION} {REFUSAL}", challengeId=challenge["id"], code=f" {desk.last_code()} "
    )
    assert payload["session"]["viewer"] == {"name": "Ann", "email": "ann@example.org", "phone": None, "role": "TENANT"}
    assert (await desk.log_in(email="ann@example.org", password=PASSWORD))["session"] is not None


async def test_a_code_by_text_message_makes_an_account_without_a_password(desk: Desk) -> None:
    challenge = await desk.asked("signUp", phone="+234 801 234 5678", name="Bayo")
    assert (challenge["sentTo"], challenge["channel"]) == ("+234•••••78", "SMS")
    given = {"challengeId": challenge["id"], "code": desk.last_code()}
    payload = await desk.call("confirmSignUp", SESSION, **given)
    assert payload["session"]["viewer"]["phone"] == "+2348012345678"
    assert await desk.code_of("logIn", phone="+2348012345678", password=PASSWORD) == "BAD_CREDENTIALS"


async def test_an_address_that_is_taken_answers_alike_and_its_owner_is_told(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    taken = await desk.call("signUp", CHALLENGE, email="ann@example.org", name="Eve", password="another password")
    free = await desk.call("signUp", CHALLENGE, email="abe@example.org", name="Eve", password="another password")
    for payload in (taken, free):
        assert len(payload["challenge"].pop("id")) == 22
    assert taken == free
    assert [(kind, to) for kind, to, _ in desk.written()] == [
        ("ALREADY_SIGNED_UP", "ann@example.org"),
        ("SIGN_UP_CODE", "abe@example.org"),
    ]


async def test_no_code_fits_the_challenge_of_an_address_that_is_taken(desk: Desk, database_url: str) -> None:
    await add_person(database_url)
    challenge = await desk.asked("signUp", email="ann@example.org", name="Eve")
    assert await desk.code_of("confirmSignUp", challengeId=challenge["id"], code="000000") == "CODE_NOT_VALID"
    desk.clock.pass_by(minutes=1)
    await desk.asked("resendCode", challengeId=challenge["id"])
    assert [kind for kind, _, _ in desk.written()] == ["ALREADY_SIGNED_UP"]


async def test_a_code_counts_once_and_for_its_own_purpose_alone(desk: Desk) -> None:
    challenge = await desk.asked("signUp", email="ann@example.org", name="Ann")
    given = {"challengeId": challenge["id"], "code": desk.last_code()}
    assert await desk.code_of("logInWithCode", **given) == "CODE_NOT_VALID"
    assert (await desk.call("confirmSignUp", REFUSAL, **given))["refusal"] is None
    assert await desk.code_of("confirmSignUp", **given) == "CODE_NOT_VALID"


async def test_two_challenges_of_one_address_make_one_account(desk: Desk) -> None:
    first = await desk.asked("signUp", email="ann@example.org", name="Ann")
    first_code = desk.last_code()
    desk.clock.pass_by(minutes=1)
    second = await desk.asked("signUp", email="ann@example.org", name="Ann")
    second_code = desk.last_code()
    assert (await desk.call("confirmSignUp", REFUSAL, challengeId=first["id"], code=first_code))["refusal"] is None
    assert await desk.code_of("confirmSignUp", challengeId=second["id"], code=second_code) == "CODE_NOT_VALID"


BAD: list[tuple[dict[str, str], str]] = [
    ({"email": "ann", "name": "Ann"}, "BAD_EMAIL"),
    ({"phone": "08012345678", "name": "Ann"}, "BAD_PHONE"),
    ({"phone": "+2341", "name": "Ann"}, "BAD_PHONE"),
    ({"name": "Ann"}, "BAD_INPUT"),
    ({"email": "a@x.org", "phone": "+2348012345678", "name": "Ann"}, "BAD_INPUT"),
    ({"email": "a@x.org", "name": " "}, "BAD_NAME"),
    ({"email": "a@x.org", "name": "Ann\u202eOlga"}, "BAD_NAME"),
    ({"email": "a@x.org", "name": "Ann\u2028Pay here: example.com"}, "BAD_NAME"),
    ({"email": "a@x.org", "name": "Ann", "password": "1234567"}, "BAD_PASSWORD"),
    ({"email": "a@x.org", "name": "Ann", "password": "Password123"}, "BAD_PASSWORD"),
    ({"email": "a@x.org", "name": "Ann", "password": "23456789"}, "BAD_PASSWORD"),
    ({"email": "a@x.org", "name": "Ann", "password": "aaaaaaaaaaaa"}, "BAD_PASSWORD"),
    ({"email": "anna.maria@x.org", "name": "Ann", "password": "anna.maria"}, "BAD_PASSWORD"),
    ({"email": "a@x.org", "name": "Maria Lagos", "password": "marialagos"}, "BAD_PASSWORD"),
]


async def test_what_cannot_be_an_account_is_refused_and_nothing_is_written(desk: Desk) -> None:
    assert [await desk.code_of("signUp", **given) for given, _ in BAD] == [code for _, code in BAD]
    assert desk.written() == []


async def test_without_a_way_to_write_nobody_signs_up_by_it(database_url: str) -> None:
    async with open_desk(database_url, channels=frozenset({Channel.SMS})) as desk:
        refusal = (await desk.call("signUp", REFUSAL, email="a@x.org", name="Ann"))["refusal"]
        options = (await desk.client.ask("{ signInOptions { signUp channels } }"))["data"]["signInOptions"]
    assert refusal == {
        "code": "CHANNEL_UNAVAILABLE",
        "message": "This server writes to phone numbers alone: give one of those.",
        "field": "email",
    }
    assert options == {"signUp": "OPEN", "channels": ["SMS"]}


@pytest.mark.parametrize(
    ("policy", "code"), [(SignUpPolicy.CLOSED, "SIGN_UP_CLOSED"), (SignUpPolicy.INVITED, "INVITATION_NOT_VALID")]
)
async def test_a_server_may_make_no_accounts(database_url: str, policy: SignUpPolicy, code: str) -> None:
    async with open_desk(database_url, sign_up=policy) as desk:
        given = {"email": "a@x.org", "name": "Ann", "invitationCode": "KW-7F3K-92QD-XM4T-06RB"}
        assert await desk.code_of("signUp", **given) == code
        assert desk.written() == []


async def test_an_account_is_removed_by_its_owner_and_by_nobody_who_has_the_session_alone(
    desk: Desk, database_url: str
) -> None:
    await add_person(database_url)
    token = await desk.token_of()
    assert await desk.code_of("deleteAccount", bearer=token, proof={"password": "wrong horse"}) == "BAD_CREDENTIALS"
    assert await desk.code_of("deleteAccount", bearer=token, proof={}) == "BAD_INPUT"
    payload = await desk.call("deleteAccount", f"isDone {REFUSAL}", bearer=token, proof={"password": PASSWORD})
    assert payload == {"isDone": True, "refusal": None}
    assert await desk.code_of("logIn", email="ann@example.org", password=PASSWORD) == "BAD_CREDENTIALS"


async def test_the_last_admin_stays(desk: Desk, database_url: str) -> None:
    await add_person(database_url, role=Role.ADMIN)
    token = await desk.token_of()
    assert await desk.code_of("deleteAccount", bearer=token, proof={"password": PASSWORD}) == "LAST_ADMIN"
    await add_person(database_url, "abe@example.org", role=Role.ADMIN)
    assert await desk.call("deleteAccount", "isDone", bearer=token, proof={"password": PASSWORD}) == {"isDone": True}
