"""Places in cursors and ids: what is written is read back, and nothing else is taken for a place."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.places import BatchPlace, batch_place_in, batch_place_text, instant_in, micros_of, number_in

instants = st.datetimes(datetime(1970, 1, 1), datetime(2286, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds
batches = st.integers(0, 10**18 - 1)
panels = st.integers(0, 2**31 - 1)


@given(instants)
def test_an_instant_is_read_back_to_the_microsecond(at: datetime) -> None:
    assert instant_in(str(micros_of(at))) == at


@given(
    st.builds(BatchPlace, batches, st.none(), st.none())
    | st.builds(BatchPlace, batches, instants, st.none())
    | st.builds(BatchPlace, batches, instants, panels)
)
def test_a_place_among_batches_is_read_back(place: BatchPlace) -> None:
    assert batch_place_in(batch_place_text(place)) == place


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.5", " 1", "1_0", "²", "१", "1" * 19])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert number_in(text) is None
    assert instant_in(text) is None


@pytest.mark.parametrize(
    "text", ["", "1.", ".1", "1.2.3.4", "1..3", "१", "1" * 19, "1." + "1" * 17, "1.1." + "1" * 11, "1\n"]
)
def test_what_is_no_place_among_batches_is_none(text: str) -> None:
    assert batch_place_in(text) is None
