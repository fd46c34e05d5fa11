"""OpenPAYGO meters: set without showing the key, tokens made, entered in any order, once each, and not guessed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from openpaygo import OpenPAYGOTokenEncoder, TokenType

from metering.access import Role, Viewer
from store.connections import connect
from tests.api.conftest import NOW, Site, reading

KEY = "bc41ec9530f6dac86b1a29ab82edc5fb"
OTHER_KEY = "0123456789abcdef0123456789abcdef"
CODE = 516959010
PAYGO = "openPaygo { kwhPerValue hasRestrictedDigits makesLongTokens isDisabled nextTryAt tokensNotEntered { digits } }"
SET = f"""mutation ($input: SetOpenPaygoInput!) {{ setOpenPaygo(input: $input) {{
  prepaid {{ {PAYGO} }} refusal {{ code message field }} }} }}"""
REMOVE = """mutation ($input: RemoveOpenPaygoInput!) { removeOpenPaygo(input: $input) {
  prepaid { openPaygo { isDisabled } } refusal { code } } }"""
MAKE = """mutation ($input: GenerateTokenInput!) { generateToken(input: $input) {
  token { digits unitsKwh count madeAt paid { amount currency } } refusal { code message field } } }"""
TOP_UP = """mutation ($input: TopUpInput!) { topUp(input: $input) {
  entry { id kind unitsKwh shownKwh tokenEnding at paid { amount } } prepaid { balanceKwh }
  refusal { code message field } } }"""


WAITS = """SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock')"""


@pytest.fixture
async def flat(site: Site) -> Site:
    """A prepaid flat in Lagos with an OpenPAYGO meter whose tokens count tenths of a kWh, at 206.80 NGN and VAT."""
    site.add_panel("FLAT", zone="Africa/Lagos", is_prepaid=True)
    site.add_tariff("FLAT", "2020-01-01", "206.80", currency="NGN", vat_percent="7.5", name="Band A")
    assert (await set_meter(site))["refusal"] is None
    return site


async def set_meter(site: Site, *, viewer: Viewer | None = None, **given: Any) -> dict[str, Any]:
    whole = {"panelCode": "FLAT", "secretKeyHex": KEY, "startingCode": CODE, "kwhPerValue": "0.1"} | given
    return (await site.ask(SET, viewer=viewer, input=whole))["setOpenPaygo"]


async def make(site: Site, *, viewer: Viewer | None = None, key: str = "make-this", **given: Any) -> dict[str, Any]:
    whole = {"panelCode": "FLAT", "idempotencyKey": key} | given
    return (await site.ask(MAKE, viewer=viewer, input=whole))["generateToken"]


async def enter(site: Site, token: str, *, viewer: Viewer | None = None, **given: Any) -> dict[str, Any]:
    whole = {"panelCode": "FLAT", "token": token, "idempotencyKey": f"enter-{token}"} | given
    return (await site.ask(TOP_UP, viewer=viewer, input=whole))["topUp"]


def token(count: int, value: int | None = 10, *, kind: int = TokenType.ADD_TIME, **others: Any) -> str:
    """The meter's next token after a count, by the library."""
    given: dict[str, Any] = {"secret_key": KEY, "starting_code": CODE, "token_type": kind} | others
    return OpenPAYGOTokenEncoder.generate_token(count=count, value=value, **given)[1]


def rows(site: Site) -> list[tuple[Any, ...]]:
    return [
        *site.database.execute("SELECT * FROM ledger_entry ORDER BY id"),
        *site.database.execute("SELECT * FROM openpaygo_token ORDER BY id"),
        *site.database.execute("SELECT * FROM openpaygo_meter ORDER BY id"),
    ]


def audit(site: Site) -> list[tuple[Any, ...]]:
    return site.database.execute("SELECT action, outcome FROM audit_entry ORDER BY id").fetchall()


async def balance(site: Site, code: str = "FLAT") -> str | None:
    return (await site.panel("prepaid { balanceKwh }", code=code))["prepaid"]["balanceKwh"]


