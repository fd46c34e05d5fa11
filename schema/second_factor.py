"""Describes how an authenticator app becomes the second question at each sign-in."""

from dataclasses import dataclass
from typing import Annotated

import strawberry

from resolvers import code_log_in, second_factor_setup
from resolvers.context import Info
from resolvers.second_factor import SecondProof
from resolvers.second_factor_setup import SecondFactorSetup as SetupRow
from resolvers.sessions import LoggedIn
from schema.one_time_codes import AccountPayload, Done, ProofInput
from schema.refusals import Refusal, RefusedAsData
from schema.sessions import SessionPayload


@strawberry.type(description="What an authenticator app is given. It is shown once.")
class SecondFactorSetup:
    """See `resolvers.second_factor_setup.SecondFactorSetup`."""

    secret: str = strawberry.field(description="To be typed in where no picture can be taken, in base32.")
    uri: str = strawberry.field(description="An `otpauth:` address, which opens the app on a phone.")
    qr_code: str = strawberry.field(description="The same as a QR code: a `data:` address of an SVG, for an image.")


@dataclass(frozen=True, slots=True)
class Started:
    """What became of a wish for a second factor."""

    setup: SetupRow | None = None
    refusal: Refusal | None = None


@strawberry.type(description="What the authenticator app is given, or why nothing is.")
class StartSecondFactorPayload:
    """Exactly one of the two is set."""

    setup: SecondFactorSetup | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, BAD_CREDENTIALS, CODE_NOT_VALID, TOO_MANY_ATTEMPTS or"
        " SECOND_FACTOR_ON; null when it was done."
    )


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of an authenticator app's first code."""

    recovery_codes: list[str] | None = None
    refusal: Refusal | None = None


@strawberry.type(description="The codes for a lost phone, or why there are none.")
class ConfirmSecondFactorPayload:
    """Exactly one of the two is set."""

    recovery_codes: list[str] | None = strawberry.field(
        description="Ten codes for when the phone is lost, each good once. They are shown now and never again."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, CODE_NOT_VALID, SECOND_FACTOR_ON, SECOND_FACTOR_OFF or"
        " TOO_MANY_ATTEMPTS; null when it was done."
    )


@strawberry.input(description="That it is you who wants a second factor.")
class StartSecondFactorInput:
    """A proof."""

    proof: ProofInput = strawberry.field(description="Your password, or a code that was sent.")


@strawberry.input(description="The first code of the authenticator app.")
class ConfirmSecondFactorInput:
    """A code."""

    code: str = strawberry.field(description="The 6 digits that the app shows.")


@strawberry.input(description="That it is you who wants no second factor any more.")
class DisableSecondFactorInput:
    """A proof and a code."""

    proof: ProofInput = strawberry.field(description="Your password, or a code that was sent.")
    code: str | None = strawberry.field(default=None, description="The 6 digits that the app shows.")
    recovery_code: str | None = strawberry.field(default=None, description="Instead of `code`: one for a lost phone.")


@strawberry.input(description="What a sign-in still lacks. Give either `code` or `recoveryCode`.")
class FinishLogInInput:
    """A token and a code."""

    token: str = strawberry.field(description="As `secondFactor { token }` says it.")
    code: str | None = strawberry.field(default=None, description="The 6 digits that the app shows, each good once.")
    recovery_code: str | None = strawberry.field(default=None, description="Instead of `code`: one for a lost phone.")


@strawberry.type
class SecondFactorMutations:
    """The second factor."""

    @strawberry.mutation(
        description="Makes a secret for an authenticator app; nothing is asked for until `confirmSecondFactor`.",
        graphql_type=StartSecondFactorPayload,
        extensions=[RefusedAsData(Started)],
    )
    async def start_second_factor(
        self,
        info: Info,
        given: Annotated[StartSecondFactorInput, strawberry.argument(name="input", description="That it is you.")],
    ) -> Started:
        """What the app is given."""
        return Started(await second_factor_setup.start(info.context, given.proof.proof))

    @strawberry.mutation(
        description="From now on a code of the app is asked for at each sign-in, whether by password, code or another"
        " provider.",
        graphql_type=ConfirmSecondFactorPayload,
        extensions=[RefusedAsData(Confirmed)],
    )
    async def confirm_second_factor(
        self,
        info: Info,
        given: Annotated[ConfirmSecondFactorInput, strawberry.argument(name="input", description="The first code.")],
    ) -> Confirmed:
        """The codes for a lost phone."""
        return Confirmed(await second_factor_setup.confirm(info.context, given.code))

    @strawberry.mutation(
        description="Takes the second factor away, with its codes for a lost phone. Answers UNAUTHENTICATED, FORBIDDEN,"
        " BAD_INPUT, BAD_CREDENTIALS, CODE_NOT_VALID, TOO_MANY_ATTEMPTS and SECOND_FACTOR_OFF.",
        graphql_type=AccountPayload,
        extensions=[RefusedAsData(Done)],
    )
    async def disable_second_factor(
        self,
        info: Info,
        given: Annotated[DisableSecondFactorInput, strawberry.argument(name="input", description="That it is you.")],
    ) -> Done:
        """Whether it is off."""
        second = SecondProof(given.code, given.recovery_code)
        return Done(await second_factor_setup.disable(info.context, given.proof.proof, second))

    @strawberry.mutation(
        description="Signs in with the second factor, after a sign-in that answered `secondFactor`. Answers"
        " CODE_NOT_VALID for a wrong code, one that was used, and a token that is over; BAD_INPUT, TOO_MANY_ATTEMPTS"
        " (10 in 15 minutes an account) and ACCOUNT_DISABLED.",
        graphql_type=SessionPayload,
        extensions=[RefusedAsData(LoggedIn)],
    )
    async def finish_log_in(
        self,
        info: Info,
        given: Annotated[FinishLogInInput, strawberry.argument(name="input", description="What is still lacking.")],
    ) -> LoggedIn:
        """The session."""
        proof = SecondProof(given.code, given.recovery_code)
        return await code_log_in.finish_log_in(info.context, token=given.token, proof=proof)
