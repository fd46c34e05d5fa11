"""What the demo's flats have bought, owed and read before anybody looks, and how their forecasts did."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from forecasting.refresh import refresh_stale
from kilowatch.demo.course import typed_in_course
from kilowatch.demo.credit import settle_credit
from kilowatch.demo.earlier_forecasts import tell_earlier
from kilowatch.demo.paygo import set_paygo
from kilowatch.demo.seed import furnish
from kilowatch.demo.site import DEBTOR, LOW_FLAT, OPENPAYGO_FLAT, PANELS
from metering.access import THE_SERVICE
from metering.readings import Reading
from store import forecasts, ledger, openpaygo, resolved_forecasts
from store.connections import Pool, connect
from store.merge import BatchWriter

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = NOW - timedelta(days=30)
FLATS = [panel for panel in PANELS if panel.is_prepaid]
ENTRIES = """
SELECT panel.code, kind, count(*), sum(debt_change), count(*) FILTER (WHERE amount > 0 AND receipt IS NULL)
FROM ledger_entry JOIN panel ON panel.id = panel_id GROUP BY panel.code, kind"""


@pytest.fixture
async def panel_ids(database_url: str) -> dict[str, int]:
    """A month of hours of the metered flats, and all that the demo makes of them."""
    panel_ids = await furnish(database_url, since=SINCE, until=NOW)
    with connect(database_url) as connection:
        for panel in FLATS:
            if not panel.is_typed_in:
                course = typed_in_course(panel, since=SINCE, until=NOW)
                instants = [datetime.fromtimestamp(at_s, UTC) for at_s in course.at_s]
                BatchWriter(connection).write(
                    [
                        (panel_ids[panel.code], Reading(at, at, energy_import_kwh=kwh))
                        for at, kwh in zip(instants, course.register_kwh, strict=True)
                    ]
                )
    await live(database_url, panel_ids)
    return panel_ids


async def live(database_url: str, panel_ids: dict[str, int]) -> None:
    await set_paygo(database_url, panel_ids=panel_ids, at=NOW)
    await settle_credit(database_url, panel_ids=panel_ids, since=SINCE, until=NOW)
    await tell_earlier(database_url, until=NOW)


def entries(database_url: str) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """How many entries of each kind the flats have, and what they owe."""
    kinds: dict[str, Counter[str]] = {panel.code: Counter() for panel in FLATS}
    owed = Counter[str]()
    with connect(database_url) as connection:
        for code, kind, count, debt, without_receipt in connection.execute(ENTRIES):
            kinds[code][kind] = count
            owed[code] += debt
            assert without_receipt == 0
    return kinds, owed


async def test_the_demo_begins_with_ledgers_that_tell_a_story_and_forecasts_that_were_judged(
    database_url: str, pool: Pool, panel_ids: dict[str, int]
) -> None:
    kinds, owed = entries(database_url)
    assert all(kinds[panel.code]["TOP_UP"] >= 3 for panel in FLATS)
    assert (kinds[DEBTOR]["REVERSAL"], kinds[DEBTOR]["DEBT"], kinds[DEBTOR]["BALANCE_READING"]) == (1, 1, 2)
    assert kinds["FLAT_1A"]["BALANCE_READING"] in {5, 6}  # the opening, and each Sunday
    assert 0 < owed[DEBTOR] < 6000
    await live(database_url, panel_ids)
    assert entries(database_url) == (kinds, owed)

    assert await refresh_stale(pool, now=NOW) == len(FLATS)
    ids = [panel_ids[panel.code] for panel in FLATS]
    async with pool.connection() as connection:
        judged = await resolved_forecasts.backtests(connection, viewer=None, panel_ids=ids)
        current = await forecasts.current(connection, THE_SERVICE, ids)
        paygo = await openpaygo.shown_meters(
            connection, viewer=THE_SERVICE, panel_ids=[panel_ids[OPENPAYGO_FLAT]], now=NOW
        )
        balances = await ledger.balances(connection, viewer=THE_SERVICE, panel_ids=ids, now=NOW)
    assert set(current) == set(ids) == {number for number, backtest in judged.items() if backtest.resolved_count}
    assert [token.units_kwh for token in paygo[panel_ids[OPENPAYGO_FLAT]].not_entered] == [15]
    low = next(balance for balance in balances if balance.panel_id == panel_ids[LOW_FLAT])
    assert 10 <= low.balance_kwh <= Decimal("10.6")


async def test_the_demo_lets_each_property_by_its_landlord_to_its_tenants(database_url: str) -> None:
    await furnish(database_url, since=SINCE, until=NOW)
    with connect(database_url) as connection:
        seen = dict(
            connection.execute(
                "SELECT split_part(email, '@', 1), ARRAY(SELECT code FROM visible_panel(account.id, false) ORDER BY 1)"
                " FROM account"
            ).fetchall()
        )
        (bayo, dele) = connection.execute(
            "SELECT starts_at, ends_at FROM tenancy JOIN account ON account.id = account_id"
            " WHERE email ~ '^(bayo|dele)@' ORDER BY email"
        ).fetchall()
    assert {name: seen[name] for name in ("ada", "bayo", "chika", "dele")} == {
        "ada": ["FLAT_2A"], "bayo": ["FLAT_2B"], "chika": ["FLAT_1A"], "dele": [],
    }  # fmt: skip
    assert seen["funmi"] == ["FLAT_1A", "FLAT_2A", "FLAT_2B", "FLAT_3A"]
    assert all(code.startswith("hub-01:") for code in seen["wayan"])
    assert len(seen["wayan"]) == 5
    assert dele[1] == bayo[0]
    assert bayo[1] is None
