"""Turns how a panel's OpenPAYGO tokens are read into its meter, and that into what may be shown of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from metering.money import money
from metering.openpaygo import checked_meter, next_try_at
from metering.refusals import Refused
from metering.tenures import Tenure
from resolvers.audit import audited
from resolvers.context import Context, Info
from resolvers.ledger_turns import PrepaidAccount, account_of
from resolvers.loading import loaded
from resolvers.managing import managed_prepaid
from resolvers.windows import present_tenure
from store import ledger, openpaygo
from store.openpaygo import KnownMeter, KnownToken, ShownMeter
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class PaygoSettings:
    """What may be shown of a panel's OpenPAYGO meter; instants in the panel's time zone."""

    kwh_per_value: Decimal
    has_restricted_digits: bool
    makes_long_tokens: bool
    set_at: datetime
    is_disabled: bool
    tokens_not_entered: list[KnownToken]
    next_try_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaygoSet:
    """What became of a change of a panel's OpenPAYGO meter."""

    prepaid: PrepaidAccount | None = None
    refusal: Refused | None = None


async def settings(parent: strawberry.Parent[PrepaidAccount], info: Info) -> PaygoSettings | None:
    """What may be shown of the panel's meter; None where its tokens are not OpenPAYGO's.

    What was bought before a tenancy began is not its tenant's to enter.
    """
    shown = await loaded(info.context, _shown_meters, parent.panel.id)
    if shown is None:
        return None
    zone = parent.panel.zone
    tenure = await present_tenure(info.context, parent.panel.id) if shown.not_entered else None
    again_at = next_try_at(shown.wrong_at, now=info.context.now())
    return PaygoSettings(
        kwh_per_value=shown.kwh_per_value,
        has_restricted_digits=shown.has_restricted_digits,
        makes_long_tokens=shown.makes_long_tokens,
        set_at=shown.set_at.astimezone(zone),
        is_disabled=shown.is_disabled,
        tokens_not_entered=[
            local_token(token, panel=parent.panel) for token in shown.not_entered if _is_own(token, tenure)
        ],
        next_try_at=again_at and again_at.astimezone(zone),
    )


def _is_own(token: KnownToken, tenure: Tenure | None) -> bool:
    return tenure is None or token.made_at is None or tenure.since <= token.made_at


async def _shown_meters(context: Context, panel_ids: list[int]) -> dict[int, ShownMeter]:
    async with context.pool.connection() as connection:
        return await openpaygo.shown_meters(
            connection, viewer=context.signed_in, panel_ids=panel_ids, now=context.now()
        )


def local_token(token: KnownToken, *, panel: Panel) -> KnownToken:
    """The token as it is shown: made in the panel's time zone, what was paid with the currency's decimals."""
    paid = token.paid and money(token.paid.amount, token.paid.currency)
    return replace(token, made_at=token.made_at and token.made_at.astimezone(panel.zone), paid=paid)


async def meter_of(context: Context, panel: Panel) -> KnownMeter | None:
    """The panel's OpenPAYGO meter; None where its tokens have 20 digits and say nothing themselves."""
    async with context.pool.connection() as connection:
        return await openpaygo.meter_of(connection, viewer=context.signed_in, panel_id=panel.id)


async def set_meter(
    context: Context,
    *,
    panel_code: str,
    secret_key_hex: str,
    starting_code: int | None,
    kwh_per_value: Decimal,
    starting_count: int,
    has_restricted_digits: bool,
    makes_long_tokens: bool,
) -> PaygoSet:
    """Makes the panel's tokens OpenPAYGO's; a meter that was known before goes on with its counts.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, NOT_PREPAID, METER_IN_USE, BAD_INPUT.
    """
    asked: dict[str, Any] = {"kwhPerValue": kwh_per_value, "startingCount": starting_count}
    async with audited(context, action="SET_OPEN_PAYGO", panel_code=panel_code, **asked) as audit:
        viewer = context.landlord
        panel = await managed_prepaid(context, panel_code)
        meter = checked_meter(
            secret_key_hex=secret_key_hex,
            starting_code=starting_code,
            kwh_per_value=kwh_per_value,
            starting_count=starting_count,
            has_restricted_digits=has_restricted_digits,
            makes_long_tokens=makes_long_tokens,
        )
        async with context.pool.connection() as connection, connection.transaction():
            await ledger.take_turn(connection, viewer=viewer, panel_id=panel.id)
            if not await openpaygo.put_meter(connection, viewer=viewer, panel_id=panel.id, meter=meter):
                raise Refused(
                    "METER_IN_USE", "Another panel has the meter of this key: remove it there first.", "secretKeyHex"
                )
            await audit.done(connection, panel_id=panel.id)
        return PaygoSet(await account_of(context, panel))


async def remove_meter(context: Context, *, panel_code: str) -> PaygoSet:
    """Makes the panel's tokens those of 20 digits again; what the meter took stays used.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, NOT_PREPAID.
    """
    async with audited(context, action="REMOVE_OPEN_PAYGO", panel_code=panel_code) as audit:
        viewer = context.landlord
        panel = await managed_prepaid(context, panel_code)
        async with context.pool.connection() as connection, connection.transaction():
            await ledger.take_turn(connection, viewer=viewer, panel_id=panel.id)
            if await openpaygo.take_off(connection, panel_id=panel.id):
                await audit.done(connection, panel_id=panel.id)
        return PaygoSet(await account_of(context, panel))
