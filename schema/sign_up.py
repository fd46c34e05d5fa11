"""Describes how people make an account, come in by a code, set a password, and leave."""

from typing import Annotated

import strawberry

from metering.contacts import Channel, SignUpPolicy, contact_of
from resolvers import code_log_in, passwords, sign_up
from resolvers.context import Info
from resolvers.enrolment import enrolment_of
from resolvers.one_time_codes import CodeAsked
from resolvers.sessions import LoggedIn
from resolvers.sign_up import Wanted
from schema.one_time_codes import AccountPayload, CodePayload, ContactInput, Done, ProofInput
from schema.refusals import RefusedAsData
from schema.sessions import SessionPayload
from store.one_time_codes import CodePurpose

strawberry.enum(SignUpPolicy, description="Who may make an account.")


@strawberry.type(description="How people get in to this server.")
class SignInOptions:
    """See `resolvers.enrolment.Enrolment`."""

    sign_up: SignUpPolicy = strawberry.field(description="Who may make an account by `signUp`.")
    channels: list[Channel] = strawberry.field(
        description="How codes are sent: without any, people come in by password alone."
    )


@strawberry.input(description="Who wants an account. Give either `email` or `phone`.")
class SignUpInput:
    """See `resolvers.sign_up.Wanted`."""

    email: str | None = strawberry.field(default=None, description="The address to sign in with.")
    phone: str | None = strawberry.field(
        default=None, description="The number to sign in with, with + and its country, like +234 801 234 5678."
    )
    name: str = strawberry.field(description="What you are called, 1 to 200 characters.")
    password: str | None = strawberry.field(
        default=None,
        description="8 to 256 characters, none of those that everybody tries. Left out: you come in by codes.",
    )
    invitation_code: str | None = strawberry.field(
        default=None,
        description="A landlord's code, where accounts are made by invitation; `acceptInvitation` uses it.",
    )


@strawberry.input(description="A code that was sent.")
class CodeInput:
    """A challenge and its code."""

    challenge_id: strawberry.ID = strawberry.field(description="The id of the challenge.")
    code: str = strawberry.field(description="The 6 digits; blanks do not matter.")


@strawberry.input(description="A new password, and the code that was sent.")
class ResetPasswordInput:
    """A challenge, its code and a password."""

    challenge_id: strawberry.ID = strawberry.field(description="The id of the challenge.")
    code: str = strawberry.field(description="The 6 digits; blanks do not matter.")
    new_password: str = strawberry.field(description="8 to 256 characters, none of those that everybody tries.")


@strawberry.input(description="A new password, and the one before.")
class ChangePasswordInput:
    """Two passwords."""

    current_password: str = strawberry.field(description="The one before.")
    new_password: str = strawberry.field(description="8 to 256 characters, none of those that everybody tries.")


@strawberry.input(description="What shows that it is you who wants to leave.")
class DeleteAccountInput:
    """A proof."""

    proof: ProofInput = strawberry.field(description="Your password, or a code.")


_CODES_REFUSE = "CHANNEL_UNAVAILABLE, BAD_EMAIL, BAD_PHONE, BAD_INPUT and TOO_MANY_ATTEMPTS"


@strawberry.type
class SignUpQueries:
    """How people get in."""

    @strawberry.field(description="How people get in to this server.")
    async def sign_in_options(self, info: Info) -> SignInOptions:
        """As its settings say."""
        enrolment = enrolment_of(info.context)
        channels = sorted(enrolment.channels, key=lambda channel: channel.value)
        return SignInOptions(sign_up=enrolment.sign_up, channels=channels)


