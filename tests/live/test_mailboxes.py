"""Mailboxes: a quick subscriber gets everything, a slow one the newest of each panel and how many it missed."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.mailboxes import Mailbox
from store.events import StoredReading
from tests.fixtures.readings import reading


def stored(number: int, *, panel: int) -> StoredReading:
    return StoredReading(number, panel, f"P{panel}", reading(number))


@given(panels=st.lists(st.integers(1, 5), max_size=60), capacity=st.integers(1, 20))
def test_what_waits_is_everything_or_the_newest_of_each_panel(panels: list[int], capacity: int) -> None:
    box = Mailbox(capacity)
    put = [stored(number, panel=panel) for number, panel in enumerate(panels)]
    for one in put:
        box.put(one)
    taken, dropped = box.take()
    newest = {one.panel_id: one for one in put}
    expected = put if len(put) <= capacity else sorted(newest.values(), key=lambda one: one.batch_id)
    assert taken == expected
    assert dropped == len(put) - len(taken)
    assert box.take() == ([], 0)


@given(panels=st.lists(st.integers(1, 3), max_size=20))
def test_a_mailbox_without_capacity_keeps_the_newest_and_drops_nothing(panels: list[int]) -> None:
    box = Mailbox(0)
    put = [stored(number, panel=panel) for number, panel in enumerate(panels)]
    for one in put:
        box.put(one)
    taken, dropped = box.take()
    assert {one.panel_id: one for one in put} == {one.panel_id: one for one in taken}
    assert dropped == 0


async def test_waiting_ends_with_a_reading_a_ring_or_the_time() -> None:
    box = Mailbox()
    assert not await box.wait(0.001)
    box.ring()
    assert await box.wait(10)
    box.put(stored(1, panel=1))
    assert await box.wait(10)
    assert not await box.wait(0.001)
    assert len(box.take()[0]) == 1


@pytest.mark.parametrize("ticks_later", [0, 1], ids=["just before the time is up", "just after"])
async def test_what_comes_as_the_time_is_up_is_not_taken_for_silence(ticks_later: int) -> None:
    box, loop = Mailbox(), asyncio.get_running_loop()
    waiting = asyncio.create_task(box.wait(0))  # its timer fires in the tick after the one in which it begins
    put = box.put, stored(1, panel=1)
    if ticks_later:
        loop.call_soon(loop.call_soon, *put)
    else:
        loop.call_soon(*put)
    assert await waiting
    assert len(box.take()[0]) == 1
    assert not await box.wait(0)
