"""What operations cost is known before they are run: by their fields, their arguments and their variables."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from kilowatch.web.engine import weights
from kilowatch.web.engine.budgets import MAX_COST
from kilowatch.web.engine.costs import Costs
from kilowatch.web.engine.engine import build_engine
from kilowatch.web.engine.operation import Operation
from metering.buckets import MAX_BUCKETS
from resolvers.nodes import MAX_IDS
from resolvers.reading_stream import MAX_CODES
from resolvers.readings import MAX_POINTS

NOW = datetime(2026, 3, 10, 5, 0, tzinfo=UTC)
ENGINE = build_engine(introspection=True)
COSTS = Costs(ENGINE.schema, lambda: NOW)


def cost(query: str, **variables: Any) -> int:
    return COSTS.cost(ENGINE.prepared(Operation(query)), variables)


def dearest(query: str, **variables: Any) -> str:
    return COSTS.described(ENGINE.prepared(Operation(query)), variables, max_cost=MAX_COST).dearest


def readings(arguments: str, columns: str = "atMs activePowerKw", **variables: Any) -> int:
    types = {"from": "DateTime", "to": "DateTime", "most": "Int"}
    head = f"query ({', '.join(f'${name}: {types[name]}' for name in variables)})" if variables else ""
    return cost(f'{head} {{ panel(code: "PM") {{ readings({arguments}) {{ {columns} }} }} }}', **variables)


def test_more_items_points_days_and_buckets_cost_more() -> None:
    def pages(first: int) -> int:
        return cost(f"{{ panels(first: {first}) {{ nodes {{ code }} }} }}")

    assert pages(5) < pages(50) < pages(500)
    assert readings("range: LAST_1H") < readings("range: LAST_24H")
    assert readings("range: LAST_7D, maxPoints: 100") < readings("range: LAST_7D, maxPoints: 20000")
    assert readings("range: LAST_24H") < readings("range: LAST_24H", "at atMs activePowerKw energyImportKwh")
    assert cost('{ panel(code: "PM") { usage(step: HOUR, range: LAST_7D) { energyKwh } } }') < cost(
        '{ panel(code: "PM") { usage(step: MINUTE, range: LAST_7D) { energyKwh } } }'
    )
    assert cost('{ panel(code: "PM") { dailyUsage(days: 30) { energyKwh } } }') < cost(
        '{ panel(code: "PM") { dailyUsage(days: 1830) { energyKwh } } }'
    )


def test_lists_multiply_what_is_below_them() -> None:
    series = "usage(step: HOUR, range: LAST_7D) { energyKwh cost }"
    one = cost(f'{{ panel(code: "PM") {{ {series} }} }}')
    assert cost(f"{{ panels(first: 500) {{ nodes {{ {series} }} }} }}") > 100 * one


def test_each_entry_that_is_submitted_costs_as_a_mutation_does() -> None:
    query = "mutation ($input: SubmitEntriesInput!) { submitEntries(input: $input) { results { clientId } } }"
    costs = [cost(query, input={"entries": [{}] * count}) for count in (1, 2, 100, 101)]
    assert costs[1] - costs[0] > weights.MUTATION
    assert costs[2] == costs[3] == pytest.approx(costs[0] + 99 * (costs[1] - costs[0]), rel=0.01)
    written = ", ".join(['{ clientId: "an-entry-1", kind: TOP_UP, panelCode: "PM", at: "2026-03-10T05:00:00Z" }'] * 2)
    assert (
        cost(f"mutation {{ submitEntries(input: {{ entries: [{written}] }}) {{ results {{ clientId }} }} }}")
        == costs[1]
    )
    assert cost(query, input=None) == cost(query, input={"entries": None}) > costs[1]


def test_what_is_left_out_counts_as_its_default() -> None:
    assert cost("{ panels { nodes { code } } }") == cost("{ panels(first: 50) { nodes { code } } }")
    assert readings("range: LAST_24H") == readings("maxPoints: 10000")


def test_variables_count_as_what_they_are_filled_with() -> None:
    query = "query ($n: Int = 7) { panels(first: $n) { nodes { code name } } }"
    written = "{ panels(first: %d) { nodes { code name } } }"
    assert cost(query, n=300) == cost(written % 300)
    assert cost(query) == cost(written % 7)


def test_a_period_counts_from_its_start_to_its_end_or_to_now() -> None:
    day = readings("range: LAST_24H")
    assert readings("from: $from, to: $to", **{"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}) == day
    assert readings("from: $from", **{"from": "2026-03-09T12:00:00+07:00"}) == day
    assert readings('from: "2026-03-09T05:00:00Z"') == day


@pytest.mark.parametrize("value", ["ten", 1.5, True, None, [], {}, [[]], "x" * 1000, -5, 2**70])
def test_values_of_the_wrong_type_are_priced_and_left_to_be_refused(value: Any) -> None:
    assert 0 < cost("query ($n: Int) { panels(first: $n) { nodes { code } } }", n=value) < MAX_COST
    assert readings("from: $from, to: $to, maxPoints: $most", **{"from": value, "to": value, "most": value}) > 0


def test_what_is_over_a_fields_own_limit_is_left_to_the_field_that_says_what_it_takes() -> None:
    assert cost("{ panels(first: 2000000000) { nodes { code } } }") < MAX_COST
    assert cost('{ panel(code: "PM") { usage(step: MINUTE, range: LAST_1Y) { energyKwh } } }') < MAX_COST


def test_fields_are_weighed_for_no_more_than_they_take() -> None:
    assert weights.buckets("MINUTE", span_s=1e9) == MAX_BUCKETS
    assert weights.points(2**40, span_s=1e9) == MAX_POINTS
    nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert cost(nodes, ids=["x"] * 10) < cost(nodes, ids=["x"] * MAX_IDS) == cost(nodes, ids=["x"] * 5000)
    live = "subscription ($codes: [String!]) { panelStatus(codes: $codes) { __typename } }"
    assert cost(live, codes=["P"] * MAX_CODES) == cost(live, codes=["P"] * 5000)


def test_what_is_skipped_costs_nothing() -> None:
    query = """query ($chart: Boolean!) { panel(code: "PM") {
        name readings(range: LAST_24H) @include(if: $chart) { atMs activePowerKw }
        ... @skip(if: true) { today { peakKw } }
    } }"""
    assert cost(query, chart=False) == cost('{ panel(code: "PM") { name } }')
    assert cost(query, chart=True) > cost(query, chart=False)


def test_a_field_that_several_fragments_ask_for_is_charged_once() -> None:
    fragments = "fragment A on Panel { code name today { energyKwh } } fragment B on Panel { code ...A }"
    twice = cost(f"{{ panels {{ nodes {{ code ...A ...B ... on Panel {{ ...A name }} }} }} }} {fragments}")
    assert twice == cost("{ panels { nodes { code name today { energyKwh } } } }")


async def test_fragments_that_double_at_each_level_are_priced_as_fast_as_they_are_read() -> None:
    levels = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40))
    query = f"{{ ...F0 }} {levels} fragment F40 on Query {{ viewer {{ name }} }}"
    async with asyncio.timeout(10):  # a million million fields, were each looked at
        assert await asyncio.to_thread(cost, query) == cost("{ viewer { name } }")


def test_fields_of_the_same_fragment_below_several_fields_are_charged_for_each() -> None:
    levels = [
        f"fragment F{n} on Panel {{ a: device {{ panels {{ ...F{n + 1} }} }} device {{ panels {{ ...F{n + 1} }} }} }}"
        for n in range(4)
    ]
    query = "{ panels { nodes { ...F0 } } } " + " ".join(levels) + " fragment F4 on Panel { code }"
    assert cost(query) > 4**4


def test_nested_inline_fragments_do_not_exhaust_the_stack() -> None:
    query = "{ panels { nodes { " + "... { " * 90 + "code" + " }" * 90 + " } } }"
    assert cost(query) == cost("{ panels { nodes { code } } }")


def test_the_dearest_part_is_named_by_its_path() -> None:
    assert dearest("{ viewer { name } }") == "viewer"
    assert dearest('{ viewer { name } chart: panel(code: "PM") { readings { atMs } } }') == "chart.readings"
    wide = "{ panels(first: 500) { totalCount nodes { code usage(step: MINUTE, range: LAST_7D) { cost } } } }"
    assert dearest(wide) == "panels.nodes.usage"


def test_the_parts_of_an_operation_are_its_root_fields_the_dearest_first() -> None:
    query = '{ viewer { name } all: panels(first: 500) { nodes { code } } one: panel(code: "PM") { code } }'
    described = COSTS.described(ENGINE.prepared(Operation(query)), None, max_cost=MAX_COST)
    assert described.parts[0].field == "all"
    assert {part.field for part in described.parts} == {"viewer", "all", "one"}
    assert sum(part.cost for part in described.parts) < described.cost


def test_what_a_phone_asks_for_is_far_from_the_limit_and_everything_of_everybody_is_over_it() -> None:
    assert readings("range: LAST_24H, maxPoints: 600") < MAX_COST / 100
    assert cost("{ panels(first: 500) { nodes { readings(maxPoints: 20000, range: LAST_30D) { at } } } }") > MAX_COST


@pytest.mark.parametrize("table", [weights.LENGTHS, weights.BASES, weights.ITEMS])
def test_weights_are_of_fields_that_there_are(table: Mapping[tuple[str, str], float]) -> None:
    fields = {name: getattr(type_, "fields", {}) for name, type_ in ENGINE.schema.type_map.items()}
    assert [place for place in table if place[1] not in fields.get(place[0], {})] == []


def test_sizes_are_of_arguments_that_there_are() -> None:
    named = {
        argument
        for type_ in ENGINE.schema.type_map.values()
        for field in getattr(type_, "fields", {}).values()
        for argument in getattr(field, "args", {})
    }
    assert {*weights.COUNTS, *weights.SELECTIONS, *weights.SPREADS, *weights.EACH} <= named
