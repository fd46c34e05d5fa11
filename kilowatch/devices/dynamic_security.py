"""Turns devices' logins into the document that mosquitto's dynamic security plugin starts with."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from kilowatch.devices.service_login import ServiceLogin
from metering.device_rights import AccessRule, Action, rules_of
from store.device_secrets import hashed, parsed
from store.registered_devices import Login

_KINDS: Final = {Action.PUBLISH: "publishClientSend", Action.SUBSCRIBE: "subscribePattern"}
_DEFAULTS: Final = {"publishClientSend": False, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
"""Nothing is published or subscribed to without a rule; what comes of a subscription may be received."""


def dynamic_security(logins: Sequence[Login], *, service: ServiceLogin) -> str:
    """The document as JSON: a client for each login, and a role for each device and for the service."""
    of_device = {login.rights.device_id: login.rights for login in logins}
    roles = [_role(device_id, rules_of(rights)) for device_id, rights in of_device.items()]
    clients = [_of_device(login) for login in logins]
    document = {
        "defaultACLAccess": _DEFAULTS,
        "clients": [*_of_service(service), *clients],
        "groups": [],
        "roles": [_role(service.username, service.rules), *roles],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def _of_service(service: ServiceLogin) -> list[dict[str, Any]]:
    if service.password is None:
        return []
    return [_client(service.username, hashed(service.password), role=service.username)]


def _of_device(login: Login) -> dict[str, Any]:
    """A device comes in under its id alone: under ingest's client id it would put ingest out, and end its session."""
    device_id = login.rights.device_id
    return {**_client(login.username, login.hash, role=device_id), "clientid": device_id}


def _client(username: str, kept: str, *, role: str) -> dict[str, Any]:
    known = parsed(kept)
    return {
        "username": username,
        "password": b64encode(known.hash).decode(),
        "salt": b64encode(known.salt).decode(),
        "iterations": known.iterations,
        "roles": [{"rolename": role}],
    }


def _role(name: str, rules: Sequence[AccessRule]) -> dict[str, Any]:
    acls = [{"acltype": _KINDS[rule.action], "topic": rule.topic, "priority": 0, "allow": True} for rule in rules]
    return {"rolename": name, "acls": acls}
