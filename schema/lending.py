"""Describes debts, emergency credit and reversals."""

from decimal import Decimal
from typing import Annotated

import strawberry

from metering.money import Money as PaidMoney
from resolvers import lending
from resolvers.context import Info
from resolvers.ledger_turns import LedgerChange
from resolvers.lending import EmergencyCreditSet
from schema.prepaid import LedgerEntry, PrepaidAccount
from schema.receipts import MoneyInput
from schema.refusals import Refusal, RefusedAsData

_KEY = (
    "A key of your own for this, like a UUID: 8 to 100 letters, digits or signs. Sent again after a lost answer, it"
    " changes nothing a second time."
)


@strawberry.input(description="Money that a panel owes.")
class RecordDebtInput:
    """See `resolvers.lending.record_debt`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    amount: MoneyInput = strawberry.field(description="How much, in the currency of the panel's tariff.")
    reason: str = strawberry.field(description="What for, in words for people: 1 to 500 characters.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.input(description="Money that a panel owes no longer: paid in another way, or let off.")
class SettleDebtInput:
    """See `resolvers.lending.settle_debt`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    amount: MoneyInput = strawberry.field(description="How much, at most what is owed, in the debt's currency.")
    reason: str = strawberry.field(description="Why, in words for people: 1 to 500 characters.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.input(description="How much a panel may be lent when little is left.")
class SetEmergencyCreditInput:
    """See `resolvers.lending.set_emergency_credit`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    limit_kwh: Decimal | None = strawberry.field(
        description="The units that are lent at once, above 0 and at most 100000 kWh, three decimals; null: none any"
        " more."
    )
    available_below_kwh: Decimal = strawberry.field(
        default=Decimal(0),
        description="They can be taken when fewer units are left than this, 0 to 100000 kWh, three decimals.",
    )


@strawberry.input(description="Whose emergency credit is taken.")
class TakeEmergencyCreditInput:
    """See `resolvers.lending.take_emergency_credit`."""

    panel_code: str = strawberry.field(description="The prepaid panel's code.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.input(description="An entry that is taken back.")
class ReverseEntryInput:
    """See `resolvers.lending.reverse_entry`."""

    entry_id: strawberry.ID = strawberry.field(description="The entry's id.")
    reason: str = strawberry.field(description="Why, in words for people: 1 to 500 characters.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.type
class _Written:
    """What a written row of the ledger answers; each payload says for itself why it would be refused."""

    entry: LedgerEntry | None = strawberry.field(
        description="The entry; with IDEMPOTENCY_KEY_USED the one that the key made the first time."
    )
    prepaid: PrepaidAccount | None = strawberry.field(description="The panel's credit as it is now; null when refused.")


@strawberry.type(description="The debt as recorded, or why it was refused.")
class RecordDebtPayload(_Written):
    """See `resolvers.ledger_turns.LedgerChange`."""

    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN (tenants), PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_CURRENCY,"
        " NO_TARIFF, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was recorded."
    )


@strawberry.type(description="What went off a debt, or why it was refused.")
class SettleDebtPayload(_Written):
    """See `resolvers.ledger_turns.LedgerChange`."""

    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN (tenants), PANEL_NOT_FOUND, NOT_PREPAID, NO_DEBT, BAD_AMOUNT,"
        " BAD_CURRENCY, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was settled."
    )


@strawberry.type(description="The emergency credit as set, or why it was refused.")
class SetEmergencyCreditPayload:
    """See `resolvers.lending.EmergencyCreditSet`."""

    prepaid: PrepaidAccount | None = strawberry.field(description="The panel's credit as it is now; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN (tenants), PANEL_NOT_FOUND, NOT_PREPAID or BAD_AMOUNT; null when it was"
        " set."
    )


@strawberry.type(description="The emergency credit as taken, or why it was refused.")
class TakeEmergencyCreditPayload(_Written):
    """See `resolvers.ledger_turns.LedgerChange`."""

    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, NO_EMERGENCY_CREDIT, EMERGENCY_CREDIT_TAKEN,"
        " EMERGENCY_CREDIT_NOT_YET, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was taken."
    )


@strawberry.type(description="The reversal, or why it was refused.")
class ReverseEntryPayload:
    """See `resolvers.ledger_turns.LedgerChange`."""

    entry: LedgerEntry | None = strawberry.field(
        description="The REVERSAL; with IDEMPOTENCY_KEY_USED the entry that the key made the first time."
    )
    prepaid: PrepaidAccount | None = strawberry.field(description="The panel's credit as it is now; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN (tenants), ENTRY_NOT_FOUND, ALREADY_REVERSED, NOT_REVERSIBLE,"
        " ALREADY_REPAID, IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was reversed."
    )


@strawberry.type
class LendingMutations:
    """What is owed, lent and taken back."""

    @strawberry.mutation(
        description="Makes a prepaid panel owe money, for landlords and admins: of each top-up for money the share that"
        " the tariff says goes to it, until it is paid.",
        graphql_type=RecordDebtPayload,
        extensions=[RefusedAsData(LedgerChange)],
    )
    async def record_debt(
        self,
        info: Info,
        given: Annotated[RecordDebtInput, strawberry.argument(name="input", description="What is owed.")],
    ) -> LedgerChange:
        """The entry and the panel's credit."""
        return await lending.record_debt(
            info.context,
            panel_code=given.panel_code,
            amount=PaidMoney(given.amount.amount, given.amount.currency),
            reason=given.reason,
            idempotency_key=given.idempotency_key,
        )

    @strawberry.mutation(
        description="Takes money off what a prepaid panel owes, for landlords and admins, because it was paid in"
        " another way or is let off.",
        graphql_type=SettleDebtPayload,
        extensions=[RefusedAsData(LedgerChange)],
    )
    async def settle_debt(
        self,
        info: Info,
        given: Annotated[SettleDebtInput, strawberry.argument(name="input", description="What is settled.")],
    ) -> LedgerChange:
        """The entry and the panel's credit."""
        return await lending.settle_debt(
            info.context,
            panel_code=given.panel_code,
            amount=PaidMoney(given.amount.amount, given.amount.currency),
            reason=given.reason,
            idempotency_key=given.idempotency_key,
        )

    @strawberry.mutation(
        description="Sets how much a prepaid panel may be lent when little is left, for landlords and admins. What was"
        " taken already is to be repaid as before.",
        graphql_type=SetEmergencyCreditPayload,
        extensions=[RefusedAsData(EmergencyCreditSet)],
    )
    async def set_emergency_credit(
        self,
        info: Info,
        given: Annotated[SetEmergencyCreditInput, strawberry.argument(name="input", description="The rule.")],
    ) -> EmergencyCreditSet:
        """The panel's credit."""
        return await lending.set_emergency_credit(
            info.context,
            panel_code=given.panel_code,
            limit_kwh=given.limit_kwh,
            available_below_kwh=given.available_below_kwh,
        )

    @strawberry.mutation(
        description="Takes a prepaid panel's emergency credit, once until it is repaid: the next top-ups repay it"
        " before anything is added to the balance.",
        graphql_type=TakeEmergencyCreditPayload,
        extensions=[RefusedAsData(LedgerChange)],
    )
    async def take_emergency_credit(
        self,
        info: Info,
        given: Annotated[TakeEmergencyCreditInput, strawberry.argument(name="input", description="Whose.")],
    ) -> LedgerChange:
        """The entry and the panel's credit."""
        return await lending.take_emergency_credit(
            info.context, panel_code=given.panel_code, idempotency_key=given.idempotency_key
        )

    @strawberry.mutation(
        description="Takes an entry back by an opposite one, for landlords and admins; each entry once. It takes effect"
        " where the entry did, so that a display that was recorded since still holds. Of a display, the balance goes on"
        " from the one before. What the entry paid of a debt or of emergency credit is owed again; a token that was"
        " used stays used.",
        graphql_type=ReverseEntryPayload,
        extensions=[RefusedAsData(LedgerChange)],
    )
    async def reverse_entry(
        self,
        info: Info,
        given: Annotated[ReverseEntryInput, strawberry.argument(name="input", description="Which, and why.")],
    ) -> LedgerChange:
        """The reversal and the panel's credit."""
        return await lending.reverse_entry(
            info.context, entry_id=given.entry_id, reason=given.reason, idempotency_key=given.idempotency_key
        )
