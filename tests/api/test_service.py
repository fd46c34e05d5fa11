"""How the service is doing, and its switch."""

from datetime import timedelta
from importlib.metadata import version

from metering.access import Role
from store.connections import listening
from tests.api.conftest import NOW, Site, reading

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


async def test_an_admin_sees_the_database_what_was_rejected_and_who_listens(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(NOW - timedelta(days=3), 1.0)])
    for age_h in (1, 23, 25):
        site.database.execute(
            "INSERT INTO rejected_message (topic, payload, code, reason, received_at)"
            " VALUES ('t', '', 'BAD_JSON', '', %s)",
            (NOW - timedelta(hours=age_h),),
        )
    for age_s, process in ((0, "a" * 32), (70, "b" * 32)):
        site.database.execute(
            "INSERT INTO serving_process VALUES (%s, clock_timestamp() - make_interval(secs => %s))", (process, age_s)
        )
        site.database.execute(
            "INSERT INTO open_subscription VALUES (gen_random_uuid(), %s, 1, 'o', 'SSE', '::1', now())", (process,)
        )
    figures = (
        "operations { postgresVersion timescaledbVersion databaseSizeMib readingsSizeMib oldestReadingAt"
        " rejectedLastDayCount serverCount subscriptionCount }"
    )
    status = (await site.ask(f"{{ serviceStatus {{ version {figures} }} }}"))["serviceStatus"]
    assert status["version"] == version("kilowatch")
    found = status["operations"]
    assert int(found["postgresVersion"].split(".")[0]) >= 14
    known = site.database.execute("SELECT max(extversion) FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    assert known == (found["timescaledbVersion"],)
    assert 0 < found["readingsSizeMib"] <= found["databaseSizeMib"]
    assert found["rejectedLastDayCount"] == 2
    assert (found["serverCount"], found["subscriptionCount"]) == (1, 1)


async def test_nobody_but_an_admin_sees_them(site: Site) -> None:
    for role in (Role.TENANT, Role.LANDLORD):
        viewer = site.add_person(f"{role.value.lower()}@x.org", role=role)
        status = await site.ask("{ serviceStatus { version operations { databaseSizeMib } } }", viewer=viewer)
        assert status["serviceStatus"] == {"version": version("kilowatch"), "operations": None}
