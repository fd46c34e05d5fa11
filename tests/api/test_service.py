"""How the service is doing, and its switch."""

from datetime import timedelta

from store.connections import listening
from tests.api.conftest import NOW, Site

INGEST = "ingest { isWanted isRunning isConnected backlog messageCount rejectedCount lagS }"
STATUS = f"serviceStatus {{ at schemaVersion {INGEST} }}"


async def test_ingest_is_connected_only_while_it_gives_signs_of_life(site: Site) -> None:
    fresh = {"isWanted": True, "isRunning": True, "isConnected": True, "backlog": 7, "messageCount": 100,
             "rejectedCount": 3, "lagS": 0.25}  # fmt: skip
    for age_s, expected in ((14, fresh), (16, fresh | {"isRunning": False, "isConnected": False, "backlog": 0})):
        site.database.execute(
            "UPDATE ingest_status SET is_connected = true, heartbeat_at = %s, backlog = 7, message_count = 100,"
            " rejected_count = 3, lag_s = 0.25",
            (NOW - timedelta(seconds=age_s),),
        )
        status = (await site.ask(f"{{ {STATUS} }}"))["serviceStatus"]
        assert status["ingest"] == expected
        assert status["schemaVersion"] >= 9
        assert status["at"] == "2026-03-10T05:00:00+00:00"


async def test_the_age_of_forecasts_is_that_of_the_prepaid_panels_newest(site: Site) -> None:
    selection = "{ serviceStatus { oldestForecastAt newestForecastAt } }"
    assert (await site.ask(selection))["serviceStatus"] == {"oldestForecastAt": None, "newestForecastAt": None}
    for code, is_prepaid, ages_min in (("A", True, (5, 300)), ("B", True, (70, 140)), ("C", False, (900,))):
        panel_id = site.add_panel(code, is_prepaid=is_prepaid)
        for age_min in ages_min:
            made_at = NOW - timedelta(minutes=age_min)
            site.database.execute(
                "INSERT INTO depletion_forecast (panel_id, hour_at, made_at, data_up_to, ledger_id, method,"
                " history_days, balance_kwh) VALUES (%s, date_trunc('hour', %s), %s, %s, 1, 'PROFILE', 30, 10)",
                (panel_id, made_at, made_at, made_at),
            )
    assert (await site.ask(selection))["serviceStatus"] == {
        "oldestForecastAt": "2026-03-10T03:50:00+00:00",
        "newestForecastAt": "2026-03-10T04:55:00+00:00",
    }


async def test_the_version_of_the_schema_is_the_databases_own(site: Site) -> None:
    site.database.execute("INSERT INTO schema_version (number, name) VALUES (9999, 'future')")
    assert (await site.ask("{ serviceStatus { schemaVersion } }"))["serviceStatus"] == {"schemaVersion": 9999}


async def test_an_admin_stops_and_starts_ingest_and_it_is_told(site: Site) -> None:
    async with listening(site.url, "ingest_control") as connection:
        for verb, is_wanted in (("stopIngest", False), ("startIngest", True)):
            done = await site.ask(f"mutation {{ {verb} {{ ingest {{ isWanted }} }} }}")
            assert done == {verb: {"ingest": {"isWanted": is_wanted}}}
            assert site.database.execute("SELECT is_wanted FROM ingest_status").fetchone() == (is_wanted,)
        heard = [n.channel async for n in connection.notifies(stop_after=2, timeout=10)]
    assert heard == ["ingest_control"] * 2