@strawberry.type
class SignUpMutations:
    """Signing up, codes and passwords."""

    @strawberry.mutation(
        description="Sends a code to an address or number, with which `confirmSignUp` makes the account. Where there is"
        f" one already, its owner is told instead, and the answer is the same. Answers {_CODES_REFUSE}, SIGN_UP_CLOSED,"
        " INVITATION_NOT_VALID, BAD_NAME and BAD_PASSWORD.",
        graphql_type=CodePayload,
        extensions=[RefusedAsData(CodeAsked)],
    )
    async def sign_up(
        self,
        info: Info,
        given: Annotated[SignUpInput, strawberry.argument(name="input", description="Who wants an account.")],
    ) -> CodeAsked:
        """What the code belongs to."""
        contact = contact_of(email=given.email, phone=given.phone)
        wanted = Wanted(contact, given.name, given.password, given.invitation_code)
        return CodeAsked(await sign_up.sign_up(info.context, wanted))

    @strawberry.mutation(
        description="Makes the account, a TENANT's, and signs in. Answers CODE_NOT_VALID.",
        graphql_type=SessionPayload,
        extensions=[RefusedAsData(LoggedIn)],
    )
    async def confirm_sign_up(
        self,
        info: Info,
        given: Annotated[CodeInput, strawberry.argument(name="input", description="The code.")],
    ) -> LoggedIn:
        """The first session."""
        return await sign_up.confirm_sign_up(info.context, challenge_id=given.challenge_id, code=given.code)

    @strawberry.mutation(
        description="Sends a code with which `logInWithCode` signs in, where there is such an account; the answer is"
        f" the same where there is none. Answers {_CODES_REFUSE}.",
        graphql_type=CodePayload,
        extensions=[RefusedAsData(CodeAsked)],
    )
    async def request_log_in_code(
        self,
        info: Info,
        given: Annotated[ContactInput, strawberry.argument(name="input", description="Whose account.")],
    ) -> CodeAsked:
        """What the code belongs to."""
        return CodeAsked(await code_log_in.request_code(info.context, given.contact, purpose=CodePurpose.LOG_IN))

    @strawberry.mutation(
        description="Signs in by a code. Answers CODE_NOT_VALID and ACCOUNT_DISABLED.",
        graphql_type=SessionPayload,
        extensions=[RefusedAsData(LoggedIn)],
    )
    async def log_in_with_code(
        self,
        info: Info,
        given: Annotated[CodeInput, strawberry.argument(name="input", description="The code.")],
    ) -> LoggedIn:
        """A session, or what is still to be asked."""
        return await code_log_in.log_in_with_code(info.context, challenge_id=given.challenge_id, code=given.code)

    @strawberry.mutation(
        description="Sends a code with which `resetPassword` sets a password, where there is such an account; the"
        f" answer is the same where there is none. Answers {_CODES_REFUSE}.",
        graphql_type=CodePayload,
        extensions=[RefusedAsData(CodeAsked)],
    )
    async def request_password_reset(
        self,
        info: Info,
        given: Annotated[ContactInput, strawberry.argument(name="input", description="Whose account.")],
    ) -> CodeAsked:
        """What the code belongs to."""
        return CodeAsked(await code_log_in.request_code(info.context, given.contact, purpose=CodePurpose.RESET))

    @strawberry.mutation(
        description="Sets the password, ends all sessions of the account, and signs in; a second factor is asked for"
        " before that. Answers CODE_NOT_VALID, BAD_PASSWORD (the code still counts), TOO_MANY_ATTEMPTS and"
        " ACCOUNT_DISABLED.",
        graphql_type=SessionPayload,
        extensions=[RefusedAsData(LoggedIn)],
    )
    async def reset_password(
        self,
        info: Info,
        given: Annotated[ResetPasswordInput, strawberry.argument(name="input", description="The new password.")],
    ) -> LoggedIn:
        """A session, or what is still to be asked."""
        return await passwords.reset_password(
            info.context, challenge_id=given.challenge_id, code=given.code, new_password=given.new_password
        )

    @strawberry.mutation(
        description="Sets your password and ends your other sessions. Who has none yet uses `requestPasswordReset`."
        " Answers UNAUTHENTICATED, FORBIDDEN, BAD_CREDENTIALS, BAD_PASSWORD and TOO_MANY_ATTEMPTS.",
        graphql_type=AccountPayload,
        extensions=[RefusedAsData(Done)],
    )
    async def change_password(
        self,
        info: Info,
        given: Annotated[ChangePasswordInput, strawberry.argument(name="input", description="Both passwords.")],
    ) -> Done:
        """Whether it was set."""
        context, current, new = info.context, given.current_password, given.new_password
        return Done(await passwords.change_password(context, current_password=current, new_password=new))

    @strawberry.mutation(
        description="Removes your account with everything that is your own, for good; what you did to meters stays,"
        " without your name. Answers UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, BAD_CREDENTIALS, CODE_NOT_VALID,"
        " TOO_MANY_ATTEMPTS and LAST_ADMIN.",
        graphql_type=AccountPayload,
        extensions=[RefusedAsData(Done)],
    )
    async def delete_account(
        self,
        info: Info,
        given: Annotated[DeleteAccountInput, strawberry.argument(name="input", description="That it is you.")],
    ) -> Done:
        """Whether it is gone."""
        return Done(await sign_up.delete_account(info.context, given.proof.proof))
