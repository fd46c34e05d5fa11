"""Turns acts on money, properties, devices and accounts into rows that say who did what, refused ones too."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from metering.refusals import Refused
from resolvers.attempts import network_of
from resolvers.context import Context
from resolvers.enrolment import enrolment_of
from store import audit
from store.audit import STRANGER, Act, Actor, Via
from store.connections import Database, Pool

_MAX_TEXT: Final = 200

Details = dict[str, Any]
"""What is said of an act besides what it concerns."""


@dataclass(slots=True)
class Audit:
    """An act that is under way. Nothing is kept of one that neither does anything nor is refused.

    `code` is set where it is refused and no exception says so, because the payload has the code.
    """

    act: Act | None
    code: str | None = None
    is_done: bool = False

    def add(self, **details: Any) -> None:
        """Says more of the act, as it becomes known."""
        if self.act:
            self.act = replace(self.act, details={**self.act.details, **details})

    def about(
        self, panel_code: str | None = None, *, property_id: int | None = None, subject_account_id: int | None = None
    ) -> None:
        """Says which panel, property or account it concerns, where that is known only now."""
        if self.act:
            self.act = replace(
                self.act,
                panel_code=panel_code or self.act.panel_code,
                property_id=property_id or self.act.property_id,
                subject_account_id=subject_account_id or self.act.subject_account_id,
            )

    @property
    def kept(self) -> Act | None:
        """The act as it is kept."""
        return self.act and _bounded(self.act)

    async def done(self, connection: Database, *, panel_id: int | None = None, **details: Any) -> None:
        """Keeps that it was done, in the transaction of `connection` that does it."""
        self.add(**details)
        self.is_done = True
        if self.kept:
            await audit.record_done(connection, self.kept, panel_id=panel_id)


@asynccontextmanager
async def audited(
    context: Context,
    *,
    action: str,
    panel_code: str | None = None,
    property_id: int | None = None,
    subject_account_id: int | None = None,
    **details: Any,
) -> AsyncGenerator[Audit]:
    """An act of who is asking: call `done` in its transaction. A refusal that leaves is kept, and goes on.

    It can be read by its actor, by the landlord of the panel or property, by the account that it is about, and by
    admins. Nothing is kept of somebody who has not signed in: see `own_act_done` and `own_act_refused`. `details` are
    what JSON can say; decimals become text, long text is cut. Never pass secrets: of a token, `ending_of(token)`.
    """
    actor = _actor(context)
    act = actor and Act(actor, action, panel_code, details, property_id, subject_account_id)
    async with _kept(context.pool, act) as under_way:
        yield under_way


def _actor(context: Context) -> Actor | None:
    if context.viewer is None:
        return None
    viewer, via = context.viewer, Via.SESSION if context.viewer.is_person else Via.KEY
    return Actor(viewer.account_id, via=via, key_name=viewer.key_name, address=_network(context))


def _network(context: Context) -> str | None:
    return network_of(context.client_address)[:_MAX_TEXT] or None


async def own_act_done(context: Context, connection: Database, *, account_id: int, action: str, **details: Any) -> None:
    """Keeps, in the transaction that does it, what somebody does to their own account on the way in.

    That is signing in or up, a reset of the password, and the like; the account reads it, and admins.
    """
    actor = Actor(account_id, via=Via.SIGN_IN, address=_network(context))
    await audit.record_done(connection, _bounded(Act(actor, action, None, details, subject_account_id=account_id)))


async def own_act_refused(
    context: Context, *, account_id: int | None, action: str, code: str, contact: str | None = None, **details: Any
) -> None:
    """Keeps that somebody was not let in to an account, or to one that there is not: with the same statement.

    The account reads it, and admins; who it was is not known but by their network. Of the `contact` that was typed a
    keyed hash is kept, and only where there is no such account: it may be a password that was typed in the wrong place.
    Some hundred an hour are kept of an account, then they are counted.
    """
    if account_id is None and contact and context.enrolment:
        details["contactHash"] = _contact_hash(context, contact)
    actor = Actor(None, STRANGER, Via.SIGN_IN, address=_network(context))
    act = _bounded(Act(actor, action, None, details, subject_account_id=account_id))
    async with context.pool.connection() as connection:
        await audit.record_sign_in_refused(connection, act, code=code)


def _contact_hash(context: Context, contact: str) -> str:
    """32 hexadecimal digits, the same for upper and lower case."""
    digest = enrolment_of(context).sealing.digest(contact.strip().lower(), purpose="contact in the audit")
    return digest.hex()[:32]


@asynccontextmanager
async def _kept(pool: Pool, act: Act | None) -> AsyncGenerator[Audit]:
    under_way = Audit(act)
    try:
        yield under_way
    except Refused as refused:
        await _refused(pool, under_way.act, refused.code)
        raise
    if under_way.code and not under_way.is_done:
        await _refused(pool, under_way.act, under_way.code)


async def _refused(pool: Pool, act: Act | None, code: str) -> None:
    if act:
        async with pool.connection() as connection:
            await audit.record_refused(connection, _bounded(act), code=code)


def ending_of(token: str | None) -> str | None:
    """The last four signs of a token: what may be shown of it."""
    return token[-4:] if token and len(token) > 4 else None


def _bounded(act: Act) -> Act:
    return replace(act, details={key: _plain(value) for key, value in act.details.items() if value is not None})


def _plain(value: object) -> object:
    """The value as JSON can say it, and as Postgres takes it: without NUL, no longer than is of use."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value[:100]]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\0", "")[:_MAX_TEXT]
