"""The printed contract: described down to each argument, and in the names that clients rely on."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from graphql import GraphQLEnumType, GraphQLObjectType, build_schema

from schema.access_roots import is_open
from schema.arguments import Arguments
from schema.compatibility import deprecations
from schema.contract import PRINTED, printed
from schema.refusal_lists import list_refusals

CONTRACT = build_schema(printed())
BUILT_IN = {"String", "Int", "Float", "Boolean", "ID"}

PROMISED = {
    "Query": """
        panels panel monthlySummary yearSummary serviceStatus rejectedMessages
    """,
    "Panel": """
        code name location floor timeZone status lastSeenAt latestReading readings usage today
        statistics dailyUsage monthlySummary tariff prepaid
    """,
    "Reading": """
        at receivedAt voltage current activePowerKw apparentPowerKva powerFactor energyImportKwh
        energyExportKwh voltageUnbalance currentUnbalance
    """,
    "ReadingSeries": """
        at atMs activePowerKw energyImportKwh energyExportKwh count downsampledFrom cursor missing
    """,
    "UsageSeries": """
        step currency from fromMs energyKwh exportKwh cost peakKw averagePowerFactor isPartial
        totalEnergyKwh totalCost
    """,
    "UsageToday": """
        date energyKwh cost registerNowKwh registerAtMidnightKwh peakKw
    """,
    "UsageStatistics": """
        energyKwh minPowerKw maxPowerKw averagePowerKw loadFactor cost count
    """,
    "DailyUsage": """
        date energyKwh isPartial movingAverage30dKwh averageDailyKwh
    """,
    "PanelSummary": """
        panel year month energyKwh cost peakKw averagePowerFactor isPartial
    """,
    "MonthlySummary": """
        panels total
    """,
    "SummaryTotal": """
        energyKwh cost
    """,
    "Money": """
        amount currency
    """,
    "PrepaidAccount": """
        meterNumber balanceKwh balanceAt ledger forecast lowUnits
    """,
    "DepletionForecast": """
        madeAt dataUpTo method depletesAt daysLeft expectedUsage historyDays
    """,
    "Mutation": """
        topUp recordBalance startIngest stopIngest
    """,
}


@pytest.mark.parametrize("type_name", PROMISED)
def test_the_promised_fields_are_there(type_name: str) -> None:
    type_ = CONTRACT.get_type(type_name)
    assert isinstance(type_, GraphQLObjectType)
    assert set(PROMISED[type_name].split()) <= set(type_.fields)


def members() -> Iterator[tuple[str, Any]]:
    """Every type, field, argument and input field of ours, by where it stands."""
    for name, type_ in CONTRACT.type_map.items():
        if name.startswith("__") or name in BUILT_IN:
            continue
        yield name, type_
        for field_name, field in getattr(type_, "fields", {}).items():
            yield f"{name}.{field_name}", field
            for argument_name, argument in getattr(field, "args", {}).items():
                yield f"{name}.{field_name}({argument_name}:)", argument


def test_everything_that_a_client_meets_is_described() -> None:
    assert [place for place, member in members() if not member.description] == []


def test_every_value_of_an_enum_is_described_itself_or_by_its_enum() -> None:
    undescribed = [
        f"{enum.name}.{value}"
        for enum in CONTRACT.type_map.values()
        if isinstance(enum, GraphQLEnumType) and not enum.name.startswith("__")
        for value, member in enum.values.items()
        if not member.description and not re.search(rf"\b{value}\b", enum.description or "")
    ]
    assert undescribed == []


def test_quantities_say_their_unit_in_their_name_or_beside_them() -> None:
    unnamed = [
        f"{name}.{field_name}"
        for name, type_ in CONTRACT.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__") and "unit" not in type_.fields
        for field_name, field in type_.fields.items()
        if str(field.type).strip("[]!") == "Float"
        and not re.search(
            r"(Kwh|Kw|Kva|Ms|Hours|Days|S|Percent)\d*$|Factor|^(r|s|t|n)$|Unbalance|daysLeft|historyDays", field_name
        )
    ]
    assert unnamed == []


UNITS = {
    r"Kwh\d*$": r"\bkWh\b", r"Kw\d*$": r"\bkW\b", r"Kva$": r"\bkVA\b", r"(?<![A-Z])S$": r"\b[Ss]econds?\b",
    r"Hours$": r"\bhours\b", r"Ms$": r"\bmilliseconds\b", r"Bytes$": r"\b[Bb]ytes\b", r"Mib$": r"\bMiB\b",
    r"Percent$": r"\bpercent\b",
    r"([dD]ays?|daysLeft)$": r"\b[dD]ays?\b", r"Years$": r"\byears\b",
}  # fmt: skip
"""How names of quantities end, and what their own descriptions must then say."""


OFFSET = r"\bUTC\b|\b[Pp]anel's offset\b"


def test_a_name_that_ends_in_a_unit_is_described_with_that_unit() -> None:
    silent = [
        place
        for place, member in members()
        for ending, words in UNITS.items()
        if re.search(ending, place.removesuffix(":)"))
        and _is_number(member)
        and not re.search(words, member.description)
    ]
    assert silent == []


def _is_number(member: Any) -> bool:
    return str(getattr(member, "type", "")).strip("[]!") in {"Int", "Float", "Decimal"}


def test_every_instant_of_an_answer_says_its_offset() -> None:
    silent = [
        f"{name}.{field_name}"
        for name, type_ in CONTRACT.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__")
        for field_name, field in type_.fields.items()
        if str(field.type).strip("[]!") == "DateTime" and not re.search(OFFSET, field.description or "")
    ]  # fmt: skip
    assert silent == []


def test_deprecations_name_the_day_of_their_removal_and_are_gone_by_then() -> None:
    today = datetime.now(UTC).date()
    late = [one for one in deprecations(printed()) if one.removed_on is None or one.removed_on <= today]
    assert late == []


REFUSES = re.compile(r"Refuses with ([A-Z_, ]+)\.")


def listed(description: str | None) -> list[str]:
    """The codes that a description says a field refuses with."""
    found = REFUSES.search(description or "")
    return re.findall(r"[A-Z_]+", found[1]) if found else []


def fields_of(*type_names: str) -> Iterator[tuple[str, Any]]:
    for type_name in type_names:
        type_ = CONTRACT.type_map[type_name]
        assert isinstance(type_, GraphQLObjectType)
        yield from type_.fields.items()


def test_every_query_and_subscription_lists_its_refusals_first_that_one_must_sign_in() -> None:
    for root in ("Query", "Subscription"):
        for name, field in fields_of(root):
            codes = listed(field.description)
            assert is_open(name, root=root) or codes[:1] == ["UNAUTHENTICATED"], name


def test_every_field_below_that_takes_arguments_lists_its_refusals() -> None:
    silent = [
        f"{name}.{field_name}"
        for name, type_ in CONTRACT.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__")
        and type_ not in {CONTRACT.query_type, CONTRACT.mutation_type, CONTRACT.subscription_type}
        for field_name, field in type_.fields.items()
        if field.args and not listed(field.description)
    ]  # fmt: skip
    assert silent == []


def test_that_one_must_sign_in_is_listed_at_the_roots_alone() -> None:
    again = [
        f"{name}.{field_name}"
        for name, type_ in CONTRACT.type_map.items()
        if isinstance(type_, GraphQLObjectType) and name not in {"Query", "Mutation", "Subscription"}
        for field_name, field in type_.fields.items()
        if "UNAUTHENTICATED" in listed(field.description)
    ]  # fmt: skip
    assert again == []


def test_a_mutation_without_a_refusal_in_its_answer_lists_its_codes() -> None:
    plain = {
        name: listed(field.description)
        for name, field in fields_of("Mutation")
        if "refusal" not in dict(fields_of(str(field.type).strip("!")))
    }
    codes = ["UNAUTHENTICATED", "FORBIDDEN"]
    assert plain == {"startIngest": codes, "stopIngest": codes}


def test_codes_that_a_description_lists_itself_are_no_second_list() -> None:
    own = build_schema('type Query { "All. Refuses with BAD_INPUT." panels: Int }')
    with pytest.raises(ValueError, match=r"Query\.panels lists its codes itself"):
        list_refusals(own)


def test_every_mutation_lists_its_refusals_first_that_one_must_sign_in() -> None:
    for name, field in fields_of("Mutation"):
        payload = dict(fields_of(str(field.type).strip("!")))
        if "refusal" not in payload:
            continue
        codes = re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", str(payload["refusal"].description).partition(";")[0])
        assert is_open(name, root="Mutation") or codes[0] == "UNAUTHENTICATED", name
        assert "FORBIDDEN" in codes or "For admins." not in str(field.description), name


def test_enums_have_the_promised_values() -> None:
    def values(name: str) -> set[str]:
        enum = CONTRACT.get_type(name)
        assert isinstance(enum, GraphQLEnumType)
        return set(enum.values)

    assert values("PanelStatus") == {"ONLINE", "OFFLINE"}
    assert values("Step") == {"MINUTE", "FIVE_MINUTES", "QUARTER_HOUR", "HOUR", "DAY", "WEEK", "MONTH", "YEAR"}
    assert values("Range") == {"LAST_1H", "LAST_6H", "LAST_12H", "LAST_24H", "LAST_7D", "LAST_30D", "LAST_1Y"}
    assert values("ForecastMethod") == {"LEARNING", "PROFILE", "MODEL"}


def test_an_argument_without_description_is_found_when_the_schema_is_built() -> None:
    class Field:
        name = "field"
        arguments = ()

    with pytest.raises(TypeError, match="field: described"):
        Arguments(gone="Not there.").apply(cast("Any", Field()))


def test_the_printed_file_stands_beside_the_schema() -> None:
    assert Path(PRINTED).name == "schema.graphql"