async def test_a_token_that_was_made_is_credited_when_it_is_entered_and_once(flat: Site) -> None:
    made = (await make(flat, unitsKwh="12.5"))["token"]
    assert (made["unitsKwh"], made["count"], made["madeAt"]) == ("12.500", 2, "2026-03-10T06:00:00+01:00")
    assert await balance(flat) is None
    waiting = await flat.panel(f"prepaid {{ {PAYGO} }}", code="FLAT")
    assert waiting["prepaid"]["openPaygo"]["tokensNotEntered"] == [{"digits": made["digits"]}]
    done = await enter(flat, made["digits"])
    assert (done["entry"]["kind"], done["entry"]["unitsKwh"]) == ("TOP_UP", "12.500")
    assert (done["entry"]["tokenEnding"], done["prepaid"]["balanceKwh"]) == (made["digits"][-4:], "12.500")
    before = rows(flat)
    again = await enter(flat, made["digits"], idempotencyKey="another-key")
    assert (again["refusal"]["code"], again["refusal"]["field"]) == ("TOKEN_USED", "token")
    assert rows(flat) == before
    listed = await flat.panel(f"prepaid {{ ledger {{ nodes {{ tokenEnding }} }} {PAYGO} }}", code="FLAT")
    assert listed["prepaid"]["ledger"]["nodes"] == [{"tokenEnding": made["digits"][-4:]}]
    assert listed["prepaid"]["openPaygo"]["tokensNotEntered"] == []
    assert audit(flat) == [("SET_OPEN_PAYGO", "DONE"), ("GENERATE_TOKEN", "DONE"), ("TOP_UP", "DONE"),
                           ("TOP_UP", "TOKEN_USED")]  # fmt: skip


async def test_money_makes_a_token_of_whole_steps_and_the_entry_says_what_was_paid(flat: Site) -> None:
    made = (await make(flat, amount={"amount": "5000", "currency": "NGN"}))["token"]
    assert (made["unitsKwh"], made["paid"]) == ("22.400", {"amount": "5000.00", "currency": "NGN"})
    done = await enter(flat, made["digits"])
    assert (done["entry"]["unitsKwh"], done["entry"]["paid"]) == ("22.400", {"amount": "5000.00"})


async def test_a_repeated_key_shows_the_same_token_and_makes_none(flat: Site) -> None:
    first = await make(flat, unitsKwh="5")
    before = rows(flat)
    again = await make(flat, unitsKwh="7")
    assert (again["refusal"]["code"], again["token"]) == ("IDEMPOTENCY_KEY_USED", first["token"])
    assert rows(flat) == before


async def test_a_repeated_key_of_an_entry_shows_it_and_is_no_wrong_token(flat: Site) -> None:
    first = await enter(flat, token(0), idempotencyKey="the-same-key")
    for other in (token(0), token(2), "123456789"):
        again = await enter(flat, other, idempotencyKey="the-same-key")
        assert (again["refusal"]["code"], again["entry"]) == ("IDEMPOTENCY_KEY_USED", first["entry"])
    assert flat.database.execute("SELECT count(*) FROM openpaygo_attempt").fetchone() == (0,)


async def test_a_token_that_sets_units_is_a_display_and_ends_those_before_it(flat: Site) -> None:
    flat.load("FLAT", [reading(NOW - timedelta(hours=5), 400.0), reading(NOW - timedelta(hours=1), 403.0)])
    await enter(flat, token(0, 100), at=(NOW - timedelta(hours=4)).isoformat())
    done = await enter(flat, token(2, 250, kind=TokenType.SET_TIME))
    assert (done["entry"]["kind"], done["entry"]["shownKwh"], done["entry"]["unitsKwh"]) == (
        "BALANCE_READING", "25.000", "18.000",
    )  # fmt: skip
    assert await balance(flat) == "25.000"
    assert (await enter(flat, token(3, 10)))["refusal"] is None
    for used in (token(0, 20), token(1, 5, kind=TokenType.SET_TIME)):
        assert (await enter(flat, used))["refusal"]["code"] in ("TOKEN_USED", "BAD_TOKEN")
    assert await balance(flat) == "26.000"


async def test_a_token_that_ends_the_metering_changes_no_units(flat: Site) -> None:
    await enter(flat, token(0, 100))
    done = await enter(flat, token(2, None, kind=TokenType.DISABLE_PAYG), idempotencyKey="end-of-it")
    assert (done["entry"], done["refusal"], done["prepaid"]) == (None, None, {"balanceKwh": "10.000"})
    again = await enter(flat, token(2, None, kind=TokenType.DISABLE_PAYG), idempotencyKey="end-of-it")
    assert (again["entry"], again["refusal"]["code"]) == (None, "IDEMPOTENCY_KEY_USED")
    shown = await flat.panel(f"prepaid {{ {PAYGO} }}", code="FLAT")
    assert shown["prepaid"]["openPaygo"]["isDisabled"] is True


