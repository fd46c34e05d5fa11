"""What the database says is an outage to be waited for, or a value that it refuses; never both."""

import psycopg
import pytest
from psycopg import Connection, errors

from store.connections import Row, connect
from store.outages import is_outage, is_refusal, is_timeout, outage_in_words

REFUSALS = ["21000", "22003", "23514", "44000", "54000", "P0001"]
OUTAGES = ["25006", "25P03", "40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "57P03"]


@pytest.fixture
def plain(database_url: str) -> Connection[Row]:
    return connect(database_url)


def raised(connection: Connection[Row], sqlstate: str) -> psycopg.Error:
    """The error as psycopg raises it when the server says so."""
    with connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(f"DO $$BEGIN RAISE 'said' USING ERRCODE = '{sqlstate}'; END$$")  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("sqlstate", REFUSALS)
def test_a_value_that_is_refused_is_no_outage(plain: Connection[Row], sqlstate: str) -> None:
    assert is_refusal(raised(plain, sqlstate))


@pytest.mark.parametrize("sqlstate", OUTAGES)
def test_an_outage_is_no_refusal(plain: Connection[Row], sqlstate: str) -> None:
    error = raised(plain, sqlstate)
    assert (is_outage(error), is_refusal(error)) == (True, False)


def test_a_statement_that_took_too_long_is_told_from_a_database_that_is_away(plain: Connection[Row]) -> None:
    plain.execute("SET statement_timeout = 1")
    with plain, pytest.raises(psycopg.Error) as slow:
        plain.execute("SELECT pg_sleep(10)")
    assert (is_timeout(slow.value), is_outage(slow.value)) == (True, True)
    assert not is_timeout(psycopg.OperationalError("server closed the connection unexpectedly"))


def test_text_with_a_nul_is_refused_before_it_is_sent() -> None:
    assert is_refusal(errors.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"))


def test_a_connection_that_was_refused_is_explained_by_its_words() -> None:
    error = psycopg.OperationalError("FATAL:  sorry, too many clients already")
    assert "too many clients already (it has no connection left: raise max_connections" in outage_in_words(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.DiskFull("could not extend file\nHINT: more"),
         "DiskFull: could not extend file (its disk is full: free space there, or give it more)"),
        (psycopg.OperationalError("the server is away"), "OperationalError: the server is away"),
        (psycopg.OperationalError(), "OperationalError"),
        (errors.UndefinedTable('relation "reading" does not exist'),
         'UndefinedTable: relation "reading" does not exist'),
    ],
)  # fmt: skip
def test_an_outage_is_told_in_one_line_with_what_to_do_where_that_is_known(error: psycopg.Error, words: str) -> None:
    assert outage_in_words(error) == words
