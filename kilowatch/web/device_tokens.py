"""Turns what a device may do into signed tokens that brokers such as EMQX check by our public keys."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from kilowatch.web.signing_keys import Signing
from metering.device_rights import DeviceRights, rules_of

AUDIENCE: Final = "mqtt"

_NOTHING_ELSE: Final = {"permission": "deny", "action": "all", "topic": "#"}
"""Without it EMQX would go on to ask others about what no rule of the token is for."""


@dataclass(frozen=True, slots=True)
class SignedDeviceTokens:
    """The `resolvers.registered_devices.DeviceTokens` of a server."""

    signing: Signing

    def issue(self, rights: DeviceRights, *, lifetime: timedelta) -> tuple[str, datetime]:
        """The token, and until when it counts (UTC). Its `clientid` keeps it from other clients' sessions."""
        names = dict.fromkeys(("sub", "username", "clientid"), rights.device_id)
        claims = {**names, "acl": access_list(rights)}
        issued = self.signing.issue(claims, audience=AUDIENCE, lifetime=lifetime)
        return issued.token, issued.expires_at


def access_list(rights: DeviceRights) -> list[dict[str, Any]]:
    """What the device may do, as EMQX 5.5 and later read it: its rules, and nothing else."""
    rules = [{"permission": "allow", "action": rule.action.value, "topic": rule.topic} for rule in rules_of(rights)]
    return [*rules, _NOTHING_ELSE]