async def test_a_token_that_moves_the_count_makes_those_far_ahead_known(flat: Site) -> None:
    assert (await enter(flat, token(80)))["refusal"]["code"] == "BAD_TOKEN"
    done = await enter(flat, token(80, None, kind=TokenType.COUNTER_SYNC))
    assert (done["entry"], done["refusal"]) == (None, None)
    assert (await enter(flat, token(81), idempotencyKey="once-more"))["refusal"] is None
    made = await make(flat, unitsKwh="1")
    assert made["token"]["count"] == 84


async def test_tokens_are_credited_in_whatever_order_they_are_told_of(flat: Site) -> None:
    story = [(10, token(0, 100)), (9, token(2, 50)), (8, token(4, 300, kind=TokenType.SET_TIME)), (7, token(5, 20))]
    told = [story[place] for place in (3, 1, 2, 0)]
    for hours, digits in told:
        assert (await enter(flat, digits, at=(NOW - timedelta(hours=hours)).isoformat()))["refusal"] is None
    ledger = flat.database.execute("SELECT kind, coalesce(shown_kwh, units_kwh)::text FROM ledger_entry ORDER BY at")
    assert ledger.fetchall() == [
        ("TOP_UP", "10.000"), ("TOP_UP", "5.000"), ("BALANCE_READING", "30.000"), ("TOP_UP", "2.000"),
    ]  # fmt: skip
    assert await balance(flat) == "32.000"


async def test_of_a_token_at_many_places_at_once_one_counts(flat: Site) -> None:
    many = [enter(flat, token(0), idempotencyKey=f"key-number-{n}") for n in range(6)]
    codes = [done["refusal"] and done["refusal"]["code"] for done in await asyncio.gather(*many)]
    assert sorted(codes, key=str) == [None, *["TOKEN_USED"] * 5]
    assert await balance(flat) == "1.000"


async def test_a_key_that_is_used_at_once_on_two_panels_works_on_one(flat: Site) -> None:
    flat.add_panel("FLAT_2", zone="Africa/Lagos", is_prepaid=True)
    assert (await set_meter(flat, panelCode="FLAT_2", secretKeyHex=OTHER_KEY))["refusal"] is None
    sync = token(2, None, kind=TokenType.DISABLE_PAYG)
    with connect(flat.url) as elsewhere:
        elsewhere.execute(
            "INSERT INTO openpaygo_token (meter_id, count, kind, value, token_ending, entered_at, entered_by,"
            " entered_with_key) SELECT meter.id, 3, 'DISABLE_PAYG', 0, '1234', now(), %s, 'the-same-key'"
            " FROM openpaygo_meter AS meter JOIN panel ON panel.id = panel_id WHERE code = 'FLAT_2'",
            (flat.admin.account_id,),
        )
        entered = asyncio.create_task(enter(flat, sync, idempotencyKey="the-same-key"))
        async with asyncio.timeout(30):
            while flat.database.execute(WAITS).fetchone() != (True,):  # noqa: ASYNC110 - Postgres tells nobody
                await asyncio.sleep(0.01)
        elsewhere.commit()
    assert (await entered)["refusal"]["code"] == "IDEMPOTENCY_KEY_USED"
    assert (await enter(flat, sync))["refusal"] is None
    assert flat.database.execute("SELECT count(*) FROM openpaygo_attempt").fetchone() == (0,)


async def test_after_ten_wrong_tokens_the_eleventh_is_not_looked_at_and_when_it_is_can_be_asked(flat: Site) -> None:
    wrong = [f"{number:09}" for number in range(100_000_000, 100_000_011)]
    codes = [(await enter(flat, digits))["refusal"]["code"] for digits in wrong]
    assert codes == [*["BAD_TOKEN"] * 10, "TOO_MANY_ATTEMPTS"]
    waits = (await enter(flat, token(0)))["refusal"]
    assert (waits["code"], waits["message"].split(" from ")[1]) == (
        "TOO_MANY_ATTEMPTS",
        "2026-03-10T07:00:00+01:00 on.",
    )
    shown = await flat.panel(f"prepaid {{ {PAYGO} }}", code="FLAT")
    assert shown["prepaid"]["openPaygo"]["nextTryAt"] == "2026-03-10T07:00:00+01:00"
    flat.now = NOW + timedelta(hours=1)
    assert (await enter(flat, token(0)))["refusal"] is None


async def test_tokens_of_used_counts_that_nobody_entered_here_are_guesses(flat: Site) -> None:
    await set_meter(flat, startingCount=40)
    codes = [(await enter(flat, token(count)))["refusal"]["code"] for count in range(10, 32, 2)]
    assert codes == [*["TOKEN_USED"] * 10, "TOO_MANY_ATTEMPTS"]


