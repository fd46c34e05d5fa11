"""Codes that people read out and type: what they type is taken as it is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from metering.entry_codes import CODE_BYTES, entry_code, hash_of


def test_a_code_has_the_digits_of_its_bytes() -> None:
    assert entry_code(bytes(CODE_BYTES)) == "KW-0000-0000-0000-0000"
    assert entry_code(bytes([255] * CODE_BYTES)) == "KW-ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    assert entry_code(bytes([0] * 9 + [33])) == "KW-0000-0000-0000-0011"
    with pytest.raises(ValueError, match="10 bytes"):
        entry_code(b"short")


@given(some.binary(min_size=CODE_BYTES, max_size=CODE_BYTES), some.sampled_from(["", " ", "-", " - "]))
def test_however_a_code_is_typed_it_is_the_same(random: bytes, between: str) -> None:
    code = entry_code(random)
    typed = between.join(code.lower().replace("-", "")).replace("0", "o").replace("1", "l")
    if len(typed) <= 60:
        assert hash_of(typed) == hash_of(code) is not None
    assert hash_of(code.removeprefix("KW-")) == hash_of(code)


@given(some.binary(min_size=CODE_BYTES, max_size=CODE_BYTES), some.binary(min_size=CODE_BYTES, max_size=CODE_BYTES))
def test_other_bytes_make_another_code(one: bytes, other: bytes) -> None:
    assert (hash_of(entry_code(one)) == hash_of(entry_code(other))) is (one == other)


@pytest.mark.parametrize("typed", ["", "KW", "KW-0000", "KW-0000-0000-0000-000U", "KW-" + "0" * 17, "0" * 1000, "\0"])
def test_what_can_be_no_code_has_no_hash(typed: str) -> None:
    assert hash_of(typed) is None
