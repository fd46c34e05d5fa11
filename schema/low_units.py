"""Describes the rule by which a person is warned that units run low."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from resolvers import low_units
from resolvers.context import Info
from schema.refusals import Refusal, RefusedAsData


@strawberry.type(
    description="When you are warned about a prepaid panel: once each time that little is left. The rule warns again"
    " after units rose to 1.1 times the threshold, or above it by a top-up. Where the meter was last read over an hour"
    " ago, what is likely left counts: see `estimatedBalanceKwh`."
)
class LowUnitsRule:
    """See `resolvers.low_units.LowUnitsRule`."""

    threshold_kwh: Decimal | None = strawberry.field(description="Warn at this many kWh left; null for days.")
    threshold_days: float | None = strawberry.field(
        description="Warn when units are expected (median) to last this many days; null for a rule on kWh."
    )
    is_armed: bool = strawberry.field(description="False from a warning until there are enough units again.")
    updated_at: datetime = strawberry.field(description="When the threshold was set; panel's offset.")


@strawberry.input(description="A threshold for one of your prepaid panels. Without a threshold the rule is removed.")
class SetLowUnitsRuleInput:
    """Exactly one threshold, or none."""

    panel_code: str = strawberry.field(description="The panel's code.")
    threshold_kwh: Decimal | None = strawberry.field(
        default=None, description="Warn at this many kWh left: more than 0, up to 1000000, three decimals."
    )
    threshold_days: float | None = strawberry.field(
        default=None, description="Warn when units are expected to last this many days, 0.01 to 365."
    )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What became of a rule."""

    rule: low_units.LowUnitsRule | None = None
    refusal: Refusal | None = None


@strawberry.type(description="Your rule as it is now, or why it was not set.")
class SetLowUnitsRulePayload:
    """Neither is set once the rule is removed."""

    rule: LowUnitsRule | None = strawberry.field(description="Null once removed, and when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID or BAD_INPUT; null when it was done."
    )


@strawberry.type
class LowUnitsMutations:
    """Setting and removing a rule."""

    @strawberry.mutation(
        description="Sets or removes your low-units rule of a panel. Already that low, it warns at once.",
        graphql_type=SetLowUnitsRulePayload,
        extensions=[RefusedAsData(RuleSet)],
    )
    async def set_low_units_rule(
        self,
        info: Info,
        given: Annotated[
            SetLowUnitsRuleInput, strawberry.argument(name="input", description="The panel and its threshold.")
        ],
    ) -> RuleSet:
        """The rule, or why there is none."""
        rule = await low_units.set_rule(
            info.context,
            panel_code=given.panel_code,
            threshold_kwh=given.threshold_kwh,
            threshold_days=given.threshold_days,
        )
        return RuleSet(rule)