async def test_a_used_token_that_is_typed_in_again_and_again_locks_nothing(flat: Site) -> None:
    used = token(0)
    await enter(flat, used)
    codes = [(await enter(flat, used, idempotencyKey=f"again-{n:04}"))["refusal"]["code"] for n in range(12)]
    assert codes == ["TOKEN_USED"] * 12


async def test_wrong_tokens_at_once_are_counted_before_they_are_looked_at(flat: Site) -> None:
    many = [enter(flat, f"{number:09}") for number in range(100_000_000, 100_000_020)]
    codes = [done["refusal"]["code"] for done in await asyncio.gather(*many)]
    assert sorted(codes) == [*["BAD_TOKEN"] * 10, *["TOO_MANY_ATTEMPTS"] * 10]


async def test_a_token_of_another_meter_is_none_of_this_one(flat: Site) -> None:
    flat.add_panel("NEXT", is_prepaid=True)
    await set_meter(flat, panelCode="NEXT", secretKeyHex=OTHER_KEY)
    before = rows(flat)
    refused = await enter(flat, token(0), panelCode="NEXT")
    assert (refused["refusal"]["code"], refused["refusal"]["field"]) == ("BAD_TOKEN", "token")
    assert rows(flat) == before


async def test_the_panel_decides_what_20_digits_are(flat: Site) -> None:
    digits = token(0, restricted_digit_set=True, extended_token=True)
    assert len(digits) == 20
    assert (await enter(flat, digits))["refusal"]["code"] == "BAD_TOKEN"
    await set_meter(flat, hasRestrictedDigits=True)
    assert (await enter(flat, digits))["refusal"] is None
    flat.add_panel("SLIP", is_prepaid=True)
    slip = await enter(flat, "12341234123412341234", panelCode="SLIP", unitsKwh="5")
    assert slip["refusal"] is None


@pytest.mark.parametrize(("given", "code", "field"), [
    ({"token": "12345678"}, "BAD_TOKEN", "token"), ({"token": "12345678x"}, "BAD_TOKEN", "token"),
    ({"token": "1" * 20, "unitsKwh": "5"}, "BAD_INPUT", "unitsKwh"),
    ({"amount": {"amount": "5", "currency": "NGN"}, "token": "1" * 9}, "BAD_INPUT", "amount"),
    ({"token": "100000000", "at": "2026-03-10T05:06:00Z"}, "BAD_TIME", "at"),
    ({"token": "100000000", "idempotencyKey": "short"}, "BAD_INPUT", "idempotencyKey"),
])  # fmt: skip
async def test_a_token_of_another_form_is_refused_and_is_no_attempt(
    flat: Site, given: dict[str, Any], code: str, field: str
) -> None:
    whole = {"panelCode": "FLAT", "idempotencyKey": "some-key-1"} | given
    done = (await flat.ask(TOP_UP, input=whole))["topUp"]
    assert (done["refusal"]["code"], done["refusal"]["field"]) == (code, field)
    assert flat.database.execute("SELECT count(*) FROM openpaygo_attempt").fetchone() == (0,)
    assert audit(flat)[-1] == ("TOP_UP", code)


async def test_no_more_tokens_are_made_than_a_meter_would_look_ahead(flat: Site) -> None:
    for number in range(32):
        assert (await make(flat, key=f"key-number-{number}", unitsKwh="1"))["refusal"] is None
    refused = await make(flat, key="one-too-many", unitsKwh="1")
    assert refused["refusal"]["code"] == "TOKENS_NOT_ENTERED"
    last = flat.database.execute("SELECT digits FROM openpaygo_token ORDER BY count DESC LIMIT 1").fetchall()[0][0]
    assert (await enter(flat, last))["refusal"] is None
    assert (await make(flat, key="now-one-more", unitsKwh="1"))["refusal"] is None


async def test_a_meter_that_comes_back_goes_on_with_its_count(flat: Site) -> None:
    flat.add_panel("NEXT", is_prepaid=True)
    await enter(flat, token(0))
    taken = await set_meter(flat, panelCode="NEXT")
    assert (taken["refusal"]["code"], taken["refusal"]["field"]) == ("METER_IN_USE", "secretKeyHex")
    await flat.ask(REMOVE, input={"panelCode": "FLAT"})
    assert (await flat.panel(f"prepaid {{ {PAYGO} }}", code="FLAT"))["prepaid"]["openPaygo"] is None
    assert (await set_meter(flat, panelCode="NEXT"))["refusal"] is None
    assert (await enter(flat, token(0), panelCode="NEXT", idempotencyKey="again-one"))["refusal"][
        "code"
    ] == "TOKEN_USED"
    assert (await enter(flat, token(2), panelCode="NEXT"))["refusal"] is None


