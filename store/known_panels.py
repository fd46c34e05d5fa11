"""Turns the codes that meters send into panels, and adds those that nobody has described yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import class_row

from store.connections import Row


@dataclass(frozen=True, slots=True)
class KnownPanel:
    """What ingest needs of a panel: the id of its rows, and the zone of its meter's clock."""

    code: str
    id: int
    time_zone: str


_KNOWN = "SELECT code, id, time_zone FROM panel WHERE code = ANY (%s)"


def known_panels(connection: Connection[Row], codes: Sequence[str]) -> list[KnownPanel]:
    """The panels with these codes; a code without a panel is missing from the answer."""
    with connection.cursor(row_factory=class_row(KnownPanel)) as cursor:
        found = cursor.execute(_KNOWN, (list(codes),)).fetchall()
    connection.commit()
    return found


_ADD = """
INSERT INTO panel (code, name, time_zone) SELECT code, code, %s FROM unnest(%s::text[]) AS code
ON CONFLICT (code) DO NOTHING"""


def add_panels(connection: Connection[Row], codes: Sequence[str], *, time_zone: str) -> list[KnownPanel]:
    """Adds panels named by their codes, in `time_zone`, and commits; one that is there meanwhile is returned as it is.

    Codes are added in order, so that two writers cannot wait for each other.
    """
    connection.execute(_ADD, (time_zone, sorted(codes)))
    connection.commit()
    return known_panels(connection, codes)
