"""Buys units for the simulated flats as their tenants would have, and leaves one flat about to run low."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Final
from zoneinfo import ZoneInfo

from kilowatch.demo.course import Course, metered_course, typed_in_course
from kilowatch.demo.site import DEBTOR, LOW_FLAT, LOW_FLAT_STARTS_AT_KWH, PANELS, PEOPLE, PROPERTIES, SimulatedPanel
from kilowatch.demo.viewers import viewer_of
from metering.access import Viewer
from metering.ledger import Terms, correction_kwh, credit_of_money, quoted
from metering.lending import EmergencyRule
from metering.money import Money
from store import ledger, ledger_rows, ledger_terms, tenancy_terms
from store.connections import Database, connect_async
from store.ledger import LedgerEntry

_OPENING_KWH: Final = Decimal(40)
_BUYS_BELOW_KWH: Final = Decimal(6)
_AMOUNTS: Final = (Decimal(10_000), Decimal(5000), Decimal(15_000))
_MARGIN_KWH: Final = Decimal("0.5")
_LOOKS_EVERY: Final = timedelta(days=7)

_LOOKED_BEFORE: Final = timedelta(days=20)
_BOUGHT_TWICE_BEFORE: Final = timedelta(days=13)
_OWES_BEFORE: Final = timedelta(days=8)
_LOOKED_KWH: Final = Decimal("-0.35")
_DEBT: Final = Money(Decimal(6000), "NGN")
_EMERGENCY: Final = EmergencyRule(limit_kwh=Decimal(5), available_below_kwh=Decimal(3))


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who buys units for which panel, and since when; before that its landlord did, who decides of its credit."""

    viewer: Viewer
    since: datetime | None
    landlord: Viewer
    panel_id: int
    panel: SimulatedPanel

    def buyer(self, at: datetime) -> Viewer:
        """Who bought at an instant."""
        return self.viewer if self.since and at >= self.since else self.landlord


_Extra = Callable[[Database, Tenant, datetime], Awaitable[Decimal]]
"""Writes something, and answers by how many kWh what is left rose."""


async def settle_credit(database_url: str, *, panel_ids: dict[str, int], since: datetime, until: datetime) -> None:
    """Writes the flats' top-ups up to `until` where there are none, and sets the low flat just above its warning."""
    async with await connect_async(database_url) as connection:
        for tenant in await _tenants(connection, panel_ids=panel_ids):
            async with connection.transaction():
                await _settle(connection, tenant, since=since, until=until)


async def _settle(connection: Database, tenant: Tenant, *, since: datetime, until: datetime) -> None:
    state = await ledger.state(connection, viewer=tenant.landlord, panel_id=tenant.panel_id, at=until)
    balance_kwh = state.balance_kwh
    if balance_kwh is None:
        await _live(connection, tenant, since=since, until=until, opening_kwh=_OPENING_KWH)
    elif tenant.panel.is_typed_in and state.newest_at and until - state.newest_at >= _LOOKS_EVERY:
        await _live(connection, tenant, since=state.newest_at, until=until, opening_kwh=balance_kwh)
    if tenant.panel.code == LOW_FLAT:
        await ledger_rows.set_emergency_rule(connection, panel_id=tenant.panel_id, rule=_EMERGENCY)
        await _leave_low(connection, tenant, at=until)
    elif balance_kwh is not None and balance_kwh < _BUYS_BELOW_KWH:
        await _buy(connection, tenant, at=until, amount=_AMOUNTS[0])


async def _tenants(connection: Database, *, panel_ids: dict[str, int]) -> list[Tenant]:
    """One a prepaid panel: its tenant, or its landlord where nobody else buys."""
    viewers = {person.email: await viewer_of(connection, person.email) for person in PEOPLE}
    found: list[Tenant] = []
    for panel in (panel for panel in PANELS if panel.is_prepaid):
        owner = viewers[next(each.landlord for each in PROPERTIES if panel.code in each.panels)]
        renting = next((one for one in PEOPLE if one.flat == panel.code and one.out_at is None), None)
        buyer = viewers[renting.email] if renting else owner
        since = await _since(connection, buyer) if renting else None
        found.append(Tenant(buyer, since, owner, panel_ids[panel.code], panel))
    return found


async def _since(connection: Database, viewer: Viewer) -> datetime | None:
    rows, _ = await tenancy_terms.own_page(connection, viewer=viewer, now=datetime.now(UTC), before_id=None, limit=1)
    return rows[0].starts_at if rows else None


async def _live(
    connection: Database, tenant: Tenant, *, since: datetime, until: datetime, opening_kwh: Decimal
) -> None:
    """An opening display, then a top-up whenever little was left at the end of an hour, and what else came."""
    course = await _course(connection, tenant, since=since, until=until)
    await _show(connection, tenant, at=course.begins_at, shown_kwh=opening_kwh)
    extras = {course.after(at): extra for at, extra in _extras(tenant, until=until) if at > course.begins_at}
    looks = set(_looks(course, tenant.panel))
    left_kwh, amounts = opening_kwh, cycle(_AMOUNTS)
    for place, (at, used_kwh) in enumerate(course.hours()):
        left_kwh -= used_kwh
        if left_kwh < _BUYS_BELOW_KWH:
            left_kwh += await _buy(connection, tenant, at=at, amount=next(amounts))
        if place in extras:
            left_kwh += await extras[place](connection, tenant, at)
        if place in looks:
            await _show(connection, tenant, at=at, shown_kwh=left_kwh.quantize(Decimal("0.01")))


