"""The printed contract: described down to each argument, and in the names that clients rely on."""

import re
from pathlib import Path
from typing import Any, cast

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, build_schema

from schema.arguments import Arguments
from schema.contract import PRINTED, printed

CONTRACT = build_schema(printed())

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
    "PanelMonthlySummary": """
        panel isPartial
    """,
    "MonthlySummary": """
        panels total
    """,
    "MonthlyTotal": """
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


def test_everything_that_a_client_meets_is_described() -> None:
    bare: list[str] = []
    for name, type_ in CONTRACT.type_map.items():
        if name.startswith("__") or name in ("String", "Int", "Float", "Boolean", "ID"):
            continue
        bare += [] if type_.description else [name]
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in type_.fields.items():
                bare += [] if field.description else [f"{name}.{field_name}"]
                for argument_name, argument in getattr(field, "args", {}).items():
                    bare += [] if argument.description else [f"{name}.{field_name}({argument_name})"]
    assert bare == []


def test_quantities_say_their_unit_in_their_name_or_beside_them() -> None:
    unnamed = [
        f"{name}.{field_name}"
        for name, type_ in CONTRACT.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__") and "unit" not in type_.fields
        for field_name, field in type_.fields.items()
        if str(field.type).strip("[]!") == "Float"
        and not re.search(r"(Kwh|Kw|Kva|Ms|Days|S)\d*$|Factor|^(r|s|t|n)$|Unbalance|daysLeft|historyDays", field_name)
    ]
    assert unnamed == []


def test_enums_have_the_promised_values() -> None:
    def values(name: str) -> set[str]:
        enum = CONTRACT.get_type(name)
        assert isinstance(enum, GraphQLEnumType)
        return set(enum.values)

    assert values("PanelStatus") == {"ONLINE", "OFFLINE"}
    assert values("Step") == {"MINUTE", "FIVE_MINUTES", "QUARTER_HOUR", "HOUR", "DAY", "WEEK", "MONTH", "YEAR"}
    assert values("Range") == {"LAST_1H", "LAST_6H", "LAST_12H", "LAST_24H", "LAST_7D", "LAST_30D", "LAST_1Y"}
    assert values("ForecastMethod") == {"LEARNING", "PROFILE"}


def test_an_argument_without_description_is_found_when_the_schema_is_built() -> None:
    class Field:
        name = "field"
        arguments = ()

    with pytest.raises(TypeError, match="field: described"):
        Arguments(gone="Not there.").apply(cast("Any", Field()))


def test_the_printed_file_stands_beside_the_schema() -> None:
    assert Path(PRINTED).name == "schema.graphql"
