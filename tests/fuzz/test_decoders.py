"""Whatever devices send, and on whatever topic, is stored as a measurement could be, or rejected with a reason."""

import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt import Delivery
from ingest.outcomes import Source
from ingest.routing import SOURCES
from ingest.writer import MessageWriter
from store.connections import connect
from tests.fuzz.messages import EXAMPLES, LEVELS, changed, changed_topic, payload_of
from tests.fuzz.promises import OWN_TOPICS, RECEIVED_AT, keeps_its_promises

ROOT = Path(__file__).parents[2]


def example_topic(source: Source) -> str | None:
    return next((topic for topic, _ in EXAMPLES if source.matches(topic)), None)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_each_kind_of_device_has_an_example(source: Source) -> None:
    assert example_topic(source) is not None


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_a_message_that_something_broke_is_read_or_rejected(place: int) -> None:
    topic, document = EXAMPLES[place]
    randomness = random.Random(place)  # noqa: S311 - the same messages every time
    keeps_its_promises(topic, payload_of(document), is_retained=False)
    for turn in range(150):
        broken = document
        for _ in range(turn % 3 + 1):
            broken = changed(broken, randomness.choice)
        where = topic if turn % 4 else changed_topic(topic, randomness.choice)
        keeps_its_promises(where, payload_of(broken), is_retained=bool(turn % 2))


@settings(max_examples=400, deadline=None)
@given(data=st.data(), example=st.sampled_from(EXAMPLES), times=st.integers(1, 4), is_retained=st.booleans())
def test_no_change_of_a_message_breaks_a_promise(
    data: st.DataObject, example: tuple[str, object], times: int, *, is_retained: bool
) -> None:
    topic, document = example
    for _ in range(times):
        document = changed(document, lambda choices: data.draw(st.sampled_from(choices)))
    keeps_its_promises(topic, payload_of(document), is_retained=is_retained)


TOPICS = (
    st.sampled_from([topic for topic, _ in EXAMPLES])
    | st.lists(st.sampled_from(LEVELS), min_size=1, max_size=7).map("/".join)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
)


@settings(max_examples=500, deadline=None)
@given(topic=TOPICS, payload=st.binary(max_size=200), is_retained=st.booleans())
def test_no_bytes_on_no_topic_break_a_promise(topic: str, payload: bytes, *, is_retained: bool) -> None:
    keeps_its_promises(topic, payload, is_retained=is_retained)


def broken_messages(count: int) -> Iterator[Delivery]:
    randomness = random.Random(count)  # noqa: S311 - the same messages every time
    for number in range(count):
        topic, document = EXAMPLES[number % len(EXAMPLES)]
        for _ in range(number % 4):
            document = changed(document, randomness.choice)
        where = topic if number % 5 else changed_topic(topic, randomness.choice)
        yield Delivery(where, payload_of(document), RECEIVED_AT, None, None, is_retained=not number % 7)


def test_what_is_read_of_broken_messages_can_be_stored(database_url: str) -> None:
    writer = MessageWriter(database_url, default_time_zone="Asia/Jakarta")
    try:
        writer.write(list(broken_messages(2500)))
    finally:
        writer.close()
    with connect(database_url) as connection:
        refused = connection.execute(
            "SELECT topic, payload, reason FROM rejected_message WHERE code IN ('STORE_ERROR', 'DECODER_FAULT') LIMIT 5"
        ).fetchall()
        ((stored,),) = connection.execute("SELECT count(*) FROM reading").fetchall()
    assert refused == []
    assert stored > 50


def huge() -> Iterator[bytes]:
    """Payloads of about 1 MB: deep, long, wide, and one that is plain text."""
    million = 1_000_000
    yield b"[" * million
    yield b'{"a":' * (million // 5)
    yield b"[" + b"1," * (million // 2) + b"1]"
    yield b"{" + b",".join(b'"k%d":%d' % (number, number) for number in range(60_000)) + b"}"
    yield b'{"cmps":{' + b",".join(b'"k%d":{"p":"sensor"}' % number for number in range(45_000)) + b"}}"
    yield b'{"Time":"' + b"9" * million + b'"}'
    yield b"9" * million
    yield b"1e" + b"9" * million
    yield b"\xff" * million


HUGE = tuple(huge())


@pytest.mark.parametrize("topic", [*filter(None, map(example_topic, SOURCES)), *OWN_TOPICS])
def test_a_payload_of_a_megabyte_takes_memory_in_proportion(topic: str) -> None:
    for payload in HUGE:
        tracemalloc.start()
        try:
            keeps_its_promises(topic, payload, is_retained=False)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 64 * 2**20, payload[:20]


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed: uv pip install atheris")
def test_a_short_run_guided_by_coverage_finds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.fuzz_decoders", "-runs=3000", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]


FOUND = {
    "a topic with a NUL names a device that cannot be stored": ("tele/t\0mota/SENSOR", b'{"MT681": {"Total_in": 1}}'),
    "a status with a nan is kept, and so is JSON": ("home/energy-monitor/status", b'{"wifi": {"rssi": nan}}'),
    "a hub whose name is a NUL": ("enerlink/meters/status", b'{"meterId": "\\u0000", "data": {}}'),
    "a list where a method's name is expected": ("shelly-1/events/rpc", b'{"method": ["NotifyStatus"]}'),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_once_stays_mended(what: str) -> None:
    keeps_its_promises(*FOUND[what], is_retained=False)
