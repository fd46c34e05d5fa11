"""What is written down shows no secret, whether it is known or only looks like one."""

import io
import json
import logging
import sys
import threading
from urllib.parse import quote, quote_plus, urlencode

import pytest

from kilowatch.redaction import RedactingFormatter, Redaction, redact_tracebacks


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("asked with Bearer abc.def-ghi, refused", "asked with Bearer ***, refused"),
        ("token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI3In0.c2ln is old", "token *** is old"),
        ("refused kwr_Zm9vYmFyYmF6cXV4 and kwk_Zm9vYmFyYmF6cXV4", "refused *** and ***"),
        ("cannot reach postgresql://ann:pearl@db:5432/kw", "cannot reach postgresql://ann:***@db:5432/kw"),
        ("mqtts://:pearl@broker", "mqtts://:***@broker"),
        ("mqtts://ann:pe@arl:x@broker", "mqtts://ann:***@broker"),
        ("password='a pearl' host=db", "password=*** host=db"),
        ('{"refreshToken": "pearl", "email": "ann@example.org"}', '{"refreshToken": ***, "email": "ann@example.org"}'),
        ("{'password': 'pearl'}", "{'password': ***}"),
        ('{"password": "pea\\"rl"}', '{"password": ***}'),
        ('{\\"password\\": \\"pearl\\", \\"a\\": 1}', '{\\"password\\": ***, \\"a\\": 1}'),
        ("{b'password': b'pearl'}", "{b'password': ***}"),
        ("X-Api-Key: pearl", "X-Api-Key: ***"),
        ("BAD_PASSWORD: pearl", "BAD_PASSWORD: ***"),
        ("BAD_PASSWORD: Pearl-of the sea", "BAD_PASSWORD: *** the sea"),
        ("bad_password: A pearl of", "bad_password: *** pearl of"),
        ("MY_BAD_PASSWORD: A pearl of", "MY_BAD_PASSWORD: *** pearl of"),
        ("hash $argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA", "hash ***"),
        (
            "refused\nDETAIL:  Failing row contains (7, a\nb, \\x0a0b).\nat",
            "refused\nDETAIL:  Failing row contains (***).\nat",
        ),
        ("DETAIL:  Failing row contains (7, a, cut off", "DETAIL:  Failing row contains (***)."),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert Redaction.of([])(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "serving on http://127.0.0.1:8420",
        "2026-11-21 19:00:00 INFO store.merge: 17 readings of P1 at 2026-11-21T19:00:00+00:00",
        "KILOWATCH_VENDOR_SECRET cannot be used: it takes printable letters",
        "postgresql://ann@db/kw?sslmode=require does not answer",
        "BAD_PASSWORD: A password has 8 to 256 characters.",
        "BAD_PASSWORD: This is one of the passwords that are tried first: take another, such as four words by chance.",
        "BAD_REFRESH_TOKEN: This refresh token is not valid: sign in again.",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redaction.of(["pearl-of-the-sea"])(text) == text


def test_known_secrets_are_hidden_however_they_are_written() -> None:
    redaction = Redaction.of(["mqtt://ann:p%40arl%2Fsea@broker", "with space"])
    for text in ("p%40arl%2Fsea", "p@arl/sea", "mqtt://ann:p%40arl%2Fsea@broker", "with space", "with%20space"):
        assert redaction(f"<{text}>") == "<***>"


ODD = 'pé"arl of\\the/sea+1'


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(ODD),
        json.dumps(ODD, ensure_ascii=False),
        repr(ODD),
        ascii(ODD),
        repr(ODD.encode()),
        quote(ODD),
        quote(ODD, safe="").lower(),
        quote_plus(ODD),
        urlencode({"x": ODD}),
    ],
)
def test_known_secrets_are_hidden_in_other_notations(written: str) -> None:
    for known in (ODD, f"postgresql://ann:{quote(ODD, safe='')}@db/kw"):
        assert "the" not in Redaction.of([known])(written)


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("postgresql://db/kw?user=ann&password=pearl-of-the-sea", "pearl-of-the-sea"),
        ("slack://AAAAAAAAA/BBBBBBBBB/pearl-of-the-sea/{to}", "pearl-of-the-sea"),
        ("twilio://SID:pearl-of-the-sea@+15550100/{to}", "pearl-of-the-sea"),
        ("d7sms://pearl-of-the-sea@{to}", "pearl-of-the-sea"),
    ],
)
def test_secrets_are_hidden_wherever_they_stand_in_an_address(address: str, secret: str) -> None:
    assert secret not in Redaction.of([address])(f"POST https://hooks.example/{secret}: refused")


@pytest.mark.parametrize(
    "text",
    [
        "password",
        "a.b+",
        "Failing row contains (",
        "-eyJhbGciOiJF",
        "://x:",
        "secret='",
        'token=\\"',
        "password=\\\\",
        "Bearer  ",
        "a",
    ],
)
def test_a_long_text_is_read_without_beginning_again_and_again(text: str) -> None:
    """Where each place is read to the end, this one takes minutes, and whoever gets it into a log stops the server."""
    long = text * (200_000 // len(text))
    assert len(Redaction.of(["pearl-of-the-sea"])(long)) <= len(long)


def test_a_redaction_does_not_show_what_it_hides() -> None:
    assert "pearl" not in repr(Redaction.of(["pearl-of-the-sea"]))


class Lost:
    """Fails where nobody can be told."""

    def __del__(self) -> None:
        int("pearl-of-the-sea")


def test_tracebacks_in_logs_and_at_the_end_hide_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    redaction = Redaction.of(["pearl-of-the-sea"])
    formatter = RedactingFormatter(logging.Formatter("%(message)s"), redaction)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "stderr", end := io.StringIO())
    redact_tracebacks(redaction)
    with pytest.raises(ValueError, match="pearl-of-the-sea") as raised:
        int("pearl-of-the-sea")
    fault = (raised.type, raised.value, raised.tb)
    line = formatter.format(logging.LogRecord("x", logging.ERROR, __file__, 1, "failed: %s", (raised.value,), fault))
    sys.excepthook(*fault)
    thread = threading.Thread(target=int, args=("pearl-of-the-sea",))
    thread.start()
    thread.join()
    lost = Lost()
    del lost
    shown = "ValueError: invalid literal for int() with base 10: '***'"
    assert (line.count(shown), end.getvalue().count(shown)) == (1, 3)
    assert "pearl" not in line + end.getvalue()
