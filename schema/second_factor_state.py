"""Describes the second factor of an account."""

import strawberry


@strawberry.type(description="The authenticator app of an account.")
class SecondFactorState:
    """See `resolvers.second_factor_setup.SecondFactorState`."""

    is_on: bool = strawberry.field(description="Whether a code of the app is asked for at each sign-in.")
    recovery_codes_left: int = strawberry.field(
        description="How many codes for a lost phone were not used yet; 0 while it is off."
    )
