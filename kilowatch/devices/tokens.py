"""Turns a registered device into a token that brokers check, for the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from kilowatch.devices.registering import one_device
from kilowatch.operator_acts import in_transaction, keep
from kilowatch.starting import CommandError
from kilowatch.web.device_tokens import SignedDeviceTokens
from kilowatch.web.signing_keys import Signing, SigningKeysError, key_ring
from metering.refusals import Refused


def device_token(database_url: str, device_id: str, *, keys_file: Path, hours: int) -> str:
    """A token with what the device may do, signed by the server's own keys.

    Raises:
        Refused: DEVICE_NOT_FOUND.
        CommandError: the keys cannot be had.
    """
    device = one_device(database_url, device_id)
    if device.revoked_at:
        raise Refused("DEVICE_NOT_FOUND", f"{device_id} was revoked.", "id")
    try:
        signing = Signing(key_ring(keys_file, now=datetime.now(UTC)), lambda: datetime.now(UTC))
    except SigningKeysError as error:
        raise CommandError(str(error)) from error
    in_transaction(database_url, lambda opened: keep(opened, "ISSUE_DEVICE_TOKEN", device=device_id, hours=hours))
    token, _ = SignedDeviceTokens(signing).issue(device.rights, lifetime=timedelta(hours=hours))
    return token
