"""Turns an authenticator app into a second question when somebody signs in, and its code into the answer."""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pyotp.totp import TOTP

from metering.entry_codes import hash_of
from metering.refusals import Refused, about
from metering.sessions import SessionKind
from resolvers import attempts
from resolvers.context import Context
from resolvers.enrolment import enrolment_of
from resolvers.new_codes import new_code
from resolvers.one_time_codes import TRIES, challenge_hash
from store import one_time_codes, second_factors
from store.connections import Database
from store.one_time_codes import CodePurpose, OneTimeCode
from store.second_factors import SecondFactor

LIFETIME: Final = timedelta(minutes=10)
STEP_S: Final = 30
RECOVERY_CODES: Final = 10
SEALED_FOR: Final = "second factor"
_TOKEN_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class SecondFactorChallenge:
    """What a sign-in still lacks: `token` goes back with a code of the authenticator app, until `expires_at` (UTC)."""

    token: str = field(repr=False)
    expires_at: datetime


async def challenge_for(
    context: Context, connection: Database, account_id: int, *, how: SessionKind
) -> SecondFactorChallenge | None:
    """What is to be asked of somebody who has proved to be an account by `how`; None where nothing more is."""
    if not await second_factors.is_on(connection, account_id):
        return None
    token, expires_at = secrets.token_urlsafe(_TOKEN_BYTES), context.now() + LIFETIME
    asked = OneTimeCode(
        challenge=challenge_hash(token),
        purpose=CodePurpose.SECOND_FACTOR,
        contact=None,
        account_id=account_id,
        code_hash=None,
        tries_left=TRIES,
        expires_at=expires_at,
        details={"how": how.value},
    )
    await one_time_codes.add(connection, asked, now=context.now())
    return SecondFactorChallenge(token, expires_at)


@dataclass(frozen=True, slots=True)
class SecondProof:
    """What answers the second question: a code of the app, or one of those for a lost phone."""

    code: str | None = field(default=None, repr=False)
    recovery_code: str | None = field(default=None, repr=False)

    @property
    def field(self) -> str:
        """The input by which it was given."""
        return "code" if self.recovery_code is None else "recoveryCode"

    def check_alone(self) -> None:
        """Before a try is spent.

        Raises:
            Refused: BAD_INPUT where both are given, or neither.
        """
        if (self.code is None) == (self.recovery_code is None):
            raise Refused("BAD_INPUT", "Give either `code` or `recoveryCode`.", "code")


async def begin(context: Context, proof: SecondProof, *, account_id: int) -> None:
    """Before a second factor is checked; each try counts, for good.

    Raises:
        Refused: BAD_INPUT, TOO_MANY_ATTEMPTS.
    """
    proof.check_alone()
    with about(proof.field):
        await attempts.begin_second_factor(context, account_id=account_id)


async def prove(context: Context, connection: Database, proof: SecondProof, *, account_id: int) -> None:
    """Takes the answer to the second question, in the transaction of what it is for: no code counts twice.

    Raises:
        Refused: CODE_NOT_VALID.
    """
    factor = await second_factors.locked(connection, account_id)
    if factor is None or not factor.is_confirmed:
        raise over()
    if proof.recovery_code is None:
        await use_code(context, connection, factor, account_id=account_id, code=proof.code or "")
    elif not await _uses_recovery_code(context, connection, account_id=account_id, code=proof.recovery_code):
        message = "This is none of the recovery codes, or it was used: each counts once."
        raise Refused("CODE_NOT_VALID", message, "recoveryCode")


async def use_code(context: Context, connection: Database, factor: SecondFactor, *, account_id: int, code: str) -> None:
    """Takes a code of the app: that of now, or of 30 s before or after, each once (RFC 6238).

    Raises:
        Refused: CODE_NOT_VALID.
        SealBrokenError: the server's key is not the one with which the secret was sealed.
    """
    sealing = enrolment_of(context).sealing
    secret = sealing.opened(factor.sealed_secret, purpose=SEALED_FOR, bound_to=str(account_id)).decode()
    step = step_of(secret, code, at=context.now())
    if step is None or step <= factor.last_step:
        raise wrong()
    await second_factors.use_step(connection, account_id=account_id, step=step)


def step_of(secret: str, code: str, *, at: datetime) -> int | None:
    """The step of 30 s whose code this is, of the three around `at`; None of another."""
    typed = "".join(code[:20].split())
    now_step, app = int(at.timestamp()) // STEP_S, TOTP(secret)
    fitting = [
        step
        for step in (now_step - 1, now_step, now_step + 1)
        if hmac.compare_digest(app.generate_otp(step).encode(), typed.encode(errors="replace"))
    ]
    return fitting[-1] if fitting else None


async def _uses_recovery_code(context: Context, connection: Database, *, account_id: int, code: str) -> bool:
    code_hash = recovery_hash(context, code)
    return code_hash is not None and await second_factors.use_recovery_code(
        connection, account_id=account_id, code_hash=code_hash, now=context.now()
    )


def new_recovery_codes() -> list[str]:
    """Ten codes of 80 random bits, for when the phone is lost."""
    return [new_code().text for _ in range(RECOVERY_CODES)]


def recovery_hash(context: Context, code: str) -> bytes | None:
    """By what a code for a lost phone is kept; None of what cannot be one."""
    plain = hash_of(code)
    return plain and enrolment_of(context).sealing.digest(plain.hex(), purpose="recovery code")


def wrong() -> Refused:
    """What is answered to a code of the app that is not right."""
    return Refused("CODE_NOT_VALID", "This code is not right or was used: wait for the app's next one.", "code")


def over() -> Refused:
    """What is answered to a token that counts no more: it was used, is over, or five codes were tried."""
    return Refused("CODE_NOT_VALID", "This sign-in was finished or is over: sign in again.", "token")
