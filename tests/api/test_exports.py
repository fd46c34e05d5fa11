"""A link is asked for in the schema: of a panel that may be seen, for a period that can be."""

from datetime import timedelta
from typing import Any

from kilowatch.web.export_links import ExportLinks
from metering.access import Viewer
from metering.transfer import TransferFormat
from resolvers.context import Context
from resolvers.exports import ExportGrant
from tests.api.conftest import NOW, SCHEMA, Site

LINKS = ExportLinks(b"a key of thirty-two bytes or more", lambda: NOW)


async def answer(site: Site, viewer: Viewer | None, arguments: str) -> Any:
    context = Context(site.pool, viewer, now=lambda: NOW, export_links=LINKS)
    query = f'{{ panel(code: "PM") {{ exportLink({arguments}) {{ url expiresAt }} }} }}'
    return await SCHEMA.execute(query, context_value=context)


async def test_a_link_grants_what_was_asked_for_and_nothing_else(site: Site) -> None:
    ann = site.add_person("ann@x.org")
    site.add_panel("PM", seen_by=[ann])
    found = await answer(site, ann, 'from: "2026-03-01T00:00:00+07:00", to: "2026-03-02T00:00:00Z", format: PARQUET')
    link = found.data["panel"]["exportLink"]
    grant = LINKS.read(link["url"].removeprefix("/export/"))
    assert grant == ExportGrant(ann.account_id, "PM", grant.since, grant.until, TransferFormat.PARQUET)
    assert [grant.since.isoformat(), grant.until.isoformat()] == [
        "2026-03-01T00:00:00+07:00",
        "2026-03-02T00:00:00+00:00",
    ]
    assert link["expiresAt"] == NOW + timedelta(minutes=10)


async def test_without_an_end_it_is_now_and_without_a_format_csv(site: Site) -> None:
    site.add_panel("PM")
    found = await answer(site, site.admin, 'from: "2026-03-01T00:00:00Z"')
    grant = LINKS.read(found.data["panel"]["exportLink"]["url"].removeprefix("/export/"))
    assert (grant.until, grant.file_format) == (NOW, TransferFormat.CSV)


async def test_a_strangers_panel_has_no_link(site: Site) -> None:
    site.add_panel("PM")
    stranger = site.add_person("bob@x.org")
    assert (await answer(site, stranger, 'from: "2026-03-01T00:00:00Z"')).data == {"panel": None}


async def test_a_period_that_cannot_be_is_refused(site: Site) -> None:
    site.add_panel("PM")
    for arguments in ('from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z"', 'from: "2001-01-01T00:00:00Z"'):
        (error,) = (await answer(site, site.admin, arguments)).errors
        assert error.extensions["code"] == "BAD_RANGE"
