"""Messages are read by the clocks of the panels that they come from, however little is known of those."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ingest.decoding import Contents, PanelDecoder
from ingest.mqtt import Delivery
from ingest.outcomes import Decoded
from ingest.routing import Router
from store.connections import connect
from store.merge import BatchWriter
from tests.ingest.messages import malformed, panel_payload, read

AT_IN_JAKARTA = datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC)
AT_IN_BERLIN = datetime(2026, 1, 16, 10, 30, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 16, 11, 0, tzinfo=UTC)


@pytest.fixture
def writer(database_url: str) -> Iterator[BatchWriter]:
    with connect(database_url) as connection:
        yield BatchWriter(connection)


@pytest.fixture
def decoder() -> PanelDecoder:
    return PanelDecoder(default_time_zone="Asia/Jakarta")


def message(code: str = "A", payload: bytes | None = None) -> Delivery:
    return Delivery(f"DATA/PM/{code}", panel_payload() if payload is None else payload, LATER, None, None)


def instants(contents: Contents) -> list[datetime]:
    return [reading.at for _, reading in contents.readings]


def test_a_panel_that_nobody_knows_is_added_in_the_default_zone(decoder: PanelDecoder, writer: BatchWriter) -> None:
    contents = decoder.decode([message(), message()], writer=writer)
    assert instants(contents) == [AT_IN_JAKARTA, AT_IN_JAKARTA]
    assert [panel.time_zone for panel in writer.known_panels(["A"])] == ["Asia/Jakarta"]


def test_a_panel_that_somebody_has_described_is_read_by_its_own_clock(
    decoder: PanelDecoder, writer: BatchWriter
) -> None:
    (panel,) = writer.add_panels(["A"], time_zone="Europe/Berlin")
    contents = decoder.decode([message("B"), message("A")], writer=writer)
    assert instants(contents) == [AT_IN_JAKARTA, AT_IN_BERLIN]
    assert contents.readings[1][0] == panel.id


def test_a_message_that_cannot_be_read_adds_no_panel(decoder: PanelDecoder, writer: BatchWriter) -> None:
    contents = decoder.decode([message("A"), message("B", b"{")], writer=writer)
    assert [(place, why.code) for place, why in contents.rejected] == [(1, "BAD_JSON")]
    assert writer.known_panels(["B"]) == []


def test_a_fault_of_a_decoder_costs_no_other_message(
    writer: BatchWriter, decoder: PanelDecoder, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(*_: object, **__: object) -> Decoded:
        raise ZeroDivisionError

    decoder.router = Router(mapped={"DATA/PM/B": faulty})
    contents = decoder.decode([message("A"), message("B"), message("C")], writer=writer)
    assert len(contents.readings) == 2
    assert [(place, why.code) for place, why in contents.rejected] == [(1, "DECODER_FAULT")]
    assert "ZeroDivisionError" in caplog.text


def test_a_payload_that_is_too_large_is_not_even_read(decoder: PanelDecoder, writer: BatchWriter) -> None:
    largest, too_large = b" " * 256 * 1024, b" " * (256 * 1024 + 1)
    contents = decoder.decode([message("A", largest), message("A", too_large)], writer=writer)
    assert [why.code for _, why in contents.rejected] == ["BAD_JSON", "TOO_LARGE"]


def test_a_panel_that_was_removed_meanwhile_is_added_again_once_it_is_forgotten(
    decoder: PanelDecoder, writer: BatchWriter, database_url: str
) -> None:
    decoder.decode([message()], writer=writer)
    with connect(database_url) as connection:
        connection.execute("DELETE FROM panel")
    decoder.forget_panels()
    contents = decoder.decode([message()], writer=writer)
    assert [panel.id for panel in writer.known_panels(["A"])] == [contents.readings[0][0]]


@pytest.mark.parametrize(("topic", "payload"), malformed())
def test_a_malformed_message_of_any_device_is_taken_or_refused_with_a_reason(topic: str, payload: bytes) -> None:
    outcome = read(topic, payload)
    assert isinstance(outcome, Decoded) or (outcome.code and outcome.reason)
