"""Streams tell what people type in like what meters say, of panels without a device too."""

from metering.access import Role
from tests.fixtures.server import Server, add_account, add_panel, speaking

READINGS = """
subscription { panelReadings {
  __typename
  ... on ReadingReceived { panelCode reading { at energyImportKwh flags } }
} }"""
RECORD = """mutation ($input: RecordReadingInput!) { recordReading(input: $input) {
  typedReading { energyImportKwh typedBy } refusal { code } } }"""


async def test_a_reading_that_a_tenant_types_in_reaches_who_watches_the_panel(api: Server, database_url: str) -> None:
    await add_panel(database_url, "P1")
    landlord = await add_account(database_url, role=Role.LANDLORD, panels=("P1",))
    tenant = await add_account(database_url, email="tom@example.org", panels=("P1",))
    async with speaking(api, account_id=landlord) as watching, speaking(api, account_id=tenant) as typing:
        operation = await watching.subscribe(READINGS)
        assert (await watching.event(operation))["__typename"] == "ReadingSnapshot"
        given = {"panelCode": "P1", "energyImportKwh": 512.5, "at": "2026-03-01T08:00:00+07:00"}
        made = await typing.event(await typing.subscribe(RECORD, input=given | {"idempotencyKey": "weekly-reading-9"}))
        assert made == {"typedReading": {"energyImportKwh": 512.5, "typedBy": "Ann"}, "refusal": None}
        told = await watching.event(operation)
        assert told["panelCode"] == "P1"
        assert told["reading"] == {
            "at": "2026-03-01T08:00:00+07:00", "energyImportKwh": 512.5, "flags": ["LATE", "TYPED_IN"],
        }  # fmt: skip
