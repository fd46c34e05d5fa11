"""What clients say they can read decides what they are sent."""

import pytest

from kilowatch.web.endpoint.negotiation import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, Wanted, coding, wanted

ANSWER, PLAIN = Wanted(GRAPHQL_RESPONSE, reads_events=False), Wanted(JSON, reads_events=False)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("application/*;q=0.1, text/html", PLAIN),
        ("APPLICATION/JSON", PLAIN),
        (f"{JSON};q=0.5, {GRAPHQL_RESPONSE}", ANSWER),
        (f"{GRAPHQL_RESPONSE};charset=utf-8, {JSON};q=0.9", ANSWER),
        (f"{JSON};q=nonsense, {GRAPHQL_RESPONSE};q=0.1", ANSWER),
        (f"{JSON};q=nan, {GRAPHQL_RESPONSE};q=0.1", ANSWER),
        (EVENT_STREAM, Wanted(EVENT_STREAM, reads_events=True)),
        (f"{JSON}, {EVENT_STREAM};q=0.1", Wanted(JSON, reads_events=True)),
        (f"{JSON}, {EVENT_STREAM};q=0", PLAIN),
        (f"{JSON};q=0", None),
        ("text/html", None),
        ("text/html," * 1000, None),
    ],
)
def test_the_media_type_of_the_answer_follows_accept(accept: str, expected: Wanted | None) -> None:
    assert wanted(accept) == expected


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("", None),
        ("identity", None),
        ("deflate", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, br;q=0.9, zstd;q=0.8", "gzip"),
        ("gzip;q=0, br;q=0", None),
        ("*", "zstd"),
        ("*;q=0", None),
        ("zstd;q=0, *;q=0.5", "br"),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=-1, br;q=x", None),
        ("br," * 1000, "br"),
    ],
)
def test_the_coding_of_the_answer_follows_accept_encoding(accept_encoding: str, expected: str | None) -> None:
    assert coding(accept_encoding) == expected
