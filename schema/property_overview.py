"""Describes how it stands with properties: panels, tenants, usage, credit and debts, one by one and together."""

from decimal import Decimal

import strawberry

from resolvers import property_overview
from resolvers.context import Info
from schema.arguments import Arguments
from schema.tariffs import Money

MONTH = {
    "year": "2000 to 2100, with `month`; the month that it is at each panel when both are left out.",
    "month": "1 to 12.",
    "low_below_kwh": "What counts as a low balance: less than so many kWh, and more than none.",
}


@strawberry.type(description="What panels used, and what that cost.")
class OverviewUsage:
    """See `resolvers.property_overview.OverviewUsage`."""

    energy_kwh: float = strawberry.field(description="The import of all that totals count, in kWh.")
    cost: list[Money] = strawberry.field(description="What it cost, with taxes: one amount a currency, by its code.")


@strawberry.type(description="How it stands with a property, or with all that you act for together.")
class PropertyOverview:
    """See `resolvers.property_overview.PropertyOverview`."""

    panel_count: int = strawberry.field(description="How many panels.")
    online_count: int = strawberry.field(description="How many of them were heard of lately.")
    offline_count: int = strawberry.field(description="How many were not.")
    prepaid_count: int = strawberry.field(description="How many are prepaid.")
    low_balance_count: int = strawberry.field(
        description="How many prepaid ones have less left than `lowBelowKwh`, and more than nothing."
    )
    empty_balance_count: int = strawberry.field(description="How many prepaid ones have nothing left.")
    let_count: int = strawberry.field(description="How many panels somebody rents now.")
    vacant_count: int = strawberry.field(description="How many nobody rents now.")
    tenancy_count: int = strawberry.field(description="How many tenancies have begun and are not over.")
    tenant_count: int = strawberry.field(description="How many people rent by them; in totals once for each property.")
    open_invitation_count: int = strawberry.field(description="How many invitations can be accepted.")
    today: OverviewUsage = strawberry.field(description="Each panel's local day so far.")
    this_month: OverviewUsage = strawberry.field(description="The month that was asked for, as far as it has passed.")
    month_before: OverviewUsage = strawberry.field(description="The whole month before it.")
    credit_sold: list[Money] = strawberry.field(
        description="What was paid for units in the month and not reversed: one amount a currency, by its code."
    )
    debts: list[Money] = strawberry.field(description="What is owed now: one amount a currency, by its code.")


@strawberry.type
class OverviewQueries:
    """All properties at once."""

    @strawberry.field(
        description="How it stands with all properties that you act for together.",
        graphql_type=PropertyOverview,
        extensions=[Arguments(**MONTH)],
    )
    @staticmethod
    async def property_overview(
        info: Info,
        year: int | None = None,
        month: int | None = None,
        low_below_kwh: Decimal = property_overview.LOW_BELOW_KWH,
    ) -> property_overview.PropertyOverview:
        """Their overview."""
        return await property_overview.of_all(info.context, year=year, month=month, low_below_kwh=low_below_kwh)