async def test_what_was_entered_stays_used_when_its_entry_is_reversed(flat: Site) -> None:
    entry = (await enter(flat, token(0)))["entry"]
    reverse = "mutation ($input: ReverseEntryInput!) { reverseEntry(input: $input) { refusal { code } } }"
    given = {"entryId": entry["id"], "reason": "typed on the wrong meter", "idempotencyKey": "reverse-it"}
    assert (await flat.ask(reverse, input=given))["reverseEntry"]["refusal"] is None
    assert (await enter(flat, token(0), idempotencyKey="again-one"))["refusal"]["code"] == "TOKEN_USED"
    assert await balance(flat) in (None, "0.000")


async def test_the_key_is_shown_nowhere(flat: Site, caplog: pytest.LogCaptureFixture) -> None:
    bad = [
        {"secretKeyHex": KEY + "00"}, {"secretKeyHex": KEY, "startingCode": -1}, {"secretKeyHex": KEY, "nope": 1},
        {"secretKeyHex": KEY, "kwhPerValue": "x"}, {"secretKeyHex": [KEY]}, {"secretKeyHex": KEY, "panelCode": None},
        {"secretKey": KEY}, {"secretKeyHex": KEY, "kwhPerValue": None}, {"Hex": KEY},
    ]  # fmt: skip
    for given in bad:
        whole = {"panelCode": "FLAT", "kwhPerValue": "0.1"} | given
        assert KEY not in str(await flat.answer(SET, input=whole))
        written = f'panelCode: "FLAT", kwhPerValue: "0.1", secretKeyHex: "{KEY}", nope: 1'
        assert KEY not in str(
            await flat.answer(f"mutation {{ setOpenPaygo(input: {{ {written} }}) {{ refusal {{ code }} }} }}")
        )
    assert KEY not in caplog.text
    assert KEY not in str(flat.database.execute("SELECT * FROM audit_entry").fetchall())


async def test_meters_are_for_landlords_and_admins(flat: Site) -> None:
    tenant, landlord = flat.add_person("t@x.org"), flat.add_person("l@x.org", role=Role.LANDLORD)
    for viewer in (tenant, landlord):
        flat.database.execute(
            "INSERT INTO panel_access SELECT %s, id FROM panel WHERE code = 'FLAT'", (viewer.account_id,)
        )
    assert (await set_meter(flat, viewer=tenant))["refusal"]["code"] == "FORBIDDEN"
    assert (await make(flat, viewer=tenant, unitsKwh="5"))["refusal"]["code"] == "FORBIDDEN"
    assert (await set_meter(flat, viewer=landlord))["refusal"] is None
    made = (await make(flat, viewer=landlord, unitsKwh="5"))["token"]
    assert (await enter(flat, made["digits"], viewer=tenant))["refusal"] is None
    stranger = flat.add_person("s@x.org", role=Role.LANDLORD)
    assert (await set_meter(flat, viewer=stranger))["refusal"]["code"] == "PANEL_NOT_FOUND"


@pytest.mark.parametrize(("given", "code", "field"), [
    ({}, "BAD_INPUT", "unitsKwh"), ({"unitsKwh": "0"}, "BAD_AMOUNT", "unitsKwh"),
    ({"unitsKwh": "0.15"}, "BAD_AMOUNT", "unitsKwh"), ({"unitsKwh": "100"}, "BAD_AMOUNT", "unitsKwh"),
    ({"amount": {"amount": "1", "currency": "NGN"}}, "BAD_AMOUNT", "amount"),
    ({"amount": {"amount": "5000", "currency": "IDR"}}, "BAD_CURRENCY", "amount"),
    ({"unitsKwh": "5", "amount": {"amount": "5000", "currency": "NGN"}}, "BAD_INPUT", "unitsKwh"),
    ({"unitsKwh": "5", "panelCode": "PLAIN"}, "NO_OPEN_PAYGO", "panelCode"),
    ({"unitsKwh": "5", "panelCode": "GHOST"}, "PANEL_NOT_FOUND", "panelCode"),
])  # fmt: skip
async def test_a_bad_wish_for_a_token_is_refused_and_makes_none(
    flat: Site, given: dict[str, Any], code: str, field: str
) -> None:
    flat.add_panel("PLAIN", is_prepaid=True)
    before = rows(flat)
    done = await make(flat, **given)
    assert (done["refusal"]["code"], done["refusal"]["field"], done["token"]) == (code, field, None)
    assert (rows(flat), audit(flat)[-1]) == (before, ("GENERATE_TOKEN", code))
