"""What it costs to ask who may see what: a landlord's questions, beside the same server that asks nothing.

`python -m bench.access [--days N] [--seconds N]`. 50 panels of one property among 1,000 accounts. The other server
has no check before its root fields, and a schema in front of ours whose `visible_panel` and `history_panel` are every
panel. A third is ours once more: what it differs by from the first is noise. All are asked in turns; CPU is that of
the server's process and that of Postgres for each request.
"""

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import psycopg
from rich.console import Console

from bench.api import Ask, Backends, asked, day, hello, panels, shown
from bench.api_data import admin_token, load
from bench.api_servers import serving
from bench.ingest import database, postgres

OURS: Final = "Kilowatch"
UNCHECKED: Final = "without checks"
AGAIN: Final = "again"

_LANDLORD = """
UPDATE account SET role = 'LANDLORD';
INSERT INTO property (landlord_id, name) SELECT id, 'House' FROM account;
UPDATE panel SET property_id = (SELECT id FROM property);
INSERT INTO account (email, name, role, password_hash)
SELECT number || '@example.org', 'Somebody', 'TENANT', '!' FROM generate_series(1, 1000) AS number;
ANALYZE"""
_NO_WALLS = """
CREATE SCHEMA unchecked;
CREATE FUNCTION unchecked.visible_panel(viewer_id bigint, sees_all boolean) RETURNS SETOF panel
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT panel.* FROM panel $$;
CREATE FUNCTION unchecked.history_panel(viewer_id bigint, sees_all boolean, since timestamptz, until timestamptz)
RETURNS SETOF panel LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT panel.* FROM panel $$"""


def beside(ask: Ask) -> list[Ask]:
    """A question to ours, to the one that checks nothing, and to ours again."""
    return [ask, *(replace(ask, server=name, name=f"{ask.name}, {name}") for name in (UNCHECKED, AGAIN))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.access", description=__doc__)
    parser.add_argument("--days", type=float, default=1, help="of 50 panels at 10 s; 1, 432,000 readings")
    parser.add_argument("--seconds", type=float, default=5, help="that each server is asked each question; 5")
    chosen = parser.parse_args()
    console = Console(width=140)
    with ExitStack() as running:
        url = running.enter_context(database(running.enter_context(postgres())))
        _, until = load(url, days=chosen.days)
        signed_in = {"Authorization": f"Bearer {admin_token(url)}"}
        connection = running.enter_context(psycopg.connect(url, autocommit=True))
        connection.execute(_LANDLORD)
        connection.execute(_NO_WALLS)
        bare = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dunchecked,public"
        found = {
            name: running.enter_context(serving([sys.executable, "-m", module, "PORT", at], at, headers=signed_in))
            for name, module, at in (
                (OURS, "bench.server", url),
                (UNCHECKED, "bench.unchecked_server", bare),
                (AGAIN, "bench.server", url),
            )
        }
        for ask in [*hello([OURS]), *panels([OURS]), *day([OURS], until)]:
            results = asked(beside(ask), found, Backends(connection), seconds=chosen.seconds)
            console.print(shown(ask.name, results, beside=results[0]))


if __name__ == "__main__":
    main()
