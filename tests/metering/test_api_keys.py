"""The text of API keys: what is made can be read, and nothing else."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from metering.api_keys import PREFIX_BITS, SECRET_BITS, key_text, known_key

BITS = st.integers(0, 2**SECRET_BITS - 1)
PREFIX = st.integers(0, 2**PREFIX_BITS - 1)


@given(PREFIX, BITS)
def test_a_key_is_known_by_its_public_beginning_and_the_hash_of_all_of_it(prefix: int, secret: int) -> None:
    text = key_text(prefix_bits=prefix, secret_bits=secret)
    known = known_key(text)
    assert known is not None
    assert (len(text), text[:4], text[12]) == (62, "kwk_", "_")
    assert (known.prefix, known.key_hash) == (text[4:12], hashlib.sha256(text.encode()).digest())
    assert "key_hash" not in repr(known)


@given(PREFIX, BITS, st.integers(4, 61), st.sampled_from("aZ0_-é "))
def test_a_key_with_another_sign_is_none(prefix: int, secret: int, place: int, sign: str) -> None:
    text = key_text(prefix_bits=prefix, secret_bits=secret)
    changed = text[:place] + sign + text[place + 1 :]
    assert changed == text or known_key(changed) is None


@given(st.text(max_size=80))
def test_other_text_is_no_key(text: str) -> None:
    assert known_key(text) is None
    assert known_key("kwk_" + text) is None


def test_each_of_the_bits_is_in_the_text() -> None:
    texts = {key_text(prefix_bits=0, secret_bits=1 << bit) for bit in range(SECRET_BITS)}
    assert len(texts) == SECRET_BITS
    assert len({key_text(prefix_bits=1 << bit, secret_bits=0) for bit in range(PREFIX_BITS)}) == PREFIX_BITS
