"""Turns which codes a field may refuse with into the last sentence of its description."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import GraphQLSchema

_PAGE: Final = "BAD_INPUT, BAD_CURSOR"
_MONTH: Final = "BAD_MONTH, NO_TARIFF"

OPEN: Final = frozenset({"limits", "rateLimit", "queryCost", "errorCodes"})
"""The queries that nobody needs to sign in for."""

REFUSALS: Final[Mapping[str, Mapping[str, str]]] = {
    "Query": {
        "panel": "",
        "devices": _PAGE,
        "monthlySummary": _MONTH,
        "yearSummary": _MONTH,
        "serviceStatus": "",
        "rejectedMessages": f"FORBIDDEN, BAD_RANGE, {_PAGE}",
        "rejectedMessageGroups": f"FORBIDDEN, BAD_RANGE, {_PAGE}",
        "rejectedReplay": "FORBIDDEN, BAD_INPUT",
        "viewer": "",
        "alerts": _PAGE,
        "deviceMappings": _PAGE,
        "tryMessage": "BAD_TOPIC, BAD_CODE, BAD_PATH, BAD_UNIT, BAD_INPUT, PANEL_NOT_FOUND, FORBIDDEN",
        "queryCost": "BAD_QUERY, BAD_INPUT",
    },
    "Panel": {
        "gaps": "BAD_RANGE, BAD_INPUT, TOO_MANY_POINTS",
        "usage": "BAD_RANGE, TOO_MANY_BUCKETS, TOO_MANY_POINTS, NO_TARIFF",
        "statistics": "BAD_RANGE, NO_TARIFF",
        "demand": "BAD_RANGE, TOO_MANY_POINTS",
        "dailyUsage": "BAD_INPUT",
        "monthlySummary": _MONTH,
        "tariff": "NO_TARIFF",
        "exportLink": "BAD_RANGE",
        "readingChanges": _PAGE,
        "registerEvents": _PAGE,
        "today": "NO_TARIFF",
    },
    "PrepaidAccount": {"ledger": _PAGE},
    "Device": {"reports": _PAGE},
    "Subscription": {
        "panelReadings": "BAD_INPUT, BAD_CURSOR",
        "panelStatus": "BAD_INPUT, BAD_CURSOR",
        "usageToday": "BAD_INPUT, BAD_CURSOR",
        "depletionForecast": "BAD_INPUT, BAD_CURSOR",
        "alerts": "BAD_INPUT, BAD_CURSOR",
    },
}
"""The codes of each field besides UNAUTHENTICATED, which every root field has unless it is open.

Scalars (BAD_DATETIME and its like), limits of the request and faults of ours may refuse anything: see `errorCodes`.
"""


def list_refusals(schema: GraphQLSchema) -> None:
    """Ends the descriptions of a schema's fields with the codes that they may refuse with.

    Raises:
        KeyError: a field that is listed is not there.
    """
    for name, fields in REFUSALS.items():
        type_: Any = schema.type_map[name]
        for field_name, codes in fields.items():
            field = type_.fields[field_name]
            needs_sign_in = name in {"Query", "Subscription"} and field_name not in OPEN
            listed = ", ".join([*(["UNAUTHENTICATED"] if needs_sign_in else []), *([codes] if codes else [])])
            if "Refuses with" not in field.description:
                field.description = f"{field.description} Refuses with {listed}."
