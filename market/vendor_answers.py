"""Turns the JSON that VTpass and its like answer into what became of a meter's verification or a purchase."""

import json
import re
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any, Final

from market.vendors import Answer, Declined, Delivered, Known, NotKnown, NotTold, Unclear, Unseen, Verification
from metering.ledger import MAX_UNITS_KWH

_PROCESSED: Final = frozenset({"000", "001", "044"})
"""Codes with which the transaction's own status says what became of it."""

_DECLINED: Final = frozenset(
    {"010", "011", "012", "013", "016", "017", "018", "020", "021", "022", "023", "024", "025", "026", "027", "028"}
    | {"030", "031", "032", "034", "035", "085", "087", "091"}
)
"""Codes of purchases that did not happen. Of 014 (used before) and 019 (likely a duplicate) that is not certain."""

_UNSEEN: Final = frozenset({"015"})
_DECLINED_STATUS: Final = frozenset({"failed", "reversed"})
_TOKEN_KEYS: Final = ("mainToken", "token", "Token", "purchased_code")
_UNITS_KEYS: Final = ("mainTokenUnits", "units", "Units", "PurchasedUnits", "tokenUnits")
_TOKEN = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){19}(?![0-9])", re.ASCII)
_UNITS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *(?:kwh|units?)?", re.ASCII | re.IGNORECASE)
_THOUSANDTH: Final = Decimal("0.001")


def document_of(body: bytes) -> dict[str, Any] | None:
    """The JSON object of an answer, numbers exact; None when it is none."""
    try:
        document: Any = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError, InvalidOperation):
        return None
    return _object(document)


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def verification_of(document: Mapping[str, Any]) -> Verification:
    """Whether the vendor knows a meter. An unknown one, too, is answered with code 000, and an error in `content`."""
    content = _object(document.get("content"))
    if _code(document) in {"011", "012"} or (content and content.get("WrongBillersCode") is True):
        return NotKnown(_words(document))
    if content is None or _code(document) not in {"000", "020"}:
        return NotTold(_words(document))
    return NotKnown(_words(document)) if "error" in content else Known()


def answer_of(document: Mapping[str, Any], *, reference: str) -> Answer:
    """What became of the purchase of that reference. Whatever is not certain is Unclear."""
    code = _code(document)
    if code in _UNSEEN:
        return Unseen(_words(document))
    said = document.get("requestId", document.get("request_id"))
    if said is not None and said != reference:
        return Unclear("the vendor answered about another reference")
    if code in _DECLINED:
        return Declined(_words(document))
    return _answer_by_status(document) if code in _PROCESSED else Unclear(_words(document))


def _answer_by_status(document: Mapping[str, Any]) -> Answer:
    transaction = _transaction(document)
    status = transaction.get("status")
    if status in _DECLINED_STATUS:
        return Declined(f"{_words(document)}: {status}")
    if status != "delivered":
        return Unclear(f"{_words(document)}: {_clean(status)}")
    token = _first(document, _TOKEN_KEYS, _token)
    if token is None:
        return Unclear("the vendor says that it has delivered, and gives no token of 20 digits")
    number = transaction.get("transactionId")
    return Delivered(token, _first(document, _UNITS_KEYS, _units_kwh), number if isinstance(number, str) else None)


def _transaction(document: Mapping[str, Any]) -> Mapping[str, Any]:
    content = _object(document.get("content")) or {}
    return _object(content.get("transactions")) or {}


def _first(document: Mapping[str, Any], keys: tuple[str, ...], read: Any) -> Any:
    """What the first key says of which anything can be read; None without one."""
    return next((found for key in keys if (found := read(document.get(key))) is not None), None)


def _token(value: object) -> str | None:
    found = _TOKEN.search(value) if isinstance(value, str) else None
    return re.sub(r"[ -]", "", found[0]) if found else None


def _units_kwh(value: object) -> Decimal | None:
    """Units such as 79.9, "79.9" or "79.9 kWh", rounded down to 0.001 kWh; None when they are none or absurd."""
    text = str(value).strip() if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool) else ""
    found = _UNITS.fullmatch(text)
    if found is None:
        return None
    units_kwh = Decimal(found[1]).quantize(_THOUSANDTH, ROUND_DOWN)
    return units_kwh if 0 < units_kwh <= MAX_UNITS_KWH else None


def _code(document: Mapping[str, Any]) -> str | None:
    code = document.get("code")
    return code if isinstance(code, str) else None


def _words(document: Mapping[str, Any]) -> str:
    """The answer's code and words, for people."""
    content: Any = document.get("content")
    told = (document.get("response_description"), (_object(content) or {}).get("error"), content)
    said = next((word for word in told if isinstance(word, str)), "")
    return f"{_clean(_code(document) or 'no code')} {_clean(said)}".strip()


def _clean(value: object) -> str:
    return "".join(letter for letter in str(value) if letter.isprintable())[:200]
