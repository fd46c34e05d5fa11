"""Turns which codes a field may refuse with into the last sentence of its description."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import GraphQLSchema

from schema.access_roots import ROOTS, is_open

_PAGE: Final = "BAD_INPUT, BAD_CURSOR"
_STREAM: Final = f"BAD_CODE, {_PAGE}"
_REJECTED: Final = f"FORBIDDEN, BAD_RANGE, {_PAGE}"
_POINTS: Final = "BAD_RANGE, TOO_MANY_POINTS"

_PAST: Final[Mapping[str, str]] = {
    "readings": "BAD_RANGE, BAD_MAX_POINTS, BAD_CURSOR, TOO_MANY_POINTS",
    "readingHistory": f"{_PAGE}, {_POINTS}",
    "gaps": f"{_POINTS}, BAD_INPUT",
    "usage": "BAD_RANGE, TOO_MANY_BUCKETS, TOO_MANY_POINTS, NO_TARIFF",
    "statistics": "BAD_RANGE, NO_TARIFF, TOO_MANY_POINTS",
    "demand": _POINTS,
    "usageProfile": _POINTS,
    "dailyUsage": "BAD_INPUT, TOO_MANY_POINTS",
    "weeklySummary": "BAD_WEEK, NO_TARIFF, TOO_MANY_POINTS",
    "monthlySummary": "BAD_MONTH, NO_TARIFF, TOO_MANY_POINTS",
    "yearlySummary": "BAD_MONTH, NO_TARIFF, TOO_MANY_POINTS",
    "tariffs": "BAD_RANGE",
    "exportLink": "BAD_RANGE",
    "readingChanges": _PAGE,
    "typedReadings": _PAGE,
    "registerEvents": _PAGE,
}
"""Of a panel and of its history."""

REFUSALS: Final[Mapping[str, Mapping[str, str]]] = {
    "Query": {
        "panel": "",
        "panels": _PAGE,
        "properties": f"FORBIDDEN, {_PAGE}",
        "property": "FORBIDDEN",
        "people": f"FORBIDDEN, {_PAGE}",
        "propertyOverview": "FORBIDDEN, BAD_MONTH, BAD_AMOUNT",
        "node": "",
        "nodes": "BAD_INPUT",
        "devices": _PAGE,
        "registeredDevices": f"FORBIDDEN, {_PAGE}",
        "weeklySummary": "BAD_WEEK, BAD_INPUT, NO_TARIFF, TOO_MANY_POINTS",
        "monthlySummary": "BAD_MONTH, BAD_INPUT, NO_TARIFF, TOO_MANY_POINTS",
        "yearlySummary": "BAD_MONTH, BAD_INPUT, NO_TARIFF, TOO_MANY_POINTS",
        "yearSummary": "BAD_MONTH, BAD_INPUT, NO_TARIFF, TOO_MANY_POINTS",
        "serviceStatus": "",
        "rejectedMessages": _REJECTED,
        "rejectedMessageGroups": _REJECTED,
        "rejectedReplay": "FORBIDDEN, BAD_INPUT",
        "viewer": "",
        "alerts": _PAGE,
        "deviceMappings": _PAGE,
        "tryMessage": "BAD_TOPIC, BAD_CODE, BAD_PATH, BAD_UNIT, BAD_INPUT, PANEL_NOT_FOUND, FORBIDDEN",
        "vend": "",
        "payment": "",
        "payments": f"FORBIDDEN, {_PAGE}",
        "queryCost": "BAD_QUERY, BAD_INPUT",
        "tariffExamples": "",
        "auditLog": f"FORBIDDEN, BAD_RANGE, {_PAGE}",
        "serviceAccounts": f"FORBIDDEN, {_PAGE}",
    },
    "Mutation": {"startIngest": "FORBIDDEN", "stopIngest": "FORBIDDEN"},
    "Subscription": {
        "panelReadings": _STREAM,
        "panelStatus": _STREAM,
        "usageToday": _STREAM,
        "depletionForecast": _STREAM,
        "alerts": _PAGE,
    },
    "Panel": {
        **_PAST,
        "today": "NO_TARIFF",
        "tariff": "NO_TARIFF",
        "currentPrice": "NO_TARIFF",
    },
    "PanelHistory": {**_PAST, "ledger": _PAGE},
    "PrepaidAccount": {
        "balanceKwhAt": "BAD_TIME",
        "quote": "BAD_INPUT, BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF",
        "whatIf": "BAD_INPUT, BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF",
        "ledger": _PAGE,
        "vends": _PAGE,
    },
    "Device": {"reports": _PAGE},
    "Property": {"overview": "BAD_MONTH, BAD_AMOUNT", "panels": _PAGE, "tenancies": _PAGE, "invitations": _PAGE},
    "Viewer": {"tenancies": _PAGE, "auditLog": _PAGE, "serviceAccounts": f"FORBIDDEN, {_PAGE}"},
}
"""The codes of each field besides UNAUTHENTICATED, which every field of a root has unless it is open.

Mutations answer theirs in their payloads: here are those whose answer has no `refusal`. Scalars (BAD_DATETIME and its
like), limits of the request and faults of ours may refuse anything: see `errorCodes`.
"""


def list_refusals(schema: GraphQLSchema) -> None:
    """Ends the descriptions of a schema's fields with the codes that they may refuse with.

    Raises:
        KeyError: a field that is listed is not there.
        ValueError: a field's own description lists codes, so that there would be two lists.
    """
    for name, type_ in schema.type_map.items():
        for field_name, field in getattr(type_, "fields", {}).items():
            if "Refuses with" in (field.description or ""):
                raise ValueError(f"{name}.{field_name} lists its codes itself: they stand in `REFUSALS`.")
    for name, fields in REFUSALS.items():
        of_type: Any = schema.type_map[name]
        for field_name, codes in fields.items():
            _list(of_type.fields[field_name], codes, needs_sign_in=_needs_sign_in(name, field_name))


def _needs_sign_in(type_name: str, field_name: str) -> bool:
    return type_name in ROOTS and not is_open(field_name, root=type_name)


def _list(field: Any, codes: str, *, needs_sign_in: bool) -> None:
    listed = [*(["UNAUTHENTICATED"] if needs_sign_in else []), *([codes] if codes else [])]
    field.description = f"{field.description} Refuses with {', '.join(listed)}."
