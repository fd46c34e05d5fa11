"""What a vendor says is read as what it means, and as unclear where it is not certain."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.vendor_answers import answer_of, document_of, verification_of
from market.vendors import Declined, Delivered, Known, NotKnown, NotTold, Unclear, Unseen

OURS = "202503041300abcdefgh"
TOKEN = "26362054405982757802"


def delivered(**changes: Any) -> dict[str, Any]:
    transaction = {"status": "delivered", "transactionId": "17"}
    return {"code": "000", "requestId": OURS, "content": {"transactions": transaction}, "token": TOKEN} | changes


@pytest.mark.parametrize(
    ("changes", "units_kwh"),
    [
        ({"units": "79.9 kWh"}, "79.900"),
        ({"units": "79.9"}, "79.900"),
        ({"units": Decimal("79.8769")}, "79.876"),
        ({"mainTokenUnits": 80}, "80.000"),
        ({"units": "N/A"}, None),
        ({"units": "0"}, None),
        ({"units": "-3"}, None),
        ({"units": 10**9}, None),
        ({"units": True}, None),
        ({}, None),
    ],
)
def test_units_are_read_in_the_forms_that_utilities_use(changes: dict[str, Any], units_kwh: str | None) -> None:
    expected = None if units_kwh is None else Decimal(units_kwh)
    assert answer_of(delivered(**changes), reference=OURS) == Delivered(TOKEN, expected, "17")


@pytest.mark.parametrize(
    "changes",
    [
        {"token": "2636-2054-4059-8275-7802"},
        {"token": None, "purchased_code": f"Token : {TOKEN}"},
        {"token": "", "mainToken": "2636 2054 4059 8275 7802"},
    ],
)
def test_a_token_is_read_however_it_is_written(changes: dict[str, Any]) -> None:
    answer = answer_of(delivered(**changes), reference=OURS)
    assert isinstance(answer, Delivered)
    assert answer.token == TOKEN


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (delivered(token="1234"), Unclear),
        (delivered(token=f"{TOKEN}9"), Unclear),
        (delivered(requestId="another"), Unclear),
        (delivered(content={"transactions": {"status": "pending"}}), Unclear),
        (delivered(content={"transactions": {"status": "initiated"}}), Unclear),
        (delivered(content={"transactions": {"status": "reversed"}}), Declined),
        (delivered(content={"transactions": {"status": "failed"}}), Declined),
        (delivered(content="words"), Unclear),
        ({"code": "099"}, Unclear),
        ({"code": "016", "response_description": "TRANSACTION FAILED"}, Declined),
        ({"code": "018", "requestId": "another"}, Unclear),
        ({"code": "014"}, Unclear),
        ({"code": "019"}, Unclear),
        ({"code": "015"}, Unseen),
        ({"code": "083"}, Unclear),
        ({"code": 0}, Unclear),
        ({}, Unclear),
    ],
)
def test_only_what_is_certain_counts(document: dict[str, Any], kind: type) -> None:
    assert isinstance(answer_of(document, reference=OURS), kind)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"code": "000", "content": {"Customer_Name": "ANN"}}, Known),
        ({"code": "020", "content": {"Customer_Name": "ANN"}}, Known),
        ({"code": "000", "content": {"error": "no such meter"}}, NotKnown),
        ({"code": "000", "content": {"WrongBillersCode": True}}, NotKnown),
        ({"code": "011"}, NotKnown),
        ({"code": "030"}, NotTold),
        ({"code": "000"}, NotTold),
        ({}, NotTold),
    ],
)
def test_a_meter_is_known_unknown_or_not_told(document: dict[str, Any], kind: type) -> None:
    assert isinstance(verification_of(document), kind)


LEAVES = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text()
json_values = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
WORDS = st.sampled_from(
    ["code", "content", "transactions", "status", "requestId", "token", "units", "response_description"]
)


@settings(max_examples=30)
@given(st.dictionaries(WORDS, json_values | st.dictionaries(WORDS, json_values)))
def test_nothing_that_a_vendor_can_say_is_an_exception(document: dict[str, Any]) -> None:
    assert answer_of(document, reference=OURS)
    assert verification_of(document)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"a": 1e', b'"x"'])
def test_what_is_no_object_is_none(body: bytes) -> None:
    assert document_of(body) is None
