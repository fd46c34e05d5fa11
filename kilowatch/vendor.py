"""Turns settings into the token vendor that units are bought from."""

from kilowatch.settings import SettingError, Settings, variable
from market.http_vendor import HttpVendorSettings

_NEEDED = ("vendor_key", "vendor_secret", "vendor_service", "vendor_phone")


def vendor_of(settings: Settings) -> HttpVendorSettings | None:
    """Where the vendor is and who we are there; None without one.

    Raises:
        SettingError: there is a vendor, and something that it needs is not set.
    """
    if not settings.vendor_url:
        return None
    missing = [variable(name) for name in _NEEDED if not getattr(settings, name)]
    if missing:
        raise SettingError(f"KILOWATCH_VENDOR_URL needs {', '.join(missing)} too")
    return HttpVendorSettings(
        url=settings.vendor_url,
        api_key=settings.vendor_key,
        secret_key=settings.vendor_secret,
        service=settings.vendor_service,
        phone=settings.vendor_phone,
    )
