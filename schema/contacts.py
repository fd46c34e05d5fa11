"""Describes how people change the address or number that they sign in with."""

from typing import Annotated

import strawberry

from metering.contacts import contact_of
from resolvers import contacts
from resolvers.context import Info
from resolvers.one_time_codes import CodeAsked
from schema.one_time_codes import AccountPayload, CodePayload, Done, ProofInput
from schema.refusals import RefusedAsData
from schema.sign_up import CodeInput


@strawberry.input(description="A new address or number. Give either `email` or `phone`.")
class RequestContactChangeInput:
    """A contact and a proof."""

    email: str | None = strawberry.field(default=None, description="In place of your e-mail address, or the first one.")
    phone: str | None = strawberry.field(
        default=None, description="In place of your phone number, or the first one; with + and its country."
    )
    proof: ProofInput = strawberry.field(description="Your password, or a code.")


@strawberry.type
class ContactMutations:
    """Changing contacts."""

    @strawberry.mutation(
        description="Sends a code to a new address or number of yours; where somebody else has it, they are told"
        " instead, and the answer is the same. Answers UNAUTHENTICATED, FORBIDDEN, BAD_EMAIL, BAD_PHONE, BAD_INPUT,"
        " BAD_CREDENTIALS, CODE_NOT_VALID, CHANNEL_UNAVAILABLE and TOO_MANY_ATTEMPTS.",
        graphql_type=CodePayload,
        extensions=[RefusedAsData(CodeAsked)],
    )
    async def request_contact_change(
        self,
        info: Info,
        given: Annotated[
            RequestContactChangeInput, strawberry.argument(name="input", description="The new address or number.")
        ],
    ) -> CodeAsked:
        """What the code belongs to."""
        contact = contact_of(email=given.email, phone=given.phone)
        return CodeAsked(await contacts.request_contact_change(info.context, contact, given.proof.proof))

    @strawberry.mutation(
        description="Makes the address or number yours that the code was sent to; the one before is told. Answers"
        " UNAUTHENTICATED, FORBIDDEN and CODE_NOT_VALID.",
        graphql_type=AccountPayload,
        extensions=[RefusedAsData(Done)],
    )
    async def confirm_contact_change(
        self,
        info: Info,
        given: Annotated[CodeInput, strawberry.argument(name="input", description="The code.")],
    ) -> Done:
        """Whether it was changed."""
        context, challenge_id = info.context, given.challenge_id
        return Done(await contacts.confirm_contact_change(context, challenge_id=challenge_id, code=given.code))
