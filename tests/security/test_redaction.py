"""What is written down shows no secret, whether it is known or only looks like one."""

import io
import logging
import sys

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
        ("password='a pearl' host=db", "password=*** host=db"),
        ('{"refreshToken": "pearl", "email": "ann@example.org"}', '{"refreshToken": ***, "email": "ann@example.org"}'),
        ("{'password': 'pearl'}", "{'password': ***}"),
        ("hash $argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA", "hash ***"),
        (
            "refused\nDETAIL:  Failing row contains (7, a\nb, \\x0a0b).\nat",
            "refused\nDETAIL:  Failing row contains (***).\nat",
        ),
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
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redaction.of(["pearl-of-the-sea"])(text) == text


def test_known_secrets_are_hidden_however_they_are_written() -> None:
    redaction = Redaction.of(["mqtt://ann:p%40arl%2Fsea@broker", "with space"])
    for text in ("p%40arl%2Fsea", "p@arl/sea", "mqtt://ann:p%40arl%2Fsea@broker", "with space", "with%20space"):
        assert redaction(f"<{text}>") == "<***>"


def test_a_redaction_does_not_show_what_it_hides() -> None:
    assert "pearl" not in repr(Redaction.of(["pearl-of-the-sea"]))


def test_tracebacks_in_logs_and_at_the_end_hide_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    redaction = Redaction.of(["pearl-of-the-sea"])
    formatter = RedactingFormatter(logging.Formatter("%(message)s"), redaction)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "stderr", end := io.StringIO())
    redact_tracebacks(redaction)
    with pytest.raises(ValueError, match="pearl-of-the-sea") as raised:
        int("pearl-of-the-sea")
    fault = (raised.type, raised.value, raised.tb)
    line = formatter.format(logging.LogRecord("x", logging.ERROR, __file__, 1, "failed: %s", (raised.value,), fault))
    sys.excepthook(*fault)
    for written in (line, end.getvalue()):
        assert "ValueError: invalid literal for int() with base 10: '***'" in written
        assert "pearl" not in written