async def _course(connection: Database, tenant: Tenant, *, since: datetime, until: datetime) -> Course:
    if tenant.panel.is_typed_in:
        return typed_in_course(tenant.panel, since=since, until=until)
    return await metered_course(connection, viewer=tenant.landlord, panel_id=tenant.panel_id, since=since, until=until)


def _looks(course: Course, panel: SimulatedPanel) -> Iterator[int]:
    """Where somebody without a device looks at the display: on Sunday evenings."""
    if not panel.is_typed_in:
        return
    zone = ZoneInfo(panel.time_zone)
    for place, (at, _) in enumerate(course.hours()):
        local = at.astimezone(zone)
        if local.weekday() == 6 and local.hour == 18:
            yield place


def _extras(tenant: Tenant, *, until: datetime) -> Iterator[tuple[datetime, _Extra]]:
    """What comes into one flat's ledger beside top-ups, and when."""
    if tenant.panel.code == DEBTOR:
        yield until - _LOOKED_BEFORE, _look
        yield until - _BOUGHT_TWICE_BEFORE, _buy_twice
        yield until - _OWES_BEFORE, _owe


async def _look(connection: Database, tenant: Tenant, at: datetime) -> Decimal:
    """The display shows a little less than was thought."""
    state = await ledger.state(connection, viewer=tenant.landlord, panel_id=tenant.panel_id, at=at)
    await _show(connection, tenant, at=at, shown_kwh=(state.balance_kwh or Decimal(0)) + _LOOKED_KWH)
    return _LOOKED_KWH


async def _buy_twice(connection: Database, tenant: Tenant, at: datetime) -> Decimal:
    """A top-up is typed in a second time, which the landlord takes back."""
    bought_kwh = await _buy(connection, tenant, at=at, amount=_AMOUNTS[1])
    again = await _bought(connection, tenant, at=at + timedelta(minutes=4), amount=_AMOUNTS[1])
    if again:
        await ledger_rows.reverse(
            connection, viewer=tenant.landlord, entry_id=again.id, reason="Typed in twice", idempotency_key=None
        )
    return bought_kwh


async def _owe(connection: Database, tenant: Tenant, at: datetime) -> Decimal:
    await ledger_rows.owe(
        connection,
        viewer=tenant.landlord,
        panel_id=tenant.panel_id,
        at=at,
        debt=_DEBT,
        reason="Repair of the meter's box",
        idempotency_key=f"demo-debt-{tenant.panel.code}",
    )
    return Decimal(0)


async def _leave_low(connection: Database, tenant: Tenant, *, at: datetime) -> None:
    state = await ledger.state(connection, viewer=tenant.landlord, panel_id=tenant.panel_id, at=at)
    lacking_kwh = LOW_FLAT_STARTS_AT_KWH - (state.balance_kwh or Decimal(0))
    if lacking_kwh > 0:
        found = quoted(paid=None, units_kwh=lacking_kwh, terms=await _terms(connection, tenant, at=at))
        if found.receipt:
            await _buy(connection, tenant, at=at, amount=found.receipt.gross.amount)
    elif -lacking_kwh > _MARGIN_KWH:
        await _show(connection, tenant, at=at, shown_kwh=LOW_FLAT_STARTS_AT_KWH)


async def _buy(connection: Database, tenant: Tenant, *, at: datetime, amount: Decimal) -> Decimal:
    """The units that the amount bought; none when this very purchase is there already."""
    entry = await _bought(connection, tenant, at=at, amount=amount)
    return entry.units_kwh if entry else Decimal(0)


async def _bought(connection: Database, tenant: Tenant, *, at: datetime, amount: Decimal) -> LedgerEntry | None:
    terms = await _terms(connection, tenant, at=at)
    return await ledger_rows.top_up(
        connection,
        viewer=tenant.buyer(at),
        panel_id=tenant.panel_id,
        at=at,
        credit=credit_of_money(Money(amount, terms.required_tariff.currency), terms=terms),
        idempotency_key=f"demo-{tenant.panel.code}-{at.timestamp():.0f}",
    )


async def _terms(connection: Database, tenant: Tenant, *, at: datetime) -> Terms:
    return await ledger_terms.terms(
        connection,
        viewer=tenant.landlord,
        panel_id=tenant.panel_id,
        zone=ZoneInfo(tenant.panel.time_zone),
        at=at,
    )


async def _show(connection: Database, tenant: Tenant, *, at: datetime, shown_kwh: Decimal) -> None:
    state = await ledger.state(connection, viewer=tenant.landlord, panel_id=tenant.panel_id, at=at)
    await ledger_rows.record_balance(
        connection,
        viewer=tenant.buyer(at),
        panel_id=tenant.panel_id,
        at=at,
        units_kwh=correction_kwh(shown_kwh=shown_kwh, balance_kwh=state.balance_kwh),
        shown_kwh=shown_kwh,
        idempotency_key=None,
    )
