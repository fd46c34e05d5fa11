"""A vendor is used only when all that it needs is set, and its keys are never shown."""

import pytest

from kilowatch.settings import SettingError, Settings, read
from kilowatch.vendor import vendor_of

WHOLE = Settings(
    vendor_url="https://vendor.example.org/api/",
    vendor_key="the-api-key",
    vendor_secret="the-secret-key",
    vendor_service="ikeja-electric",
    vendor_phone="08011111111",
)


def test_without_an_address_there_is_no_vendor() -> None:
    assert vendor_of(Settings(vendor_key="the-api-key")) is None


def test_a_vendor_without_what_it_needs_is_refused_by_name() -> None:
    with pytest.raises(
        SettingError, match="needs KILOWATCH_VENDOR_SECRET, KILOWATCH_VENDOR_SERVICE, KILOWATCH_VENDOR_"
    ):
        vendor_of(Settings(vendor_url=WHOLE.vendor_url, vendor_key="the-api-key"))


def test_the_keys_of_a_vendor_are_not_shown() -> None:
    vendor = vendor_of(WHOLE)
    assert vendor
    assert (vendor.api_key, vendor.secret_key) == ("the-api-key", "the-secret-key")
    assert "the-" not in repr(vendor)


@pytest.mark.parametrize("name", ["PAYSTACK_SECRET", "FLUTTERWAVE_SECRET_HASH", "VENDOR_KEY", "VENDOR_SECRET"])
def test_a_secret_that_cannot_be_used_is_not_repeated(name: str) -> None:
    with pytest.raises(SettingError) as refused:
        read({f"KILOWATCH_{name}": "a secret with spaces"})
    assert f"KILOWATCH_{name} cannot be used" in str(refused.value)
    assert "a secret" not in str(refused.value)
