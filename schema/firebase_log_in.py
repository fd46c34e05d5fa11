"""Describes signing in by Firebase Authentication."""

from typing import Annotated

import strawberry

from resolvers import firebase_log_in
from resolvers.context import Info
from resolvers.sessions import LoggedIn
from schema.refusals import RefusedAsData
from schema.sessions import SessionPayload


@strawberry.input(description="Who has signed in to Firebase.")
class LogInWithFirebaseInput:
    """An ID token."""

    id_token: str = strawberry.field(
        description="What `getIdToken()` of Firebase's libraries answers; it counts for an hour."
    )


@strawberry.type
class FirebaseMutations:
    """Signing in by Firebase."""

    @strawberry.mutation(
        description="Signs in by an ID token of the server's Firebase project: to the account of the e-mail address or"
        " phone number that Firebase has verified. Without one it makes an account, where everybody may sign up."
        " Answers PROVIDER_UNAVAILABLE where the server has no such project or Firebase is away, ID_TOKEN_NOT_VALID,"
        " CONTACT_NOT_VERIFIED, SIGN_UP_CLOSED, ACCOUNT_DISABLED, and TOO_MANY_ATTEMPTS after 30 in an hour.",
        graphql_type=SessionPayload,
        extensions=[RefusedAsData(LoggedIn)],
    )
    async def log_in_with_firebase(
        self,
        info: Info,
        given: Annotated[
            LogInWithFirebaseInput, strawberry.argument(name="input", description="Who has signed in to Firebase.")
        ],
    ) -> LoggedIn:
        """A session, what it still lacks, or the reason why there is none."""
        return await firebase_log_in.log_in_with_firebase(info.context, id_token=given.id_token)
