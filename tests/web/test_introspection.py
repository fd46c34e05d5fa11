"""Questions about the schema are answered in threads, one at a time; what was answered before waits for nobody."""

import asyncio
import threading

from kilowatch.web.engine.engine import build_engine
from kilowatch.web.engine.introspection import Introspections, is_introspection
from kilowatch.web.engine.operation import Operation

ENGINE = build_engine(introspection=True)
SCHEMA, TYPE = (
    ENGINE.prepared(Operation("{ __schema { queryType { name } } }")),
    ENGINE.prepared(Operation("query ($name: String!) { __type(name: $name) { name } }")),
)
WITHIN_S = 10


async def test_an_answer_that_is_kept_does_not_wait_for_one_that_is_computed() -> None:
    answers, may_end = Introspections[str](), threading.Event()
    assert await answers.answer(SCHEMA, None, lambda: "the schema") == "the schema"
    slow = asyncio.create_task(answers.answer(TYPE, {"name": "Panel"}, lambda: str(may_end.wait(WITHIN_S))))
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(WITHIN_S):
            assert await answers.answer(SCHEMA, None, lambda: "again") == "the schema"
        assert not slow.done()
    finally:
        may_end.set()
    assert await slow == "True"


async def test_who_asks_alike_at_the_same_time_shares_one_computation() -> None:
    answers, count = Introspections[int](), 0

    def run() -> int:
        nonlocal count
        count += 1
        return count

    asked = [answers.answer(TYPE, {"name": name}, run) for name in ("Panel", "Panel", "Tariff", "Panel")]
    assert sorted(await asyncio.gather(*asked)) == [1, 1, 1, 2]


def test_only_what_asks_for_nothing_else_is_a_question_about_the_schema() -> None:
    assert is_introspection(SCHEMA)
    assert not is_introspection(ENGINE.prepared(Operation("{ __typename viewer { name } }")))
    assert not is_introspection(ENGINE.prepared(Operation("{ ... on Query { __typename } }")))
