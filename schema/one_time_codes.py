"""Describes one-time codes that are sent by mail or text message, and what shows again who has a session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from metering.contacts import Channel, Contact, contact_of
from resolvers import one_time_codes, proofs
from resolvers.context import Info
from resolvers.one_time_codes import CodeAsked
from resolvers.proofs import Proof
from schema.refusals import Refusal, RefusedAsData

strawberry.enum(Channel, description="How somebody is written to.")


@strawberry.type(
    description="What a one-time code of 6 digits belongs to. It is answered alike whether or not there is an account;"
    " the code holds for 10 minutes and 5 tries."
)
class CodeChallenge:
    """See `resolvers.one_time_codes.CodeChallenge`."""

    id: strawberry.ID = strawberry.field(description="Goes back with the code.")
    sent_to: str = strawberry.field(description="Enough of the address or number to recognise it: `a•••@example.org`.")
    channel: Channel = strawberry.field(description="How the code is sent.")
    expires_at: datetime = strawberry.field(description="From then on the code counts no more, in UTC.")
    resend_at: datetime = strawberry.field(description="From when on `resendCode` sends another one, in UTC.")


@strawberry.type(description="What the code belongs to that was sent, or why none was.")
class CodePayload:
    """Exactly one of the two is set."""

    challenge: CodeChallenge | None = strawberry.field(description="Null when it was refused.", default=None)
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED or FORBIDDEN where one must have signed in, BAD_EMAIL, BAD_PHONE, BAD_INPUT,"
        " CHANNEL_UNAVAILABLE, TOO_MANY_ATTEMPTS, and those that the mutation names; null when it was sent.",
        default=None,
    )


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a change that answers nothing else."""

    is_done: bool = False
    refusal: Refusal | None = None


@strawberry.type(description="Whether the account was changed, or why not.")
class AccountPayload:
    """See `Done`."""

    is_done: bool = strawberry.field(description="False when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, BAD_CREDENTIALS, BAD_PASSWORD, CODE_NOT_VALID,"
        " SECOND_FACTOR_OFF, LAST_ADMIN or TOO_MANY_ATTEMPTS: the mutation says which; null when it was done."
    )


@strawberry.input(description="An e-mail address or a phone number: give one of them.")
class ContactInput:
    """See `metering.contacts.contact_of`."""

    email: str | None = strawberry.field(default=None, description="Like ann@example.org, in any case.")
    phone: str | None = strawberry.field(default=None, description="With + and its country, like +234 801 234 5678.")

    @property
    def contact(self) -> Contact:
        """The one that was given."""
        return contact_of(email=self.email, phone=self.phone)


@strawberry.input(
    description="Shows again that it is you who has the session: the password, or `challengeId` and `code` after"
    " `requestConfirmation`."
)
class ProofInput:
    """See `resolvers.proofs.Proof`."""

    password: str | None = strawberry.field(default=None, description="Your password.")
    challenge_id: strawberry.ID | None = strawberry.field(default=None, description="As `requestConfirmation` says it.")
    code: str | None = strawberry.field(default=None, description="The 6 digits that were sent.")

    @property
    def proof(self) -> Proof:
        """What was given."""
        return Proof(self.password, self.challenge_id, self.code)


@strawberry.input(description="Which code is to be sent once more.")
class ResendCodeInput:
    """A challenge."""

    challenge_id: strawberry.ID = strawberry.field(description="The id of a challenge that is not over.")


@strawberry.type
class CodeMutations:
    """Codes in general."""

    @strawberry.mutation(
        description="Sends another code for a challenge, from its `resendAt` on; the one before counts no more. Answers"
        " CODE_NOT_VALID when the challenge is over, CHANNEL_UNAVAILABLE, and TOO_MANY_ATTEMPTS: 5 codes an hour to"
        " one address, and as many as the server allows from one network.",
        graphql_type=CodePayload,
        extensions=[RefusedAsData(CodeAsked)],
    )
    async def resend_code(
        self,
        info: Info,
        given: Annotated[ResendCodeInput, strawberry.argument(name="input", description="Which code.")],
    ) -> CodeAsked:
        """What the code belongs to."""
        return CodeAsked(await one_time_codes.resend(info.context, given.challenge_id))

    @strawberry.mutation(
        description="Sends a code to your own e-mail address, or to your phone, for what asks for a proof: in place of"
        " the password. Answers UNAUTHENTICATED, FORBIDDEN, CHANNEL_UNAVAILABLE and TOO_MANY_ATTEMPTS.",
        graphql_type=CodePayload,
        extensions=[RefusedAsData(CodeAsked)],
    )
    async def request_confirmation(self, info: Info) -> CodeAsked:
        """What the code belongs to."""
        return CodeAsked(await proofs.request_confirmation(info.context))
