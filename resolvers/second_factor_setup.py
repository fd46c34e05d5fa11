"""Turns an authenticator app into the second question of an account, and takes it away again."""

from base64 import b32encode
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Final

import segno
import strawberry
from pyotp.totp import TOTP

from metering.refusals import Refused
from resolvers import account_news, attempts, second_factor
from resolvers.audit import audited
from resolvers.context import Context, Info
from resolvers.enrolment import enrolment_of
from resolvers.proofs import Proof, own_account, prove
from resolvers.second_factor import SEALED_FOR, SecondProof, new_recovery_codes, recovery_hash
from resolvers.sessions import SignedIn
from store import second_factors
from store.account_messages import MessageKind
from store.accounts import Account
from store.sealing import Sealing

ISSUER: Final = "Kilowatch"
_SECRET_BYTES: Final = 20


@dataclass(frozen=True, slots=True)
class SecondFactorSetup:
    """What an authenticator app is given, once; nothing is asked for until a code of it was confirmed."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    qr_code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactorState:
    """Whether a second factor is asked for, and how many codes for a lost phone are left."""

    is_on: bool
    recovery_codes_left: int


async def start(context: Context, proof: Proof) -> SecondFactorSetup:
    """A secret for an authenticator app, shown once; another one that was not confirmed counts no more.

    Raises:
        Refused: SECOND_FACTOR_ON, and what `resolvers.proofs.prove` refuses.
    """
    async with audited(context, action="START_SECOND_FACTOR", subject_account_id=context.person.account_id) as act:
        account = await prove(context, proof)
        secret = new_secret()
        sealed = _sealing(context).seal(secret.encode(), purpose=SEALED_FOR, bound_to=str(account.id))
        async with context.pool.connection() as connection, connection.transaction():
            if not await second_factors.start(
                connection, account_id=account.id, sealed_secret=sealed, now=context.now()
            ):
                raise Refused("SECOND_FACTOR_ON", "A second factor is set up: disable it first.")
            await act.done(connection)
    return _setup(account, secret)


def new_secret() -> str:
    """A secret of 160 random bits in base32, as RFC 4226 recommends."""
    return b32encode(token_bytes(_SECRET_BYTES)).decode()


def _setup(account: Account, secret: str) -> SecondFactorSetup:
    uri = TOTP(secret).provisioning_uri(name=account.shown_contact, issuer_name=ISSUER)
    return SecondFactorSetup(secret, uri, segno.make(uri, error="m").svg_data_uri(scale=4, border=2))


def _sealing(context: Context) -> Sealing:
    return enrolment_of(context).sealing


async def confirm(context: Context, code: str) -> list[str]:
    """From now on the second factor is asked for; returns ten codes for a lost phone, shown once.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (keys), CODE_NOT_VALID, SECOND_FACTOR_ON, SECOND_FACTOR_OFF (not started),
            TOO_MANY_ATTEMPTS.
    """
    account_id = context.person.account_id
    async with audited(context, action="CONFIRM_SECOND_FACTOR", subject_account_id=account_id) as act:
        account, _ = await own_account(context)
        await attempts.begin_second_factor(context, account_id=account_id)
        codes = new_recovery_codes()
        async with context.pool.connection() as connection, connection.transaction():
            factor = await second_factors.locked(connection, account_id)
            if factor is None:
                raise _is_off()
            if factor.is_confirmed:
                raise Refused("SECOND_FACTOR_ON", "A second factor is set up already.")
            await second_factor.use_code(context, connection, factor, account_id=account_id, code=code)
            hashes = [code_hash for code in codes if (code_hash := recovery_hash(context, code))]
            await second_factors.confirm(connection, account_id=account_id, code_hashes=hashes, now=context.now())
            await account_news.tell(context, connection, account, MessageKind.SECOND_FACTOR_ON)
            await act.done(connection)
    return codes


async def disable(context: Context, proof: Proof, second: SecondProof) -> bool:
    """Takes the second factor away, and its codes for a lost phone.

    Raises:
        Refused: SECOND_FACTOR_OFF, CODE_NOT_VALID, and what `resolvers.proofs.prove` refuses.
    """
    async with audited(context, action="DISABLE_SECOND_FACTOR", subject_account_id=context.person.account_id) as act:
        second.check_alone()
        account = await prove(context, proof)
        await second_factor.begin(context, second, account_id=account.id)
        async with context.pool.connection() as connection, connection.transaction():
            if not await second_factors.is_on(connection, account.id):
                raise _is_off()
            await second_factor.prove(context, connection, second, account_id=account.id)
            await second_factors.remove(connection, account.id)
            await account_news.tell(context, connection, account, MessageKind.SECOND_FACTOR_OFF)
            await act.done(connection)
    return True


def _is_off() -> Refused:
    return Refused("SECOND_FACTOR_OFF", "No second factor is set up: `startSecondFactor` begins.")


async def state(info: Info, parent: strawberry.Parent[SignedIn]) -> SecondFactorState:
    """Whether the viewer's second factor is asked for."""
    async with info.context.pool.connection() as connection:
        return SecondFactorState(
            await second_factors.is_on(connection, parent.account_id),
            await second_factors.recovery_codes_left(connection, parent.account_id),
        )
